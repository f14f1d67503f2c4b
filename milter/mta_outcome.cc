// The mail server's end: what each reply of the filter does.
#include "milter/commands.h"
#include "milter/mta_session.h"

namespace milter {
namespace {

std::uint8_t Byte(Command command) noexcept {
  return static_cast<std::uint8_t>(command);
}

Outcome RefusalOf(const FilterReply& reply) noexcept {
  const bool permanent = reply.kind == Reply::kReject ||
                         (reply.kind == Reply::kReplyCode && reply.value.starts_with('5'));
  return permanent ? Outcome::kRejected : Outcome::kTempfailed;
}

}  // namespace

void MtaSession::OnReply(const FilterReply& reply) {
  if ((reply.kind == Reply::kNegotiate) != (awaiting_ == Byte(Command::kNegotiate))) {
    Fail(MtaError::kWrongStage);
    return;
  }
  if (reply.kind == Reply::kNegotiate) {
    OnNegotiated(reply.value);
  } else if (!AllowedNow(reply.kind)) {
    Fail(MtaError::kWrongStage);
  } else if (reply.kind == Reply::kProgress) {
    if (awaiting_ == Byte(Command::kEndOfMessage)) ++result().progress_count;
  } else if (IsFinal(reply.kind)) {
    OnFinal(reply);
  } else {
    OnEdit(reply);
  }
}

bool MtaSession::AllowedNow(Reply reply) const noexcept {
  const bool end_of_message = awaiting_ == Byte(Command::kEndOfMessage);
  switch (reply) {
    case Reply::kContinue:
    case Reply::kAccept:
    case Reply::kReject:
    case Reply::kTempfail:
    case Reply::kDiscard:
    case Reply::kReplyCode: return true;
    case Reply::kSkip: return !end_of_message;
    case Reply::kProgress: return end_of_message || postfix();
    case Reply::kShutdown: return postfix();
    case Reply::kQuarantine:
    case Reply::kAddHeader:
    case Reply::kInsertHeader:
    case Reply::kChangeHeader:
    case Reply::kReplaceBody:
    case Reply::kAddRcpt:
    case Reply::kAddRcptPar:
    case Reply::kDeleteRcpt:
    case Reply::kChangeFrom: return end_of_message;
    case Reply::kNegotiate: break;
  }
  return false;
}

void MtaSession::OnNegotiated(std::string_view payload) {
  Offer answered;
  if (!DecodeOffer(payload, &answered)) {
    Fail(MtaError::kMalformed);
    return;
  }
  const Offer& offer = options_->offer;
  const Actions offered_actions = offer.actions == 0 ? kActionsVersion1 : offer.actions;
  const Protocol offered_protocol = offer.protocol == 0 ? kProtocolVersion1 : offer.protocol;
  if (answered.version < kVersionMin || answered.version > offer.version ||
      (answered.actions & ~offered_actions) != 0 || (answered.protocol & ~offered_protocol) != 0) {
    Fail(MtaError::kNegotiation);
    return;
  }
  answer_ = {.version = answered.version,
             .actions = answered.actions,
             .protocol = answered.protocol,
             .macro_lists = nullptr};
  const MtaError error = ReadMacroLists(payload.substr(kNegotiationBytes));
  if (error != MtaError::kNone) {
    Fail(error);
    return;
  }
  awaiting_ = 0;
  Proceed(Command::kNegotiate);
}

void MtaSession::OnEdit(const FilterReply& reply) {
  if ((ActionBit(reply.kind) & ~answer_.actions) != 0) {
    Fail(MtaError::kActionNotNegotiated);
    return;
  }
  if (reply.kind == Reply::kReplaceBody) {
    if (body_ended_) {
      Fail(MtaError::kMixedBody);
      return;
    }
    body_begun_ = true;
  } else {
    body_ended_ = body_begun_;
  }
  result().edits.push_back(
      {reply.kind, reply.index, std::string(reply.name), std::string(reply.value)});
}

void MtaSession::OnFinal(const FilterReply& reply) {
  const auto command = static_cast<Command>(awaiting_);
  awaiting_ = 0;
  const bool of_session =
      command == Command::kConnect || command == Command::kHelo || command == Command::kUnknown;
  (of_session ? session_replies_ : result().replies)
      .push_back({command, reply.kind, std::string(reply.value)});
  if (command == Command::kUnknown) {
    Proceed(command);  // only the text of the error that the client gets anyway
  } else if (of_session) {
    OnSessionReply(command, reply.kind);
  } else {
    OnMessageReply(command, reply);
  }
}

void MtaSession::OnSessionReply(Command command, Reply reply) {
  const bool ignored = reply == Reply::kContinue || (postfix() && reply == Reply::kSkip) ||
                       (reply == Reply::kDiscard && (postfix() || command == Command::kHelo));
  if (ignored) {
    Proceed(command);
    return;
  }
  unfiltered_ = true;
  CloseNow(!postfix());  // Postfix closes without QUIT
}

void MtaSession::OnMessageReply(Command command, const FilterReply& reply) {
  switch (reply.kind) {
    case Reply::kContinue:
      if (command == Command::kMail) in_message_ = true;
      if (command != Command::kEndOfMessage) {
        Proceed(command);
        return;
      }
      Decide(command, Outcome::kAccepted, {});
      EndTransaction(postfix());
      return;
    case Reply::kAccept:
      Decide(command, Outcome::kAccepted, {});
      EndTransaction(postfix());
      return;
    case Reply::kDiscard:
      Decide(command, Outcome::kDiscarded, {});
      EndTransaction(postfix() || (in_message_ && command != Command::kEndOfMessage));
      return;
    case Reply::kReject:
    case Reply::kTempfail:
    case Reply::kReplyCode:
    case Reply::kShutdown: OnRefused(command, reply); return;
    case Reply::kSkip: OnSkip(command); return;
    case Reply::kNegotiate:
    case Reply::kProgress:
    case Reply::kQuarantine:
    case Reply::kAddHeader:
    case Reply::kInsertHeader:
    case Reply::kChangeHeader:
    case Reply::kReplaceBody:
    case Reply::kAddRcpt:
    case Reply::kAddRcptPar:
    case Reply::kDeleteRcpt:
    case Reply::kChangeFrom: break;
  }
}

// A refused DATA leaves the transaction open: the client tries again, or resets.
void MtaSession::OnRefused(Command command, const FilterReply& reply) {
  if (command == Command::kRcpt) {
    GoOnAfterRcpt(false);
    return;
  }
  if (command == Command::kData && transaction().retry_data && !data_retried_) {
    data_retried_ = true;
    Enter(Step::kData);
    return;
  }
  Decide(command, RefusalOf(reply), reply.value);
  if (command == Command::kData) {
    Enter(Step::kReset);
  } else {
    EndTransaction(postfix());
  }
}

void MtaSession::OnSkip(Command command) {
  if (command == Command::kBody ||
      (!postfix() && (command == Command::kHeader || command == Command::kEndOfHeaders))) {
    skip_body_ = true;
  } else if (postfix()) {
    skip_rcpts_ = command == Command::kRcpt;
    skip_headers_ = command == Command::kHeader;
  } else {
    unfiltered_ = true;  // Sendmail leaves the filter out for the rest of the connection
    CloseNow(true);
    return;
  }
  Proceed(command);
}

void MtaSession::Decide(Command command, Outcome outcome, std::string_view text) {
  result().outcome = outcome;
  result().decided_at = command;
  result().reply_text = text;
}

}  // namespace milter
