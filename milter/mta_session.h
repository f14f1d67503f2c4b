// The mail server's end of one milter connection, as Postfix or as Sendmail plays it.
//
//   kNegotiate -> kConnect -> kHelo -+-> kUnknown? -> kHelo? -> kMail -> kRcpt* -> kData ->
//   kContent
//                                    |        -> kHeader* -> kEndOfHeaders -> kBody* ->
//                                    kEndOfMessage -+
//                                    +<- next transaction, after a verdict or a reset (kReset)
//                                    --------+
//                                    +-> kQuit -> kDone
// Pull bytes with Fill() and send them; Feed() what the filter answers. Fill() gives nothing while
// a reply is awaited, while the client is awaited (paced), and when all is done.
//
//               | Postfix                              | Sendmail
//   writes      | buffer of 4 KiB, flushed before a    | each packet at once
//               | reply is read and at the content     |
//   macros      | also before HEADER and BODY; `i`     | no packet for an empty list; `i` from MAIL
//   on;
//               | once a recipient was accepted        | an EOM list needs an EOH list
//   addresses   | 2001:db8::1                          | IPv6:2001:db8::1
//   ABORT       | after every transaction, and at the  | only for a reset, and only if MAIL was
//   answered
//               | end, before QUIT                     | with CONTINUE or content has begun
//   PROGRESS    | anywhere                             | at end of message alone
// Source: Postfix 3.7 milter8.c, smtpd.c; sendmail-8.17.1.9 milter.c, srvrsmtp.c. Strict where they
// differ: what either calls an error ends the session with error() (so do edits without their
// action bit, which both honour with a warning). No sockets and no clock; it allocates. Not played:
// bounces, several filters, BDAT, MDS.
#ifndef MILLRACE_MILTER_MTA_SESSION_H_
#define MILLRACE_MILTER_MTA_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/units.h"
#include "milter/macros.h"
#include "milter/mta_edits.h"
#include "milter/mta_reply.h"
#include "milter/mta_stream.h"
#include "milter/mta_transaction.h"
#include "milter/negotiate.h"

namespace milter {

enum class MtaKind : std::uint8_t { kPostfix, kSendmail };

struct MtaOptions {
  MtaKind kind = MtaKind::kPostfix;
  Offer offer = {.version = kVersionMax, .actions = kActionsAll, .protocol = kProtocolAll};
  std::size_t buffer_bytes = 4096;  // Postfix; TCP connections have 4 segments
  // The session waits for Advance() before each thing that the SMTP client does: connect, HELO,
  // MAIL, each RCPT, DATA, the content with its end, and the end of the session.
  bool paced = false;
  // What the administrator configured instead of the built-in lists; nullptr: the built-in ones.
  const MacroLists* macro_lists = nullptr;
  bool quit = true;  // false: closes without ABORT and QUIT, as after a lost client
};

// What the SMTP client does next.
enum class ClientStep : std::uint8_t {
  kNone,  // nothing now: the mail server is busy, or all is done
  kConnect,
  kHelo,
  kUnknown,  // a command unknown to SMTP
  kMail,
  kRcpt,
  kData,
  kContent,  // with its end
  kReset,    // leaves the transaction; with StopHow::kQuit the session
  kQuit,
};

enum class Outcome : std::uint8_t {
  kNone,  // reset, dropped, all recipients refused, or not reached
  kAccepted,
  kRejected,
  kTempfailed,
  kDiscarded,
};

struct StageReply {
  Command command = Command::kMail;
  Reply reply = Reply::kContinue;
  std::string text;  // REPLYCODE
};

struct TransactionResult {
  Outcome outcome = Outcome::kNone;
  Command decided_at = Command::kMail;  // when there is an outcome
  std::string reply_text;               // the deciding REPLYCODE's
  std::vector<StageReply> replies;      // all final ones, in order
  std::vector<bool> recipients_accepted;
  std::vector<Edit> edits;
  std::uint32_t progress_count = 0;
};

class MtaSession {
 public:
  // Both outlive the session.
  MtaSession(const MtaOptions& options, const MtaScript& script);

  // The next bytes to send, at most to.size(); 0: nothing now.
  std::size_t Fill(engine::Bytes to);
  // What the filter sent, cut anywhere.
  void Feed(engine::ConstBytes bytes);
  // Paced: the SMTP client does its next step. Steps may be given in advance.
  void Advance() { ++client_steps_; }

  // The connection is to be closed once Fill() answers 0.
  bool finished() const noexcept { return step_ == Step::kDone && stream_.available() == 0; }
  bool awaits_reply() const noexcept { return awaiting_ != 0; }
  // The command whose reply is awaited (a Command), or 0.
  std::uint8_t awaited_command() const noexcept { return awaiting_; }
  // Paced: nothing goes on without Advance().
  bool awaits_client() const noexcept;
  // Which step that is; kNone when !awaits_client().
  ClientStep client_step() const noexcept;
  // The queue ids of this session, by transaction, instead of the script's (which other sessions
  // may be playing); where it is empty or too short, the script's. Before the first Fill().
  void SetQueueIds(std::vector<std::string> ids) { queue_ids_ = std::move(ids); }

