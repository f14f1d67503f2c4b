// Text in which an octet may be written as an escape character and two hex digits.
//
//   quoted-printable =C3   xtext +2B   URLs, RFC 2231 and AM.PDP %40
//
//   Decode("z=65bra") -> |zebra| -> changed in place -> Encode() -> "q=6Dvtx"
// What was escaped is written escaped again, so the text keeps its length. A replacement has to
// keep octets that stand for themselves within what may: letters for letters and so on.
// An escape character without two hex digits stands for itself.
#ifndef MILLRACE_TOOLS_ANONYMISE_ESCAPED_TEXT_H_
#define MILLRACE_TOOLS_ANONYMISE_ESCAPED_TEXT_H_

#include <string>
#include <string_view>

#include "tools/anonymise/octets.h"

namespace anonymise {

class EscapedText {
 public:
  explicit EscapedText(char escape) noexcept : escape_(escape) {}

  // Replaces what was decoded before.
  void Decode(std::string_view text);
  Octets octets() noexcept { return octets_; }
  // `text`: what was decoded, to be overwritten.
  void Encode(Octets text) const noexcept;

 private:
  char escape_;
  std::string octets_;
  std::string escaped_;  // per octet 0 or 1
};

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_ESCAPED_TEXT_H_
