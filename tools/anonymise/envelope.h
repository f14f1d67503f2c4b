// Rewrites what goes with a message: macros, ESMTP arguments, replies, commands, paths.
//
//   {daemon_name}=ORIGINATING stays, mx.zebra.test does not     v, cipher, ports: known words stay
//   SIZE=100 BODY=8BITMIME NOTIFY=FAILURE stay; ORCPT=, ENVID=, AUTH= are xtext (RFC 3461)
//   |554 5.7.0 Reject, id=zebra|: code and enhanced code stay, words do not
// Source: Postfix MILTER_README, Sendmail's operations guide (macros); RFC 3461, 4954, 5321.
#ifndef MILLRACE_TOOLS_ANONYMISE_ENVELOPE_H_
#define MILLRACE_TOOLS_ANONYMISE_ENVELOPE_H_

#include <string_view>

#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

// `name`: with or without braces.
void RewriteMacro(const Pseudonyms& pseudonyms, std::string_view name, Octets value);
// A name with or without braces: stays when mail servers have it.
void RewriteMacroName(const Pseudonyms& pseudonyms, Octets name);
// A host name as a client gives it: "unknown", an address in brackets, perhaps with more words.
void RewriteHostName(const Pseudonyms& pseudonyms, Octets text);
// "KEY=value" or "KEY".
void RewriteEsmtpArgument(const Pseudonyms& pseudonyms, Octets argument);
// The text of a reply, perhaps of several lines.
void RewriteReply(const Pseudonyms& pseudonyms, Octets text);
// A command that the filter's protocol does not know: the verb stays when SMTP has it.
void RewriteCommand(const Pseudonyms& pseudonyms, Octets text);
// A path of a file or socket.
void RewritePath(const Pseudonyms& pseudonyms, Octets path);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_ENVELOPE_H_
