// What differs between a recorded verdict and the one that the same message got when it was played.
//
//   always      outcome; reply code and enhanced code (a bare REJECT counts as 550 5.7.1, TEMPFAIL
//               as 451 4.7.1: what the mail server says then); which recipients were refused;
//               edits: kinds and names, in order
//   with texts  the reply's text, and the values of edits
//
// Texts name queue ids and log ids, which differ by nature: the queue ids of both are taken for the
// same word, and so is every number. Anything else that differs is told. No state.
#ifndef MILLRACE_TOOLS_REPLAY_VERDICT_DIFF_H_
#define MILLRACE_TOOLS_REPLAY_VERDICT_DIFF_H_

#include <string>
#include <string_view>

#include "milter/mta_session.h"

namespace replay {

struct Verdict {
  const milter::TransactionResult& result;
  std::string_view queue_id;
};

struct DiffOptions {
  bool texts = false;
  bool over_smtp = false;  // edits are not seen there, and a discarded message looks accepted
};

// What differs, as "outcome", "reply 554 5.7.0 / 550 5.7.1", "recipients refused: 2 / none",
// "edits: missing ADDHEADER X-A"; empty: nothing. Outcome kNone: no verdict on the message, as when
// all recipients were refused.
std::string VerdictDifference(const Verdict& recorded,
                              const Verdict& played,
                              const DiffOptions& options);

// "accepted", "rejected 554 5.7.0 text".
std::string VerdictText(const milter::TransactionResult& result);

// Numbers as '#', `queue_id` (when not empty) as "<id>".
std::string NormalText(std::string_view text, std::string_view queue_id);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_VERDICT_DIFF_H_
