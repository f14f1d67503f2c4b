// See the header.
#include "tools/record/marked_text.h"

#include <array>

namespace record {
namespace {

constexpr std::string_view kMark = "<U+00";
constexpr std::size_t kMarkBytes = 8;
constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::array<std::string_view, 3> kSignatures = {"@EICAR@", "@EICAR-BASE64@", "@GTUBE@"};

void AppendMark(char octet, std::string* to) {
  const auto value = static_cast<unsigned char>(octet);
  to->append(kMark);
  to->push_back(kHex[value >> 4]);
  to->push_back(kHex[value & 15]);
  to->push_back('>');
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Octets of the UTF-8 sequence at the start of `text`; 0: none. Overlong ones and surrogates count
// as none.
std::size_t SequenceBytes(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  const bool outside = (first == 0xed && at(1) > 0x9f) || (first == 0xf4 && at(1) > 0x8f);
  return overlong || outside ? 0 : bytes;
}

bool BeginsSignature(std::string_view text) {
  for (const std::string_view signature : kSignatures) {
    if (text.starts_with(signature)) return true;
  }
  return false;
}

}  // namespace

bool IsUtf8WithoutMarks(std::string_view text) {
  if (text.find(kMark) != std::string_view::npos) return false;
  while (!text.empty()) {
    const std::size_t bytes = SequenceBytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string WithMarks(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool high = static_cast<unsigned char>(text[at]) >= 0x80;
    if (high || text.substr(at).starts_with(kMark)) {
      AppendMark(text[at], &out);
    } else {
      out.push_back(text[at]);
    }
  }
  return out;
}

std::string WithoutMarks(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool mark = text.starts_with(kMark) && text.size() >= kMarkBytes && text[7] == '>' &&
                      HexValue(text[5]) >= 0 && HexValue(text[6]) >= 0;
    if (mark) {
      out.push_back(static_cast<char>(HexValue(text[5]) * 16 + HexValue(text[6])));
      text.remove_prefix(kMarkBytes);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string WithMessageMarks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t next = text.find_first_of("<@");
    out.append(text.substr(0, next));
    text.remove_prefix(next == std::string_view::npos ? text.size() : next);
    if (text.empty()) break;
    if (text.starts_with(kMark) || BeginsSignature(text)) {
      AppendMark(text.front(), &out);
    } else {
      out.push_back(text.front());
    }
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace record
