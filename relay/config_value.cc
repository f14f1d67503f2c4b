// A number, then one of a few units.
#include "relay/config_value.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace relay {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// From the largest on.
constexpr std::array<Unit, 4> kTimes{{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}};
constexpr std::array<Unit, 4> kSizes{
    {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};

std::optional<std::int64_t> Parse(std::string_view text, std::span<const Unit> units) noexcept {
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || number < 0) return std::nullopt;
  const auto digits = static_cast<std::size_t>(result.ptr - text.data());
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string Text(std::int64_t value, std::span<const Unit> units) {
  const Unit* best = &units.back();
  for (const Unit& unit : units) {
    if (value == 0 || value % unit.factor != 0) continue;
    best = &unit;
    break;
  }
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

std::optional<std::int64_t> ParseTime(std::string_view text) noexcept {
  return Parse(text, kTimes);
}

std::optional<std::int64_t> ParseSize(std::string_view text) noexcept {
  return Parse(text, kSizes);
}

std::string TimeText(std::int64_t seconds) {
  return Text(seconds, kTimes);
}

std::string SizeText(std::int64_t bytes) {
  return Text(bytes, kSizes);
}

}  // namespace relay
