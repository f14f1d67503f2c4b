// The command line of millrace-scanner; its page is millrace-scanner(8).
#ifndef MILLRACE_TOOLS_SCANNER_SCANNER_OPTIONS_H_
#define MILLRACE_TOOLS_SCANNER_SCANNER_OPTIONS_H_

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/make_loop.h"
#include "tools/command_line/option_table.h"
#include "tools/scanner/scanner_app.h"

namespace scanner {

struct ScannerOptions {
  std::vector<std::string> listen{};
  mode_t socket_mode = 0660;
  engine::IoChoice io = engine::IoChoice::kAuto;
  ScannerConfig config{};
  bool help = false;
  bool version = false;
};

// Reads the arguments (without the program's name), and the files that they name. kInvalidArgument:
// the command line is wrong (exit 64); others: a file could not be read (exit 66).
absl::StatusOr<ScannerOptions> ParseScannerOptions(std::span<const std::string> arguments);

// What --help prints.
std::string ScannerUsage();

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_SCANNER_OPTIONS_H_
