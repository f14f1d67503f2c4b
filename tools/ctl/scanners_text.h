// The text of `scanners`, and its table, which `status` has as well.
#ifndef MILLRACE_TOOLS_CTL_SCANNERS_TEXT_H_
#define MILLRACE_TOOLS_CTL_SCANNERS_TEXT_H_

#include <string>

#include "tools/ctl/answer_members.h"

namespace ctl {

std::string ScannersText(const Json& answer);

// One row each: what it is, has, and has been; empty where there are none. `scanners`: the member.
std::string ScannersTable(const Json& scanners);

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_SCANNERS_TEXT_H_
