// Pseudonyms of words: a keyed, stable replacement of the same length and shape.
//
//   Zebra -> Kqmvt   zebra -> kqmvt   12 -> 83   94b6a7 -> 3fd01c   müller -> qüxavd
//
//   symbols of the word:  left half | right half
//                            '--- hash -->+          four rounds, each half in turn,
//                            +<--- hash ---'         then one symbol shifted by 1 to n - 1,
//                                                    then the four rounds backwards
// A word of ASCII letters and digits goes through a permutation of all words of its shape, which
// has no fixed point: two words never share a pseudonym, and none is its own. Case counts for
// nothing but is kept. Words of hexadecimal digits (queue ids) stay such. Longer words (above
// kPermutedMax) and words with 8-bit octets are drawn from a stream seeded by their hash.
// Source: the construction is a Feistel network over mixed radices, as in format-preserving
// encryption (NIST SP 800-38G), conjugating a shift; the function is keyed BLAKE2b of libsodium.
// Who has the key can turn a pseudonym back: a key is a secret as the mail is. Without it words of
// one or two letters, and numbers, are guessable by how often they occur; see the README.
// Not safe for use by several threads at once: pseudonyms already made are kept.
#ifndef MILLRACE_TOOLS_ANONYMISE_PSEUDONYM_H_
#define MILLRACE_TOOLS_ANONYMISE_PSEUDONYM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/anonymise/octets.h"

namespace anonymise {

// The same word has another pseudonym in each kind.
enum class WordKind : std::uint8_t {
  kWord,       // of names and comments
  kLocalPart,  // of an address
  kLabel,      // of a host or domain name
  kBoundary,
  kHeaderName,
  kQueueId,
  kHexGroup,  // of an IPv6 address: letters stay a to f
};

// What a seed is for.
enum class SeedKind : std::uint8_t { kText, kBody, kOctet, kLongWord, kShift };

class Pseudonyms {
 public:
  static constexpr std::size_t kPermutedMax = 64;
  static constexpr std::size_t kKeptMax = 65536;  // pseudonyms; all are forgotten above

  // `key`: any length, hashed; an empty one is a key like another.
  explicit Pseudonyms(std::string_view key);
  ~Pseudonyms();
  Pseudonyms(const Pseudonyms&) = delete;
  Pseudonyms& operator=(const Pseudonyms&) = delete;

  // These domains, and the domain part of names below them, stay as they are: what they decide (is
  // a recipient local?) is decided alike. Given once, before anything is replaced.
  void KeepDomains(const std::vector<std::string>& domains);
  // Where the kept domain at the end of `host` begins; host.size() when there is none.
  std::size_t KeptFrom(std::string_view host) const noexcept;

  // `word`: word octets only.
  void ReplaceWord(WordKind kind, Octets word) const;
  // Every run of word octets in `text`.
  void ReplaceWords(WordKind kind, Octets text) const;

  // A keyed hash of `text`.
  std::uint64_t Seed(SeedKind kind, std::string_view text) const;
  // The same for lines that may end in CR LF or in LF: both ends give one hash.
  std::uint64_t LinesSeed(std::string_view text) const;
  // The place of `index` in a permutation of `count` (1 to 256) that is one cycle, so never
  // `index` itself when count is above 1. Another `context`, another permutation.
  std::size_t PlaceOf(std::size_t index, std::size_t count, std::string_view context) const;

 private:
  static constexpr std::size_t kKeyBytes = 32;

  struct Symbols;
  struct HashText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };

  void ReplaceLongWord(WordKind kind, Octets word) const;
  std::string MakeWord(std::uint8_t variant, std::string_view word, bool hex) const;
  void Permute(Symbols* symbols) const;
  void Round(Symbols* symbols, int round, bool add) const;
  void Shift(Symbols* symbols) const;

  std::array<unsigned char, kKeyBytes> key_{};
  std::vector<std::string> kept_domains_;  // in lower case
  mutable std::unordered_map<std::string, std::string, HashText, std::equal_to<>> kept_;
};

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_PSEUDONYM_H_
