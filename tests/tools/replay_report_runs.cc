// An open loop against a daemon of log-normal latencies, written straight into the structure.
#include "tests/tools/replay_report_runs.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"

namespace replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kPi = 3.14159265358979;
constexpr std::uint64_t kStartOf2026 = 1'767'225'600;

void Describe(const MadeUpRun& run, RunResults* results) {
  results->description = {.label = absl::StrCat("shop week, slowness ", run.slowness),
                          .source = "shop-week.mrtrace",
                          .target_address = "inet:8890@127.0.0.1",
                          .mode = RunMode::kOpen,
                          .options = {{"as", "postfix"}, {"speed", "4"}, {"idle", "50"}},
                          .seed = run.seed,
                          .version = "0.1.0",
                          .started_at = seconds(kStartOf2026),
                          .planned = 12'000};
}

// Latencies of one second: base, a slow tail, and a stall in the middle.
double MeanMilliseconds(const MadeUpRun& run, int second) {
  const double day = 1 + 0.5 * std::sin(2 * kPi * second / std::max(1, run.seconds));
  const bool stalled =
      run.with_spike && (second == run.seconds / 2 || second == run.seconds / 2 + 1);
  return 4.0 * run.slowness * day + (stalled ? 400 : 0);
}

PointLatency Summary(const LatencyHistogram& histogram) {
  return {.count = histogram.count(),
          .p50 = histogram.Percentile(0.5),
          .p90 = histogram.Percentile(0.9),
          .p99 = histogram.Percentile(0.99),
          .max = histogram.max()};
}

SeriesPoint PlaySecond(const MadeUpRun& run, int second, std::mt19937_64* random, RunResults* to) {
  std::lognormal_distribution<> spread(0, 0.7);
  std::uniform_real_distribution<> share(0, 1);
  const auto end_of_message = std::make_unique<LatencyHistogram>();
  const auto transaction = std::make_unique<LatencyHistogram>();
  const double wave = 1 + 0.3 * std::sin(kPi * second / 10);
  const int count = static_cast<int>(run.messages_per_second * wave);
  for (int i = 0; i < count; ++i) {
    const double tail = share(*random) < 0.01 ? 12 : 1;
    const double latency = MeanMilliseconds(run, second) * spread(*random) * tail;
    const auto microseconds = static_cast<std::uint64_t>(latency * 1000);
    const std::uint64_t whole = microseconds + 700 + static_cast<std::uint64_t>(i) % 500;
    for (LatencyHistogram* each : {&to->end_of_message, end_of_message.get()})
      each->Record(microseconds);
    for (LatencyHistogram* each : {&to->transaction, transaction.get()})
      each->Record(whole);
    to->connect.Record(80 + microseconds % 60);
    to->lateness.Record(microseconds % 90);
    ++to->outcomes[share(*random) < 0.05 ? 2 : 1];
  }
  const auto messages = static_cast<std::uint64_t>(count);
  const double mean = MeanMilliseconds(run, second);
  return {.at = seconds(second),
          .length = seconds(1),
          .scheduled = messages,
          .started = messages,
          .finished = messages,
          .in_flight_max = 1 + static_cast<std::uint64_t>(count * mean / 400),
          .end_of_message = Summary(*end_of_message),
          .transaction = Summary(*transaction)};
}

PointProcess ProcessOf(const MadeUpRun& run, int second, const SeriesPoint& point) {
  const auto cpu =
      static_cast<std::uint64_t>(static_cast<double>(point.finished) * 900 * run.slowness);
  return {.running = true,
          .cpu_us = cpu,
          .cpu_user_us = cpu * 6 / 10 / 10'000 * 10'000,
          .cpu_system_us = cpu * 4 / 10 / 10'000 * 10'000,
          .voluntary_switches = point.finished * 9,
          .involuntary_switches = point.finished / 5,
          .rss_bytes = (31U << 20U) + static_cast<std::uint64_t>(second) * 20'000,
          .threads = 3,
          .descriptors = static_cast<std::uint32_t>(60 + point.in_flight_max)};
}

void AddTotals(const SeriesPoint& point, RunResults* to) {
  to->elapsed = point.at + point.length;
  to->scheduled += point.scheduled;
  to->started += point.started;
  to->finished += point.finished;
  to->sessions_opened += point.finished / 2;
  to->sessions_finished += point.finished / 2;
  if (!point.process) return;
  PointProcess& total = to->process->total;
  total.cpu_us += point.process->cpu_us;
  total.cpu_user_us += point.process->cpu_user_us;
  total.cpu_system_us += point.process->cpu_system_us;
  total.voluntary_switches += point.process->voluntary_switches;
  total.involuntary_switches += point.process->involuntary_switches;
  total.rss_bytes = std::max(total.rss_bytes, point.process->rss_bytes);
  total.threads = 3;
  total.descriptors = std::max(total.descriptors.value_or(0), *point.process->descriptors);
}

}  // namespace

