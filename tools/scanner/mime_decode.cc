// The two decoders; see the header.
#include "tools/scanner/mime_decode.h"

#include <array>
#include <cstdint>

namespace scanner {
namespace {

constexpr std::uint8_t kNoDigit = 0xff;
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::uint8_t, 256> MakeBase64Values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i)
    values[static_cast<unsigned char>(kBase64Digits[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr std::array<std::uint8_t, 256> kBase64Values = MakeBase64Values();

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// The length of the soft line break that begins at `at` (an "="), or 0: white space may stand
// between the "=" and the line end.
std::size_t SoftBreak(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (text[end] == ' ' || text[end] == '\t' || text[end] == '\r'))
    ++end;
  return end < text.size() && text[end] == '\n' ? end + 1 - at : 0;
}

}  // namespace

void DecodeBase64(std::string_view text, std::string* out) {
  out->clear();
  out->reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  for (const char c : text) {
    if (c == '=') return;
    const std::uint8_t value = kBase64Values[static_cast<unsigned char>(c)];
    if (value == kNoDigit) continue;
    bits = bits << 6 | value;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    out->push_back(static_cast<char>(bits >> bit_count & 0xff));
  }
}

void DecodeQuotedPrintable(std::string_view text, std::string* out) {
  out->clear();
  out->reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '=') {
      out->push_back(text[at++]);
      continue;
    }
    const std::size_t soft_break = SoftBreak(text, at);
    if (soft_break > 0) {
      at += soft_break;
      continue;
    }
    const int high = at + 2 < text.size() ? HexValue(text[at + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[at + 2]) : -1;
    if (low < 0) {
      out->push_back(text[at++]);
      continue;
    }
    out->push_back(static_cast<char>(high * 16 + low));
    at += 3;
  }
}

}  // namespace scanner
