// base64: decoding and encoding of short texts, and filler that is valid.
//
// Source: RFC 2045 section 6.8. Only the alphabet of mail, without line lengths of its own.
#ifndef MILLRACE_TOOLS_ANONYMISE_BASE64_TEXT_H_
#define MILLRACE_TOOLS_ANONYMISE_BASE64_TEXT_H_

#include <string>
#include <string_view>

#include "tools/anonymise/filler.h"
#include "tools/anonymise/octets.h"

namespace anonymise {

bool IsBase64(char c) noexcept;

// False when `text` is not whole groups of four with at most two "=" at the end.
[[nodiscard]] bool DecodeBase64(std::string_view text, std::string* octets);
// The opposite: `text` has the size that the octets need.
void EncodeBase64(std::string_view octets, Octets text) noexcept;

// Draws every character of the alphabet anew, so that what stands before "=" is still what an
// encoder writes; other letters than ASCII and odd control octets are replaced by their like, the
// rest stays.
void FillBase64(Octets text, Stream& stream) noexcept;

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_BASE64_TEXT_H_
