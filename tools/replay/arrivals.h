// When messages arrive in an open loop: a rate that may change, drawn or even, and bursts.
//
//   rate |          ____ rate_to       one arrival falls due whenever the area under the rate has
//        |      ___/                   grown by a step: by 1 (even), or by a draw from the
//        |_____/                       exponential distribution with mean 1 (Poisson). Bursts come
//        '-----|ramp|-------- time     on top, `burst` at once, every `burst_every`.
//
// The same shape and seed give the same times on every machine. No clock: times count from the
// run's beginning, and never go back. After a ramp down to 0 nothing arrives but bursts.
#ifndef MILLRACE_TOOLS_REPLAY_ARRIVALS_H_
#define MILLRACE_TOOLS_REPLAY_ARRIVALS_H_

#include <cstdint>

#include "engine/base/units.h"

namespace replay {

// A stream of numbers from a seed that is the same with every standard library: splitmix64.
// Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t Next() noexcept;
  // 0 to below 1.
  double Fraction() noexcept;
  // 0 to below `bound`, which is not 0.
  std::uint64_t Below(std::uint64_t bound) noexcept { return Next() % bound; }

 private:
  std::uint64_t state_;
};

enum class ArrivalKind : std::uint8_t { kPoisson, kEven };

struct ArrivalShape {
  double rate = 0;      // messages a second at the beginning
  double rate_to = 0;   // ... and after `ramp`, in a straight line
  engine::Time ramp{};  // 0: `rate` all the time
  ArrivalKind kind = ArrivalKind::kPoisson;
  std::uint32_t burst = 0;
  engine::Time burst_every{};  // over 0 where there are bursts; the first one after this time
};

class Arrivals {
 public:
  Arrivals(const ArrivalShape& shape, std::uint64_t seed);

  // The next arrival; engine::kNever: there is none any more.
  engine::Time Peek() const noexcept;
  void Pop();

 private:
  void Draw();
  engine::Time TimeOfArea(double area) const;

  ArrivalShape shape_;
  Draws draws_;
  double area_ = 0;  // under the rate, up to next_
  engine::Time next_{};
  engine::Time next_burst_ = engine::kNever;
  std::uint32_t burst_left_ = 0;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_ARRIVALS_H_
