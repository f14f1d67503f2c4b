// What a run of millrace-replay measured, and the recorder that its player calls.
//
//   player --Scheduled, Started, Finished, Failed ...--> ResultsRecorder --fills--> RunResults
//                                            reports (text, JSON, page), live display <--reads--+
//
//   a message:   Scheduled -> Started -+-> Finished   a verdict, or its end without one (kNone)
//                          \           +-> Aborted    left on purpose
//                           \          +-> Failed     its session broke
//                            +-> never started, when the run ends or its session cannot open
//   in flight = started - finished - aborted - failed
//
// Latencies count in microseconds; `transaction` from the time at which the message was due, so a
// player or a daemon that falls behind cannot hide it (no coordinated omission). In a closed loop a
// message is due when its session begins it.
// The series has a point per second. When it has more than kPointsMax, neighbours are merged and
// new points become twice as long; a merged point has the highest of its parts' percentiles, which
// is an upper bound of the true one.
// Limits below; about 300 KiB, and 200 octets a point. One thread; no clock (the player's is
// passed in, so virtual time works).
#ifndef MILLRACE_TOOLS_REPLAY_RESULTS_H_
#define MILLRACE_TOOLS_REPLAY_RESULTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/histogram.h"
#include "engine/base/units.h"
#include "milter/mta_session.h"
#include "tools/replay/process_sampler.h"

namespace replay {

inline constexpr std::size_t kErrorKindsMax = 100;       // further ones count as kOtherErrors
inline constexpr std::size_t kErrorKindBytesMax = 200;   // of its text
inline constexpr std::size_t kVerdictChangesMax = 1000;  // listed; all are counted
inline constexpr std::size_t kPlayedMax = 10'000;        // listed transactions of --once
inline constexpr std::size_t kPointsMax = 7200;          // of the series
inline constexpr engine::Time kPointLength = std::chrono::seconds(1);      // at first
inline constexpr engine::Time kLateStart = std::chrono::milliseconds(10);  // counts as late
inline constexpr std::string_view kOtherErrors = "other errors";

using LatencyHistogram = engine::BasicHistogram<7>;

enum class RunMode : std::uint8_t {
  kOnce,    // each transaction by itself
  kClosed,  // n sessions, the next message when one is done
  kOpen,    // messages at their times, whatever the daemon does
  kIdle,    // idle sessions alone
};

enum class RunTarget : std::uint8_t { kMilter, kSmtp };

// What was played, to whom and how; filled in before the run.
struct RunDescription {
  std::string label{};   // the run's name in comparisons; empty: made from source and version
  std::string source{};  // trace file or folder of transactions
  std::string target_address{};
  RunMode mode = RunMode::kClosed;
  RunTarget target = RunTarget::kMilter;
  std::vector<std::pair<std::string, std::string>> options{};  // of interest to readers, in order
  std::uint64_t seed = 0;
  std::string version{};            // of millrace-replay
  engine::Time started_at{};        // wall clock, since 1970 UTC
  std::uint64_t planned = 0;        // messages; 0: not known
  engine::Time planned_duration{};  // 0: until the messages are played
};

// One transaction of --once.
struct PlayedTransaction {
  std::string name{};
  milter::TransactionResult result{};
  std::optional<milter::Outcome> expected{};
  std::string error{};  // empty: played to its end
  engine::Time time{};  // from its connect
};

// Where a verdict differs from the recording.
struct VerdictChange {
  std::uint64_t session = 0;  // number in the trace
  std::uint32_t message = 0;  // its place in the session, from 0
  std::string queue_id{};
  std::string recorded{};    // "accepted", "rejected 554 5.7.0 ..."
  std::string played{};      // likewise
  std::string difference{};  // what differs: "outcome", "reply", "edits: ..."
};

// Percentiles of one point, in microseconds.
struct PointLatency {
  std::uint64_t count = 0;
  std::uint64_t p50 = 0;
  std::uint64_t p90 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t max = 0;
};

// What the daemon used in one point.
struct PointProcess {
  bool running = false;
  std::uint64_t cpu_us = 0;
  std::uint64_t cpu_user_us = 0;
  std::uint64_t cpu_system_us = 0;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t rss_bytes = 0;  // highest seen, like the next two
  std::uint32_t threads = 0;
  std::optional<std::uint32_t> descriptors{};
};

struct SeriesPoint {
  engine::Time at{};      // its beginning, since the run's
  engine::Time length{};  // a second; longer when merged or the player stalled, shorter at the end
  std::uint64_t scheduled = 0;
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t errors = 0;
  std::uint64_t in_flight_max = 0;
  PointLatency end_of_message{};
  PointLatency transaction{};
  std::optional<PointProcess> process{};
};

// What the daemon used over the whole run; when --pid was given.
struct ProcessUse {
  pid_t pid = 0;
  std::string name{};
  bool ended = false;    // before the run did
  PointProcess total{};  // rss_bytes, threads, descriptors: highest seen
};

struct RunResults {
  RunDescription description{};
  engine::Time elapsed{};  // of the run, up to the last Tick() or Finish()

