// The command lines of millrace-replay and of `millrace-replay null`; their page is
// millrace-replay(8).
#ifndef MILLRACE_TOOLS_REPLAY_REPLAY_OPTIONS_H_
#define MILLRACE_TOOLS_REPLAY_REPLAY_OPTIONS_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/make_loop.h"
#include "tools/replay/player.h"

namespace replay {

struct ReplayOptions {
  // What, to whom. Addresses as text; resolved by the program.
  std::string milter{};
  std::string smtp{};
  std::string transactions{};  // folder
  std::string trace{};
  std::vector<std::string> only{};
  std::uint64_t limit = 0;
  std::uint64_t rounds = 1;                // of a trace; 0: no end
  std::uint64_t shuffle_seed = 0;          // 0: not shuffled
  std::optional<milter::MtaKind> kind{};   // unset: as recorded, else Postfix
  std::uint32_t messages_per_session = 0;  // 0: not given
  // How. `player` has neither address nor, in an open loop without --max-sessions, sessions yet.
  PlayerConfig player{};
  std::uint32_t sessions_max = 0;  // open loop; 0: as many as there may be descriptors
  engine::Time duration{};         // 0: no end but that of the messages
  engine::IoChoice io = engine::IoChoice::kAuto;
  // What is told.
  std::uint32_t pid = 0;  // 0: no process is watched
  std::string label{};
  std::string json_file{};
  std::string html_file{};
  bool quiet = false;
  bool diff = false;         // list verdict changes, and fail on them
  bool expect_same = false;  // fail on them

  std::vector<std::pair<std::string, std::string>> described{};  // for the report
  std::string usage{};                                           // what --help prints
  bool help = false;
  bool version = false;
};

// Reads the arguments (without the program's name). kInvalidArgument: exit 64.
absl::StatusOr<ReplayOptions> ParseReplayOptions(std::span<const std::string> arguments);

struct NullOptions {
  std::string listen{};
  std::uint32_t connections_max = 65'536;
  engine::IoChoice io = engine::IoChoice::kAuto;
  std::string usage{};
  bool help = false;
  bool version = false;
};

// What follows "null".
absl::StatusOr<NullOptions> ParseNullOptions(std::span<const std::string> arguments);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPLAY_OPTIONS_H_
