// What the packets of a trace say: the session and its messages as milter/mta_transaction.h has
// them, for replaying, exporting and statistics.
//
// Decoding is tolerant: a packet that says nothing to us is passed over and counted. Macros of MAIL
// and later go to the transaction, a recipient's to the recipient, those before MAIL to the
// session. Values that the mail server's end makes itself (queue id, addresses) are put where
// MtaSession looks for them.
#ifndef MILLRACE_TOOLS_TRACE_TRANSCRIPT_H_
#define MILLRACE_TOOLS_TRACE_TRANSCRIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "milter/mta_session.h"
#include "milter/negotiate.h"
#include "tools/trace/record.h"

namespace trace {

struct RecordedSession {
  milter::MtaScript script{};                        // without transactions
  milter::MtaKind kind = milter::MtaKind::kPostfix;  // by the macros that it sent
  milter::Offer offer{};
  milter::Offer answer{};                     // what the filter chose
  std::uint64_t connect_us = 0, helo_us = 0;  // offsets of the commands; 0: not sent
  std::uint32_t not_understood = 0;
};
RecordedSession DecodeSession(const SessionRecord& record);

struct RecordedTransaction {
  milter::Transaction transaction{};   // with the body that was given
  milter::TransactionResult result{};  // as recorded; outcome kNone: no verdict
  bool has_verdict = false;
  // Offsets of the client's steps in microseconds since the record's time: MAIL, each RCPT, DATA
  // (absent where it was not sent), the first packet of content, the end of message, the verdict.
  std::uint64_t mail_us = 0;
  std::vector<std::uint64_t> rcpt_us{};
  std::uint64_t data_us = 0, content_us = 0, end_of_message_us = 0, verdict_us = 0;
  std::uint64_t message_bytes = 0;  // header fields and body, as in an SMTP transfer
  std::uint32_t not_understood = 0;
};
// `leading_space`: header values begin with their white space (session.answer.protocol has
// kLeadingSpace); else one blank is put before them. How the client left (Stop) is read from the
// packets: ABORT before a verdict is a reset; `last` and no ABORT and no verdict a lost client.
RecordedTransaction DecodeTransaction(const TransactionRecord& record,
                                      std::string body,
                                      bool leading_space);

// "accepted", "rejected", "tempfailed", "discarded", "none". Static.
const char* OutcomeText(milter::Outcome outcome);

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRANSCRIPT_H_
