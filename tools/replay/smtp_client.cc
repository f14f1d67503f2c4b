// The client's end of one SMTP session: the order of things.
#include "tools/replay/smtp_client.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace replay {

using milter::Command;
using milter::StopHow;

SmtpClient::SmtpClient(const SmtpOptions& options, const milter::MtaScript& script)
    : options_(&options), script_(&script), helo_(&script.helo) {}

std::size_t SmtpClient::Fill(engine::Bytes to) {
  std::size_t filled = 0;
  while (filled < to.size()) {
    if (output_at_ < output_.size()) {
      const std::size_t count = std::min(to.size() - filled, output_.size() - output_at_);
      std::memcpy(to.data() + filled, output_.data() + output_at_, count);
      filled += count;
      output_at_ += count;
      if (output_at_ == output_.size()) {
        output_.clear();
        output_at_ = 0;
      }
    } else if (!content_.done()) {
      filled += content_.Fill(to.subspan(filled));
      if (content_.done()) OnContentSent();
    } else if (CanRun()) {
      RunStep();
    } else {
      break;
    }
  }
  return filled;
}

void SmtpClient::Feed(engine::ConstBytes bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty() && error_ == SmtpError::kNone && !dropped_ && !finished()) {
    if (!reader_.begun()) reply_early_ = awaited_.empty();
    switch (reader_.Next(&rest)) {
      case SmtpReplyReader::Result::kNeedMore: break;
      case SmtpReplyReader::Result::kReply: OnReply(reader_.reply()); break;
      case SmtpReplyReader::Result::kError:
        Fail(reply_early_ ? SmtpError::kReplyNotDue : reader_.error());
        break;
    }
  }
}

void SmtpClient::FeedEnd() {
  if (error_ != SmtpError::kNone || dropped_ || finished()) return;
  const bool quitting = !awaited_.empty() && awaited_.back() == Awaited::kQuit;
  Fail(quitting ? refusal_ : SmtpError::kClosed);
}

bool SmtpClient::finished() const noexcept {
  return step_ == Step::kDone && output_.empty() && content_.done() && awaited_.empty();
}

bool SmtpClient::awaits_client() const noexcept {
  const bool may_run = awaited_.empty() || MayPipeline();
  return options_->paced && client_steps_ == 0 && may_run &&
         StepOfClient() != milter::ClientStep::kNone;
}

bool SmtpClient::CanRun() const noexcept {
  return step_ != Step::kDone && (awaited_.empty() || MayPipeline()) && !awaits_client();
}

bool SmtpClient::MayPipeline() const noexcept {
  return (step_ == Step::kRcpt || step_ == Step::kData) && options_->pipelining &&
         extensions_.Offers("PIPELINING");
}

milter::ClientStep SmtpClient::StepOfClient() const noexcept {
  using milter::ClientStep;
  switch (step_) {
    case Step::kConnect: return ClientStep::kConnect;
    case Step::kHelo: return ClientStep::kHelo;
    case Step::kUnknown: return ClientStep::kUnknown;
    case Step::kMail: return ClientStep::kMail;
    case Step::kRcpt: return ClientStep::kRcpt;
    case Step::kData: return ClientStep::kData;
    case Step::kContent: return ClientStep::kContent;
    case Step::kReset: return ClientStep::kReset;
    case Step::kQuit: return ClientStep::kQuit;
    case Step::kIntroduce:
    case Step::kXclient:
    case Step::kWait:
    case Step::kDone: break;
  }
  return ClientStep::kNone;
}

milter::ClientStep SmtpClient::client_step() const noexcept {
  return awaits_client() ? StepOfClient() : milter::ClientStep::kNone;
}

void SmtpClient::RunStep() {
  if (options_->paced && StepOfClient() != milter::ClientStep::kNone) --client_steps_;
  switch (step_) {
    case Step::kConnect:  // done by the greeting
      if (options_->xclient) {
        Enter(Step::kIntroduce);
      } else {
        GoOnAfterIntroduction();
      }
      break;
    case Step::kIntroduce:
      introducing_ = true;
      SayHelo();
      break;
    case Step::kXclient: Say("XCLIENT" + xclient_arguments_, Awaited::kXclient); break;
    case Step::kHelo:
      ++helos_;
      if (std::exchange(introduced_as_helo_, false)) {
        GoOnAfterHelo();
      } else {
        SayHelo();
      }
      break;
    case Step::kUnknown: Say(transaction().unknown_line, Awaited::kUnknown); break;
    case Step::kMail: SayMail(); break;
    case Step::kRcpt: SayRcpt(); break;
    case Step::kData: SayData(); break;
    case Step::kContent: BeginContent(); break;
    case Step::kReset: OnReset(); break;
    case Step::kQuit: CloseNow(options_->quit); break;
    case Step::kWait:
    case Step::kDone: break;
  }
}

