// The client's end of one SMTP session: plays a milter::MtaScript to a mail server.
//
//   kConnect -> kIntroduce? -> kXclient? -> kHelo* -+-> kUnknown? -> kHelo? -> kMail -> kRcpt* ->
//                                                   |     kData -> kWait -> kContent -> kWait -+
//                                                   +<- next, after a verdict or kReset ------+
//                                                   +-> kQuit -> kDone
// Pull bytes with Fill() and send them; Feed() what the server answers; FeedEnd() when it closes.
// With PIPELINING (RFC 2920) MAIL, RCPTs and DATA go out without waiting, and kWait is left when
// all their replies are there; else each command waits for its own.
//
// Beside milter::MtaSession, member by member, so that a player can hold either:
//   Fill, Feed, Advance, finished, awaits_reply, awaits_client, client_step, results,
//   session_replies   as there; a paced script takes the same Advance() calls (connect, HELO, MAIL,
//                     each RCPT, DATA, content, RSET, QUIT), the introduction and XCLIENT being
//                     part of the first one (filters see what came before XCLIENT as a connection
//                     of its own, with a HELO and no message)
//   awaited_command   kConnect: greeting, XCLIENT; kAbort: RSET, and the dot that ends an unwanted
//                     DATA; kEndOfMessage: a verdict; the oldest one when several are awaited
//   FeedEnd           has no counterpart: an SMTP session ends with the server's 221, or its close
//   unfiltered        has none: a refused greeting or HELO is an error() here, after a QUIT
//   results           outcome kAccepted is a 2xx to the end of data, with its text in reply_text,
//                     which is the whole reply; a refusal of all recipients decides, at RCPT (any
//                     4xx makes it kTempfailed); no edits, no progress; replies are kContinue (2xx,
//                     3xx) or kReplyCode, with their text
//   Stop              kReset is RSET, kQuit is QUIT, kDrop closes; within the content there is
//                     neither RSET nor QUIT, so each of them closes, and what follows is not played
// Not the script's but the server's: queue ids, macros (but {auth_authen}, for XCLIENT LOGIN),
// before_xclient, after_xclient. Not played: STARTTLS, AUTH, BDAT. helo_count 0: no HELO, so no
// extensions either, unless XCLIENT is wanted.
// Source: RFC 5321, 2920; Postfix 3.7 smtpd.c, smtp_proto.c. Limits: kCommandMaxBytes, those of
// smtp_reply.h. No sockets and no clock; it allocates, though never for the content.
#ifndef MILLRACE_TOOLS_REPLAY_SMTP_CLIENT_H_
#define MILLRACE_TOOLS_REPLAY_SMTP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/units.h"
#include "milter/mta_session.h"
#include "milter/mta_transaction.h"
#include "tools/replay/smtp_content.h"
#include "tools/replay/smtp_extensions.h"
#include "tools/replay/smtp_reply.h"

namespace replay {

inline constexpr std::size_t kCommandMaxBytes = 2048;  // with CRLF; Postfix's line_length_limit

struct SmtpOptions {
  bool xclient = true;       // where offered, for what is offered
  bool pipelining = true;    // where offered
  bool declare_8bit = true;  // MailFacts
  bool paced = false;        // as in milter::MtaOptions
  bool quit = true;          // false: closes without QUIT
};

class SmtpClient {
 public:
  // Both outlive the session.
  SmtpClient(const SmtpOptions& options, const milter::MtaScript& script);

  // The next bytes to send, at most to.size(); 0: nothing now.
  std::size_t Fill(engine::Bytes to);
  // What the server sent, cut anywhere.
  void Feed(engine::ConstBytes bytes);
  // The server has closed its direction: an error unless the session is over or QUIT was said.
  void FeedEnd();
  // Paced: the client does its next step. Steps may be given in advance.
  void Advance() { ++client_steps_; }

  // The connection is to be closed once Fill() answers 0.
  bool finished() const noexcept;
  bool awaits_reply() const noexcept { return !awaited_.empty(); }
  // The command whose reply comes next (a milter::Command), or 0.
  std::uint8_t awaited_command() const noexcept;
  // Paced: nothing goes on without Advance().
  bool awaits_client() const noexcept;
  // What it would begin; kNone: nothing is waited for.
  milter::ClientStep client_step() const noexcept;

