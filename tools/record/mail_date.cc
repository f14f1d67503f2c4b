// Dates by words: the text is split at blanks, colons and commas, comments taken out.
#include "tools/record/mail_date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <vector>

namespace record {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::size_t kTextMax = 200;
constexpr std::size_t kWordsMax = 12;
constexpr std::uint64_t kMicroseconds = 1'000'000;
constexpr int kYearMax = 2200;

struct Civil {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::uint64_t microseconds = 0;
  int zone_minutes = 0;
};

std::optional<std::uint64_t> TimeOf(const Civil& civil) {
  using std::chrono::day;
  using std::chrono::month;
  using std::chrono::year;
  if (civil.year < 1970 || civil.year > kYearMax) return std::nullopt;
  if (civil.hour > 23 || civil.minute > 59 || civil.second > 60) return std::nullopt;
  const std::chrono::year_month_day date{year(civil.year), month(civil.month), day(civil.day)};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + civil.hour * 3'600 +
                               (civil.minute - civil.zone_minutes) * 60 +
                               std::min(civil.second, 59);
  if (seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * kMicroseconds + civil.microseconds;
}

// All of `text` as a number of at most `digits` digits.
std::optional<int> Number(std::string_view text, std::size_t digits = 4) {
  int number = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || text.size() > digits || text.front() == '-') return std::nullopt;
  const std::from_chars_result read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

// Words between blanks and commas; comments in parentheses are left out.
std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  text = text.substr(0, kTextMax);
  std::size_t depth = 0;
  std::size_t begin = std::string_view::npos;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const char c = at < text.size() ? text[at] : ' ';
    const bool between =
        depth != 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == '(';
    if (between && begin != std::string_view::npos) {
      words.push_back(text.substr(begin, at - begin));
      begin = std::string_view::npos;
    }
    if (!between && begin == std::string_view::npos) begin = at;
    if (c == '(') ++depth;
    if (c == ')' && depth != 0) --depth;
  }
  if (words.size() > kWordsMax) words.resize(kWordsMax);
  return words;
}

bool SetMonth(std::string_view text, Civil* civil) {
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (text.size() < 3 || text.substr(0, 3) != kMonths[i]) continue;
    civil->month = i + 1;
    return true;
  }
  return false;
}

// "08:05" or "08:05:09".
bool SetClock(std::string_view text, Civil* civil) {
  std::array<int*, 3> parts = {&civil->hour, &civil->minute, &civil->second};
  std::size_t count = 0;
  while (count < parts.size()) {
    const std::size_t colon = text.find(':');
    const std::optional<int> number = Number(text.substr(0, colon), 2);
    if (!number) return false;
    *parts[count++] = *number;
    if (colon == std::string_view::npos) return count >= 2;
    text.remove_prefix(colon + 1);
  }
  return false;
}

bool SetYear(std::string_view text, Civil* civil) {
  const std::optional<int> year = Number(text);
  if (!year) return false;
  civil->year = *year;
  if (text.size() == 2) civil->year += *year < 50 ? 2000 : 1900;
  if (text.size() == 3) civil->year += 1900;
  return true;
}

int ZoneMinutes(std::string_view zone) {
  if (zone.size() == 5 && (zone.front() == '+' || zone.front() == '-')) {
    const std::optional<int> number = Number(zone.substr(1));
    if (!number) return 0;
    const int minutes = *number / 100 * 60 + *number % 100;
    return zone.front() == '-' ? -minutes : minutes;
  }
  // RFC 5322 4.3.
  constexpr std::array<std::string_view, 8> kNames = {
      "EDT", "EST", "CDT", "CST", "MDT", "MST", "PDT", "PST"};
  constexpr std::array<int, 8> kHours = {-4, -5, -5, -6, -6, -7, -7, -8};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (zone == kNames[i]) return kHours[i] * 60;
  }
  return 0;
}

}  // namespace

