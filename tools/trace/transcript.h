// What the packets of a trace say: the session and its messages as milter/mta_transaction.h has
// them, for replaying, exporting and statistics.
//
// Decoding is tolerant: a packet that says nothing to us is passed over and counted. Macros of MAIL
// and later go to the transaction, a recipient's to the recipient, those before MAIL to the
// session; of a macro that is sent again the first value counts. Values that the mail server's end
// makes itself (queue id, addresses) are put where MtaSession looks for them.
// Not kept, for MtaScript has no place: that HELO names differ before the first MAIL (the last
// counts), a HELO or an UNKNOWN inside a message, a second UNKNOWN before one, a CONNECT after
// QUIT_NC; they are counted as not understood.
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
  // Offsets of the client's steps in microseconds since the record's time: MAIL, each RCPT, DATA,
  // the first packet of content (header field, EOH or body), the end of message, the verdict. A
  // step's macros count where the filter did not want the command; 0: it was not sent.
  std::uint64_t mail_us = 0;
  std::vector<std::uint64_t> rcpt_us{};
  std::uint64_t data_us = 0, content_us = 0, end_of_message_us = 0, verdict_us = 0;
  // Header fields, empty line and body, as in an SMTP transfer; 0: the content had not begun.
  std::uint64_t message_bytes = 0;
  std::uint32_t not_understood = 0;
};
// `leading_space`: header values begin with their white space (session.answer.protocol has
// kLeadingSpace); else one blank is put before them. How the client left (Stop) is read from the
// packets: an ABORT in place of a verdict is a reset, a QUIT the client's leaving, neither a lost
// mail server (kDrop). A record with decided_at 0 has no verdict; when its packets have one all the
// same, it was imported or made up, and no reply in it counts.
RecordedTransaction DecodeTransaction(const TransactionRecord& record,
                                      std::string body,
                                      bool leading_space);

// "accepted", "rejected", "tempfailed", "discarded", "none". Static.
const char* OutcomeText(milter::Outcome outcome);

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRANSCRIPT_H_