  SmtpError error() const noexcept { return error_; }
  // XCLIENT was said, and taken.
  bool xclient_taken() const noexcept { return xclient_taken_; }
  // What the last EHLO offered.
  const SmtpExtensions& extensions() const noexcept { return extensions_; }
  // Arguments to MAIL and RCPT that were not sent because the server does not offer them, and to
  // XCLIENT because they did not fit.
  std::uint64_t arguments_left_out() const noexcept { return arguments_left_out_; }
  // Replies outside a transaction.
  const std::vector<milter::StageReply>& session_replies() const noexcept {
    return session_replies_;
  }
  // One per transaction begun; the last one may not be finished.
  const std::vector<milter::TransactionResult>& results() const noexcept { return results_; }
  std::size_t transactions_done() const noexcept { return transaction_index_; }

 private:
  enum class Step : std::uint8_t {
    kConnect,
    kIntroduce,
    kXclient,
    kHelo,
    kUnknown,
    kMail,
    kRcpt,
    kData,
    kWait,  // for replies
    kContent,
    kReset,
    kQuit,
    kDone,
  };
  enum class Awaited : std::uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kXclient,
    kUnknown,
    kMail,
    kRcpt,
    kData,
    kEndOfMessage,
    kLoneDot,  // after DATA was taken for a transaction that is none
    kReset,
    kQuit,
  };
  enum class DataState : std::uint8_t { kNotAnswered, kTaken, kRefused };
  // What is known of the transaction under way.
  struct Progress {
    bool mail_refused = false;
    bool data_retried = false;
    DataState data = DataState::kNotAnswered;
    std::size_t rcpts_sent = 0;
    std::size_t rcpts_answered = 0;
    std::size_t rcpts_accepted = 0;
    bool stops_in_content = false;
  };

  // smtp_client.cc: the order of things.
  bool CanRun() const noexcept;
  bool MayPipeline() const noexcept;
  milter::ClientStep StepOfClient() const noexcept;
  void RunStep();
  void BeginTransaction();
  void BeginEnvelope();
  void GoOnAfterHelo();
  void GoOnAfterIntroduction();
  void FinishEnvelope();
  bool StopsInEnvelope() const noexcept;
  void StopNow();
  void EndTransaction();
  void BeginContent();
  void OnContentSent();
  void OnReset();
  void CloseNow(bool quit);
  void Refuse(SmtpError error);
  void Fail(SmtpError error);
  void Enter(Step step) noexcept { step_ = step; }
  // smtp_commands.cc: what is said.
  bool Say(std::string_view command, Awaited awaited);
  void SayHelo();
  void SayMail();
  void SayRcpt();
  void SayData();
  bool StopsAt(milter::Command command, std::size_t count) const noexcept;
  // smtp_outcome.cc: what replies do.
  static milter::Command CommandOf(Awaited awaited) noexcept;
  void OnReply(const SmtpReply& reply);
  void OnServiceClosing(Awaited awaited, const SmtpReply& reply);
  void OnSessionReply(Awaited awaited, const SmtpReply& reply);
  void OnHeloTaken();
  void OnTransactionReply(Awaited awaited, const SmtpReply& reply);
  void OnEnvelopeReply(Awaited awaited, const SmtpReply& reply);
  static bool CanHave(Awaited awaited, int kind) noexcept;
  void Note(Awaited awaited, const SmtpReply& reply);
  void Decide(milter::Command command, std::string_view text);
  void DecideByRecipients();

  const milter::Transaction& transaction() const {
    return script_->transactions[transaction_index_];
  }
  milter::TransactionResult& result() { return results_.back(); }

  const SmtpOptions* options_;
  const milter::MtaScript* script_;
  const std::string* helo_;  // what the client says this time
  std::string output_;       // commands
  std::size_t output_at_ = 0;
  SmtpContent content_;
  SmtpReplyReader reader_;
  bool reply_early_ = false;  // the reply under way began while none was awaited
  std::deque<Awaited> awaited_ = {Awaited::kGreeting};
  SmtpExtensions extensions_;
  std::string xclient_arguments_;
  std::vector<milter::StageReply> session_replies_;
  std::vector<milter::TransactionResult> results_;
  Progress progress_;
  Step step_ = Step::kConnect;
  SmtpError error_ = SmtpError::kNone;
  SmtpError refusal_ = SmtpError::kNone;  // becomes error_ after QUIT
  bool esmtp_ = true;                     // false once EHLO was refused
  bool introducing_ = false;
  bool introduced_as_helo_ = false;  // no XCLIENT came of it: it was the HELO
  bool xclient_taken_ = false;
  bool dropped_ = false;  // closed without waiting: a late reply is no error
  std::uint64_t client_steps_ = 0;
  std::uint64_t arguments_left_out_ = 0;
  std::uint32_t helos_ = 0;
  std::size_t transaction_index_ = 0;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_SMTP_CLIENT_H_