  MtaError error() const noexcept { return error_; }
  // Negotiated; zeros before.
  const Answer& answer() const noexcept { return answer_; }
  // The filter is out of the session (ACCEPT, or a refusal, at CONNECT or HELO).
  bool unfiltered() const noexcept { return unfiltered_; }
  // Replies to CONNECT, HELO and UNKNOWN outside a message.
  const std::vector<StageReply>& session_replies() const noexcept { return session_replies_; }
  // One per transaction begun; the last one may not be finished.
  const std::vector<TransactionResult>& results() const noexcept { return results_; }
  std::size_t transactions_done() const noexcept { return transaction_index_; }

 private:
  enum class Step : std::uint8_t {
    kNegotiate,
    kConnect,
    kHelo,
    kUnknown,
    kMail,
    kRcpt,
    kData,
    kContent,
    kHeader,
    kEndOfHeaders,
    kBody,
    kEndOfMessage,
    kReset,
    kQuit,
    kDone,
  };

  // mta_session.cc: the order of things.
  bool CanRun() const noexcept;
  bool IsClientStep() const noexcept;
  void RunStep();
  void RunContentStep();
  void AfterEvent(Command command, bool sent);
  void Proceed(Command command);
  void GoOnAfter(Command command);
  void GoOnAfterHelo();
  void GoOnAfterRcpt(bool accepted);
  Step HeaderOrEnd() const;
  Step BodyOrEnd() const;
  bool StopsAfter(Command command);
  void BeginTransaction();
  void BeginEnvelope();
  void OnReset();
  void EndTransaction(bool abort);
  void CloseNow(bool quit);
  void Enter(Step step) noexcept { step_ = step; }
  void Fail(MtaError error);
  // mta_outcome.cc: what replies do.
  void OnReply(const FilterReply& reply);
  void OnNegotiated(std::string_view payload);
  void OnEdit(const FilterReply& reply);
  void OnFinal(const FilterReply& reply);
  void OnSessionReply(Command command, Reply reply);
  void OnMessageReply(Command command, const FilterReply& reply);
  void OnRefused(Command command, const FilterReply& reply);
  void OnSkip(Command command);
  bool AllowedNow(Reply reply) const noexcept;
  void Decide(Command command, Outcome outcome, std::string_view text);
  // mta_events.cc: the packets.
  void SetMacroNames();
  MtaError ReadMacroLists(std::string_view lists);
  void SendOffer();
  bool SendConnect();
  bool SendHelo();
  bool SendUnknown();
  bool SendMail();
  bool SendRcpt();
  bool SendData();
  bool SendHeader();
  bool SendEndOfHeaders();
  bool SendBody();
  void SendEndOfMessage();
  void SendPlain(Command command);
  bool SendAddress(Command command, const EnvelopeAddress& address);
  void SendMacros(char letter, MacroStage stage);
  void PutMacro(std::string_view wire_name);
  const std::string* MacroText(std::string_view name) const;
  const std::string* QueueId() const;
  const std::string* MessageMacro(std::string_view name) const;
  bool Sends(Command command) const noexcept;
  bool postfix() const noexcept { return options_->kind == MtaKind::kPostfix; }
  const Transaction& transaction() const { return script_->transactions[transaction_index_]; }
  const std::string& body() const { return BodyOf(transaction()); }
  TransactionResult& result() { return results_.back(); }

  const MtaOptions* options_;
  const MtaScript* script_;
  const std::string* helo_;  // what the client says this time
  MtaStream stream_;
  std::string input_;
  std::array<std::vector<std::string>, kMacroStageCount> macro_names_;
  std::vector<std::string> queue_ids_;
  std::vector<StageReply> session_replies_;
  std::vector<TransactionResult> results_;
  Answer answer_;
  Step step_ = Step::kNegotiate;
  MtaError error_ = MtaError::kNone;
  std::uint8_t awaiting_ = 0;
  bool unfiltered_ = false;
  bool in_message_ = false;  // Sendmail: only then is there an ABORT
  bool skip_rcpts_ = false;
  bool skip_headers_ = false;
  bool skip_body_ = false;
  bool body_begun_ = false;  // REPLBODY has been received ...
  bool body_ended_ = false;  // ... and then another edit
  bool data_retried_ = false;
  std::uint64_t client_steps_ = 0;
  std::uint32_t helos_ = 0;
  std::uint32_t stop_count_ = 0;
  std::size_t transaction_index_ = 0;
  std::size_t rcpt_index_ = 0;
  std::size_t rcpts_accepted_ = 0;
  std::size_t header_index_ = 0;
  std::size_t body_at_ = 0;
  bool dropped_ = false;  // closed without waiting: a late reply is no error
  // Macros that are made here.
  std::string client_address_;
  std::string client_port_;
  std::string mail_address_;
  std::string rcpt_address_;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_MTA_SESSION_H_
