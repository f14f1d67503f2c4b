// Codes attribute values; the rules are in the header. One table look-up an octet, no branch on
// the class of a character but "stands for itself or not".
#include "ampdp/attribute.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace ampdp {
namespace {

using Widths = std::array<std::uint8_t, 256>;  // bytes that each octet takes when encoded

constexpr bool StandsForItself(unsigned octet, Coding coding) {
  switch (coding) {
    case Coding::kClient:
      return (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z') ||
             (octet >= '0' && octet <= '9') || octet == '_' || octet == '-';
    case Coding::kServer: return octet >= 0x21 && octet <= 0x7e && octet != '%';
  }
  return false;
}

constexpr Widths MakeWidths(Coding coding) {
  Widths widths{};
  for (unsigned octet = 0; octet < widths.size(); ++octet)
    widths[octet] = StandsForItself(octet, coding) ? 1 : 3;
  return widths;
}

constexpr Widths kClientWidths = MakeWidths(Coding::kClient);
constexpr Widths kServerWidths = MakeWidths(Coding::kServer);
constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::size_t kNumberDigitsMax = 10;

const Widths& WidthsOf(Coding coding) noexcept {
  return coding == Coding::kClient ? kClientWidths : kServerWidths;
}

// 0 to 15, or -1.
int HexValue(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t EncodedBytes(std::string_view text, Coding coding) noexcept {
  const Widths& widths = WidthsOf(coding);
  std::size_t bytes = 0;
  for (const char c : text)
    bytes += widths[static_cast<unsigned char>(c)];
  return bytes;
}

char* Encode(std::string_view text, Coding coding, char* to) noexcept {
  const Widths& widths = WidthsOf(coding);
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (widths[octet] == 1) {
      *to++ = c;
      continue;
    }
    *to++ = '%';
    *to++ = kHexDigits[octet >> 4];
    *to++ = kHexDigits[octet & 0x0f];
  }
  return to;
}

Decoded DecodeInPlace(std::span<char> encoded) noexcept {
  char* const begin = encoded.data();
  const std::size_t size = encoded.size();
  // Most values need no decoding; they are not copied onto themselves.
  const void* first = size == 0 ? nullptr : std::memchr(begin, '%', size);
  if (first == nullptr) return {.text = {begin, size}};
  std::size_t from = static_cast<std::size_t>(static_cast<const char*>(first) - begin);
  char* to = begin + from;
  while (from < size) {
    if (begin[from] != '%') {
      *to++ = begin[from++];
      continue;
    }
    if (size - from < 3) return {.text = {}, .bad_at = from};
    const int high = HexValue(begin[from + 1]);
    const int low = HexValue(begin[from + 2]);
    if (high < 0 || low < 0) return {.text = {}, .bad_at = from};
    *to++ = static_cast<char>(static_cast<unsigned char>(high << 4 | low));
    from += 3;
  }
  return {.text = {begin, static_cast<std::size_t>(to - begin)}};
}

bool ParseNumber(std::string_view text, std::uint32_t max, std::uint32_t* number) noexcept {
  if (text.empty() || text.size() > kNumberDigitsMax) return false;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(text.begin(), text.end(), digit)) return false;
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > max) return false;
  *number = static_cast<std::uint32_t>(value);
  return true;
}

}  // namespace ampdp
