// The rows, in the order in which they are read.
#include "tools/replay/report_figures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/units.h"

namespace replay {
namespace {

using Value = std::function<std::optional<double>(const Report&)>;

constexpr double kPerMillisecond = 1000;  // microseconds
constexpr double kPerSecond = 1e6;        // microseconds

std::optional<double> Over(double part, double whole) {
  if (whole <= 0) return std::nullopt;
  return part / whole;
}

class Rows {
 public:
  explicit Rows(std::span<const Report> reports) : reports_(reports) {}

  void Group(std::string key_prefix, std::string name) {
    prefix_ = std::move(key_prefix);
    group_ = std::move(name);
  }
  void Add(ComparedFigure figure, const Value& value) {
    figure.key = prefix_ + figure.key;
    figure.group = group_;
    bool any = false;
    for (const Report& report : reports_) {
      figure.values.push_back(value(report));
      any = any || figure.values.back().has_value();
    }
    if (any) rows_.push_back(std::move(figure));
  }
  void Count(const char* key, const char* name, Better better, double Report::*count) {
    Add({.key = key, .name = name, .better = better, .whole = true},
        [count](const Report& report) { return report.*count; });
  }
  void Latency(ReportLatency Report::*of, bool tail) {
    const auto add = [this, of](const char* key, const char* name, double ReportLatency::*value) {
      Add({.key = absl::StrCat(key, "_ms"), .name = name, .unit = "ms", .better = Better::kLower},
          [of, value](const Report& report) -> std::optional<double> {
            if ((report.*of).count <= 0) return std::nullopt;
            return (report.*of).*value / kPerMillisecond;
          });
    };
    add("p50", "p50", &ReportLatency::p50);
    if (tail) add("p90", "p90", &ReportLatency::p90);
    add("p99", "p99", &ReportLatency::p99);
    if (tail) add("p999", "p99.9", &ReportLatency::p999);
    add("max", "max", &ReportLatency::max);
  }
  // Of the sampled process; none when it was not.
  void Process(
      ComparedFigure figure,
      const std::function<std::optional<double>(const Report&, const ReportProcess&)>& of) {
    Add(std::move(figure), [&of](const Report& report) -> std::optional<double> {
      return report.process ? of(report, *report.process) : std::nullopt;
    });
  }
  std::vector<ComparedFigure> Take() { return std::move(rows_); }

 private:
  std::span<const Report> reports_;
  std::string prefix_;
  std::string group_;
  std::vector<ComparedFigure> rows_;
};

void AddRates(Rows* rows) {
  rows->Group("", "rate");
  rows->Add({.key = "messages_per_second",
             .name = "messages per second",
             .unit = "1/s",
             .better = Better::kHigher},
            [](const Report& report) { return report.messages_per_second; });
  rows->Count("messages", "messages finished", Better::kNeither, &Report::messages);
  rows->Add({.key = "seconds", .name = "duration", .unit = "s"},
            [](const Report& report) { return report.seconds; });
  rows->Count("sessions", "sessions", Better::kNeither, &Report::sessions);
}

void AddLatencies(Rows* rows) {
  rows->Group("end_of_message_", "end of message");
  rows->Latency(&Report::end_of_message, true);
  rows->Group("transaction_", "transaction, from when it was due");
  rows->Latency(&Report::transaction, true);
  rows->Group("connect_", "connect");
  rows->Latency(&Report::connect, false);
  rows->Group("start_lateness_", "late starts of the player");
  rows->Latency(&Report::start_lateness, false);
  rows->Count("count", "later than 10 ms", Better::kLower, &Report::late_starts);
}

void AddProcess(Rows* rows) {
  rows->Group("process_", "the daemon's cost");
  rows->Process({.key = "cpu_us_per_message",
                 .name = "CPU per message",
                 .unit = "us",
                 .better = Better::kLower},
                [](const Report& report, const ReportProcess& process) {
                  return Over(process.cpu_us, report.messages);
                });
  rows->Process({.key = "cpu_cores", .name = "CPU, mean", .unit = "cores"},
                [](const Report& report, const ReportProcess& process) {
                  return Over(process.cpu_us, report.seconds * kPerSecond);
                });
  rows->Process(
      {.key = "rss_mib_max", .name = "memory, most", .unit = "MiB", .better = Better::kLower},
      [](const Report& /*report*/, const ReportProcess& process) {
        return std::optional(process.rss_bytes_max / static_cast<double>(engine::kMiB));
      });
  rows->Process({.key = "switches_per_message",
                 .name = "context switches per message",
                 .better = Better::kLower},
                [](const Report& report, const ReportProcess& process) {
                  return Over(process.voluntary_switches + process.involuntary_switches,
                              report.messages);
                });
  rows->Process({.key = "descriptors_max", .name = "descriptors, most", .whole = true},
                [](const Report& /*report*/, const ReportProcess& process) {
                  return process.descriptors_max;
                });
  rows->Process({.key = "threads_max", .name = "threads, most", .whole = true},
                [](const Report& /*report*/, const ReportProcess& process) {
                  return std::optional(process.threads_max);
                });
}

void AddOutcomes(Rows* rows) {
  rows->Group("", "outcomes");
  rows->Count("errors", "errors", Better::kLower, &Report::errors_count);
  rows->Count("failed", "messages failed", Better::kLower, &Report::failed);
  rows->Count("aborted", "aborted on purpose", Better::kNeither, &Report::aborted);
  rows->Count("accepted", "accepted", Better::kNeither, &Report::accepted);
  rows->Count("rejected", "rejected", Better::kNeither, &Report::rejected);
  rows->Count("tempfailed", "tempfailed", Better::kNeither, &Report::tempfailed);
  rows->Count("discarded", "discarded", Better::kNeither, &Report::discarded);
  rows->Add({.key = "verdicts_changed",
             .name = "verdicts changed",
             .better = Better::kLower,
             .whole = true},
            [](const Report& report) -> std::optional<double> {
              if (!report.compared) return std::nullopt;
              return report.verdicts_changed;
            });
}

}  // namespace

std::vector<ComparedFigure> FiguresOf(std::span<const Report> reports) {
  Rows rows(reports);
  AddRates(&rows);
  AddLatencies(&rows);
  AddProcess(&rows);
  AddOutcomes(&rows);
  return rows.Take();
}

std::optional<double> RatioOf(const ComparedFigure& figure, std::size_t run) {
  const std::optional<double> first = figure.values[0];
  const std::optional<double> value = figure.values[run];
  if (!first || !value) return std::nullopt;
  return Over(*value, *first);
}

std::string FigureText(std::optional<double> value, bool whole) {
  if (!value) return "-";
  if (whole || *value == 0 || *value >= 1000) return absl::StrFormat("%.0f", *value);
  if (*value >= 100) return absl::StrFormat("%.1f", *value);
  if (*value >= 1) return absl::StrFormat("%.2f", *value);
  return absl::StrFormat("%.3f", *value);
}

std::string RunLetter(std::size_t run) {
  constexpr std::size_t kLetters = 26;
  if (run >= kLetters) return absl::StrCat(run + 1);
  return {static_cast<char>('A' + run)};
}

}  // namespace replay
