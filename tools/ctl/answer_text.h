// An answer of the control socket as text for people.
//
//   {"format":"millrace-control","version":1,"command":"status",...}  -->  lines
//
// What an answer lacks is left out, what it has beyond is not shown: a daemon may be older or newer
// than this program. Nothing of an answer ends the program: every member is looked at before it is
// taken for what it should be.
#ifndef MILLRACE_TOOLS_CTL_ANSWER_TEXT_H_
#define MILLRACE_TOOLS_CTL_ANSWER_TEXT_H_

#include <string>

#include "absl/status/statusor.h"

namespace ctl {

struct AnswerText {
  std::string text{};
  bool problems = false;  // the daemon names some
};

// kInvalidArgument: no answer of a control socket, or of a later version; kFailedPrecondition: the
// daemon's own error.
absl::StatusOr<AnswerText> TextOf(const std::string& answer);

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_ANSWER_TEXT_H_