std::optional<std::uint64_t> ReadMailDate(std::string_view text) {
  std::vector<std::string_view> words = Words(text);
  if (!words.empty() && !Number(words.front(), 2)) words.erase(words.begin());  // the weekday
  if (words.size() < 4) return std::nullopt;
  Civil civil;
  const std::optional<int> day = Number(words[0], 2);
  if (!day || !SetMonth(words[1], &civil) || !SetYear(words[2], &civil) ||
      !SetClock(words[3], &civil)) {
    return std::nullopt;
  }
  civil.day = static_cast<unsigned>(*day);
  if (words.size() > 4) civil.zone_minutes = ZoneMinutes(words[4]);
  return TimeOf(civil);
}

std::optional<std::uint64_t> ReadFromLineDate(std::string_view text) {
  const std::vector<std::string_view> words = Words(text);
  // The weekday may be missing; a zone may stand before the year.
  for (std::size_t at = 0; at + 3 < words.size(); ++at) {
    Civil civil;
    if (!SetMonth(words[at], &civil)) continue;
    const std::optional<int> day = Number(words[at + 1], 2);
    if (!day || !SetClock(words[at + 2], &civil)) return std::nullopt;
    civil.day = static_cast<unsigned>(*day);
    if (SetYear(words[at + 3], &civil)) return TimeOf(civil);
    if (at + 4 < words.size() && SetYear(words[at + 4], &civil)) {
      civil.zone_minutes = ZoneMinutes(words[at + 3]);
      return TimeOf(civil);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ReadRfc3339(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  Civil civil;
  const std::optional<int> year = Number(text.substr(0, 4));
  const std::optional<int> month = Number(text.substr(5, 2));
  const std::optional<int> day = Number(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  civil.year = *year;
  civil.month = static_cast<unsigned>(*month);
  civil.day = static_cast<unsigned>(*day);
  text.remove_prefix(10);
  if (text.empty()) return TimeOf(civil);
  if (text.size() < 9 || (text[0] != 'T' && text[0] != 't' && text[0] != ' ')) return std::nullopt;
  if (!SetClock(text.substr(1, 8), &civil)) return std::nullopt;
  text.remove_prefix(9);
  if (text.starts_with('.')) {
    std::uint64_t unit = kMicroseconds;
    text.remove_prefix(1);
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
      unit /= 10;
      civil.microseconds += static_cast<std::uint64_t>(text.front() - '0') * unit;
    }
  }
  if (text.empty() || text == "Z" || text == "z") return TimeOf(civil);
  if (text.size() != 6 || text[3] != ':') return std::nullopt;
  const std::string zone = std::string(text.substr(0, 3)) + std::string(text.substr(4));
  if ((zone[0] != '+' && zone[0] != '-') || !Number(zone.substr(1))) return std::nullopt;
  civil.zone_minutes = ZoneMinutes(zone);
  return TimeOf(civil);
}

std::string MailDate(std::uint64_t time_us) {
  const auto seconds = static_cast<std::int64_t>(time_us / kMicroseconds);
  const std::chrono::sys_days days{std::chrono::days(seconds / 86'400)};
  const std::chrono::year_month_day date(days);
  const auto of_day = static_cast<int>(seconds % 86'400);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(),
                                 text.size(),
                                 "%s, %u %s %d %02d:%02d:%02d +0000",
                                 kDays[std::chrono::weekday(days).c_encoding()],
                                 static_cast<unsigned>(date.day()),
                                 kMonths[static_cast<unsigned>(date.month()) - 1].data(),
                                 static_cast<int>(date.year()),
                                 of_day / 3600,
                                 of_day / 60 % 60,
                                 of_day % 60);
  return std::string(text.data(), static_cast<std::size_t>(std::max(size, 0)));
}

std::string Rfc3339(std::uint64_t time_us) {
  const auto seconds = static_cast<std::int64_t>(time_us / kMicroseconds);
  const std::chrono::sys_days days{std::chrono::days(seconds / 86'400)};
  const std::chrono::year_month_day date(days);
  const auto of_day = static_cast<int>(seconds % 86'400);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(),
                                 text.size(),
                                 "%04d-%02u-%02uT%02d:%02d:%02d.%06uZ",
                                 static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()),
                                 of_day / 3600,
                                 of_day / 60 % 60,
                                 of_day % 60,
                                 static_cast<unsigned>(time_us % kMicroseconds));
  return std::string(text.data(), static_cast<std::size_t>(std::max(size, 0)));
}

}  // namespace record
