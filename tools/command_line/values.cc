// Numbers are read by std::from_chars: no locale, no leading blanks, nothing left over.
#include "tools/command_line/values.h"

#include <array>
#include <charconv>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace command_line {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t of = 1;
};
// Largest first, as DurationText() and SizeText() look for the first that fits.
constexpr std::array<Unit, 6> kTimes = {{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000}}};
constexpr std::array<Unit, 3> kSizes = {
    {{"G", engine::kMiB* engine::kKiB}, {"M", engine::kMiB}, {"K", engine::kKiB}}};
constexpr mode_t kModeMax = 0777;
constexpr int kOctal = 8;

absl::Status Expected(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what));
}

// True when all of `text` is a number; what follows it goes to `*rest`.
bool TakeReal(std::string_view text, double* number, std::string_view* rest) {
  const char* end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, *number);
  if (read.ec != std::errc() || !(*number >= -kAmountMax * kAmountMax)) return false;
  *rest = std::string_view(read.ptr, static_cast<std::size_t>(end - read.ptr));
  return *number <= kAmountMax * kAmountMax;
}

template <typename Number>
bool IsWhole(std::string_view text, int base, Number* number) {
  const char* end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, *number, base);
  return read.ec == std::errc() && read.ptr == end;
}

template <std::size_t kCount>
const Unit* UnitNamed(const std::array<Unit, kCount>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::uint64_t> ReadNumber(std::string_view text, Range range) {
  std::uint64_t number = 0;
  if (IsWhole(text, 10, &number) && number >= range.min && number <= range.max) return number;
  return Expected(absl::StrCat("a number from ", range.min, " to ", range.max));
}

absl::StatusOr<engine::Time> ReadDuration(std::string_view text) {
  double amount = 0;
  std::string_view name;
  if (TakeReal(text, &amount, &name) && amount >= 0 && amount <= kAmountMax) {
    const Unit* unit = UnitNamed(kTimes, name.empty() ? "s" : name);
    if (unit != nullptr)
      return engine::Time(static_cast<std::int64_t>(amount * static_cast<double>(unit->of)));
  }
  return Expected("a time such as 250ms, 10s, 2m or 1h");
}

absl::StatusOr<std::uint64_t> ReadSize(std::string_view text, Range range) {
  std::uint64_t factor = 1;
  std::string_view digits = text;
  if (!digits.empty()) {
    const Unit* unit = UnitNamed(kSizes, digits.substr(digits.size() - 1));
    if (unit != nullptr) {
      factor = unit->of;
      digits.remove_suffix(1);
    }
  }
  std::uint64_t amount = 0;
  const bool sound = IsWhole(digits, 10, &amount) && amount <= UINT64_MAX / factor;
  const std::uint64_t octets = amount * factor;
  if (sound && octets >= range.min && octets <= range.max) return octets;
  return Expected(absl::StrCat(
      "a size in octets such as 64K or 10M, ", SizeText(range.min), " to ", SizeText(range.max)));
}

absl::StatusOr<double> ReadReal(std::string_view text, double min, double max) {
  double number = 0;
  std::string_view rest;
  const bool sound = TakeReal(text, &number, &rest) && rest.empty();
  if (sound && number >= min && number <= max) return number;
  return Expected(absl::StrCat("a number from ", RealText(min), " to ", RealText(max)));
}

absl::StatusOr<double> ReadFraction(std::string_view text) {
  return ReadReal(text, 0, 1);
}

absl::StatusOr<mode_t> ReadMode(std::string_view text) {
  mode_t mode = 0;
  if (IsWhole(text, kOctal, &mode) && mode <= kModeMax) return mode;
  return Expected("an octal mode such as 0660");
}

std::string DurationText(engine::Time time) {
  const auto nanoseconds = static_cast<std::uint64_t>(time.count() < 0 ? 0 : time.count());
  for (const Unit& unit : kTimes) {
    if (nanoseconds != 0 && nanoseconds % unit.of == 0)
      return absl::StrCat(nanoseconds / unit.of, absl::string_view(unit.name.data()));
  }
  return nanoseconds == 0 ? "0s" : absl::StrCat(static_cast<double>(nanoseconds) / 1e9, "s");
}

std::string SizeText(std::uint64_t octets) {
  for (const Unit& unit : kSizes) {
    if (octets != 0 && octets % unit.of == 0)
      return absl::StrCat(octets / unit.of, absl::string_view(unit.name.data()));
  }
  return absl::StrCat(octets);
}

std::string RealText(double number) {
  return absl::StrCat(number);
}

}  // namespace command_line
