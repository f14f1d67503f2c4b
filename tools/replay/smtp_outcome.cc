// The client's end of one SMTP session: what each reply of the server does.
#include <algorithm>

#include "tools/replay/smtp_client.h"

namespace replay {

using milter::Command;
using milter::Outcome;

namespace {

constexpr int kServiceClosingCode = 421;
constexpr int kPositive = 2;
constexpr int kIntermediate = 3;

bool IsRefusal(int kind) noexcept {
  return kind != kPositive && kind != kIntermediate;
}

}  // namespace

milter::Command SmtpClient::CommandOf(Awaited awaited) noexcept {
  switch (awaited) {
    case Awaited::kGreeting:
    case Awaited::kXclient: return Command::kConnect;
    case Awaited::kEhlo:
    case Awaited::kHelo: return Command::kHelo;
    case Awaited::kUnknown: return Command::kUnknown;
    case Awaited::kMail: return Command::kMail;
    case Awaited::kRcpt: return Command::kRcpt;
    case Awaited::kData: return Command::kData;
    case Awaited::kEndOfMessage: return Command::kEndOfMessage;
    case Awaited::kLoneDot:
    case Awaited::kReset: return Command::kAbort;
    case Awaited::kQuit: break;
  }
  return Command::kQuit;
}

std::uint8_t SmtpClient::awaited_command() const noexcept {
  return awaited_.empty() ? std::uint8_t{0}
                          : static_cast<std::uint8_t>(CommandOf(awaited_.front()));
}

// RFC 5321 4.3.2, by first digit.
bool SmtpClient::CanHave(Awaited awaited, int kind) noexcept {
  switch (awaited) {
    case Awaited::kData: return kind != kPositive;
    case Awaited::kReset: return kind == kPositive;
    case Awaited::kQuit: return true;
    case Awaited::kGreeting:
    case Awaited::kEhlo:
    case Awaited::kHelo:
    case Awaited::kXclient:
    case Awaited::kUnknown:
    case Awaited::kMail:
    case Awaited::kRcpt:
    case Awaited::kEndOfMessage:
    case Awaited::kLoneDot: break;
  }
  return kind != kIntermediate;
}

void SmtpClient::OnReply(const SmtpReply& reply) {
  if (reply_early_ || awaited_.empty()) {
    Fail(reply.code == kServiceClosingCode ? SmtpError::kServiceClosing : SmtpError::kReplyNotDue);
    return;
  }
  const Awaited awaited = awaited_.front();
  awaited_.pop_front();
  Note(awaited, reply);
  if (reply.code == kServiceClosingCode && awaited != Awaited::kQuit) {
    OnServiceClosing(awaited, reply);
  } else if (!CanHave(awaited, reply.kind())) {
    Fail(SmtpError::kWrongReply);
  } else if (CommandOf(awaited) == Command::kAbort) {
    EndTransaction();
  } else if (CommandOf(awaited) == Command::kQuit) {
    error_ = refusal_;
  } else if (awaited < Awaited::kMail) {
    OnSessionReply(awaited, reply);
  } else {
    OnTransactionReply(awaited, reply);
  }
}

void SmtpClient::Note(Awaited awaited, const SmtpReply& reply) {
  const bool of_transaction = awaited >= Awaited::kMail && awaited <= Awaited::kLoneDot;
  (of_transaction ? result().replies : session_replies_)
      .push_back({CommandOf(awaited),
                  IsRefusal(reply.kind()) ? milter::Reply::kReplyCode : milter::Reply::kContinue,
                  reply.text});
}

// The transaction has its answer, but nothing follows.
void SmtpClient::OnServiceClosing(Awaited awaited, const SmtpReply& reply) {
  if (awaited >= Awaited::kMail && awaited <= Awaited::kReset) {
    if (result().outcome == Outcome::kNone) Decide(CommandOf(awaited), reply.text);
    ++transaction_index_;
  }
  Fail(SmtpError::kServiceClosing);
}

void SmtpClient::OnSessionReply(Awaited awaited, const SmtpReply& reply) {
  const bool refused = IsRefusal(reply.kind());
  if (awaited == Awaited::kUnknown) {
    BeginEnvelope();  // a refusal is what such a command is for
  } else if (awaited == Awaited::kGreeting) {
    if (refused) Refuse(SmtpError::kGreetingRefused);
  } else if (awaited == Awaited::kXclient) {
    if (refused) return Refuse(SmtpError::kXclientRefused);
    xclient_taken_ = true;
    GoOnAfterIntroduction();
  } else if (awaited == Awaited::kEhlo && refused) {
    esmtp_ = false;
    SayHelo();
  } else if (refused) {
    Refuse(SmtpError::kHeloRefused);
  } else {
    if (awaited == Awaited::kEhlo) {
      extensions_.Read(reply);
    } else {
      extensions_.Clear();
    }
    OnHeloTaken();
  }
}

void SmtpClient::OnHeloTaken() {
  if (!introducing_) {
    GoOnAfterHelo();
    return;
  }
  introducing_ = false;
  const FittedArguments arguments = FitXclientArguments(*script_, extensions_);
  arguments_left_out_ += arguments.left_out;
  xclient_arguments_ = arguments.text;
  if (!xclient_arguments_.empty()) {
    Enter(Step::kXclient);
  } else {
    introduced_as_helo_ = script_->helo_count != 0;
    GoOnAfterIntroduction();
  }
}

void SmtpClient::OnTransactionReply(Awaited awaited, const SmtpReply& reply) {
  if (awaited == Awaited::kEndOfMessage) {
    Decide(Command::kEndOfMessage, reply.text);
    EndTransaction();
  } else {
    OnEnvelopeReply(awaited, reply);
    if (step_ == Step::kWait && awaited_.empty()) FinishEnvelope();
  }
}

void SmtpClient::OnEnvelopeReply(Awaited awaited, const SmtpReply& reply) {
  const bool refused = IsRefusal(reply.kind());
  if (awaited == Awaited::kMail) {
    if (!refused) return;
    progress_.mail_refused = true;
    Decide(Command::kMail, reply.text);
    Enter(Step::kWait);
  } else if (awaited == Awaited::kRcpt) {
    result().recipients_accepted.push_back(!refused);
    ++progress_.rcpts_answered;
    if (!refused) ++progress_.rcpts_accepted;
    const bool last = progress_.rcpts_answered == transaction().recipients.size();
    if (last && progress_.rcpts_accepted == 0) Enter(Step::kWait);
  } else {
    progress_.data = refused ? DataState::kRefused : DataState::kTaken;
  }
}

void SmtpClient::Decide(Command command, std::string_view text) {
  constexpr char kPermanent = '5';
  const bool accepted = text.front() == '2';
  const Outcome refusal = text.front() == kPermanent ? Outcome::kRejected : Outcome::kTempfailed;
  result().outcome = accepted ? Outcome::kAccepted : refusal;
  result().decided_at = command;
  result().reply_text = text;
}

// One that may be tried again makes the whole transaction so.
void SmtpClient::DecideByRecipients() {
  const milter::StageReply* deciding = nullptr;
  for (const milter::StageReply& reply : result().replies) {
    if (reply.command != Command::kRcpt) continue;
    if (deciding == nullptr || reply.text.front() == '4') deciding = &reply;
  }
  if (deciding != nullptr) Decide(Command::kRcpt, deciding->text);
}

}  // namespace replay
