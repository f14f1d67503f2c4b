// Content-Transfer-Encoding: base64 and quoted-printable to octets.
//
// Source: RFC 2045, sections 6.7 and 6.8. Lenient as scanners must be: what is no base64 is
// skipped, "=" without two hex digits stands for itself, lines may end in LF or CR LF.
// Memory: the output, never more than the input.
#ifndef MILLRACE_TOOLS_SCANNER_MIME_DECODE_H_
#define MILLRACE_TOOLS_SCANNER_MIME_DECODE_H_

#include <string>
#include <string_view>

namespace scanner {

// Both replace `*out`. base64 ends at the first "=".
void DecodeBase64(std::string_view text, std::string* out);
void DecodeQuotedPrintable(std::string_view text, std::string* out);

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_MIME_DECODE_H_
