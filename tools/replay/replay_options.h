// The command line of millrace-replay; its page is millrace-replay(8).
#ifndef MILLRACE_TOOLS_REPLAY_REPLAY_OPTIONS_H_
#define MILLRACE_TOOLS_REPLAY_REPLAY_OPTIONS_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/make_loop.h"
#include "tools/replay/player.h"

namespace replay {

struct ReplayOptions {
  std::string milter{};        // as text; resolved by the program
  std::string transactions{};  // folder
  std::vector<std::string> only{};
  std::string json_file{};
  engine::Time duration{};  // 0: no end but that of the messages
  engine::IoChoice io = engine::IoChoice::kAuto;
  PlayerConfig player{};
  bool help = false;
  bool version = false;
};

// Reads the arguments (without the program's name). kInvalidArgument: exit 64.
absl::StatusOr<ReplayOptions> ParseReplayOptions(std::span<const std::string> arguments);

// What --help prints.
const char* ReplayUsage();

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPLAY_OPTIONS_H_
