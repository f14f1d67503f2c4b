// Asks a daemon's control socket: connect, one command, one answer.
//
// Limits: kAnswerWithin in all, kAnswerBytesMax of an answer. Errors name the socket, what happened
// and what to look at; kNotFound: nobody there; kPermissionDenied; kDeadlineExceeded;
// kResourceExhausted: an answer that is too long.
#ifndef MILLRACE_TOOLS_CTL_CONTROL_CLIENT_H_
#define MILLRACE_TOOLS_CTL_CONTROL_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "engine/base/units.h"

namespace ctl {

inline constexpr engine::Time kAnswerWithin = std::chrono::seconds(10);
inline constexpr std::size_t kAnswerBytesMax = 64 * engine::kMiB;

// The answer's octets, as they came. `socket`: a path.
absl::StatusOr<std::string> Ask(const std::string& socket, const std::string& command);

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_CONTROL_CLIENT_H_
