// Since when a shard is in a turn of its loop: written by the loop, read by all shards.
//
//   mark > 0: in a turn that began then;   < 0: asleep in the kernel, the last turn began at -mark
//   mark == 0: no turn yet
//
// A shard that is asleep is woken by the kernel for what it watches; one that is in a turn comes to
// it when the turn ends. A turn that lasts hangs in a call: that is what the others look for
// (placement.h). Costs the shard two relaxed stores a turn, to a line that others seldom read.
// The marks steer, nothing rests on their order: one that is read late is looked at again.
#ifndef MILLRACE_ENGINE_IO_TURN_CLOCK_H_
#define MILLRACE_ENGINE_IO_TURN_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "engine/base/units.h"

namespace engine {

class TurnClock {
 public:
  // A shorter sleep is not one: a busy loop, too, looks into the kernel.
  static constexpr Time kNap = std::chrono::microseconds(50);

  TurnClock() = default;
  TurnClock(const TurnClock&) = delete;
  TurnClock& operator=(const TurnClock&) = delete;

  // The shard's thread. A turn begins, after the sleep if there was one; `now` is above zero.
  void Begin(Time now) noexcept {
    if (asleep() && now - slept_from_ >= kNap) awake_since_ = now;
    mark_.store(now.count(), std::memory_order_relaxed);
  }
  // It is about to sleep.
  void Sleep(Time now) noexcept {
    slept_from_ = now;
    mark_.store(-last().count(), std::memory_order_relaxed);
  }
  // Since when it has not slept.
  Time awake_since() const noexcept { return awake_since_; }

  // Any thread, below. When the turn that is under way began; zero: asleep, or none yet.
  Time since() const noexcept {
    const std::int64_t mark = mark_.load(std::memory_order_relaxed);
    return Time(mark > 0 ? mark : 0);
  }
  // When the last turn began, also the one under way; zero: there was none.
  Time last() const noexcept {
    const std::int64_t mark = mark_.load(std::memory_order_relaxed);
    return Time(mark > 0 ? mark : -mark);
  }
  bool asleep() const noexcept { return mark_.load(std::memory_order_relaxed) <= 0; }

 private:
  std::atomic<std::int64_t> mark_{0};
  Time slept_from_{};
  Time awake_since_{};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_TURN_CLOCK_H_
