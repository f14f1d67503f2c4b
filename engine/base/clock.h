// The two clocks. Time is passed in as a value everywhere else: a loop reads the monotonic clock
// once per turn.
//
// MonotonicNow: CLOCK_MONOTONIC (the coarse clock has 4 ms steps: too coarse for deadlines of
// ours). WallNow: for time stamps that people read, never for deadlines.
#ifndef MILLRACE_ENGINE_BASE_CLOCK_H_
#define MILLRACE_ENGINE_BASE_CLOCK_H_

#include <ctime>

#include "engine/base/units.h"

namespace engine {

inline Time ReadClock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

inline Time MonotonicNow() noexcept {
  return ReadClock(CLOCK_MONOTONIC);
}
inline Time WallNow() noexcept {
  return ReadClock(CLOCK_REALTIME);
}  // since 1970, UTC

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_CLOCK_H_
