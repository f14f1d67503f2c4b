// Since when a shard is in a file call: written by the shard around each call, read by the stall
// monitor.
//
//   FileCallClock (one per shard)    mark > 0: in a call since then;  < 0: the last one began at
//   -mark
//        | watched by
//   MonitorSleep (one per process)   kAwake: the monitor looks by itself;  kAsleep: it wants to be
//                                    woken by the next call;  kQuit: it is to end
//
// A call costs the shard two relaxed stores to a line of its own and one relaxed load of a line
// that changes only when the monitor falls asleep or wakes. No fence keeps the load behind the
// store: the monitor looks at all clocks once more, a whole look's time after it said kAsleep and
// before it really sleeps. A shard that still saw kAwake has its mark in memory by then.
#ifndef MILLRACE_ENGINE_IO_FILE_CALLS_H_
#define MILLRACE_ENGINE_IO_FILE_CALLS_H_

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "engine/base/units.h"
#include "engine/io/futex.h"

namespace engine {

// The word that the monitor waits on (futex(2)).
class MonitorSleep {
 public:
  enum Word : std::uint32_t { kAwake, kAsleep, kQuit };

  MonitorSleep() = default;
  MonitorSleep(const MonitorSleep&) = delete;
  MonitorSleep& operator=(const MonitorSleep&) = delete;

  // A file call begins: wakes the monitor if it sleeps. Any thread.
  void OnCall() noexcept {
    if (word_.load(std::memory_order_relaxed) == kAsleep) Wake();
  }
  // Any thread, for good.
  void Quit() noexcept;
  bool quitting() const noexcept { return word_.load(std::memory_order_seq_cst) == kQuit; }

  // The monitor's thread, below. FallAsleep: from kAwake to kAsleep; false: it was not kAwake.
  bool FallAsleep() noexcept;
  void StayAwake() noexcept;
  // As long as the word is `word`, at most for `at_most` (kNever: no limit; above zero). May end
  // earlier.
  void Wait(Word word, Time at_most) const noexcept { FutexWait(word_, word, at_most); }

 private:
  void Wake() noexcept;

  alignas(64) FutexWord word_{kAwake};
};

class FileCallClock {
 public:
  // `sleep`: nullptr where nobody watches. Outlives this.
  explicit FileCallClock(MonitorSleep* sleep = nullptr) noexcept : sleep_(sleep) {}
  FileCallClock(const FileCallClock&) = delete;
  FileCallClock& operator=(const FileCallClock&) = delete;

  // The shard's thread, around each call. `now` is above zero.
  void Begin(Time now) noexcept {
    thread_.store(ThisThread(), std::memory_order_relaxed);
    mark_.store(now.count(), std::memory_order_relaxed);
    if (sleep_ != nullptr) sleep_->OnCall();
  }
  void End(Time began) noexcept { mark_.store(-began.count(), std::memory_order_relaxed); }

  // Any thread. Who called last, as gettid(2) names threads; 0: nobody yet.
  pid_t thread() const noexcept { return thread_.load(std::memory_order_relaxed); }
  // Any thread. When the call that is under way began; zero: none.
  Time since() const noexcept {
    const std::int64_t mark = mark_.load(std::memory_order_relaxed);
    return Time(mark > 0 ? mark : 0);
  }
  // When the last call began, also the one under way; zero: there was none.
  Time last() const noexcept {
    const std::int64_t mark = mark_.load(std::memory_order_relaxed);
    return Time(mark > 0 ? mark : -mark);
  }

 private:
  static pid_t ThisThread() noexcept {
    static thread_local const pid_t kThread = ::gettid();
    return kThread;
  }

  alignas(64) std::atomic<std::int64_t> mark_{0};
  std::atomic<pid_t> thread_{0};
  MonitorSleep* sleep_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FILE_CALLS_H_
