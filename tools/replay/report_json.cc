// Writing reports: RunResults to JSON. Reading is in report_read.cc.
//
// Text goes out by dump() with replacement of invalid UTF-8: errors and names may hold anything.
#define JSON_NOEXCEPTION
#include "tools/replay/report_json.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "milter/wire.h"
#include "tools/replay/outcome_text.h"

namespace replay {
namespace {

using json = nlohmann::ordered_json;

double Seconds(engine::Time time) {
  return std::chrono::duration<double>(time).count();
}

std::string UtcText(engine::Time since_1970) {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[sizeof "1970-01-01T00:00:00Z" + 16] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

const char* ModeText(RunMode mode) {
  switch (mode) {
    case RunMode::kOnce: return "once";
    case RunMode::kClosed: return "closed";
    case RunMode::kOpen: return "open";
    case RunMode::kIdle: return "idle";
  }
  return "";
}

// Each bucket by its highest value, as Percentile() answers.
json OfHistogram(const LatencyHistogram& histogram) {
  json buckets = json::array();
  for (std::size_t i = 0; i < LatencyHistogram::kBucketCount; ++i) {
    const std::uint64_t count = histogram.BucketCount(i);
    if (count == 0) continue;
    const std::uint64_t value = std::min(LatencyHistogram::HighestOf(i), histogram.max());
    buckets.push_back(json::array({value, count}));
  }
  const double mean = histogram.count() == 0 ? 0.0
                                             : static_cast<double>(histogram.sum()) /
                                                   static_cast<double>(histogram.count());
  return {{"count", histogram.count()},
          {"mean", mean},
          {"p50", histogram.Percentile(0.5)},
          {"p90", histogram.Percentile(0.9)},
          {"p99", histogram.Percentile(0.99)},
          {"p999", histogram.Percentile(0.999)},
          {"max", histogram.max()},
          {"buckets", std::move(buckets)}};
}

// A column of the series: `value` of each point.
template <typename Value>
json Column(const std::vector<SeriesPoint>& series, Value value) {
  json column = json::array();
  for (const SeriesPoint& point : series)
    column.push_back(value(point));
  return column;
}

// Where nothing was measured, percentiles are null: a plot has a gap there.
json LatencyColumns(const std::vector<SeriesPoint>& series, PointLatency SeriesPoint::*of) {
  const auto column = [&series, of](std::uint64_t PointLatency::*value) {
    return Column(series, [of, value](const SeriesPoint& point) -> json {
      const PointLatency& latency = point.*of;
      return latency.count == 0 ? json(nullptr) : json(latency.*value);
    });
  };
  return {{"count", Column(series, [of](const SeriesPoint& point) { return (point.*of).count; })},
          {"p50", column(&PointLatency::p50)},
          {"p90", column(&PointLatency::p90)},
          {"p99", column(&PointLatency::p99)},
          {"max", column(&PointLatency::max)}};
}

json ProcessColumns(const std::vector<SeriesPoint>& series) {
  const auto column = [&series](auto PointProcess::*value) {
    return Column(series, [value](const SeriesPoint& point) -> json {
      return point.process ? json((*point.process).*value) : json(nullptr);
    });
  };
  return {{"running", column(&PointProcess::running)},
          {"cpu_us", column(&PointProcess::cpu_us)},
          {"cpu_user_us", column(&PointProcess::cpu_user_us)},
          {"cpu_system_us", column(&PointProcess::cpu_system_us)},
          {"voluntary_switches", column(&PointProcess::voluntary_switches)},
          {"involuntary_switches", column(&PointProcess::involuntary_switches)},
          {"rss_bytes", column(&PointProcess::rss_bytes)},
          {"threads", column(&PointProcess::threads)},
          {"descriptors", Column(series, [](const SeriesPoint& point) -> json {
             if (!point.process || !point.process->descriptors) return nullptr;
             return *point.process->descriptors;
           })}};
}

json OfSeries(const RunResults& results) {
  const std::vector<SeriesPoint>& series = results.series;
  const auto column = [&series](std::uint64_t SeriesPoint::*value) {
    return Column(series, [value](const SeriesPoint& point) { return point.*value; });
  };
  return {
      {"at_s", Column(series, [](const SeriesPoint& point) { return Seconds(point.at); })},
      {"length_s", Column(series, [](const SeriesPoint& point) { return Seconds(point.length); })},
      {"scheduled", column(&SeriesPoint::scheduled)},
      {"started", column(&SeriesPoint::started)},
      {"finished", column(&SeriesPoint::finished)},
      {"errors", column(&SeriesPoint::errors)},
      {"in_flight_max", column(&SeriesPoint::in_flight_max)},
      {"end_of_message_us", LatencyColumns(series, &SeriesPoint::end_of_message)},
      {"transaction_us", LatencyColumns(series, &SeriesPoint::transaction)},
      {"process", results.process ? ProcessColumns(series) : json(nullptr)}};
}

json OfProcess(const RunResults& results) {
  if (!results.process) return nullptr;
  const PointProcess& total = results.process->total;
  const json per_message =
      results.finished == 0
          ? json(nullptr)
          : json(static_cast<double>(total.cpu_us) / static_cast<double>(results.finished));
  return {{"pid", results.process->pid},
          {"name", results.process->name},
          {"ended", results.process->ended},
          {"cpu_us", total.cpu_us},
          {"cpu_user_us", total.cpu_user_us},
          {"cpu_system_us", total.cpu_system_us},
          {"cpu_us_per_message", per_message},
          {"voluntary_switches", total.voluntary_switches},
          {"involuntary_switches", total.involuntary_switches},
          {"rss_bytes_max", total.rss_bytes},
          {"threads_max", total.threads},
          {"descriptors_max", total.descriptors ? json(*total.descriptors) : json(nullptr)}};
}

json OfVerdicts(const RunResults& results) {
  json changes = json::array();
  for (const VerdictChange& change : results.changes) {
    changes.push_back({{"session", change.session},
                       {"message", change.message},
                       {"queue_id", change.queue_id},
                       {"recorded", change.recorded},
                       {"played", change.played},
                       {"difference", change.difference}});
  }
  return {{"compared", results.compared},
          {"same", results.verdicts_same},
          {"changed", results.verdicts_changed},
          {"changes", std::move(changes)}};
}

json OfPlayed(const PlayedTransaction& played) {
  json edits = json::array();
  for (const milter::Edit& edit : played.result.edits) {
    edits.push_back({{"kind", std::string(milter::ReplyName(static_cast<std::uint8_t>(edit.kind)))},
                     {"index", edit.index},
                     {"name", edit.name},
                     {"value", edit.value}});
  }
  return {{"name", played.name},
          {"outcome", OutcomeText(played.result.outcome)},
          {"expected", played.expected ? OutcomeText(*played.expected) : ""},
          {"reply", played.result.reply_text},
          {"edits", std::move(edits)},
          {"error", played.error},
          {"milliseconds", std::chrono::duration<double, std::milli>(played.time).count()}};
}

json OfDescription(const RunDescription& description) {
  json options = json::array();
  for (const auto& [name, value] : description.options)
    options.push_back(json::array({name, value}));
  const char* target = description.target == RunTarget::kMilter ? "milter" : "smtp";
  return {{"format", kReportFormat},
          {"version", kReportVersion},
          {"label", description.label},
          {"millrace_version", description.version},
          {"started_at", UtcText(description.started_at)},
          {"source", description.source},
          {"mode", ModeText(description.mode)},
          {"target", {{"kind", target}, {"address", description.target_address}}},
          {"seed", description.seed},
          {"options", std::move(options)}};
}

void AddCounts(const RunResults& results, json* report) {
  const double seconds = Seconds(results.elapsed);
  json outcomes = json::object();
  for (std::size_t i = 0; i < std::size(results.outcomes); ++i)
    outcomes[OutcomeText(static_cast<milter::Outcome>(i))] = results.outcomes[i];
  json errors = json::object();
  for (const auto& [kind, count] : results.errors)
    errors[kind] = count;
  report->update(
      {{"seconds", seconds},
       {"sessions", results.sessions_opened},
       {"sessions_finished", results.sessions_finished},
       {"idle_open", results.idle_standing},
       {"scheduled", results.scheduled},
       {"started", results.started},
       {"messages", results.finished},
       {"failed", results.failed},
       {"aborted", results.aborted},
       {"slow", results.slow},
       {"late_starts", results.late_starts},
       {"in_flight", results.in_flight},
       {"messages_per_second", seconds > 0 ? static_cast<double>(results.finished) / seconds : 0.0},
       {"outcomes", std::move(outcomes)},
       {"errors", std::move(errors)},
       {"errors_count", results.errors_count}});
}

}  // namespace

std::string JsonReport(const RunResults& results) {
  json report = OfDescription(results.description);
  AddCounts(results, &report);
  report["end_of_message_us"] = OfHistogram(results.end_of_message);
  report["verdict_us"] = OfHistogram(results.verdict);
  report["transaction_us"] = OfHistogram(results.transaction);
  report["connect_us"] = OfHistogram(results.connect);
  report["start_lateness_us"] = OfHistogram(results.lateness);
  report["verdicts"] = OfVerdicts(results);
  report["process"] = OfProcess(results);
  report["series"] = OfSeries(results);
  json played = json::array();
  for (const PlayedTransaction& each : results.played)
    played.push_back(OfPlayed(each));
  report["transactions"] = std::move(played);
  std::string text;
  for (const auto& [key, value] : report.items()) {
    text += text.empty() ? "{\n" : ",\n";
    text += absl::StrFormat("  \"%s\": ", key);
    text += value.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return text + "\n}\n";
}

}  // namespace replay
