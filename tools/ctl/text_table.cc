// Alignment and units.
#include "tools/ctl/text_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"

namespace ctl {
namespace {

// Three digits that count.
std::string Short(double value) {
  if (value >= 99.95) return absl::StrFormat("%.0f", value);
  return value >= 9.995 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.2f", value);
}

}  // namespace

std::string CountText(double count) {
  std::string digits = absl::StrFormat("%.0f", count);
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  for (std::size_t from_end = 3; from_end + sign < digits.size(); from_end += 4)
    digits.insert(digits.size() - from_end, 1, ',');
  return digits;
}

std::string SizeText(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrFormat("%.0f B", bytes) : Short(bytes) + " " + kUnits[unit];
}

std::string SecondsText(double seconds) {
  constexpr double kMinute = 60;
  constexpr double kHour = 3600;
  constexpr double kDay = 86400;
  if (seconds <= 0) return "0 s";
  if (seconds < 1) return Short(seconds * 1000) + " ms";
  if (seconds < kMinute) return Short(seconds) + " s";
  const auto in = [seconds](double big, const char* big_unit, double small, const char* unit) {
    const double whole = std::floor(seconds / big);
    return absl::StrFormat(
        "%.0f %s %.0f %s", whole, big_unit, std::floor((seconds - whole * big) / small), unit);
  };
  if (seconds < kHour) return in(kMinute, "min", 1, "s");
  if (seconds < kDay) return in(kHour, "h", kMinute, "min");
  return in(kDay, "d", kHour, "h");
}

void TextTable::Row(std::vector<std::string> cells, std::string remark) {
  lines_.push_back({std::move(cells), std::move(remark)});
}

std::string TextTable::Text() const {
  std::vector<std::size_t> widths;
  for (const Line& line : lines_) {
    widths.resize(std::max(widths.size(), line.cells.size()));
    for (std::size_t i = 0; i < line.cells.size(); ++i)
      widths[i] = std::max(widths[i], line.cells[i].size());
  }
  constexpr std::size_t kGap = 3;
  std::string text;
  for (const Line& line : lines_) {
    std::string row(indent_, ' ');
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
      const std::string& cell = line.cells[i];
      const std::string padding(widths[i] - cell.size(), ' ');
      if (i != 0) row.append(kGap, ' ');
      row += i == 0 ? cell + padding : padding + cell;
    }
    if (!line.remark.empty()) row.append(kGap, ' ').append(line.remark);
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

}  // namespace ctl
