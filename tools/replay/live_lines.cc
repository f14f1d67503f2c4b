// Formats a run under way: see the header for how it looks.
#include "tools/replay/live_lines.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/absl_text.h"
#include "tools/replay/report_text.h"

namespace replay {
namespace {

constexpr std::size_t kBarWidthMax = 30;
constexpr std::size_t kBarWidthMin = 10;
constexpr std::size_t kBesideBar = 60;  // what stands beside the bar needs about this much
constexpr std::size_t kKindsShown = 3;

double Number(std::uint64_t count) {
  return static_cast<double>(count);
}

double Seconds(engine::Time time) {
  return std::chrono::duration<double>(time).count();
}

// Terminals disagree about the width of everything else.
std::string Ascii(std::string_view text) {
  std::string out = OneLine(text, kTextBytesMax);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x7f; }, '?');
  return out;
}

std::string ElapsedText(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds));
  if (whole < 120) return absl::StrCat(whole, " s");
  if (whole < 7200) return absl::StrFormat("%d:%02d min", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d h", whole / 3600, whole % 3600 / 60);
}

std::uint64_t Done(const RunResults& results) {
  return results.finished + results.failed + results.aborted;
}

// 0 to 1, of what was planned; negative: nobody knows.
double Progress(const RunResults& results) {
  double progress = -1;
  if (results.description.planned > 0)
    progress = Number(Done(results)) / Number(results.description.planned);
  if (results.description.planned_duration > engine::Time{}) {
    progress = std::max(progress,
                        Seconds(results.elapsed) / Seconds(results.description.planned_duration));
  }
  return std::min(progress, 1.0);
}

std::string ProgressLine(const RunResults& results, std::size_t width) {
  const double seconds = Seconds(results.elapsed);
  const double progress = Progress(results);
  const std::string count =
      results.description.planned > 0
          ? absl::StrCat(Done(results), " of ", results.description.planned, " messages")
          : absl::StrCat(Done(results), " messages");
  if (progress < 0) return absl::StrCat(count, "  ", ElapsedText(seconds));
  const std::size_t bar = std::clamp(
      width > kBesideBar ? width - kBesideBar : kBarWidthMin, kBarWidthMin, kBarWidthMax);
  const auto full = static_cast<std::size_t>(progress * Number(bar));
  std::string line = absl::StrCat("[", std::string(full, '#'), std::string(bar - full, '.'), "]");
  absl::StrAppendFormat(
      &line, " %3.0f %%  %s  %s", std::floor(progress * 100), count, ElapsedText(seconds));
  if (progress > 0 && progress < 1)
    absl::StrAppend(&line, ", ", ElapsedText(seconds / progress - seconds), " left");
  return line;
}

// Of the last point; the mean until there is one.
double RateNow(const RunResults& results) {
  if (!results.series.empty()) {
    const SeriesPoint& last = results.series.back();
    if (last.length > engine::Time{}) return Number(last.finished) / Seconds(last.length);
  }
  const double seconds = Seconds(results.elapsed);
  return seconds > 0 ? Number(results.finished) / seconds : 0;
}

std::string RateLine(const RunResults& results) {
  const double seconds = Seconds(results.elapsed);
  std::string line = absl::StrFormat(
      "rate %.0f/s, mean %.0f/s   in flight %d   sessions %d",
      RateNow(results),
      seconds > 0 ? Number(results.finished) / seconds : 0.0,
      results.in_flight,
      results.sessions_opened - std::min(results.sessions_opened, results.sessions_finished));
  if (results.idle_standing > 0) absl::StrAppend(&line, "   idle ", results.idle_standing);
  if (results.late_starts > 0) absl::StrAppend(&line, "   late starts ", results.late_starts);
  return line;
}

std::string LatencyLine(const char* name, const LatencyHistogram& latency) {
  return absl::StrFormat("%-15s  p50 %s   p90 %s   p99 %s   max %s",
                         name,
                         LatencyText(latency.Percentile(0.5)),
                         LatencyText(latency.Percentile(0.9)),
                         LatencyText(latency.Percentile(0.99)),
                         LatencyText(latency.max()));
}

// The most frequent kinds.
std::string ErrorsLine(const RunResults& results) {
  std::string line = absl::StrCat("errors ", results.errors_count);
  std::vector<std::pair<std::uint64_t, std::string_view>> kinds;
  for (const auto& [kind, count] : results.errors)
    kinds.emplace_back(count, kind);
  std::sort(kinds.rbegin(), kinds.rend());
  for (std::size_t i = 0; i < std::min(kinds.size(), kKindsShown); ++i) {
    absl::StrAppend(&line, i == 0 ? ": " : ", ", Ascii(kinds[i].second), " (", kinds[i].first, ")");
  }
  if (kinds.size() > kKindsShown) line += ", ...";
  return line;
}

std::string ProcessLine(const RunResults& results) {
  const ProcessUse& process = *results.process;
  std::string line = absl::StrCat(Ascii(process.name), " (", process.pid, ")");
  if (process.ended) return line + " has ended";
  if (results.series.empty() || !results.series.back().process) return line;
  const SeriesPoint& last = results.series.back();
  const double micros = std::max(1.0, Seconds(last.length) * 1e6);
  absl::StrAppendFormat(&line,
                        ": CPU %.0f %% of a core   memory %.1f MiB",
                        Number(last.process->cpu_us) / micros * 100,
                        Number(last.process->rss_bytes) / static_cast<double>(engine::kMiB));
  if (last.process->descriptors)
    absl::StrAppend(&line, "   descriptors ", *last.process->descriptors);
  absl::StrAppend(&line, "   threads ", last.process->threads);
  return line;
}

}  // namespace

std::vector<std::string> LiveLines(const RunResults& results, std::size_t width) {
  std::vector<std::string> lines = {ProgressLine(results, width),
                                    RateLine(results),
                                    LatencyLine("end of message", results.end_of_message),
                                    LatencyLine("transaction", results.transaction)};
  if (results.errors_count > 0) lines.push_back(ErrorsLine(results));
  if (results.process) lines.push_back(ProcessLine(results));
  for (std::string& line : lines) {
    if (line.size() > width) line.resize(width);
  }
  return lines;
}

std::string LiveLine(const RunResults& results) {
  std::string line = absl::StrCat(ElapsedText(Seconds(results.elapsed)), ", ", Done(results));
  if (results.description.planned > 0) absl::StrAppend(&line, " of ", results.description.planned);
  absl::StrAppendFormat(&line,
                        " messages, %.0f/s, end of message p50 %s p99 %s max %s, in flight %d, ",
                        RateNow(results),
                        LatencyText(results.end_of_message.Percentile(0.5)),
                        LatencyText(results.end_of_message.Percentile(0.99)),
                        LatencyText(results.end_of_message.max()),
                        results.in_flight);
  return line + ErrorsLine(results);
}

}  // namespace replay
