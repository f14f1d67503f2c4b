// millrace-replay: plays messages against a milter or a mail server, compares runs, and has a null
// milter to be measured with. Exit status: replay_run.h, compare.h.
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "tools/command_line/program.h"
#include "tools/replay/compare.h"
#include "tools/replay/replay_run.h"

namespace {

constexpr const char* kVersion = MILLRACE_VERSION;

// Prints usage or version where `options` ask for that.
template <typename Options>
bool Answered(const Options& options) {
  if (options.help) std::fputs(options.usage.c_str(), stdout);
  if (options.version) std::printf("%s %s\n", replay::kProgramName, kVersion);
  return options.help || options.version;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "compare") return replay::RunCompare(std::span(arguments).subspan(1), kVersion);
  if (first == "null") {
    const absl::StatusOr<replay::NullOptions> options =
        replay::ParseNullOptions(std::span(arguments).subspan(1));
    if (!options.ok()) return command_line::FailUsage(replay::kProgramName, options.status());
    return Answered(*options) ? 0 : replay::RunNull(*options);
  }
  const absl::StatusOr<replay::ReplayOptions> options = replay::ParseReplayOptions(arguments);
  if (!options.ok()) return command_line::FailUsage(replay::kProgramName, options.status());
  return Answered(*options) ? 0 : replay::RunReplay(*options, kVersion);
}
