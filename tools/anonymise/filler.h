// Text without meaning: neutral words, or octets of the same classes, drawn from a seeded stream.
//
//   FillWords   |the Zebra, 12|  ->  |oak lantern 3|    words of our own; nothing of the text stays
//   FillShape   |Zebra.12@x.y|   ->  |Kqmvt.80@d.r|     letters, digits and 8-bit octets drawn
//   anew,
//                                                       punctuation and white space stay
// What is drawn does not depend on what it replaces, except that it differs from it. A UTF-8
// sequence becomes another one of the same length, any other 8-bit octet another such octet.
// The stream's numbers are no secret; that its seed is a keyed hash is what counts.
#ifndef MILLRACE_TOOLS_ANONYMISE_FILLER_H_
#define MILLRACE_TOOLS_ANONYMISE_FILLER_H_

#include <cstddef>
#include <cstdint>

#include "tools/anonymise/octets.h"

namespace anonymise {

// SplitMix64: the same seed, the same numbers.
class Stream {
 public:
  explicit Stream(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t Next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }
  // 0 to count - 1; count from 1 to 65536.
  std::uint32_t Below(std::uint32_t count) noexcept {
    return static_cast<std::uint32_t>(((Next() >> 32) * count) >> 32);
  }

 private:
  std::uint64_t state_;
};

// Replaces all octets by words, single spaces and at most one full stop.
void FillWords(Octets text, Stream& stream) noexcept;

// Replaces letters, digits, 8-bit octets and odd control octets by others of their class. Each
// run of word octets differs from what it was in its first octet at least.
void FillShape(Octets text, Stream& stream) noexcept;

// Replaces what stands at the start of `text`, one 8-bit octet or one UTF-8 sequence, by another
// one. Returns its octets, at least 1.
std::size_t FillHigh(Octets text, Stream& stream) noexcept;

// Another one of the odd control octets.
char OtherControl(char old, Stream& stream) noexcept;

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_FILLER_H_
