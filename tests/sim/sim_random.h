// The only source of chance in a simulated world: one seed, one run.
//
// splitmix64. Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
// generators", 2014. The distributions of the standard library differ between libraries, so none is
// used.
#ifndef MILLRACE_TESTS_SIM_SIM_RANDOM_H_
#define MILLRACE_TESTS_SIM_SIM_RANDOM_H_

#include <cstddef>
#include <cstdint>

#include "engine/base/units.h"

namespace sim {

class SimRandom {
 public:
  explicit SimRandom(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t Next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  // 0 .. bound - 1; 0 for bound 0.
  std::uint64_t Below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : Next() % bound; }
  // low .. high, both included.
  std::uint64_t Between(std::uint64_t low, std::uint64_t high) noexcept {
    return low + Below(high - low + 1);
  }
  engine::Time Between(engine::Time low, engine::Time high) noexcept {
    if (high <= low) return low;
    return low + engine::Time(static_cast<std::int64_t>(
                     Below(static_cast<std::uint64_t>((high - low).count()) + 1)));
  }
  // A chance of `per_million` in a million. Draws nothing when it is 0.
  bool Chance(std::uint32_t per_million) noexcept {
    return per_million != 0 && Below(1'000'000) < per_million;
  }

 private:
  std::uint64_t state_;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_RANDOM_H_
