// Rewrites AM.PDP requests and replies, as they were on the wire, in place.
//
//   sender=%3czebra%40herd%2etest%3e   ->  sender=%3ckqmvt%40wopd%2etest%3e
//   setreply=554 5.7.0 Reject,%20id=7  ->  setreply=554 5.7.0 Wcbmqd,%20id=3
//
// Each value is decoded, rewritten by what its attribute is, and encoded octet by octet as it was.
// Numbers, verdicts, names of attributes and policies in capitals stay; paths keep the parts that
// packages choose. What is no attribute line is text.
// Source: ampdp/request_writer.h, ampdp/reply.h; amavisd's README.protocol.
#ifndef MILLRACE_TOOLS_ANONYMISE_SCAN_TEXT_H_
#define MILLRACE_TOOLS_ANONYMISE_SCAN_TEXT_H_

#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

// A request or a reply, perhaps cut off.
void RewriteScanText(const Pseudonyms& pseudonyms, Octets block);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_SCAN_TEXT_H_
