// The mail server's end of one milter connection: the order of things.
#include "milter/mta_session.h"

namespace milter {
namespace {

std::uint8_t Byte(Command command) noexcept {
  return static_cast<std::uint8_t>(command);
}

}  // namespace

MtaSession::MtaSession(const MtaOptions& options, const MtaScript& script)
    : options_(&options),
      script_(&script),
      helo_(&script.helo),
      stream_(options.kind == MtaKind::kPostfix ? options.buffer_bytes : 0),
      client_address_(script.client_address),
      client_port_(std::to_string(script.client_port)) {
  if (options.kind == MtaKind::kSendmail && script.client_family == '6') {
    client_address_.insert(0, "IPv6:");
  }
  SetMacroNames();
}

std::size_t MtaSession::Fill(engine::Bytes to) {
  std::size_t filled = 0;
  while (filled < to.size()) {
    if (stream_.available() != 0) {
      filled += stream_.Fill(to.subspan(filled));
    } else if (CanRun()) {
      RunStep();
    } else {
      break;
    }
  }
  return filled;
}

void MtaSession::Feed(engine::ConstBytes bytes) {
  if (bytes.empty() || error_ != MtaError::kNone || dropped_) return;
  input_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string_view rest = input_;
  while (!rest.empty() && error_ == MtaError::kNone) {
    if (awaiting_ == 0) {
      Fail(MtaError::kReplyNotDue);
      break;
    }
    const Frame frame = NextFrame(rest);
    if (frame.result == FrameResult::kNeedMore) break;
    if (frame.result == FrameResult::kBadLength) {
      Fail(MtaError::kLength);
      break;
    }
    FilterReply reply;
    const MtaError error = ParseReply(frame.code, frame.payload, &reply);
    if (error != MtaError::kNone) {
      Fail(error);
    } else {
      OnReply(reply);
    }
    rest.remove_prefix(frame.bytes);
  }
  input_.erase(0, input_.size() - rest.size());
}

bool MtaSession::awaits_client() const noexcept {
  return options_->paced && client_steps_ == 0 && awaiting_ == 0 && IsClientStep();
}

bool MtaSession::CanRun() const noexcept {
  return awaiting_ == 0 && step_ != Step::kDone && !awaits_client();
}

bool MtaSession::IsClientStep() const noexcept {
  switch (step_) {
    case Step::kConnect:
    case Step::kHelo:
    case Step::kUnknown:
    case Step::kMail:
    case Step::kRcpt:
    case Step::kData:
    case Step::kContent:
    case Step::kReset:
    case Step::kQuit: return true;
    case Step::kNegotiate:
    case Step::kHeader:
    case Step::kEndOfHeaders:
    case Step::kBody:
    case Step::kEndOfMessage:
    case Step::kDone: break;
  }
  return false;
}

ClientStep MtaSession::client_step() const noexcept {
  if (!awaits_client()) return ClientStep::kNone;
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
    case Step::kNegotiate:
    case Step::kHeader:
    case Step::kEndOfHeaders:
    case Step::kBody:
    case Step::kEndOfMessage:
    case Step::kDone: break;
  }
  return ClientStep::kNone;
}

void MtaSession::RunStep() {
  if (options_->paced && IsClientStep()) --client_steps_;
  switch (step_) {
    case Step::kNegotiate:
      SendOffer();
      stream_.Flush();
      awaiting_ = Byte(Command::kNegotiate);
      break;
    case Step::kConnect: AfterEvent(Command::kConnect, SendConnect()); break;
    case Step::kHelo: AfterEvent(Command::kHelo, SendHelo()); break;
    case Step::kUnknown: AfterEvent(Command::kUnknown, SendUnknown()); break;
    case Step::kMail: AfterEvent(Command::kMail, SendMail()); break;
    case Step::kRcpt: AfterEvent(Command::kRcpt, SendRcpt()); break;
    case Step::kData: AfterEvent(Command::kData, SendData()); break;
    case Step::kContent:
    case Step::kHeader:
    case Step::kEndOfHeaders:
    case Step::kBody:
    case Step::kEndOfMessage: RunContentStep(); break;
    case Step::kReset: OnReset(); break;
    case Step::kQuit: CloseNow(options_->quit); break;
    case Step::kDone: break;
  }
}

void MtaSession::RunContentStep() {
  switch (step_) {
    case Step::kContent:
      stream_.Flush();  // Postfix hands the socket from smtpd to cleanup
      in_message_ = true;
      Enter(HeaderOrEnd());
      break;
    case Step::kHeader: AfterEvent(Command::kHeader, SendHeader()); break;
    case Step::kEndOfHeaders: AfterEvent(Command::kEndOfHeaders, SendEndOfHeaders()); break;
    case Step::kBody: AfterEvent(Command::kBody, SendBody()); break;
    case Step::kEndOfMessage:
      SendEndOfMessage();
      stream_.Flush();
      if (!StopsAfter(Command::kEndOfMessage)) awaiting_ = Byte(Command::kEndOfMessage);
      break;
    case Step::kNegotiate:
    case Step::kConnect:
    case Step::kHelo:
    case Step::kUnknown:
    case Step::kMail:
    case Step::kRcpt:
    case Step::kData:
    case Step::kReset:
    case Step::kQuit:
    case Step::kDone: break;
  }
}

