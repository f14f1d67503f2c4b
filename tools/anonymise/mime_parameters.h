// Content-Type and Content-Disposition: what they say about a body, and their rewriting.
//
//   multipart/mixed; boundary="=_zebra.1"; name*=utf-8''z%C3%A9bra.pdf
//   '- type, keep -'           '- words -'        '- charset' '- words' '- extension stays
//
// Types, charsets and other known words stay, names of parameters too; a boundary's words get
// pseudonyms of their own kind, here and in the body's delimiter lines alike.
// Source: RFC 2045 section 5.1, 2046 section 5.1.1, 2183, 2231; lenient where mail is: unquoted
// values end at white space, ";" or "(".
// Limits: kBoundaryBytesMax; a longer boundary, one with a backslash, and one in parts (boundary*0)
// count as none.
#ifndef MILLRACE_TOOLS_ANONYMISE_MIME_PARAMETERS_H_
#define MILLRACE_TOOLS_ANONYMISE_MIME_PARAMETERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

inline constexpr std::size_t kBoundaryBytesMax = 200;

enum class MediaKind : std::uint8_t {
  kText,  // and whatever is not one of the others
  kHtml,
  kMultipart,  // has a boundary
  kMessage,    // a message with its own header
  kReport,     // blocks of header-like fields
};

enum class Transfer : std::uint8_t { kIdentity, kBase64, kQuotedPrintable };

struct MediaType {
  MediaKind kind = MediaKind::kText;
  std::string boundary;
};

MediaType ReadContentType(std::string_view value);
Transfer ReadTransferEncoding(std::string_view value);

void RewriteMimeValue(const Pseudonyms& pseudonyms, Octets value);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_MIME_PARAMETERS_H_
