// What becomes of a message, told by the packets in the order in which they passed.
//
//   command --> awaited --> final reply: CONTINUE goes on, others decide by table
//
//                 | MAIL, HEADER, EOH, BODY | RCPT           | DATA            | EOM
//   CONTINUE      | -                       | -              | -               | accepted, over
//   ACCEPT        | accepted, over          | accepted, over | accepted, over  | accepted, over
//   DISCARD       | discarded, over         | discarded, over| discarded, over | discarded, over
//   REJECT, 5yz   | rejected, over          | -              | rejected        | rejected, over
//   TEMPFAIL, 4yz | tempfailed, over        | -              | tempfailed      | tempfailed, over
// As milter/mta_session.h does. A refused DATA leaves the message open: the client tries again or
// resets. A reply answers the last command before it: mail servers wait for a reply that is due,
// and what a filter need not answer is never waited for, so the negotiated options do not matter.
#ifndef MILLRACE_TOOLS_TRACE_VERDICT_H_
#define MILLRACE_TOOLS_TRACE_VERDICT_H_

#include <cstdint>
#include <string_view>

#include "milter/mta_session.h"

namespace trace {

class Verdict {
 public:
  // A mail server's packet.
  void OnCommand(std::uint8_t code) noexcept;
  // A filter's packet. True: it is a final reply to the awaited command, see answered().
  bool OnReply(std::uint8_t code, std::string_view payload) noexcept;

  // The command that the last reply was for; 0 before.
  std::uint8_t answered() const noexcept { return answered_; }
  milter::Outcome outcome() const noexcept { return outcome_; }
  // 0: there is no outcome.
  std::uint8_t decided_at() const noexcept { return decided_at_; }
  // Nothing more of this message is to come but an ABORT.
  bool over() const noexcept { return over_; }

 private:
  void Decide(milter::Outcome outcome, bool over) noexcept;
  void OnContinue() noexcept;
  void OnRefusal(milter::Outcome outcome) noexcept;

  std::uint8_t awaited_ = 0;
  std::uint8_t answered_ = 0;
  std::uint8_t decided_at_ = 0;
  milter::Outcome outcome_ = milter::Outcome::kNone;
  bool over_ = false;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_VERDICT_H_
