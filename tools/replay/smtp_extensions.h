// What an SMTP server offers (EHLO), and the command arguments that go by it.
//
//   MAIL FROM:<a> SIZE=.. BODY=.. SMTPUTF8 RET=.. ENVID=.. AUTH=..
//   RCPT TO:<b> NOTIFY=.. ORCPT=..
//   XCLIENT ADDR=.. PORT=.. NAME=.. LOGIN=.. PROTO=.. HELO=..
//
// Source: RFC 5321 4.1.1.1, 4.1.2; RFC 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3461 (DSN,
// xtext), 4954 (AUTH); Postfix's XCLIENT_README: values in xtext, "[UNAVAILABLE]", "IPV6:" before
// an address of that family, no command above 512 octets, answered by 220 and a session anew.
// There is one XCLIENT only: Postfix 3.7 refuses a second one when the client that the first one
// named may not use it.
// Known extensions are those with arguments to MAIL or RCPT; any other argument goes by an
// extension of its own name. BODY=BINARYMIME is never sent: it needs BDAT, which is not played.
#ifndef MILLRACE_TOOLS_REPLAY_SMTP_EXTENSIONS_H_
#define MILLRACE_TOOLS_REPLAY_SMTP_EXTENSIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "milter/mta_transaction.h"
#include "tools/replay/smtp_content.h"
#include "tools/replay/smtp_reply.h"

namespace replay {

inline constexpr std::size_t kXclientMaxBytes = 512;  // a command with CRLF

class SmtpExtensions {
 public:
  void Clear() { lines_.clear(); }
  // Of a 2xx reply to EHLO; replaces what was there.
  void Read(const SmtpReply& reply);
  // `keyword` in upper case.
  bool Offers(std::string_view keyword) const;
  // True when the extension's line names the parameter: ("XCLIENT", "ADDR"). Both in upper case.
  bool Names(std::string_view keyword, std::string_view parameter) const;

 private:
  const std::string* Line(std::string_view keyword) const;

  std::vector<std::string> lines_;  // upper case, without code
};

// The arguments of one command, each with a blank before it, and how many were left out.
struct FittedArguments {
  std::string text;
  std::uint64_t left_out = 0;
};

// What MAIL needs to know about its message.
struct MailFacts {
  ContentMeasure content;
  // Says BODY=8BITMIME and SMTPUTF8 where content or addresses need it and the script does not.
  bool declare_8bit = true;
};

FittedArguments FitMailArguments(const milter::Transaction& transaction,
                                 const MailFacts& facts,
                                 const SmtpExtensions& extensions);
FittedArguments FitRcptArguments(const milter::EnvelopeAddress& recipient,
                                 const SmtpExtensions& extensions);

// "<a@b>", with its brackets in any case.
std::string Bracketed(std::string_view address);

// The arguments of an XCLIENT that makes the server see the script's client: what it offers of
// ADDR, PORT, NAME, LOGIN (the first transaction's {auth_authen}), PROTO and HELO, and what fits
// into one command: HELO and PROTO, the last ones, are said by the EHLO that follows, too. Empty
// when it offers nothing of it.
FittedArguments FitXclientArguments(const milter::MtaScript& script,
                                    const SmtpExtensions& extensions);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_SMTP_EXTENSIONS_H_
