// Runs side by side: `millrace-replay compare A.json B.json [--html FILE] [--json FILE]`.
//
// main() calls RunCompare() when the program's first argument is "compare", with what follows it:
//
//   if (!arguments.empty() && arguments[0] == "compare")
//     return replay::RunCompare(std::span(arguments).subspan(1), version);
//
// One report alone is shown as a table and can be made a page of. Limit: kComparedMax reports of
// kReportBytesMax each. Output: docs/replay-report.md.
#ifndef MILLRACE_TOOLS_REPLAY_COMPARE_H_
#define MILLRACE_TOOLS_REPLAY_COMPARE_H_

#include <span>
#include <string>

#include "tools/replay/report_figures.h"
#include "tools/replay/report_json.h"

namespace replay {

inline constexpr std::size_t kComparedMax = 8;
inline constexpr const char* kComparisonFormat = "millrace-replay-comparison";
inline constexpr int kComparisonVersion = 1;

// The exit status: 0; 64 wrong command line; 66 a report cannot be read; 73 a file cannot be
// written. Prints the table on standard output, or the JSON or the page alone where its file is
// "-".
int RunCompare(std::span<const std::string> arguments, const char* version);

// The table for people.
std::string CompareText(std::span<const Report> reports);

// The same for programs: one JSON object.
std::string CompareJson(std::span<const Report> reports);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_COMPARE_H_
