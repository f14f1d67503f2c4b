// The filter's end of one milter connection: one function per command.
#include "milter/session.h"

#include <cstddef>

#include "engine/base/check.h"

namespace milter {
namespace {

std::string_view Text(const Packet& packet) noexcept {
  return {reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()};
}

Command CommandOf(const Packet& packet) noexcept {
  return static_cast<Command>(packet.command);
}

BrokenReason ReasonOf(ReadResult result) noexcept {
  switch (result) {
    case ReadResult::kLengthZero: return BrokenReason::kLengthZero;
    case ReadResult::kLengthTooLong: return BrokenReason::kLengthTooLong;
    case ReadResult::kUnknownCommand: return BrokenReason::kUnknownCommand;
    case ReadResult::kNoMemory: return BrokenReason::kNoMemory;
    case ReadResult::kNeedMore:
    case ReadResult::kPacket:
    case ReadResult::kPiece: break;
  }
  return BrokenReason::kNone;
}

bool IsMacroStage(char letter) noexcept {
  return std::string_view("CHMRTLNBEU").find(letter) != std::string_view::npos;
}

}  // namespace

FilterSession::FilterSession(const FilterOptions& options, engine::BlockPool& pool) noexcept
    : options_(&options), reader_(pool, options.payload_bytes_max) {}

Event FilterSession::Next() noexcept {
  for (;;) {
    if (state_ == State::kEnded) {
      static_cast<void>(reader_.TakeUnread());
      return {};
    }
    if (eom_piece_given_) {
      eom_piece_given_ = false;
      return OnEndOfMessage({.result = ReadResult::kPiece,
                             .command = static_cast<std::uint8_t>(Command::kEndOfMessage),
                             .last = true,
                             .payload = {}});
    }
    const Packet packet = reader_.Next();
    switch (packet.result) {
      case ReadResult::kNeedMore: return {};
      case ReadResult::kPacket:
      case ReadResult::kPiece: {
        const Event event = Decode(packet);
        if (event.kind == EventKind::kNeedMore) continue;  // a macro packet to be ignored
        return event;
      }
      case ReadResult::kLengthZero:
      case ReadResult::kLengthTooLong:
      case ReadResult::kUnknownCommand:
      case ReadResult::kNoMemory: return Broken(ReasonOf(packet.result), packet.command);
    }
  }
}

std::uint32_t FilterSession::head_bytes_ahead() const noexcept {
  return state_ == State::kEnded || eom_piece_given_ ? 0 : reader_.head_bytes_ahead();
}

std::uint32_t FilterSession::macro_bytes_ahead() const noexcept {
  return state_ == State::kEnded || eom_piece_given_ ? 0
                                                     : reader_.payload_bytes_ahead(Command::kMacro);
}

std::uint32_t FilterSession::body_bytes_ahead() const noexcept {
  const bool taken = state_ == State::kEnvelope || state_ == State::kContent;
  return taken ? reader_.payload_bytes_ahead(Command::kBody) : 0;
}

Event FilterSession::BodyTaken(std::uint32_t bytes) noexcept {
  ENGINE_CHECK(bytes > 0 && bytes <= body_bytes_ahead());
  return OnBody(reader_.BodyTaken(bytes));
}

void FilterSession::VerdictSent() noexcept {
  if (state_ == State::kVerdict) Enter(State::kIdle);
}

Answer FilterSession::answer() const noexcept {
  return {.version = version_,
          .actions = actions_,
          .protocol = protocol_,
          .macro_lists = (actions_ & kActMacroLists) != 0 ? options_->macro_lists : nullptr};
}

bool FilterSession::in_message() const noexcept {
  switch (state_) {
    case State::kEnvelope:
    case State::kContent:
    case State::kVerdict: return true;
    case State::kStart:
    case State::kIdle:
    case State::kEnded: break;
  }
  return false;
}

bool FilterSession::content_phase() const noexcept {
  if (state_ == State::kContent) return true;
  switch (static_cast<Command>(reader_.half_command())) {
    case Command::kHeader:
    case Command::kEndOfHeaders:
    case Command::kBody:
    case Command::kEndOfMessage: return true;
    case Command::kNegotiate:
    case Command::kMacro:
    case Command::kConnect:
    case Command::kHelo:
    case Command::kMail:
    case Command::kRcpt:
    case Command::kData:
    case Command::kAbort:
    case Command::kQuit:
    case Command::kQuitNc:
    case Command::kUnknown: break;
  }
  return false;
}

Event FilterSession::Decode(const Packet& packet) noexcept {
  const Command command = CommandOf(packet);
  if (state_ == State::kStart && command != Command::kNegotiate) {
    return Broken(BrokenReason::kNotNegotiated, packet.command);
  }
  switch (command) {
    case Command::kNegotiate: return OnNegotiate(packet);
    case Command::kMacro: return OnMacro(packet);
    case Command::kConnect:
    case Command::kHelo: return OnConnection(packet);
    case Command::kMail: return OnMail(packet);
    case Command::kRcpt:
    case Command::kData: return OnRcptOrData(packet);
    case Command::kHeader: return OnHeader(packet);
    case Command::kEndOfHeaders: return OnEndOfHeaders(packet);
    case Command::kBody: return OnBody(packet);
    case Command::kEndOfMessage: return OnEndOfMessage(packet);
    case Command::kUnknown: return OnUnknown(packet);
    case Command::kAbort:
    case Command::kQuit:
    case Command::kQuitNc: return OnEnd(packet);
  }
  return Broken(BrokenReason::kUnknownCommand, packet.command);
}

Event FilterSession::OnNegotiate(const Packet& packet) noexcept {
  if (state_ != State::kStart) return Broken(BrokenReason::kNegotiatedTwice, packet.command);
  Event event = Make(EventKind::kNegotiated, packet);
  if (!DecodeOffer(Text(packet), &event.offer)) {
    return Broken(BrokenReason::kNegotiationShort, packet.command);
  }
  const Negotiation negotiation = Negotiate(event.offer, *options_);
  switch (negotiation.result) {
    case NegotiateResult::kAgreed: break;
    case NegotiateResult::kVersionTooOld:
      return Broken(BrokenReason::kVersionTooOld, packet.command);
    case NegotiateResult::kActionsNotOffered: {
      Event broken = Broken(BrokenReason::kActionsNotOffered, packet.command);
      broken.missing_actions = negotiation.missing_actions;
      return broken;
    }
  }
  version_ = static_cast<std::uint8_t>(negotiation.answer.version);
  actions_ = negotiation.answer.actions;
  protocol_ = negotiation.answer.protocol;
  event.reply_due = true;
  Enter(State::kIdle);
  return event;
}

// Empty packets and unknown letters are ignored, as libmilter does.
Event FilterSession::OnMacro(const Packet& packet) noexcept {
  const std::string_view payload = Text(packet);
  if (payload.empty() || !IsMacroStage(payload.front())) return {};
  Event event = Make(EventKind::kMacro, packet);
  event.stage = payload.front();
  event.value = payload.substr(1);
  return event;
}

Event FilterSession::OnConnection(const Packet& packet) noexcept {
  const bool connect = CommandOf(packet) == Command::kConnect;
  Event event = Make(connect ? EventKind::kConnect : EventKind::kHelo, packet);
  event.aborts_message = in_message();
  if (connect) {
    ConnectCommand decoded;
    if (!DecodeConnect(Text(packet), &decoded)) {
      return Broken(BrokenReason::kMalformed, packet.command);
    }
    event.name = decoded.host;
    event.client = decoded.client;
  } else {
    event.name = DecodeText(Text(packet));
  }
  Enter(State::kIdle);
  return event;
}

Event FilterSession::OnMail(const Packet& packet) noexcept {
  AddressCommand decoded;
  if (!DecodeAddress(Text(packet), &decoded)) {
    return Broken(BrokenReason::kMalformed, packet.command);
  }
  Event event = Make(EventKind::kMail, packet);
  event.aborts_message = in_message();
  event.name = decoded.address;
  event.value = decoded.arguments;
  Enter(State::kEnvelope);
  part_ = Part::kHeaders;
  return event;
}

// Where MAIL is not sent (NOMAIL agreed on), a message begins with whatever comes first.
void FilterSession::BeginWithoutMail() noexcept {
  if (state_ != State::kIdle || (protocol_ & kNoMail) == 0) return;
  Enter(State::kEnvelope);
  part_ = Part::kHeaders;
}

// DATA may be repeated, and recipients may follow it: a mail server whose DATA was refused keeps
// the transaction.
Event FilterSession::OnRcptOrData(const Packet& packet) noexcept {
  if (state_ == State::kVerdict) return Broken(BrokenReason::kOutOfOrder, packet.command);
  BeginWithoutMail();
  const bool rcpt = CommandOf(packet) == Command::kRcpt;
  Event event = Make(rcpt ? EventKind::kRcpt : EventKind::kData, packet);
  if (rcpt) {
    AddressCommand decoded;
    if (!DecodeAddress(Text(packet), &decoded)) {
      return Broken(BrokenReason::kMalformed, packet.command);
    }
    event.name = decoded.address;
    event.value = decoded.arguments;
  }
  event.stray = state_ != State::kEnvelope;
  return event;
}

Event FilterSession::OnHeader(const Packet& packet) noexcept {
  if (state_ == State::kVerdict) return Broken(BrokenReason::kOutOfOrder, packet.command);
  BeginWithoutMail();
  HeaderCommand decoded;
  if (!DecodeHeader(Text(packet), &decoded)) {
    return Broken(BrokenReason::kMalformed, packet.command);
  }
  Event event = Make(EventKind::kHeader, packet);
  event.name = decoded.name;
  event.value = decoded.value;
  event.stray = !in_message() || part_ != Part::kHeaders;
  if (in_message()) Enter(State::kContent);
  return event;
}

Event FilterSession::OnEndOfHeaders(const Packet& packet) noexcept {
  if (state_ == State::kVerdict) return Broken(BrokenReason::kOutOfOrder, packet.command);
  BeginWithoutMail();
  Event event = Make(EventKind::kEndOfHeaders, packet);
  event.stray = !in_message() || part_ != Part::kHeaders;
  if (in_message()) Enter(State::kContent);
  part_ = Part::kBody;
  return event;
}

Event FilterSession::OnBody(const Packet& packet) noexcept {
  if (state_ == State::kVerdict) return Broken(BrokenReason::kOutOfOrder, packet.command);
  BeginWithoutMail();
  Event event = Make(EventKind::kBody, packet);
  event.body = packet.payload;
  event.reply_due = event.reply_due && packet.last;
  event.stray = !in_message();
  if (in_message()) Enter(State::kContent);
  part_ = Part::kBody;
  return event;
}

// Data in the packet comes out as body first.
Event FilterSession::OnEndOfMessage(const Packet& packet) noexcept {
  if (state_ == State::kVerdict) return Broken(BrokenReason::kOutOfOrder, packet.command);
  BeginWithoutMail();
  if (!packet.payload.empty()) {
    eom_piece_given_ = packet.last;
    Event body = OnBody(packet);
    body.reply_due = false;
    return body;
  }
  Event event = Make(EventKind::kEndOfMessage, packet);
  event.reply_due = true;
  event.stray = !in_message();
  if (in_message()) Enter(State::kVerdict);
  return event;
}

// ABORT, QUIT and QUIT_NC: never answered, whatever their payload.
Event FilterSession::OnEnd(const Packet& packet) noexcept {
  const Command command = CommandOf(packet);
  Event event = Make(command == Command::kAbort  ? EventKind::kAbort
                     : command == Command::kQuit ? EventKind::kQuit
                                                 : EventKind::kQuitNc,
                     packet);
  event.reply_due = false;
  event.aborts_message = in_message();
  Enter(command == Command::kQuit ? State::kEnded : State::kIdle);
  return event;
}

// Changes no state, also in the middle of a message.
Event FilterSession::OnUnknown(const Packet& packet) noexcept {
  if (state_ == State::kVerdict) return Broken(BrokenReason::kOutOfOrder, packet.command);
  Event event = Make(EventKind::kUnknown, packet);
  event.name = DecodeText(Text(packet));
  return event;
}

Event FilterSession::Broken(BrokenReason reason, std::uint8_t command) noexcept {
  Event event;
  event.kind = EventKind::kBroken;
  event.reason = reason;
  event.command = command;
  event.aborts_message = in_message();
  Enter(State::kEnded);
  return event;
}

Event FilterSession::Make(EventKind kind, const Packet& packet) const noexcept {
  Event event;
  event.kind = kind;
  event.command = packet.command;
  event.reply_due = NoReplyBit(CommandOf(packet)) != 0 && replies_to(CommandOf(packet));
  return event;
}

std::string_view BrokenReasonText(BrokenReason reason) noexcept {
  switch (reason) {
    case BrokenReason::kNone: return "none";
    case BrokenReason::kLengthZero: return "packet of length zero";
    case BrokenReason::kLengthTooLong: return "packet longer than the limit";
    case BrokenReason::kUnknownCommand: return "unknown command";
    case BrokenReason::kNotNegotiated: return "command before negotiation";
    case BrokenReason::kNegotiatedTwice: return "second negotiation";
    case BrokenReason::kNegotiationShort: return "negotiation shorter than twelve bytes";
    case BrokenReason::kVersionTooOld: return "protocol version below 2";
    case BrokenReason::kActionsNotOffered: return "a required action is not offered";
    case BrokenReason::kMalformed: return "malformed payload";
    case BrokenReason::kOutOfOrder: return "command while the verdict is due";
    case BrokenReason::kNoMemory: return "no memory for a split packet";
  }
  return "none";
}

}  // namespace milter
