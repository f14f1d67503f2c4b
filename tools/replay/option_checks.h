// Which options of millrace-replay go together: what makes no sense, and what would do nothing, is
// told before a run begins.
#ifndef MILLRACE_TOOLS_REPLAY_OPTION_CHECKS_H_
#define MILLRACE_TOOLS_REPLAY_OPTION_CHECKS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tools/replay/replay_options.h"

namespace replay {

enum class Kind : std::uint8_t { kRecorded, kPostfix, kSendmail };
enum class Pace : std::uint8_t { kNone, kRecorded };
enum class Switch : std::uint8_t { kAuto, kOff };

// What the table of options fills besides ReplayOptions.
struct Given {
  Kind kind = Kind::kRecorded;
  Pace pace = Pace::kNone;
  Switch xclient = Switch::kAuto;
  Switch pipelining = Switch::kAuto;
  bool once = false;
  bool loop = false;
  bool shuffle = false;
  bool rate = false;
  bool ramp = false;
  bool burst = false;
  bool speed = false;
  bool speed_max = false;
  std::uint32_t sessions = 0;
  bool diff_texts = false;
  std::string for_smtp;  // an option that is for --smtp alone, where one was given
};

// --rate, --ramp or --burst.
bool ByRate(const Given& given);

// Before the mode is set. kInvalidArgument, with the options' names.
absl::Status CheckBeforeMode(const ReplayOptions& options, const Given& given);
// Once it is.
absl::Status CheckWithMode(const ReplayOptions& options, const Given& given);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_OPTION_CHECKS_H_