void SmtpClient::GoOnAfterIntroduction() {
  if (script_->helo_count != 0) {
    Enter(Step::kHelo);
  } else {
    BeginTransaction();
  }
}

void SmtpClient::GoOnAfterHelo() {
  if (helo_ != &script_->helo) {
    Enter(Step::kMail);
  } else if (helos_ < script_->helo_count) {
    Enter(Step::kHelo);
  } else {
    BeginTransaction();
  }
}

void SmtpClient::BeginTransaction() {
  progress_ = {};
  if (transaction_index_ == script_->transactions.size()) {
    Enter(Step::kQuit);
  } else if (!transaction().unknown_line.empty()) {
    Enter(Step::kUnknown);
  } else {
    BeginEnvelope();
  }
}

void SmtpClient::BeginEnvelope() {
  if (transaction().helo.empty()) {
    Enter(Step::kMail);
  } else {
    helo_ = &transaction().helo;
    Enter(Step::kHelo);
  }
}

// All replies to what was sent of MAIL, RCPT and DATA are there.
void SmtpClient::FinishEnvelope() {
  const bool taken = progress_.data == DataState::kTaken;
  if (progress_.mail_refused || (!StopsInEnvelope() && progress_.rcpts_accepted == 0)) {
    if (!progress_.mail_refused) DecideByRecipients();
    if (taken) {
      Say(".", Awaited::kLoneDot);  // RFC 2920 3.1
    } else if (progress_.mail_refused) {
      EndTransaction();
    } else {
      Enter(Step::kReset);
    }
  } else if (StopsInEnvelope()) {
    StopNow();
  } else if (taken) {
    Enter(Step::kContent);
  } else if (transaction().retry_data && !progress_.data_retried) {
    progress_.data_retried = true;
    progress_.data = DataState::kNotAnswered;
    Enter(Step::kData);
  } else {
    const milter::StageReply& last = result().replies.back();  // to DATA
    Decide(Command::kData, last.text);
    Enter(Step::kReset);
  }
}

bool SmtpClient::StopsInEnvelope() const noexcept {
  return StopsAt(Command::kMail, 1) || StopsAt(Command::kRcpt, progress_.rcpts_answered) ||
         (progress_.data == DataState::kTaken && StopsAt(Command::kData, 1));
}

bool SmtpClient::StopsAt(Command command, std::size_t count) const noexcept {
  const milter::Stop& stop = transaction().stop;
  return stop.how != StopHow::kPlayOn && stop.after == command && stop.count == count && count != 0;
}

// There is no RSET or QUIT once the server waits for the content: the connection is lost then.
void SmtpClient::StopNow() {
  const bool drops = transaction().stop.how == StopHow::kDrop;
  if (!drops && progress_.data != DataState::kTaken) {
    Enter(Step::kReset);
    return;
  }
  if (!drops && transaction().stop.after != Command::kEndOfMessage) ++transaction_index_;
  dropped_ = true;
  Enter(Step::kDone);
}

void SmtpClient::EndTransaction() {
  ++transaction_index_;
  BeginTransaction();
}

void SmtpClient::BeginContent() {
  ContentPart part;
  progress_.stops_in_content = StopInContent(transaction(), &part);
  content_.Begin(transaction(), part);
  if (content_.done()) OnContentSent();
}

void SmtpClient::OnContentSent() {
  if (progress_.stops_in_content) {
    StopNow();
  } else {
    awaited_.push_back(Awaited::kEndOfMessage);
    Enter(Step::kWait);
  }
}

void SmtpClient::OnReset() {
  if (transaction().stop.how == StopHow::kQuit) {
    ++transaction_index_;
    CloseNow(options_->quit);
  } else {
    Say("RSET", Awaited::kReset);
  }
}

void SmtpClient::CloseNow(bool quit) {
  if (quit) {
    Say("QUIT", Awaited::kQuit);
  } else {
    error_ = refusal_;
  }
  Enter(Step::kDone);
}

void SmtpClient::Refuse(SmtpError error) {
  refusal_ = error;
  CloseNow(options_->quit);
}

void SmtpClient::Fail(SmtpError error) {
  error_ = error;
  awaited_.clear();
  output_.clear();
  output_at_ = 0;
  content_ = {};
  Enter(Step::kDone);
}

}  // namespace replay
