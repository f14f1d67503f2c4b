// The bounds of the daemon's histograms, as metrics show them: round numbers, the same for all that
// measure the same kind of thing, so that they can be added up and compared.
#ifndef MILLRACE_RELAY_HISTOGRAM_BOUNDS_H_
#define MILLRACE_RELAY_HISTOGRAM_BOUNDS_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "engine/base/units.h"

namespace relay {

// Microseconds: from 1 ms to the longest that a mail server waits.
inline constexpr std::array<std::uint64_t, 18> kTimeBounds = {1'000,
                                                              2'500,
                                                              5'000,
                                                              10'000,
                                                              25'000,
                                                              50'000,
                                                              100'000,
                                                              250'000,
                                                              500'000,
                                                              1'000'000,
                                                              2'500'000,
                                                              5'000'000,
                                                              10'000'000,
                                                              30'000'000,
                                                              60'000'000,
                                                              120'000'000,
                                                              300'000'000,
                                                              600'000'000};
// Octets: 1 KiB to 256 MiB.
inline constexpr std::array<std::uint64_t, 10> kSizeBounds = {1'024,
                                                              4'096,
                                                              16'384,
                                                              65'536,
                                                              262'144,
                                                              1'048'576,
                                                              4'194'304,
                                                              16'777'216,
                                                              67'108'864,
                                                              268'435'456};
// Microseconds of a turn of the loop.
inline constexpr std::array<std::uint64_t, 14> kTurnBounds = {50,
                                                              100,
                                                              250,
                                                              500,
                                                              1'000,
                                                              2'500,
                                                              5'000,
                                                              10'000,
                                                              25'000,
                                                              50'000,
                                                              100'000,
                                                              250'000,
                                                              500'000,
                                                              1'000'000};

// For these bounds: rounded up, so that a bound holds what is at most that long.
inline std::uint64_t Microseconds(engine::Time length) noexcept {
  const auto whole = std::chrono::ceil<std::chrono::microseconds>(length).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(whole, 0));
}

}  // namespace relay

#endif  // MILLRACE_RELAY_HISTOGRAM_BOUNDS_H_
