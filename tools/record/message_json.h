// NAME.json beside NAME.eml: what a message in a trace has beyond its text, out and back in.
//
// The form is that of tools/replay/transaction_set.h, with members more, none of which has to be
// there:
//   "session", "time"            messages of one session; RFC 3339
//   "as"                         postfix or sendmail
//   "session_macros"             as "macros"
//   "queue_id", "sender_macros", "helo_again", "unknown_line", "retry_data"
//   "recipient_details"          [{"arguments": [], "macros": {}}], one a recipient
//   "stop"                       {"how": "reset", "after": "RCPT", "count": 1}: how the client left
//   "marks": true                <U+00e9> in texts stands for that octet, which is no UTF-8
//   "exact"                      header and body in base64, where text lines cannot hold them:
//                                {"headers": [["name", "value"]], "body": ""}
#ifndef MILLRACE_TOOLS_RECORD_MESSAGE_JSON_H_
#define MILLRACE_TOOLS_RECORD_MESSAGE_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "milter/mta_session.h"
#include "tools/record/import_message.h"

namespace record {

// Reads all but header and body into `message` (these too where "exact" has them: `*exact`).
// `*body_bytes`: fill the body up to this; 0: no.
absl::Status ReadMessageJson(std::string_view text,
                             ImportedMessage* message,
                             std::size_t* body_bytes,
                             bool* exact);

struct MessageJsonOptions {
  std::string expect{};  // the recorded outcome; empty: there was none
  bool exact = false;
};
// An object over several lines, as a file.
std::string MessageJson(const ImportedMessage& message, const MessageJsonOptions& options);

// The text of NAME.eml. `*exact`: it does not give the same message back, "exact" is needed.
std::string MessageText(const milter::Transaction& transaction, bool* exact);
// The other way round; NAME.json has been read.
void SetMessageText(std::string_view text, std::size_t body_bytes, milter::Transaction* to);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_MESSAGE_JSON_H_
