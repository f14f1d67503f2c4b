// Rewrites the payloads of MILTER packets, both directions, in place and by what they hold.
//
//   MACRO    letter, {name NUL value NUL}*     HEADER  name NUL value NUL     HELO     text NUL
//   CONNECT  host NUL family port address NUL  MAIL, RCPT  address NUL {argument NUL}*
//   replies  header edits, addresses, texts    OPTNEG  numbers, then lists of macro names
//
// Numbers, NULs and lengths stay, so a packet that could be decoded still can be. What cannot be
// decoded, and what stands behind what was, is filler: NULs and punctuation stay.
// Bodies are apart (see tools/trace/record.h); a body left in a payload is filled as text.
// Source: milter/commands.h, milter/mta_reply.h, milter/negotiate.h.
#ifndef MILLRACE_TOOLS_ANONYMISE_PACKET_TEXT_H_
#define MILLRACE_TOOLS_ANONYMISE_PACKET_TEXT_H_

#include <cstdint>

#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

// A packet of the mail server.
void RewriteCommandPacket(const Pseudonyms& pseudonyms, std::uint8_t code, Octets payload);
// A packet of the filter. REPLBODY is left alone: its packets make one body.
void RewriteReplyPacket(const Pseudonyms& pseudonyms, std::uint8_t code, Octets payload);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_PACKET_TEXT_H_
