// What kinds of octets mail text is made of, for all files of this folder.
//
//   word octets   letters, digits, and everything from 0x80 on: what pseudonyms replace
//   kept octets   white space, line ends, punctuation: structure, they stay where they are
// Source: RFC 3629 for the sequences that are UTF-8 (overlong ones and surrogates are not).
// No locale: ASCII letters only.
#ifndef MILLRACE_TOOLS_ANONYMISE_OCTETS_H_
#define MILLRACE_TOOLS_ANONYMISE_OCTETS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace anonymise {

using Octets = std::span<char>;

inline std::string_view View(Octets octets) noexcept {
  return {octets.data(), octets.size()};
}

inline bool IsLower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
inline bool IsUpper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
inline bool IsLetter(char c) noexcept {
  return IsLower(c) || IsUpper(c);
}
inline bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}
inline bool IsHexDigit(char c) noexcept {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
// Above ASCII.
inline bool IsHigh(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x80;
}
inline bool IsWord(char c) noexcept {
  return IsLetter(c) || IsDigit(c) || IsHigh(c);
}
inline bool IsBlank(char c) noexcept {
  return c == ' ' || c == '\t';
}
inline bool IsSpace(char c) noexcept {
  return IsBlank(c) || c == '\r' || c == '\n';
}
// Control octets that are no white space, line end, NUL or escape.
inline bool IsOddControl(char c) noexcept {
  const auto octet = static_cast<unsigned char>(c);
  return octet == 0x7f ||
         (octet > 0 && octet < 0x20 && (octet < 0x09 || octet > 0x0d) && octet != 0x1b);
}
inline char ToLower(char c) noexcept {
  return IsUpper(c) ? static_cast<char>(c + ('a' - 'A')) : c;
}

// The first position from `at` on that is no word octet, or the end.
inline std::size_t WordEnd(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && IsWord(text[at]))
    ++at;
  return at;
}

// Equal but for the case of ASCII letters.
bool EqualsFolded(std::string_view a, std::string_view b) noexcept;
bool StartsFolded(std::string_view text, std::string_view prefix) noexcept;

// 2 to 4 when `text` begins with a valid sequence of several octets, else 0.
std::size_t Utf8Sequence(std::string_view text) noexcept;

// A number 0 to 15, or -1.
int HexValue(char c) noexcept;

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_OCTETS_H_
