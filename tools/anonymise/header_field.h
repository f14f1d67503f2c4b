// Rewrites one header field: its name unless everybody uses it, its value by what the name says.
//
//   Received     keywords and date stay; hosts, addresses, words and queue ids do not
//   Date         stays when it is one
//   DKIM-Signature and the like: tags, algorithms and known header names stay; the rest is words
//   Subject and unknown fields: other letters, drawn for the text as a whole
//   the others   addresses, hosts and names word by word
// Folding stays: white space and line ends are never touched.
// Limit: kFieldBytesMax; longer values become filler.
#ifndef MILLRACE_TOOLS_ANONYMISE_HEADER_FIELD_H_
#define MILLRACE_TOOLS_ANONYMISE_HEADER_FIELD_H_

#include <cstddef>
#include <string_view>

#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

inline constexpr std::size_t kFieldBytesMax = 262144;

void RewriteHeaderName(const Pseudonyms& pseudonyms, Octets name);
// `name`: as it was before RewriteHeaderName(). `value`: without the colon.
void RewriteHeaderValue(const Pseudonyms& pseudonyms, std::string_view name, Octets value);

// A date as mail has it, or text.
void RewriteDate(const Pseudonyms& pseudonyms, Octets text);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_HEADER_FIELD_H_
