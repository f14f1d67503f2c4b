// base64 both ways, and filler; see the header.
#include "tools/anonymise/base64_text.h"

#include <algorithm>
#include <cstdint>

namespace anonymise {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t ValueOf(char c) noexcept {
  if (IsUpper(c)) return static_cast<std::uint32_t>(c - 'A');
  if (IsLower(c)) return static_cast<std::uint32_t>(c - 'a') + 26;
  if (IsDigit(c)) return static_cast<std::uint32_t>(c - '0') + 52;
  return c == '+' ? 62 : 63;
}

std::size_t PaddingOf(std::string_view text) noexcept {
  if (text.ends_with("==")) return 2;
  return text.ends_with('=') ? 1 : 0;
}

}  // namespace

bool IsBase64(char c) noexcept {
  return IsLetter(c) || IsDigit(c) || c == '+' || c == '/';
}

bool DecodeBase64(std::string_view text, std::string* octets) {
  octets->clear();
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = PaddingOf(text);
  const std::string_view digits = text.substr(0, text.size() - padding);
  if (!std::all_of(digits.begin(), digits.end(), IsBase64)) return false;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : digits) {
    bits = bits << 6U | ValueOf(c);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    octets->push_back(static_cast<char>(bits >> count & 0xffU));
  }
  return true;
}

void EncodeBase64(std::string_view octets, Octets text) noexcept {
  std::size_t at = 0;
  for (std::size_t i = 0; i < octets.size() && at + 4 <= text.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, octets.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8U | (k < count ? static_cast<unsigned char>(octets[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text[at + k] = k <= count ? kDigits[bits >> (18 - 6 * k) & 63U] : '=';
    at += 4;
  }
}

void FillBase64(Octets text, Stream& stream) noexcept {
  std::uint64_t bits = 0;
  unsigned left = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    char& c = text[at];
    if (IsHigh(c)) {
      at += FillHigh(text.subspan(at), stream);
      continue;
    }
    if (IsBase64(c)) {
      if (left == 0) {
        bits = stream.Next();
        left = 10;
      }
      c = kDigits[bits & 63U];
      bits >>= 6U;
      --left;
    } else if (IsOddControl(c)) {
      c = OtherControl(c, stream);
    } else if (c == '=' && at > 0 && IsBase64(text[at - 1])) {
      const bool two = at + 1 < text.size() && text[at + 1] == '=';
      text[at - 1] = kDigits[ValueOf(text[at - 1]) & (two ? 0x30U : 0x3cU)];
    }
    ++at;
  }
}

}  // namespace anonymise
