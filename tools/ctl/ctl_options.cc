// The rows of the table.
#include "tools/ctl/ctl_options.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace ctl {
namespace {

constexpr std::array<std::string_view, 4> kCommands = {"status", "queue", "scanners", "quota"};

constexpr std::uint32_t kLimitMax = 1000;

}  // namespace

command_line::OptionTable MakeOptionTable(CtlOptions* options, std::vector<std::string>* words) {
  command_line::OptionTable table(
      {.name = "millracectl",
       .synopsis = {"status|queue|scanners|quota [--json] [--limit N] [--socket PATH]"},
       .purpose = "Shows what a running millrace is doing.",
       .ending = "Exit status: 0 done; 1 status: something is wrong; 64 wrong command line; 66 no "
                 "daemon there, or no answer that can be read."});
  table.Flag("--json", &options->json, "the answer as it came: one line of JSON");
  table.Number("--limit N",
               &options->limit,
               {1, kLimitMax},
               "quota: show the N busiest clients and networks; default 20");
  table.Text("--socket PATH", &options->socket, "the daemon's control socket");
  table.Positional("COMMAND",
                   words,
                   "status: what is wrong first, then what is in use, times and counts; queue: who "
                   "waits for a scanner; scanners: each one and its health; quota: limits, and how "
                   "much of each is in use, and the busiest clients");
  table.HelpAndVersion();
  return table;
}

absl::Status TakeCommand(const std::vector<std::string>& words, CtlOptions* options) {
  constexpr std::string_view kAllowed = "status, queue, scanners or quota";
  if (words.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no command: ", std::string(kAllowed)));
  }
  if (words.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("one command at a time: '", words[0], "' and '", words[1], "'"));
  }
  if (std::find(kCommands.begin(), kCommands.end(), words[0]) == kCommands.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown command '", words[0], "': ", std::string(kAllowed)));
  }
  options->command = words[0];
  if (options->limit != 0) {
    if (words[0] != "quota")
      return absl::InvalidArgumentError("--limit goes with quota alone, it says how many clients");
    absl::StrAppend(&options->command, " ", options->limit);
  }
  if (options->socket.starts_with("unix:")) options->socket.erase(0, 5);
  return absl::OkStatus();
}

}  // namespace ctl
