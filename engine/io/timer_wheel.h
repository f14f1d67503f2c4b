// Deadlines: a hierarchical wheel of intrusive timers; set and cancel in constant time, no heap.
//
//   level 0: 64 slots of 1 ms | level 1: 64 of 64 ms | level 2: 64 of 4 s | ... level 7: 64 of 139
//   y filed at the level of the highest 6-bit digit in which its tick differs from the current
//   tick; when the current tick reaches a slot above level 0, its timers are filed again, lower
//   down. due: timers set for a time that has passed; they fire in the next Advance().
//
// A timer that is filed and set to a later time is not moved (one store): when its slot comes up,
// it is filed again by its own time. So a deadline that every byte pushes on costs nothing.
// Eight levels of 6 bits hold every Time: no far-away list, no clamping.
//
// Source: G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7.
// One thread. It reads no clock: the loop passes the time in.
#ifndef MILLRACE_ENGINE_IO_TIMER_WHEEL_H_
#define MILLRACE_ENGINE_IO_TIMER_WHEEL_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/units.h"
#include "engine/io/loop.h"

namespace engine {

class TimerWheel {
 public:
  static constexpr Time kTick = std::chrono::milliseconds(1);

  explicit TimerWheel(Time now) noexcept;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Files `timer` for `at`, also when it is filed already. Its `fire` must be set; it must stay
  // where it is until it has fired or was cancelled.
  void Set(Timer& timer, Time at) noexcept;
  // Also when not filed.
  void Cancel(Timer& timer) noexcept;

  // Fires what is due at `now` (not before the `now` of the call before), in order of its tick. A
  // timer is unfiled before its `fire`, which may set and cancel any timer, itself included; what
  // it sets for a time that has passed fires in the next Advance().
  void Advance(Time now) noexcept;

  // How long nothing can become due after `now`: 0 if something is, kNever if nothing is filed. May
  // be too short (a slot above level 0, a timer set to later), never too long.
  Time UntilNext(Time now) const noexcept;

  std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kLevels = 8;
  static constexpr std::size_t kSlotBits = 6;
  static constexpr std::size_t kSlots = std::size_t{1} << kSlotBits;
  static_assert(kLevels * kSlotBits >= 44, "every tick of a Time fits: 2^63 ns is 2^43.1 ms");

  struct Due {
    std::size_t level = 0;
    std::size_t slot = 0;
    std::uint64_t tick = 0;
    bool any = false;
  };

  void File(Timer& timer) noexcept;
  void Unfile(Timer& timer) noexcept;
  void FireAll(Timer& list, Time now) noexcept;
  Due NextSlot() const noexcept;

  static std::uint64_t TickAtOrAfter(Time at) noexcept;

  std::uint64_t tick_;  // everything filed is due after it; what is not is on due_
  std::size_t size_ = 0;
  std::array<std::uint64_t, kLevels> filled_{};           // per level: bit s: slot s holds timers
  std::array<std::array<Timer, kSlots>, kLevels> slots_;  // heads of circular lists
  Timer due_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_TIMER_WHEEL_H_
