// Decides when file work leaves the shards: the disk stalls, or it has been good again for long
// enough. The decision alone, as a function of evidence and time; threads: stall_monitor.h.
//
//                    a call lasts > kStallAfter
//        [inline] ------------------------------> [async] --. bad probe, slow operation:
//            ^                                       |      | the good time begins again
//            '---------------------------------------'  <---'
//                    kGoodFor of good probes
//
//   FileWork::kInline   never async        FileWork::kAsync   always        FileWork::kAuto   above
//
// Evidence is a shard's file call that is still under way (OnCall), a probe write (OnProbe: while
// async alone), an asynchronous operation that has ended (OnOperation, from any thread: noted, and
// weighed by the next Look).
//
// What follows for shards: each asks async() before a piece of file work and then does it inline or
// by FileOp. A shard that is in a call at the onset is caught there until the disk answers; the
// others learn of it at their next piece. So at most one blocking call per shard and onset.
//
// Threads: async(), OnOperation(), counts(): any. The rest: one thread at a time (the monitor's, or
// the simulation). Limits: the constants below. It starts no probe, logs nothing, knows no disk.
#ifndef MILLRACE_ENGINE_IO_STALL_GOVERNOR_H_
#define MILLRACE_ENGINE_IO_STALL_GOVERNOR_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/units.h"

namespace engine {

enum class FileWork : std::uint8_t { kInline, kAsync, kAuto };
// "inline", "async", "auto"; nullopt: none of these.
std::optional<FileWork> ParseFileWork(std::string_view text) noexcept;
std::string_view FileWorkName(FileWork work) noexcept;

// What a piece of evidence changed.
enum class StallChange : std::uint8_t { kNone, kOnset, kCleared };

struct StallCounts {
  bool async = false;
  std::uint64_t onsets = 0;
  Time time_async{};    // in all, that of now included; FileWork::kAuto alone
  Time longest_call{};  // of the evidence seen: shards' calls, probes, asynchronous operations
  std::uint64_t probes = 0;
  std::uint64_t probes_bad = 0;
};

class StallGovernor {
 public:
  static constexpr Time kStallAfter = std::chrono::milliseconds(20);
  // For asynchronous operations, which also wait for a worker, and that for a core.
  static constexpr Time kOperationStallAfter = std::chrono::milliseconds(100);
  static constexpr Time kGoodFor = std::chrono::seconds(10);
  static constexpr Time kProbeEvery = std::chrono::milliseconds(250);  // from end to beginning

  explicit StallGovernor(FileWork work) noexcept : work_(work), async_(work == FileWork::kAsync) {}
  StallGovernor(const StallGovernor&) = delete;
  StallGovernor& operator=(const StallGovernor&) = delete;

  // Any thread: is file work to be submitted, and not done in the shard?
  bool async() const noexcept { return async_.load(std::memory_order_relaxed); }
  FileWork work() const noexcept { return work_; }

  // Any thread, now: an asynchronous operation has taken `took`, or its loop saw none end for that
  // long.
  void OnOperation(Time now, Time took) noexcept;

  // Any thread.
  StallCounts counts(Time now) const noexcept;

  // The monitor's thread, below. `now` never goes back.

  // A shard's file call has lasted `lasted` so far.
  StallChange OnCall(Time now, Time lasted) noexcept;
  // A probe that began `took` ago has ended; `ok`: without an error. (An error says nothing of
  // stalls, but it is no sign of a good disk.)
  StallChange OnProbe(Time now, Time took, bool ok) noexcept;
  // Weighs what OnOperation() noted.
  StallChange Look(Time now) noexcept;
  // Probes are wanted.
  bool probing() const noexcept { return work_ == FileWork::kAuto && async(); }

 private:
  StallChange OnBad(Time now) noexcept;
  void NoteLongest(Time took) noexcept;

  const FileWork work_;
  // Shards read it at each piece of file work: on a line that changes with it alone.
  alignas(64) std::atomic<bool> async_;

  alignas(64) std::atomic<std::int64_t> operation_bad_at_{0};
  std::atomic<std::int64_t> longest_{0};
  std::atomic<std::int64_t> onset_at_{0};    // of the present async time; 0: none
  std::atomic<std::int64_t> time_async_{0};  // of those that have ended
  std::atomic<std::uint64_t> onsets_{0};
  std::atomic<std::uint64_t> probes_{0};
  std::atomic<std::uint64_t> probes_bad_{0};
  Time good_since_{};         // no evidence of a stall after it; with a good probe at its beginning
  bool good_ = false;         // a good probe has been seen since the last bad evidence
  std::int64_t weighed_ = 0;  // of operation_bad_at_
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_STALL_GOVERNOR_H_
