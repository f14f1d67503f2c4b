// Text for made-up messages, from a list of neutral words and domains that nobody owns.
//
//   body, small   "Body 17 of this set." and lines of words
//   body, large   multipart/mixed: a text part, and an attachment of base64 lines
//   names         two words and a number at example.com, .net and .org; hosts below them
//   clients       192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32
// Source of the ranges: RFC 2606, RFC 5737, RFC 3849.
// Bodies are cut from two rings of text made once: making one costs a copy. The same seed, index
// and size give the same octets. CRLF line ends.
#ifndef MILLRACE_TOOLS_RECORD_MADE_TEXT_H_
#define MILLRACE_TOOLS_RECORD_MADE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/record/random_stream.h"

namespace record {

inline constexpr std::uint64_t kAttachmentFromBytes = 32 * 1024;

class BodyMaker {
 public:
  explicit BodyMaker(std::uint64_t seed);

  // Exactly `bytes` octets, but never fewer than its first line.
  void Make(std::uint32_t index, std::uint64_t bytes, std::string* body) const;
  // Of the Content-Type field that goes with it.
  static std::string_view ContentType(std::uint64_t bytes);

 private:
  // From the ring, lines up to `bytes` in all; the last one is cut.
  static void AppendLines(std::string_view ring,
                          std::uint64_t place,
                          std::uint64_t bytes,
                          std::string* body);

  std::string words_;
  std::string base64_;
};

// `count` words with blanks between them.
std::string Words(RandomStream& random, std::uint32_t count);
// Letters and digits.
std::string Token(RandomStream& random, std::uint32_t count);

// As Postfix makes them: hexadecimal digits.
std::string MadeQueueId(RandomStream& random);

// The k-th user and domain of the world, "rowan.lamp7" and "slate3.example.net".
std::string UserName(std::uint64_t k);
std::string DomainName(std::uint64_t k);

struct MadeClient {
  std::string address{};
  std::string name{};  // "unknown": one in ten
  std::string helo{};
  char family = '4';
};
MadeClient ClientOf(std::uint64_t k);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_MADE_TEXT_H_
