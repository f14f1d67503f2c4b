// The text of `status`: what is wrong, then the rest.
#ifndef MILLRACE_TOOLS_CTL_STATUS_TEXT_H_
#define MILLRACE_TOOLS_CTL_STATUS_TEXT_H_

#include <string>

#include "tools/ctl/answer_members.h"

namespace ctl {

std::string StatusText(const Json& answer);

// A table of the times of an answer, one row each; empty where there are none.
std::string TimesText(const Json& times);

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_STATUS_TEXT_H_