  std::uint64_t sessions_opened = 0;    // connected; idle ones not counted
  std::uint64_t sessions_finished = 0;  // played to their end
  std::uint64_t idle_standing = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t failed = 0;   // messages whose session broke
  std::uint64_t aborted = 0;  // left on purpose
  std::uint64_t slow = 0;     // sent slowly on purpose
  std::uint64_t late_starts = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t outcomes[5] = {};  // by milter::Outcome, of the finished
  std::uint64_t errors_count = 0;
  std::map<std::string, std::uint64_t> errors{};  // by kind

  LatencyHistogram end_of_message{};  // from the bytes that end the message to the verdict,
                                      // and how late the message began
  LatencyHistogram verdict{};         // the same without the lateness: what the filter added
  LatencyHistogram transaction{};     // from the time it was due to the verdict
  LatencyHistogram connect{};
  LatencyHistogram lateness{};  // of starts, against the time they were due

  bool compared = false;  // the trace has verdicts to compare with
  std::uint64_t verdicts_same = 0;
  std::uint64_t verdicts_changed = 0;
  std::vector<VerdictChange> changes{};  // the first kVerdictChangesMax

  std::vector<PlayedTransaction> played{};  // mode kOnce, the first kPlayedMax
  std::vector<SeriesPoint> series{};
  std::optional<ProcessUse> process{};
};

// How a message ended that was not broken off.
struct MessageEnd {
  milter::Outcome outcome = milter::Outcome::kNone;
  std::optional<engine::Time> end_of_message{};  // none: decided before its end
  std::optional<engine::Time> verdict{};         // likewise
  engine::Time transaction{};                    // since it was due
};

class ResultsRecorder {
 public:
  // `now` is the run's beginning, on the player's clock. `sampler` (may be null, else outlives
  // this) is looked at once per point.
  ResultsRecorder(RunDescription description, engine::Time now, ProcessSampler* sampler = nullptr);
  ResultsRecorder(const ResultsRecorder&) = delete;
  ResultsRecorder& operator=(const ResultsRecorder&) = delete;

  // The player's clock: at the beginning of every turn, at least once a second. True when it
  // closed a point of the series (time to redraw).
  bool Tick(engine::Time now);
  // The end of the run: closes the last point. Nothing is recorded after it.
  void Finish(engine::Time now);

  void SessionOpened() { ++results_.sessions_opened; }
  void SessionFinished() { ++results_.sessions_finished; }
  void IdleOpened() { ++results_.idle_standing; }
  void IdleClosed();
  // A connect that succeeded took so long (for idle sessions too).
  void Connected(engine::Time took);

  // `count` messages are due.
  void Scheduled(std::uint64_t count = 1);
  // A message begins, so much later than it was due (0 in a closed loop).
  void Started(engine::Time lateness);
  // One of the started messages is sent slowly on purpose; besides the other calls.
  void Slow() { ++results_.slow; }
  // One of the started messages ended.
  void Finished(const MessageEnd& end);
  void Aborted();
  // Something went wrong, once; `kind` is a short text without numbers of its own ("connection
  // refused"). `in_flight`: how many started messages ended with it, without a verdict.
  void Failed(std::string_view kind, std::uint64_t in_flight = 0);

  // A finished message had the verdict of the recording, or another.
  void SameVerdict();
  void Changed(VerdictChange change);
  // A transaction of --once is done (besides the other calls).
  void Played(PlayedTransaction played);

  const RunResults& results() const noexcept { return results_; }

 private:
  engine::Time NextBorder() const;
  void ClosePoint(engine::Time now);
  void SampleProcess(SeriesPoint* point);
  void MergeNeighbours();
  void EndInFlight(std::uint64_t count);

  RunResults results_;
  const engine::Time begin_;
  ProcessSampler* const sampler_;
  ProcessSample last_sample_{};
  engine::Time point_length_ = kPointLength;
  SeriesPoint point_{};
  LatencyHistogram point_end_of_message_{};
  LatencyHistogram point_transaction_{};
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_RESULTS_H_
