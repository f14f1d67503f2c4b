// The report of a run as JSON, and reading it back for comparisons and pages.
//
// Format "millrace-replay-report", version kReportVersion; every key is in docs/replay-report.md.
// A key that goes, or changes its type, unit or meaning, raises the version; new keys do not, and
// readers pass over keys that they do not know.
// A report that is read may come from anywhere: its size and depth are limited, the type of every
// key that is used is checked, texts are cut, and what is unknown is dropped. After that it is safe
// to plot. Limits below.
#ifndef MILLRACE_TOOLS_REPLAY_REPORT_JSON_H_
#define MILLRACE_TOOLS_REPLAY_REPORT_JSON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/units.h"
#include "tools/replay/results.h"

namespace replay {

inline constexpr const char* kReportFormat = "millrace-replay-report";
inline constexpr int kReportVersion = 1;
inline constexpr std::size_t kReportBytesMax = 64 * engine::kMiB;
inline constexpr std::size_t kReportTextBytesMax = 1000;  // of each text that is read
inline constexpr std::size_t kReportItemsMax = 10'000;    // of each list that is read

// Percentiles of a whole run, in microseconds.
struct ReportLatency {
  double count = 0;
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};

struct ReportProcess {
  bool ended = false;
  double cpu_us = 0;
  double voluntary_switches = 0;
  double involuntary_switches = 0;
  double rss_bytes_max = 0;
  double threads_max = 0;
  std::optional<double> descriptors_max{};
};

// What a comparison needs of a report, and the rest as text for a page.
struct Report {
  std::string label{};
  double seconds = 0;
  double messages = 0;
  double messages_per_second = 0;
  double scheduled = 0;
  double started = 0;
  double failed = 0;
  double aborted = 0;
  double late_starts = 0;
  double sessions = 0;
  double errors_count = 0;
  double accepted = 0;
  double rejected = 0;
  double tempfailed = 0;
  double discarded = 0;
  bool compared = false;
  double verdicts_changed = 0;
  ReportLatency end_of_message{};
  ReportLatency transaction{};
  ReportLatency connect{};
  ReportLatency start_lateness{};
  std::optional<ReportProcess> process{};
  std::string data{};  // the checked keys: a report again, in one line of ASCII
};

// One JSON object with a line for each key. Texts with invalid UTF-8 get U+FFFD for it.
std::string JsonReport(const RunResults& results);

// `name` is the file's, for errors and as the label of a report without one. kInvalidArgument: no
// JSON, no such report, another version, or a key with a wrong value; the text says which.
absl::StatusOr<Report> ReadReport(std::string_view text, std::string_view name);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPORT_JSON_H_