std::unique_ptr<RunResults> MakeRun(const MadeUpRun& run) {
  auto results = std::make_unique<RunResults>();
  std::mt19937_64 random(run.seed);
  Describe(run, results.get());
  if (run.with_process) results->process = ProcessUse{.pid = 4711, .name = "millrace"};
  for (int second = 0; second < run.seconds; ++second) {
    SeriesPoint point = PlaySecond(run, second, &random, results.get());
    if (run.with_process) point.process = ProcessOf(run, second, point);
    if (run.with_errors && second == run.seconds / 2) point.errors = 37;
    AddTotals(point, results.get());
    results->series.push_back(point);
  }
  results->idle_standing = 50;
  if (run.with_errors) {
    results->errors = {{"timeout", 12}, {"connection refused", 25}};
    results->errors_count = 37;
    results->failed = 12;
  }
  if (!run.with_verdicts) return results;
  results->compared = true;
  results->verdicts_same = results->finished - 9;
  results->verdicts_changed = 9;
  for (std::uint32_t i = 0; i < 9; ++i) {
    results->changes.push_back(
        {.session = 100U + i * 17,
         .message = i % 3,
         .queue_id = absl::StrCat("4RP0", i, "A7C1"),
         .recorded = "accepted",
         .played = "rejected 554 5.7.0 Reject, id=00012-02 - INFECTED: Eicar",
         .difference = "outcome, reply"});
  }
  return results;
}

std::unique_ptr<ResultsRecorder> RecordSmallRun() {
  const std::string hostile =
      "</script><!-- \"x\" & '\xff'\n\xe2\x80\xa8<img src=x onerror=alert(1)>";
  auto recorder = std::make_unique<ResultsRecorder>(
      RunDescription{.label = hostile,
                     .source = "set/" + hostile,
                     .target_address = "unix:/run/m.sock",
                     .mode = RunMode::kOnce,
                     .options = {{"as", "postfix"}, {hostile, hostile}},
                     .seed = 7,
                     .version = "0.1.0",
                     .started_at = seconds(kStartOf2026)},
      engine::Time{});
  recorder->SessionOpened();
  recorder->Connected(milliseconds(1));
  recorder->Scheduled(2);
  recorder->Started(milliseconds(20));
  recorder->Finished({.outcome = milter::Outcome::kAccepted,
                      .end_of_message = milliseconds(250),
                      .transaction = milliseconds(300)});
  recorder->Started(engine::Time{});
  recorder->Slow();
  recorder->Finished({.outcome = milter::Outcome::kRejected, .transaction = milliseconds(2)});
  recorder->SessionFinished();
  recorder->Failed(hostile);
  recorder->SameVerdict();
  recorder->Changed({.session = 3,
                     .message = 1,
                     .queue_id = hostile,
                     .recorded = hostile,
                     .played = hostile,
                     .difference = hostile});
  PlayedTransaction played{.name = "eicar", .expected = milter::Outcome::kRejected};
  played.result.outcome = milter::Outcome::kAccepted;
  played.result.reply_text = hostile;
  played.result.edits.push_back(
      {.kind = milter::Reply::kInsertHeader, .index = 1, .name = "X", .value = " y\n z"});
  played.time = milliseconds(12);
  recorder->Played(played);
  recorder->Finish(milliseconds(500));
  return recorder;
}

}  // namespace replay
