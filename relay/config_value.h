// Texts of times and sizes in the configuration file, and back.
//
//   time  "0s" "90s" "5m" "1h" "1d"          size  "0B" "512B" "64KiB" "4MiB" "1GiB"
// A whole number and one unit, without a space. What is written back has the largest unit that
// divides it.
#ifndef MILLRACE_RELAY_CONFIG_VALUE_H_
#define MILLRACE_RELAY_CONFIG_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

// Seconds, and bytes. Empty: not of that form, or beyond 64 bits.
std::optional<std::int64_t> ParseTime(std::string_view text) noexcept;
std::optional<std::int64_t> ParseSize(std::string_view text) noexcept;

std::string TimeText(std::int64_t seconds);
std::string SizeText(std::int64_t bytes);

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_VALUE_H_
