// The command line of millracectl.
#ifndef MILLRACE_TOOLS_CTL_CTL_OPTIONS_H_
#define MILLRACE_TOOLS_CTL_CTL_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "tools/command_line/option_table.h"

namespace ctl {

struct CtlOptions {
  std::string command{};  // "status", "queue", "scanners", "quota", "quota 5"
  std::string socket{};   // a path
  bool json = false;
  std::uint32_t limit = 0;  // 0: not given
};

// `*options` outlives the table.
command_line::OptionTable MakeOptionTable(CtlOptions* options, std::vector<std::string>* words);

// Checks what stands without an option, after the table has been parsed.
absl::Status TakeCommand(const std::vector<std::string>& words, CtlOptions* options);

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_CTL_OPTIONS_H_