void MtaSession::AfterEvent(Command command, bool sent) {
  if (!sent || (answer_.protocol & NoReplyBit(command)) != 0) {
    Proceed(command);
    return;
  }
  stream_.Flush();
  awaiting_ = Byte(command);
}

// The command was handled, and nobody objected.
void MtaSession::Proceed(Command command) {
  if (command == Command::kRcpt) {
    GoOnAfterRcpt(true);
  } else if (!StopsAfter(command)) {
    GoOnAfter(command);
  }
}

void MtaSession::GoOnAfter(Command command) {
  switch (command) {
    case Command::kNegotiate: Enter(Step::kConnect); break;
    case Command::kConnect:
      if (script_->helo_count != 0) {
        Enter(Step::kHelo);
      } else {
        BeginTransaction();
      }
      break;
    case Command::kHelo: GoOnAfterHelo(); break;
    case Command::kUnknown: BeginEnvelope(); break;
    case Command::kMail:
      Enter(transaction().recipients.empty() ? Step::kReset : Step::kRcpt);
      break;
    case Command::kData: Enter(Step::kContent); break;
    case Command::kHeader: Enter(HeaderOrEnd()); break;
    case Command::kEndOfHeaders:
    case Command::kBody: Enter(BodyOrEnd()); break;
    case Command::kRcpt:
    case Command::kMacro:
    case Command::kEndOfMessage:
    case Command::kAbort:
    case Command::kQuit:
    case Command::kQuitNc: break;
  }
}

// Postfix resets after every HELO but the first.
void MtaSession::GoOnAfterHelo() {
  if (postfix() && (helos_ > 1 || script_->after_xclient)) SendPlain(Command::kAbort);
  if (helo_ != &script_->helo) {
    Enter(Step::kMail);
  } else if (helos_ < script_->helo_count) {
    Enter(Step::kHelo);
  } else {
    BeginTransaction();
  }
}

void MtaSession::GoOnAfterRcpt(bool accepted) {
  result().recipients_accepted.push_back(accepted);
  if (accepted) ++rcpts_accepted_;
  ++rcpt_index_;
  if (StopsAfter(Command::kRcpt)) return;
  if (rcpt_index_ < transaction().recipients.size()) {
    Enter(Step::kRcpt);
  } else {
    Enter(rcpts_accepted_ != 0 ? Step::kData : Step::kReset);
  }
}

MtaSession::Step MtaSession::HeaderOrEnd() const {
  const bool more = header_index_ < transaction().headers.size();
  return more && !skip_headers_ && Sends(Command::kHeader) ? Step::kHeader : Step::kEndOfHeaders;
}

MtaSession::Step MtaSession::BodyOrEnd() const {
  const bool more = body_at_ < body().size();
  return more && !skip_body_ && Sends(Command::kBody) ? Step::kBody : Step::kEndOfMessage;
}

bool MtaSession::StopsAfter(Command command) {
  if (transaction_index_ >= script_->transactions.size() || results_.size() <= transaction_index_) {
    return false;
  }
  const Stop& stop = transaction().stop;
  if (stop.how == StopHow::kPlayOn || stop.after != command) return false;
  if (++stop_count_ != stop.count) return false;
  if (stop.how == StopHow::kDrop || command == Command::kEndOfMessage) {
    stream_.Flush();
    dropped_ = true;
    Enter(Step::kDone);
  } else {
    Enter(Step::kReset);
  }
  return true;
}

void MtaSession::BeginTransaction() {
  in_message_ = skip_rcpts_ = skip_headers_ = skip_body_ = false;
  body_begun_ = body_ended_ = data_retried_ = false;
  stop_count_ = 0;
  rcpt_index_ = rcpts_accepted_ = header_index_ = body_at_ = 0;
  if (transaction_index_ == script_->transactions.size()) {
    Enter(Step::kQuit);
  } else if (!transaction().unknown_line.empty()) {
    Enter(Step::kUnknown);
  } else {
    BeginEnvelope();
  }
}

void MtaSession::BeginEnvelope() {
  if (transaction().helo.empty()) {
    Enter(Step::kMail);
  } else {
    helo_ = &transaction().helo;
    Enter(Step::kHelo);
  }
}

// A client that leaves in a transaction: Postfix resets it first, Sendmail just ends the session.
void MtaSession::OnReset() {
  const bool leaves = transaction().stop.how == StopHow::kQuit;
  EndTransaction(postfix() || (in_message_ && !leaves));
  if (leaves) CloseNow(options_->quit);
}

void MtaSession::EndTransaction(bool abort) {
  if (abort) SendPlain(Command::kAbort);
  ++transaction_index_;
  BeginTransaction();
}

// Postfix resets once more at the end of a session: that is its second ABORT in a row.
void MtaSession::CloseNow(bool quit) {
  if (quit) {
    if (postfix() && helos_ != 0 && !script_->before_xclient) SendPlain(Command::kAbort);
    SendPlain(Command::kQuit);
  }
  stream_.Flush();
  Enter(Step::kDone);
}

void MtaSession::Fail(MtaError error) {
  error_ = error;
  awaiting_ = 0;
  Enter(Step::kDone);
}

}  // namespace milter
