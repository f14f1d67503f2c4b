// The content check of the built-in scanner: finds EICAR and GTUBE, in MIME parts too.
//
//   message -> raw text searched
//           -> header, body -> multipart: each part (nested to kDepthMax)
//                           -> message/rfc822: the message in it
//                           -> base64, quoted-printable: decoded and searched
//
// Source: RFC 5322 (header fields, folding), RFC 2046 section 5.1 (boundaries).
// Limits: kDepthMax levels, kPartsMax parts; what lies beyond is searched as it is, undecoded.
// No archives, no other encodings: this stands in for a virus scanner in demos and tests.
#ifndef MILLRACE_TOOLS_SCANNER_MESSAGE_SCAN_H_
#define MILLRACE_TOOLS_SCANNER_MESSAGE_SCAN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace scanner {

struct Findings {
  bool eicar = false;
  bool gtube = false;
  // The body of the first Subject field, without the white space after its colon and without its
  // line end; folds kept.
  std::optional<std::string> subject;
};

class MessageScan {
 public:
  static constexpr std::size_t kDepthMax = 10;
  static constexpr std::size_t kPartsMax = 1000;

  MessageScan();

  // Checks one message with LF or CR LF line ends.
  Findings Run(std::string_view message);

 private:
  struct Entity;
  void Search(std::string_view octets);
  void Walk(std::string_view text, std::size_t depth);
  void WalkParts(std::string_view body, std::string_view boundary, std::size_t depth);
  static Entity Split(std::string_view text);

  std::string eicar_;
  std::string gtube_;
  std::string decoded_;
  Findings findings_;
  std::size_t parts_ = 0;
};

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_MESSAGE_SCAN_H_
