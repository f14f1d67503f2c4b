// Envelope and content of a message: into the arena and the spool.
#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "engine/base/check.h"
#include "engine/base/scratch.h"
#include "relay/received.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"
#include "relay/trace.h"

namespace relay {
namespace {

using engine::SpoolFate;

// Whether what follows an LF continues the field; if not, that LF would end it.
bool Continues(std::string_view rest) noexcept {
  return !rest.empty() && (rest.front() == ' ' || rest.front() == '\t');
}

bool EndsALine(char c) noexcept {
  return c == '\r' || c == '\n';
}

// The first LF of `value` that cannot be written as it is: one that would end the field, and under
// `crlf` one without its CR. npos: none.
std::size_t FindBreak(std::string_view value, bool crlf) noexcept {
  for (std::size_t at = value.find('\n'); at != std::string_view::npos;
       at = value.find('\n', at + 1)) {
    const bool bare = crlf && (at == 0 || value[at - 1] != '\r');
    if (bare || !Continues(value.substr(at + 1))) return at;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view RelaySession::MacroText(Macro macro) const noexcept {
  // The latest stage first, as libmilter looks them up: those of the message, then those of the
  // connection.
  if (message_ != nullptr && !message_->Get(macro).empty()) return message_->Get(macro);
  return text_.Get(macro);
}

// After a reload: a message is dealt with by one generation of settings from its beginning to its
// end. What was negotiated stays.
void RelaySession::TakeNewSettings() noexcept {
  const ListenerSettings* newer = shard_.NewerOf(*listener_);
  if (newer == nullptr) return;
  newer->settings->Retain();
  filter_.set_options(awaits_connect_ ? newer->refusing_filter : newer->filter);
  listener_->settings->Release();
  listener_ = newer;
}

void RelaySession::OnMail(const milter::Event& event) noexcept {
  TakeNewSettings();
  if (next_ != nullptr) {
    ENGINE_CHECK(message_ == nullptr);  // aborts_message came first
    message_ = next_;
    next_ = nullptr;
  }
  if (message_ == nullptr) message_ = shard_.MakeMessage();
  if (message_ == nullptr) return;  // told at DATA
  message_->mail_seen = true;
  TraceState(shard_, "message begins", id_, MacroText(Macro::kQueueId));
  message_->began_at = shard_.loop().now();
  // Copied: the macros of the connection may move or change before the field is written.
  const std::string_view queue_id = MacroText(Macro::kQueueId);
  if (!queue_id.empty()) message_->received_queue_id = message_->arena.Copy(queue_id);
  if (!message_->SetSender(event.name)) message_->Refuse(message_->EnvelopeNoRoomRefusal());
  if (text_lost_) message_->Refuse(InternalRefusal("session text"));
  NoteDeclaredSize(event.value);
}

void RelaySession::OnRcpt(const milter::Event& event) noexcept {
  if (message_ == nullptr) return;
  if (message_->recipient_count >= listener().recipients_max) {
    message_->Refuse(TooManyRecipientsRefusal());
  } else if (!message_->AddRecipient(event.name, event.value)) {
    message_->Refuse(message_->EnvelopeNoRoomRefusal());
  }
}

bool RelaySession::OnData(const milter::Event& event) noexcept {
  Refusal refusal = InternalRefusal("messages in work");
  const SlotTaken taken =
      message_ != nullptr ? TakeSlot(event.reply_due, &refusal) : SlotTaken::kRefused;
  if (taken == SlotTaken::kNow) return !event.reply_due || ReplyContinue();
  if (taken == SlotTaken::kLater) return WaitForSlot();
  if (event.reply_due) return RefuseData(refusal);
  if (message_ != nullptr) Stick(refusal);
  return true;
}

// kLater: with `may_wait` alone.
SlotTaken RelaySession::TakeSlot(bool may_wait, Refusal* refusal) noexcept {
  Message& message = *message_;
  if (message.sticky) {
    *refusal = *message.sticky;
    return SlotTaken::kRefused;
  }
  if (message.recipient_count == 0) {
    *refusal = InternalRefusal("no recipient");
    return SlotTaken::kRefused;
  }
  if (shard_.stopping()) {
    *refusal = ShuttingDownRefusal();
    return SlotTaken::kRefused;
  }
  if (message.slot != nullptr) return SlotTaken::kNow;  // DATA again
  if (WouldWaitTooLong()) {
    shard_.counters().Add(Count::kShedAtData);
    *refusal = OverloadRefusal("would wait too long");
    return SlotTaken::kRefused;
  }
  if (!TakeQuota(refusal)) return SlotTaken::kRefused;
  engine::SpoolSlot* slot = nullptr;
  const SlotTaken taken = shard_.TakeSlot(may_wait ? &message.spool_wait : nullptr, &slot, refusal);
  if (slot != nullptr) UseSlot(*slot);
  if (taken == SlotTaken::kRefused) shard_.GiveBack(message.hold);
  return taken;
}

void RelaySession::UseSlot(engine::SpoolSlot& slot) noexcept {
  message_->slot = &slot;
  message_->slot_name = slot.name();
  message_->state = MessageState::kContent;
}

// False: the message has been refused, its content is read and dropped.
bool RelaySession::BeginContent() noexcept {
  if (message_ == nullptr) return false;
  Message& message = *message_;
  message.state = MessageState::kContent;  // of a refused one, too: its end has to be answered
  if (message.sticky) return false;
  if (message.slot == nullptr) {
    Refusal refusal;
    if (TakeSlot(false, &refusal) != SlotTaken::kNow) {
      FailMessage(refusal, SpoolFate::kUnread);
      return false;
    }
  }
  if (!writing_) {
    shard_.writer().Open(*message.slot, Message::kFileBytesMax);
    writing_ = true;
  }
  if (!message.content_begun) {
    message.content_begun = true;
    HintReading();
    WriteReceivedField();
  }
  return !message.sticky;
}

void RelaySession::WriteReceivedField() noexcept {
  const std::string_view verified = MacroText(Macro::kClientName);
  std::string_view name = verified.empty() ? text_.Get(SessionText::Field::kHost) : verified;
  const std::string_view resolve = MacroText(Macro::kClientResolve);
  if (name.empty() || name.front() == '[' || (!resolve.empty() && resolve != "OK"))
    name = "unknown";
  const std::string_view date = MacroText(Macro::kDate);
  const std::string_view sender = message_->sender.empty() ? "<>" : message_->sender;
  engine::Scratch<char, kReceivedBytesMax> field;
  const std::size_t bytes =
      WriteReceived({.helo = text_.Get(SessionText::Field::kHelo),
                     .client_name = name,
                     .client_address = text_.Get(SessionText::Field::kAddress),
                     .auth_type = MacroText(Macro::kAuthType),
                     .auth_ssf = MacroText(Macro::kAuthSsf),
                     .auth_authen = MacroText(Macro::kAuthAuthen),
                     .mta_name = MacroText(Macro::kMtaName),
                     .protocol = MacroText(Macro::kProtocol),
                     .queue_id = message_->received_queue_id,
                     .date = date.empty() ? shard_.DateText() : date,
                     .sender = sender,
                     .line_end = LineEnd({})},
                    field);
  Check(shard_.writer().AddCopy({field.data(), bytes}));
}

void RelaySession::OnHeader(const milter::Event& event) noexcept {
  if (!BeginContent() && !passes_unscanned()) return;
  const std::size_t bytes = event.name.size() + event.value.size() + 3;
  message_->wire_bytes += bytes;
  if (bytes > listener().header_bytes_max - message_->header_bytes ||
      message_->header_fields == Message::kHeaderFieldsMax) {
    FailMessage(HeaderTooLargeRefusal(), SpoolFate::kUnread);
    return;
  }
  if (std::any_of(event.name.begin(), event.name.end(), EndsALine)) {
    // Written as it is, it could end the header, and amavisd would see another message.
    FailMessage(InternalRefusal("header name"), SpoolFate::kUnread);
    return;
  }
  message_->header_bytes += static_cast<std::uint32_t>(bytes);
  ++message_->header_fields;
  if (!message_->AddHeaderName(event.name)) {
    FailMessage(message_->NoRoomRefusal(milter::kPayloadMaxBytes, HeaderTooLargeRefusal()),
                SpoolFate::kUnread);
    return;
  }
  if (!message_->sticky) WriteHeader(event.name, event.value);
}

// What ends a line of ours after `text`. A CR that is there already is part of it: never CR CR LF.
std::string_view RelaySession::LineEnd(std::string_view text) const noexcept {
  const bool crlf = shard_.config().spool.newlines == Newlines::kCrlf && !text.ends_with('\r');
  return crlf ? "\r\n" : "\n";
}

// Name, colon, the white space that the message had (one blank where the mail server took it),
// value. Where its LF cannot be written as it is, the line end is ours.
void RelaySession::WriteHeader(std::string_view name, std::string_view value) noexcept {
  engine::SpoolWriter& writer = shard_.writer();
  Check(writer.AddCopy(name));
  if (message_->sticky) return;
  Check(writer.AddCopy(filter_.leading_space() ? ":" : ": "));
  const bool crlf = shard_.config().spool.newlines == Newlines::kCrlf;
  for (std::size_t end = FindBreak(value, crlf); end != std::string_view::npos && !message_->sticky;
       end = FindBreak(value, crlf)) {
    const std::string_view line = value.substr(0, end);
    value.remove_prefix(end + 1);
    Check(writer.AddCopy(line));
    if (!message_->sticky) Check(writer.AddCopy(LineEnd(line)));
    if (!message_->sticky && !Continues(value)) Check(writer.AddCopy("\t"));
  }
  if (!message_->sticky) Check(writer.AddCopy(value));
  if (!message_->sticky) Check(writer.AddCopy(LineEnd(value)));
}

void RelaySession::OnEndOfHeaders() noexcept {
  if (BeginContent()) EndHeader();
}

void RelaySession::EndHeader() noexcept {
  if (message_->header_ended) return;
  message_->header_ended = true;
  message_->wire_bytes += 2;
  Check(shard_.writer().AddCopy(LineEnd({})));
}

void RelaySession::OnBody(const milter::Event& event) noexcept {
  if (!BeginContent()) {
    if (passes_unscanned()) message_->wire_bytes += event.body.size();
    return;
  }
  EndHeader();
  if (message_->sticky || event.body.empty()) return;
  message_->wire_bytes += event.body.size();
  if (shard_.config().spool.newlines == Newlines::kCrlf) {
    Check(shard_.writer().AddRef(event.body));
    return;
  }
  const engine::NewlineConverter::Result piece = message_->newlines.Convert(event.body);
  if (piece.leading_cr) Check(shard_.writer().AddCopy("\r"));
  if (!message_->sticky && !piece.rest.empty()) Check(shard_.writer().AddRef(piece.rest));
}

bool RelaySession::OnEndOfMessage() noexcept {
  if (message_ == nullptr) {
    // E without MAIL, or no room for the message at all: never passed.
    filter_.VerdictSent();
    return ReplyRefusal(InternalRefusal("no message"));
  }
  message_->content_end_at = shard_.loop().now();
  TraceState(shard_, "message complete", id_, MacroText(Macro::kQueueId));
  if (BeginContent()) {
    EndHeader();
    if (!message_->sticky && message_->newlines.Finish()) Check(shard_.writer().AddCopy("\r"));
  }
  // Held still where the end came before the socket was ever read by splice(2): not while it scans.
  ENGINE_CHECK(pipe_ == nullptr || pipe_->bytes() == 0);
  DropPipe();
  CheckBytes();
  message_->state = MessageState::kScanning;
  if (writing_) EndWriting();
  HintReading();
  if (const std::optional<Refusal> refusal = message_->sticky) return AnswerRefusal(*refusal, {});
  ENGINE_CHECK(message_->slot != nullptr);
  // Sealed when the last write has ended.
  if (message_->spool_wait.what != SpoolWait::For::kNothing) return true;
  return SealMessage();
}

// What the spool writer answered. The first error is the message's, whoever meets it.
void RelaySession::Check(int write_error) noexcept {
  if (write_error == 0 || message_ == nullptr || message_->sticky) return;
  if (write_error == ENOBUFS) shard_.counters().Add(Count::kMessagesStalled);
  shard_.Write(engine::Level::kWarning,
               shard_.Line("spool write failed")
                   .Field("qid", MacroText(Macro::kQueueId))
                   .Errno("error", write_error)
                   .Field("next", "message gets a temporary failure"));
  FailMessage(SpoolErrorRefusal(write_error), SpoolFate::kDoubt);
}

// The message ends without an answer.
void RelaySession::DropMessage(std::string_view why) noexcept {
  if (message_ == nullptr) return;
  if (message_->mail_seen) {
    shard_.counters().Add(Count::kMessagesAborted);
    if (message_->content_begun) Summarise(why, {}, nullptr, {});
  }
  EndMessage();
}

}  // namespace relay
