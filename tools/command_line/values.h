// The values that options take, from their text and back to it.
//
//   number     12  1000000                       decimal digits alone
//   duration   250us  250ms  10s  2m  1h  1d     a decimal fraction is allowed; no unit: seconds
//   size       512  64K  10M  1G                 octets; units of 1024
//   fraction   0  0.25  1                        from 0 to 1
//   mode       0660                              octal, 0 to 0777
//
// Errors say what is allowed ("a number from 1 to 64"), not what was given: OptionTable knows that.
// Limits: durations and sizes have kAmountMax of whatever unit.
#ifndef MILLRACE_TOOLS_COMMAND_LINE_VALUES_H_
#define MILLRACE_TOOLS_COMMAND_LINE_VALUES_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/units.h"

namespace command_line {

inline constexpr double kAmountMax = 1e6;

// Both ends belong to it.
struct Range {
  std::uint64_t min = 0;
  std::uint64_t max = UINT32_MAX;
};

absl::StatusOr<std::uint64_t> ReadNumber(std::string_view text, Range range);
absl::StatusOr<engine::Time> ReadDuration(std::string_view text);
absl::StatusOr<std::uint64_t> ReadSize(std::string_view text, Range range);
absl::StatusOr<double> ReadFraction(std::string_view text);
// A decimal number within both, neither NaN nor infinite.
absl::StatusOr<double> ReadReal(std::string_view text, double min, double max);
absl::StatusOr<mode_t> ReadMode(std::string_view text);

// In the largest unit that needs no fraction: "90s", "1500ms", "0s".
std::string DurationText(engine::Time time);
// "64K", "1000".
std::string SizeText(std::uint64_t octets);
// "0.25".
std::string RealText(double number);

}  // namespace command_line

#endif  // MILLRACE_TOOLS_COMMAND_LINE_VALUES_H_
