// Escapes to octets and back.
#include "tools/anonymise/escaped_text.h"

#include <algorithm>

#include "engine/base/check.h"

namespace anonymise {

void EscapedText::Decode(std::string_view text) {
  octets_.clear();
  escaped_.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escaped = text[at] == escape_ && at + 2 < text.size() && IsHexDigit(text[at + 1]) &&
                         IsHexDigit(text[at + 2]);
    octets_.push_back(escaped
                          ? static_cast<char>(HexValue(text[at + 1]) * 16 + HexValue(text[at + 2]))
                          : text[at]);
    escaped_.push_back(escaped ? 1 : 0);
    if (escaped) at += 2;
  }
}

void EscapedText::Encode(Octets text) const noexcept {
  // AM.PDP's clients write lower-case digits, mail has upper-case ones.
  const std::string_view digits = escape_ == '%' ? "0123456789abcdef" : "0123456789ABCDEF";
  const auto escapes = static_cast<std::size_t>(std::count(escaped_.begin(), escaped_.end(), 1));
  ENGINE_CHECK(text.size() == octets_.size() + 2 * escapes);
  std::size_t at = 0;
  for (std::size_t i = 0; i < octets_.size(); ++i) {
    if (escaped_[i] == 0) {
      text[at++] = octets_[i];
      continue;
    }
    const auto octet = static_cast<unsigned char>(octets_[i]);
    text[at] = escape_;
    text[at + 1] = digits[octet >> 4U];
    text[at + 2] = digits[octet & 15U];
    at += 3;
  }
}

}  // namespace anonymise
