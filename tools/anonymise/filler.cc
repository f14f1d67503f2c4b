// The words, and how a stretch of octets is filled with them; see the header.
#include "tools/anonymise/filler.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace anonymise {
namespace {

// By length: sixteen words, each with a space behind it.
constexpr std::uint32_t kWordsPerLength = 16;
constexpr std::size_t kWordLengthMax = 9;
constexpr std::array<std::string_view, kWordLengthMax + 1> kWords = {
    "",
    "a a a a a a a a a a a a a a a a ",
    "of in on at by to up as or if so to at in on of ",
    "the and for oak sky sea red day old new two one ten far fog elm ",
    "lake hill wood wind leaf road dusk moss bark calm fern pond glen reed sand tide ",
    "stone river grass cloud birch field green maple light water brook cedar amber cliff marsh "
    "frost ",
    "meadow forest autumn winter spring summer pebble willow valley island harbor anchor copper "
    "silver candle garden ",
    "lantern blanket pasture thicket hillock harvest orchard cottage chimney pottery cabinet "
    "curtain morning evening weather journey ",
    "mountain fountain hillside sunlight pinewood woodland driftage moorland farmland grayling "
    "starling footpath seashore daybreak snowfall rainfall ",
    "boulevard hazelnuts moonlight landscape waterfall sandstone riverbank coastline courtyard "
    "limestone buttercup snowflake afternoon evergreen farmhouse marigolds ",
};

constexpr bool WordsFit() {
  for (std::size_t length = 1; length <= kWordLengthMax; ++length) {
    const std::string_view words = kWords[length];
    if (words.size() != kWordsPerLength * (length + 1)) return false;
    for (std::size_t i = length; i < words.size(); i += length + 1) {
      if (words[i] != ' ') return false;
    }
  }
  return true;
}
static_assert(WordsFit());

// The length of the next word where `left` octets are to be filled: never leaves one octet over.
std::size_t NextLength(std::size_t left, Stream& stream) noexcept {
  std::size_t length = std::min<std::size_t>(2 + stream.Below(kWordLengthMax - 1), left);
  if (left - length == 1) length = length < kWordLengthMax ? length + 1 : length - 1;
  return length;
}

void FillWordsOnce(Octets text, Stream& stream) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = NextLength(text.size() - at, stream);
    const std::size_t place = stream.Below(kWordsPerLength) * (length + 1);
    const bool last = at + length == text.size();
    std::memcpy(&text[at], &kWords[length][place], last ? length : length + 1);
    at += length + 1;
  }
}

char Octet(std::uint32_t value) noexcept {
  return static_cast<char>(static_cast<unsigned char>(value));
}

// One of the `count` characters from `first` on; not `old` when `other` is set.
char Draw(char first, std::uint32_t count, char old, bool other, Stream& stream) noexcept {
  if (!other) return static_cast<char>(first + static_cast<char>(stream.Below(count)));
  const auto skip = static_cast<std::uint32_t>(old - first);
  const std::uint32_t drawn = stream.Below(count - 1);
  return static_cast<char>(first + static_cast<char>(drawn + (drawn >= skip ? 1 : 0)));
}

// A lead octet of the same script, as far as that can be told without a table: Latin, Cyrillic,
// Greek, Chinese; others keep theirs.
unsigned Lead(unsigned lead, Stream& stream) noexcept {
  if (lead >= 0xc3 && lead <= 0xc5) return 0xc3 + stream.Below(3);
  if (lead == 0xce || lead == 0xcf) return 0xce + stream.Below(2);
  if (lead == 0xd0 || lead == 0xd1) return 0xd0 + stream.Below(2);
  if (lead >= 0xe4 && lead <= 0xe9) return 0xe4 + stream.Below(6);
  return lead;
}

// A second octet that makes a valid sequence with `lead`.
unsigned Second(unsigned lead, Stream& stream) noexcept {
  if (lead == 0xc2) return 0xa1 + stream.Below(0x1f);
  if (lead == 0xe0) return 0xa0 + stream.Below(0x20);
  if (lead == 0xed) return 0x80 + stream.Below(0x20);
  if (lead == 0xf0) return 0x90 + stream.Below(0x30);
  if (lead == 0xf4) return 0x80 + stream.Below(0x10);
  return 0x80 + stream.Below(0x40);
}

}  // namespace

void FillWords(Octets text, Stream& stream) noexcept {
  // In a short stretch the text itself could be drawn.
  constexpr std::size_t kShort = 16;
  if (text.empty()) return;
  if (text.size() > kShort) return FillWordsOnce(text, stream);
  std::array<char, kShort> old{};
  std::copy(text.begin(), text.end(), old.begin());
  const std::string_view was(old.data(), text.size());
  for (int i = 0; i < 8; ++i) {
    FillWordsOnce(text, stream);
    if (!EqualsFolded(View(text), was)) return;
  }
}

std::size_t FillHigh(Octets text, Stream& stream) noexcept {
  const std::size_t length = Utf8Sequence(View(text));
  const char old_last = length == 0 ? text[0] : text[length - 1];
  if (length == 0) {
    text[0] = Octet(0xa1 + stream.Below(0x5e));
    if (text[0] == old_last) text[0] = Octet(old_last == Octet(0xfe) ? 0xa1 : 0xfe);
    return 1;
  }
  const unsigned lead = Lead(static_cast<unsigned char>(text[0]), stream);
  text[0] = Octet(lead);
  text[1] = Octet(Second(lead, stream));
  for (std::size_t i = 2; i < length; ++i)
    text[i] = Octet(0x80 + stream.Below(0x40));
  // The next one or the one before differs from it, and is in the same range.
  if (text[length - 1] == old_last) text[length - 1] = Octet(static_cast<unsigned>(old_last) ^ 1U);
  return length;
}

char OtherControl(char old, Stream& stream) noexcept {
  const char drawn = Draw(0x0e, 12, old, false, stream);
  return drawn == old ? '\x01' : drawn;
}

void FillShape(Octets text, Stream& stream) noexcept {
  bool first = true;  // of a run of word octets
  std::size_t at = 0;
  while (at < text.size()) {
    const char old = text[at];
    if (IsHigh(old)) {
      at += FillHigh(text.subspan(at), stream);
      first = false;
      continue;
    }
    if (IsLower(old)) {
      text[at] = Draw('a', 26, old, first, stream);
    } else if (IsUpper(old)) {
      text[at] = Draw('A', 26, old, first, stream);
    } else if (IsDigit(old)) {
      text[at] = Draw('0', 10, old, first, stream);
    } else if (IsOddControl(old)) {
      text[at] = OtherControl(old, stream);
    }
    first = !IsWord(old);
    ++at;
  }
}

}  // namespace anonymise
