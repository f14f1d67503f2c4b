// How fast a queue drains while somebody waits in it: the time from grant to grant, of late.
//
//   gap = waited / granted      both fade: halved within max(10 s, 16 gaps), at most 60 s
//
// Measured where the queue is served, so it counts whatever holds slots up: long holds, slots that
// nobody waits for any more, a limit that has changed. At the onset of a queue it is a guess
// (`seed`: mean hold / slots), worth kSeedGrants grants, unless one is known of late.
// A queue that stands still is seen by the reader's clock: one fade without a grant doubles the
// gap, six make it 37 times as long. What follows a stillness is not held back by it: it counts as
// one fade at most.
//
// Begin, Granted: one thread at a time. Gap: any thread, a snapshot. Times are passed in.
#ifndef MILLRACE_ENGINE_QUOTA_DRAIN_RATE_H_
#define MILLRACE_ENGINE_QUOTA_DRAIN_RATE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "engine/base/units.h"

namespace engine {

class DrainRate {
 public:
  static constexpr Time kFadeMin = std::chrono::seconds(10);
  static constexpr Time kFadeMax = std::chrono::seconds(60);
  static constexpr double kFadeGaps = 16;
  static constexpr double kSeedGrants = 8;

  // Somebody waits, as nobody did before. `seed`: 0 if nothing is known.
  void Begin(Time now, Time seed) noexcept {
    if (granted_ == 0 || Ns(now - at_) > fade_) {
      granted_ = seed > Time{} ? kSeedGrants : 0;
      waited_ = kSeedGrants * Ns(seed);
    }
    Publish(now);
  }

  // `grants`, at least 1, have been given, the first since the last call, or Begin().
  void Granted(Time now, std::uint32_t grants) noexcept {
    const double passed = std::clamp(Ns(now - at_), 0.0, fade_);
    const double keep = 1 / (1 + passed / fade_);
    waited_ = waited_ * keep + passed;
    granted_ = granted_ * keep + grants;
    Publish(now);
  }

  // From one grant to the next, as things stand; 0: not known.
  Time Gap(Time now) const noexcept {
    const auto gap = static_cast<double>(gap_ns_.load(std::memory_order_relaxed));
    const Time at{at_ns_.load(std::memory_order_relaxed)};
    const auto fade = static_cast<double>(fade_ns_.load(std::memory_order_relaxed));
    const double fades = std::clamp(Ns(now - at) / fade, 0.0, 100.0);
    return Time{static_cast<std::int64_t>(gap * (1 + fades * fades))};
  }

 private:
  static double Ns(Time length) noexcept { return static_cast<double>(length.count()); }

  void Publish(Time now) noexcept {
    at_ = std::max(now, at_);
    const double gap = granted_ == 0 ? 0 : waited_ / granted_;
    fade_ = std::clamp(kFadeGaps * gap, Ns(kFadeMin), Ns(kFadeMax));
    gap_ns_.store(static_cast<std::int64_t>(gap), std::memory_order_relaxed);
    fade_ns_.store(static_cast<std::int64_t>(fade_), std::memory_order_relaxed);
    at_ns_.store(at_.count(), std::memory_order_relaxed);
  }

  double waited_ = 0;  // nanoseconds
  double granted_ = 0;
  double fade_ = Ns(kFadeMin);
  Time at_{};  // of the last grant, or of Begin()
  std::atomic<std::int64_t> gap_ns_{0};
  std::atomic<std::int64_t> fade_ns_{kFadeMin.count()};
  std::atomic<std::int64_t> at_ns_{0};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_DRAIN_RATE_H_
