// Comparing without case, and telling UTF-8; see the header.
#include "tools/anonymise/octets.h"

#include <algorithm>

namespace anonymise {
namespace {

unsigned At(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
}

bool IsContinuation(unsigned octet) noexcept {
  return (octet & 0xc0U) == 0x80U;
}

// Whether the second octet fits the first: neither overlong nor a surrogate nor above U+10FFFF.
bool SecondFits(unsigned first, unsigned second) noexcept {
  if (first == 0xe0) return second >= 0xa0;
  if (first == 0xed) return second < 0xa0;
  if (first == 0xf0) return second >= 0x90;
  if (first == 0xf4) return second < 0x90;
  return true;
}

}  // namespace

bool EqualsFolded(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && StartsFolded(a, b);
}

bool StartsFolded(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return ToLower(a) == ToLower(b);
         });
}

std::size_t Utf8Sequence(std::string_view text) noexcept {
  const unsigned first = text.empty() ? 0 : At(text, 0);
  const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(At(text, i))) return 0;
  }
  return SecondFits(first, At(text, 1)) ? length : 0;
}

int HexValue(char c) noexcept {
  if (IsDigit(c)) return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace anonymise
