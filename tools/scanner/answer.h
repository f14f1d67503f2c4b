// Turns a request, what was found in its message, and the rule that applies into a reply.
//
// The replies are worded as amavisd 2.13 words them (tests/golden/ampdp):
//   EICAR   reject    554 5.7.0 Reject, id=12438-02 - INFECTED: Eicar-Signature
//   GTUBE   reject    554 5.7.0 Reject, id=12438-02 - spam
//   clean   continue  250 2.5.0 Ok, id=12438-02, continue delivery; X-Spam-* and X-Virus-Scanned
// A tagged or partly deleted message goes on with its edits in amavisd's order: recipients, changed
// header fields, inserted ones (the last one on top), appended ones. All recipients deleted:
// discard.
#ifndef MILLRACE_TOOLS_SCANNER_ANSWER_H_
#define MILLRACE_TOOLS_SCANNER_ANSWER_H_

#include <string>
#include <string_view>
#include <vector>

#include "ampdp/reply.h"
#include "ampdp/request_writer.h"
#include "tools/scanner/message_scan.h"
#include "tools/scanner/rules.h"

namespace scanner {

struct Answer {
  ampdp::Verdict verdict = ampdp::Verdict::kContinue;
  std::string log_id{};
  SetReplyText setreply{};  // code 0: none
  std::vector<OwnedEdit> edits{};
};

// What the check found, the worst first.
Finding FindingOf(const Findings& findings);

// True if `rule`'s patterns and finding fit (its `every` is the caller's to count).
bool Applies(const Rule& rule, const ampdp::Request& request, const Findings& findings);

// `rule` may be null: the content check alone decides.
Answer MakeAnswer(const ampdp::Request& request,
                  const Findings& findings,
                  const Rule* rule,
                  std::string_view log_id);

// The answer to a file that cannot be read or a request that is none: tempfail with a reason.
Answer MakeFailure(std::string_view log_id, std::string_view reason);

// Replaces `*wire` by the reply's bytes.
void WriteAnswer(const Answer& answer, std::string* wire);

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_ANSWER_H_
