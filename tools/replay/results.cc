// Counting, and the series of points: see the header for what a point is and how it merges.
#include "tools/replay/results.h"

#include <algorithm>
#include <iterator>

namespace replay {
namespace {

std::uint64_t Microseconds(engine::Time time) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

// Counters of a process that went back (a thread's switches vanish with it) count as standing.
std::uint64_t Since(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

PointLatency LatencyOf(const LatencyHistogram& histogram) {
  return {.count = histogram.count(),
          .p50 = histogram.Percentile(0.5),
          .p90 = histogram.Percentile(0.9),
          .p99 = histogram.Percentile(0.99),
          .max = histogram.max()};
}

void AddLatency(const PointLatency& from, PointLatency* to) {
  to->count += from.count;
  to->p50 = std::max(to->p50, from.p50);
  to->p90 = std::max(to->p90, from.p90);
  to->p99 = std::max(to->p99, from.p99);
  to->max = std::max(to->max, from.max);
}

void AddProcess(const PointProcess& from, PointProcess* to) {
  to->running = from.running;
  to->cpu_us += from.cpu_us;
  to->cpu_user_us += from.cpu_user_us;
  to->cpu_system_us += from.cpu_system_us;
  to->voluntary_switches += from.voluntary_switches;
  to->involuntary_switches += from.involuntary_switches;
  to->rss_bytes = std::max(to->rss_bytes, from.rss_bytes);
  to->threads = std::max(to->threads, from.threads);
  if (from.descriptors) to->descriptors = std::max(to->descriptors.value_or(0), *from.descriptors);
}

PointProcess Difference(const ProcessSample& before, const ProcessSample& now) {
  return {.running = now.running,
          .cpu_us = Since(before.cpu_us, now.cpu_us),
          .cpu_user_us = Since(before.cpu_user_us, now.cpu_user_us),
          .cpu_system_us = Since(before.cpu_system_us, now.cpu_system_us),
          .voluntary_switches = Since(before.voluntary_switches, now.voluntary_switches),
          .involuntary_switches = Since(before.involuntary_switches, now.involuntary_switches),
          .rss_bytes = now.rss_bytes,
          .threads = now.threads,
          .descriptors = now.descriptors};
}

void AddPoint(const SeriesPoint& from, SeriesPoint* to) {
  to->length += from.length;
  to->scheduled += from.scheduled;
  to->started += from.started;
  to->finished += from.finished;
  to->errors += from.errors;
  to->in_flight_max = std::max(to->in_flight_max, from.in_flight_max);
  AddLatency(from.end_of_message, &to->end_of_message);
  AddLatency(from.transaction, &to->transaction);
  if (!from.process) return;
  if (!to->process) to->process.emplace();
  AddProcess(*from.process, &*to->process);
}

}  // namespace

ResultsRecorder::ResultsRecorder(RunDescription description,
                                 engine::Time now,
                                 ProcessSampler* sampler)
    : begin_(now), sampler_(sampler) {
  results_.description = std::move(description);
  if (sampler_ == nullptr) return;
  last_sample_ = sampler_->Sample();
  results_.process = ProcessUse{.pid = sampler_->pid(), .name = sampler_->name()};
}

bool ResultsRecorder::Tick(engine::Time now) {
  results_.elapsed = std::max(results_.elapsed, now - begin_);
  if (results_.elapsed < NextBorder()) return false;
  ClosePoint(results_.elapsed);
  return true;
}

void ResultsRecorder::Finish(engine::Time now) {
  results_.elapsed = std::max(results_.elapsed, now - begin_);
  if (results_.elapsed >= NextBorder()) ClosePoint(results_.elapsed);
  const bool empty = results_.elapsed == point_.at && !results_.series.empty();
  if (!empty) ClosePoint(results_.elapsed);
}

// Points end on whole multiples of the length, however late the call is.
engine::Time ResultsRecorder::NextBorder() const {
  return (point_.at / point_length_ + 1) * point_length_;
}

void ResultsRecorder::ClosePoint(engine::Time now) {
  const engine::Time end = now < NextBorder() ? now : now - now % point_length_;
  point_.length = end - point_.at;
  point_.in_flight_max = std::max(point_.in_flight_max, results_.in_flight);
  point_.end_of_message = LatencyOf(point_end_of_message_);
  point_.transaction = LatencyOf(point_transaction_);
  point_end_of_message_.Clear();
  point_transaction_.Clear();
  SampleProcess(&point_);
  results_.series.push_back(point_);
  point_ = SeriesPoint{.at = end, .in_flight_max = results_.in_flight};
  if (results_.series.size() > kPointsMax) MergeNeighbours();
}

void ResultsRecorder::SampleProcess(SeriesPoint* point) {
  if (sampler_ == nullptr) return;
  const ProcessSample sample = sampler_->Sample();
  point->process = Difference(last_sample_, sample);
  AddProcess(*point->process, &results_.process->total);
  results_.process->ended = !sample.running;
  last_sample_ = sample;
}

void ResultsRecorder::MergeNeighbours() {
  std::vector<SeriesPoint>& series = results_.series;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < series.size(); i += 2) {
    if (i + 1 < series.size()) AddPoint(series[i + 1], &series[i]);
    series[kept++] = series[i];
  }
  series.resize(kept);
  point_length_ *= 2;
}

void ResultsRecorder::IdleClosed() {
  if (results_.idle_standing > 0) --results_.idle_standing;
}

void ResultsRecorder::Connected(engine::Time took) {
  results_.connect.Record(Microseconds(took));
}

void ResultsRecorder::Scheduled(std::uint64_t count) {
  results_.scheduled += count;
  point_.scheduled += count;
}

void ResultsRecorder::Started(engine::Time lateness) {
  ++results_.started;
  ++point_.started;
  ++results_.in_flight;
  point_.in_flight_max = std::max(point_.in_flight_max, results_.in_flight);
  results_.lateness.Record(Microseconds(lateness));
  if (lateness > kLateStart) ++results_.late_starts;
}

void ResultsRecorder::EndInFlight(std::uint64_t count) {
  results_.in_flight -= std::min(results_.in_flight, count);
}

void ResultsRecorder::Finished(const MessageEnd& end) {
  ++results_.finished;
  ++point_.finished;
  ++results_.outcomes[static_cast<std::size_t>(end.outcome)];
  EndInFlight(1);
  if (end.end_of_message) {
    results_.end_of_message.Record(Microseconds(*end.end_of_message));
    point_end_of_message_.Record(Microseconds(*end.end_of_message));
  }
  if (end.verdict) results_.verdict.Record(Microseconds(*end.verdict));
  results_.transaction.Record(Microseconds(end.transaction));
  point_transaction_.Record(Microseconds(end.transaction));
}

void ResultsRecorder::Aborted() {
  ++results_.aborted;
  EndInFlight(1);
}

void ResultsRecorder::Failed(std::string_view kind, std::uint64_t in_flight) {
  ++results_.errors_count;
  ++point_.errors;
  results_.failed += in_flight;
  EndInFlight(in_flight);
  const std::string text(kind.substr(0, kErrorKindBytesMax));
  const auto found = results_.errors.find(text);
  if (found != results_.errors.end()) {
    ++found->second;
  } else if (results_.errors.size() < kErrorKindsMax) {
    results_.errors.emplace(text, 1);
  } else {
    ++results_.errors[std::string(kOtherErrors)];
  }
}

void ResultsRecorder::SameVerdict() {
  results_.compared = true;
  ++results_.verdicts_same;
}

void ResultsRecorder::Changed(VerdictChange change) {
  results_.compared = true;
  ++results_.verdicts_changed;
  if (results_.changes.size() < kVerdictChangesMax) results_.changes.push_back(std::move(change));
}

void ResultsRecorder::Played(PlayedTransaction played) {
  if (results_.played.size() < kPlayedMax) results_.played.push_back(std::move(played));
}

}  // namespace replay
