// LogLine: words and escaped key=value fields in a buffer of fixed size.
#include <array>
#include <charconv>
#include <cstring>

#include "engine/base/log.h"

namespace engine {
namespace {

constexpr std::string_view kCutMark = "...";

// The length of the well-formed UTF-8 sequence at the start of `text` that stands for a printable
// character above U+009F, else 0. (The C1 controls U+0080..U+009F move a terminal's cursor like
// escape sequences.) Source: Unicode standard, table 3-7.
std::size_t PrintableUtf8(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = at(1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool no_character = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  const bool control = lead == 0xC2 && second < 0xA0;
  return overlong || no_character || control ? 0 : length;
}

enum class OctetKind : std::uint8_t {
  kPlain,    // stands for itself
  kQuoted,   // too, in a quoted value
  kEscaped,  // in a quoted value
  kOther,    // part of a character, or escaped
};

constexpr OctetKind KindOf(unsigned octet) {
  if (octet >= 0x80) return OctetKind::kOther;
  if (octet == ' ' || octet == '=') return OctetKind::kQuoted;
  if (octet < ' ' || octet == 0x7F || octet == '"' || octet == '\\') return OctetKind::kEscaped;
  return OctetKind::kPlain;
}

constexpr std::array<OctetKind, 256> MakeOctetKinds() {
  std::array<OctetKind, 256> kinds{};
  for (unsigned octet = 0; octet < kinds.size(); ++octet)
    kinds[octet] = KindOf(octet);
  return kinds;
}

constexpr std::array<OctetKind, 256> kOctetKind = MakeOctetKinds();

constexpr std::size_t Octet(char c) noexcept {
  return static_cast<unsigned char>(c);
}

bool NeedsQuotes(std::string_view value) noexcept {
  if (value.empty()) return true;
  for (const char c : value) {
    const OctetKind kind = kOctetKind[Octet(c)];
    if (kind == OctetKind::kQuoted || kind == OctetKind::kEscaped) return true;
  }
  return false;
}

// Writes the escaped form of one octet.
std::size_t EscapeOctet(char c, std::array<char, 4>& to) noexcept {
  constexpr std::string_view kHex = "0123456789abcdef";
  to[0] = '\\';
  switch (c) {
    case '\n': to[1] = 'n'; return 2;
    case '\r': to[1] = 'r'; return 2;
    case '\t': to[1] = 't'; return 2;
    case '"':
    case '\\': to[1] = c; return 2;
    default: break;
  }
  const auto octet = static_cast<unsigned char>(c);
  to[1] = 'x';
  to[2] = kHex[octet >> 4U];
  to[3] = kHex[octet & 0xFU];
  return 4;
}

}  // namespace

// Appends all of `text` or, where it does not fit, nothing but the mark of a cut; nothing follows
// that.
void LogLine::Append(std::string_view text) noexcept {
  if (cut_) return;
  if (text.size() > kBytesMax - kCutMark.size() - length_) {
    text = kCutMark;
    cut_ = true;
  }
  std::memcpy(text_.data() + length_, text.data(), text.size());
  length_ += text.size();
}

// Also a part of `text`: a cut shows as much as fits.
void LogLine::AppendWhatFits(std::string_view text) noexcept {
  const std::size_t room = kBytesMax - kCutMark.size() - length_;
  if (cut_ || text.size() <= room) return Append(text);
  Append(text.substr(0, room));
  Append(text.substr(room));
}

void LogLine::AppendEscaped(std::string_view value) noexcept {
  std::array<char, 4> escaped{};
  const auto as_it_is = [](char c) { return kOctetKind[Octet(c)] <= OctetKind::kQuoted; };
  for (std::size_t i = 0; i < value.size() && !cut_;) {
    const char c = value[i];
    if (as_it_is(c)) {
      std::size_t end = i + 1;
      while (end < value.size() && as_it_is(value[end]))
        ++end;
      AppendWhatFits(value.substr(i, end - i));
      i = end;
    } else if (const std::size_t length = PrintableUtf8(value.substr(i)); length > 0) {
      Append(value.substr(i, length));
      i += length;
    } else {
      Append({escaped.data(), EscapeOctet(c, escaped)});
      ++i;
    }
  }
}

LogLine& LogLine::Word(std::string_view word) noexcept {
  if (length_ > 0) Append(" ");
  if (word.size() <= kBytesMax / 2) {
    Append(word);
  } else {
    AppendWhatFits(word);
  }
  return *this;
}

void LogLine::Key(std::string_view key) noexcept {
  if (length_ > 0) Append(" ");
  Append(key);
  Append("=");
}

LogLine& LogLine::Field(std::string_view key, std::string_view value) noexcept {
  Key(key);
  if (!NeedsQuotes(value)) {
    AppendEscaped(value);
    return *this;
  }
  Append("\"");
  AppendEscaped(value);
  Append("\"");
  return *this;
}

LogLine& LogLine::Signed(std::string_view key, std::int64_t value) noexcept {
  std::array<char, 24> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  Key(key);
  Append({digits.data(), static_cast<std::size_t>(result.ptr - digits.data())});
  return *this;
}

LogLine& LogLine::Unsigned(std::string_view key, std::uint64_t value) noexcept {
  std::array<char, 24> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  Key(key);
  Append({digits.data(), static_cast<std::size_t>(result.ptr - digits.data())});
  return *this;
}

LogLine& LogLine::Milliseconds(std::string_view key, Time length) noexcept {
  using Tenths = std::chrono::duration<std::int64_t, std::ratio<1, 10'000>>;
  const std::int64_t tenths =
      length < Time::zero() ? 0 : std::chrono::duration_cast<Tenths>(length).count();
  Signed(key, tenths / 10);
  const std::array<char, 2> fraction{'.', static_cast<char>('0' + tenths % 10)};
  Append({fraction.data(), fraction.size()});
  return *this;
}

LogLine& LogLine::Errno(std::string_view key, int error) noexcept {
  const char* name = strerrorname_np(error);
  return name != nullptr ? Field(key, name) : Signed(key, error);
}

}  // namespace engine
