// Header field names compared as mail does: ASCII letters without their case.
//
// Source: RFC 5322 1.2.2. No locale, no allocation.
#ifndef MILLRACE_RELAY_HEADER_NAME_H_
#define MILLRACE_RELAY_HEADER_NAME_H_

#include <algorithm>
#include <string_view>

namespace relay {

constexpr char Lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool SameName(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return Lower(x) == Lower(y);
         });
}

inline bool StartsWithName(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && SameName(text.substr(0, prefix.size()), prefix);
}

inline bool NameBefore(std::string_view a, std::string_view b) noexcept {
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) < Lower(y); });
}

}  // namespace relay

#endif  // MILLRACE_RELAY_HEADER_NAME_H_
