// Byte units and the time type that every layer passes around.
#ifndef MILLRACE_ENGINE_BASE_UNITS_H_
#define MILLRACE_ENGINE_BASE_UNITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace engine {

using Bytes =
    std::span<std::byte>;  // mutable: line ends are converted in place, without a second buffer
using ConstBytes = std::span<const std::byte>;
using Time = std::chrono::nanoseconds;  // CLOCK_MONOTONIC (virtual in the simulated loop): a point
                                        // or a length

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;
inline constexpr Time kNever = Time::max();

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_UNITS_H_
