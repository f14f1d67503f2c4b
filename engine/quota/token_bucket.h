// A token bucket in one word (GCRA): how often something may happen, with room for a burst.
//
//   due:   the time at which the bucket is full again. Each event moves it by `every`; it may be at
//          most `every * burst` ahead of now.
//
//              now                 due          now + every * burst
//   -----------|--------------------|------------------|------------>  time
//              '---- spent --------'                    an event that would pass this is refused
//
// A full bucket lets `burst` events through at once, then one per `every`. Over any span of time T
// that is at most burst + T / every events.
// Source: ITU-T I.371 (Generic Cell Rate Algorithm), in its virtual scheduling form.
//
// Times are differences modulo 2^64, so where the clock starts does not matter. A clock that steps
// back, or a rate that has become smaller, leaves a `due` that is too far ahead: it is cut to an
// empty bucket. Clocks of two threads may differ by kClockSlack without that.
// The word is the caller's: here is the arithmetic alone, without atomics and without a clock.
#ifndef MILLRACE_ENGINE_QUOTA_TOKEN_BUCKET_H_
#define MILLRACE_ENGINE_QUOTA_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "engine/base/units.h"

namespace engine {

struct Rate {
  Time every{};             // one event per so much time, at most kEveryMax; 0: no limit
  std::uint32_t burst = 1;  // events at once, 1 .. kBurstMax

  static constexpr Time kEveryMax = std::chrono::hours(1);
  static constexpr std::uint32_t kBurstMax = 100'000;
  bool limited() const noexcept { return every.count() > 0; }
  friend bool operator==(const Rate&, const Rate&) = default;
};
static_assert(Rate::kEveryMax.count() <= INT64_MAX / 2 / Rate::kBurstMax, "a burst fits a Time");

struct BucketStep {
  bool allowed = false;
  std::uint64_t due = 0;  // the word from here on; unchanged: nothing to store
};

inline constexpr Time kClockSlack = std::chrono::seconds(1);

// One event at `now`. `rate` must be limited.
constexpr BucketStep StepBucket(std::uint64_t due, const Rate& rate, Time now) noexcept {
  const auto at = static_cast<std::uint64_t>(now.count());
  const std::int64_t full = rate.every.count() * std::int64_t{rate.burst};
  const auto ahead = static_cast<std::int64_t>(due - at);
  if (ahead > full + kClockSlack.count()) return {false, at + static_cast<std::uint64_t>(full)};
  const std::int64_t spent = std::max<std::int64_t>(ahead, 0);
  if (spent > full - rate.every.count()) return {false, due};
  return {true, at + static_cast<std::uint64_t>(spent + rate.every.count())};
}

// Nothing would be forgotten if the word were.
constexpr bool BucketIsFull(std::uint64_t due, Time now) noexcept {
  return static_cast<std::int64_t>(due - static_cast<std::uint64_t>(now.count())) <= 0;
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_TOKEN_BUCKET_H_
