// The connection: events by command, replies, deadlines.
#include "relay/relay_session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/scratch.h"
#include "milter/macros.h"
#include "relay/shard_app.h"
#include "relay/trace.h"

namespace relay {
namespace {

using engine::Time;
using milter::EventKind;

// Room that any one reply of ours takes, a verdict's aside: the answer to OPTNEG with its lists.
constexpr std::size_t kReplyBytesMax = 4096;
static_assert(kReplyBytesMax * 2 <= ShardApp::kOutBytes);

constexpr milter::ReplyText kTooManyConnections = {
    .code = 421, .enhanced = "4.3.2", .text = "Too many connections, please try again later"};

}  // namespace

RelaySession::RelaySession(ShardApp& shard,
                           const ListenerSettings& listener,
                           bool refusing) noexcept
    : shard_(shard),
      listener_(&listener),
      awaits_connect_(refusing || shard.AwaitsConnect()),
      filter_(awaits_connect_ ? listener.refusing_filter : listener.filter, shard.blocks()),
      text_(shard.blocks()),
      refusing_(refusing) {
  listener.settings->Retain();
  timer_.session = this;
  timer_.fire = [](engine::Timer& t, Time now) noexcept {
    static_cast<SessionTimer&>(t).session->OnTimer(now);
  };
}

RelaySession::~RelaySession() {
  ENGINE_CHECK(message_ == nullptr && next_ == nullptr && pipe_ == nullptr);
  shard_.blocks().Give(unsent_);
  listener_->settings->Release();
}

const Settings& RelaySession::settings() const noexcept {
  return *listener_->settings;
}

void RelaySession::Begin(int fd) noexcept {
  id_ = shard_.loop().Adopt(fd, *this, engine::ReadMode::kSmall);
  if (id_.generation == 0) {
    Close();  // the loop's table is full; it has closed the descriptor
  } else {
    TraceSession(shard_, "session begins", id_);
    SetDeadline();
  }
}

bool RelaySession::in_work() const noexcept {
  return message_ != nullptr && (message_->state != MessageState::kEnvelope || waits_for_slot());
}

void RelaySession::OnBytes(engine::SocketId, engine::Bytes bytes) noexcept {
  static_cast<void>(ReadEvents(bytes));
}

bool RelaySession::ReadEvents(engine::Bytes bytes) noexcept {
  ENGINE_CHECK(!waits_for_slot());  // paused: nothing may overtake what is held
  filter_.Feed(bytes);
  for (;;) {
    const milter::Event event = filter_.Next();
    if (event.kind == EventKind::kNeedMore) return true;
    if (!OnEvent(event)) return false;
  }
}

void RelaySession::OnTurnEnd(engine::SocketId) noexcept {
  CheckBytes();
  if (writing_) EndWriting();
  if (!SendOut()) return;
  ConsiderSplice();
  SetDeadline();
}

bool RelaySession::OnEvent(const milter::Event& event) noexcept {
  if (shard_.Debugs(kTraceCommands)) TraceEvent(shard_, id_, event);
  if (event.aborts_message) {
    // A reply to anything but ABORT would be read as the verdict that is still due.
    const bool ambiguous =
        event.reply_due && message_ != nullptr && message_->state == MessageState::kScanning;
    DropMessage("aborted");
    if (ambiguous) return Broken(event);
  }
  if (event.stray) return OnStray(event);
  switch (event.kind) {
    case EventKind::kNegotiated: return ReplyNegotiation();
    case EventKind::kMacro: OnMacros(event); return true;
    case EventKind::kConnect: return OnConnect(event);
    case EventKind::kHelo:
      ForgetMailMacros();
      SetText(SessionText::Field::kHelo, event.name);
      break;
    case EventKind::kMail: OnMail(event); break;
    case EventKind::kRcpt: OnRcpt(event); break;
    case EventKind::kData: return OnData(event);
    case EventKind::kHeader: OnHeader(event); break;
    case EventKind::kEndOfHeaders: OnEndOfHeaders(); break;
    case EventKind::kBody: OnBody(event); break;
    case EventKind::kEndOfMessage: return OnEndOfMessage();
    case EventKind::kUnknown:
    case EventKind::kAbort: break;
    case EventKind::kQuitNc: ForgetConnection(); return true;
    case EventKind::kQuit: Close(); return false;
    case EventKind::kBroken: return Broken(event);
    case EventKind::kNeedMore: return true;
  }
  return !event.reply_due || ReplyContinue();
}

// A command that makes no sense here. It is answered where an answer is due, and a message that it
// strikes can no longer be trusted.
bool RelaySession::OnStray(const milter::Event& event) noexcept {
  if (filter_.in_message()) {
    FailMessage(InternalRefusal("command out of order"), engine::SpoolFate::kUnread);
  }
  // End of message without a message: there is nothing that could be let through.
  if (event.kind == EventKind::kEndOfMessage) return ReplyRefusal(InternalRefusal("no message"));
  return !event.reply_due || ReplyContinue();
}

bool RelaySession::ReplyNegotiation() noexcept {
  milter::ReplyWriter writer = Writer();
  writer.Negotiate(filter_.answer());
  return Took(writer);
}

void RelaySession::SetText(SessionText::Field field, std::string_view text) noexcept {
  if (!text_.Set(field, text)) text_lost_ = true;
}

void RelaySession::ForgetConnection() noexcept {
  ForgetMailMacros();
  LeaveClient();
  text_.Clear();
  text_lost_ = false;
  is_postfix_ = false;
  client_port_ = 0;
}

// Macros whose MAIL has not come are void after HELO and CONNECT, as in libmilter: they are
// somebody else's.
void RelaySession::ForgetMailMacros() noexcept {
  if (message_ != nullptr) EndMessage();  // one with MAIL has been dropped before (aborts_message)
  if (next_ != nullptr) shard_.FreeMessage(*next_);
  next_ = nullptr;
}

// The message that the macros of `stage` are about; nullptr: none, or no room for one.
Message* RelaySession::MessageOfMacros(char stage) noexcept {
  if (stage != 'M') return message_;
  // A message in progress ends with the MAIL that follows, not with its macros.
  // They may have come twice, before and after its end: next_ has them then.
  const bool for_next = next_ != nullptr || (message_ != nullptr && message_->mail_seen);
  Message*& place = for_next ? next_ : message_;
  if (place == nullptr) place = shard_.MakeMessage();
  if (place != nullptr) place->macros.fill({});  // a new packet replaces the stage's whole set
  return place;
}

void RelaySession::OnMacros(const milter::Event& event) noexcept {
  const bool of_connection = event.stage == 'C' || event.stage == 'H';
  if (event.stage == 'C') text_.ClearMacros();
  Message* message = of_connection ? nullptr : MessageOfMacros(event.stage);
  milter::MacroReader reader(event.value);
  for (milter::Macro macro; reader.Next(&macro);) {
    const std::optional<Macro> known = FindMacro(macro.name);
    if (!known) continue;
    if (*known == Macro::kMtaVersion) is_postfix_ = macro.value.starts_with("Postfix");
    const std::string_view value = macro.value.substr(0, SessionText::kFieldBytesMax);
    if (of_connection) {
      if (!text_.Set(*known, value)) text_lost_ = true;
    } else if (message != nullptr) {
      message->KeepMacro(*known, value);
    }
  }
}

bool RelaySession::OnConnect(const milter::Event& event) noexcept {
  ForgetMailMacros();
  engine::Scratch<char, 128> address;
  std::size_t used = 0;
  if (event.client.family == milter::Family::kInet6) {
    std::memcpy(address.data(), "IPv6:", 5);
    used = 5;
  }
  const bool is_inet = event.client.family == milter::Family::kInet4 ||
                       event.client.family == milter::Family::kInet6;
  const std::string_view text = is_inet ? event.client.address : std::string_view();
  const std::size_t bytes = std::min(text.size(), address.size() - used);
  text.copy(address.data() + used, bytes);  // no memcpy: without an address there is no pointer
  SetText(SessionText::Field::kHost, event.name);
  SetText(SessionText::Field::kHelo, {});
  SetText(SessionText::Field::kAddress, {address.data(), used + bytes});
  client_port_ = is_inet ? event.client.port : std::uint16_t{0};
  const bool admitted = AdmitClient(event.client);
  if (!event.reply_due) return true;
  if (admitted && !refusing_) return ReplyContinue();
  milter::ReplyWriter writer = Writer();
  ENGINE_CHECK(writer.ReplyCode(kTooManyConnections));
  return Took(writer);
}

bool RelaySession::Broken(const milter::Event& event) noexcept {
  shard_.counters().Add(Count::kSessionsBroken);
  engine::LogLine line = shard_.Line("milter protocol broken");
  line.Field("client", text_.Get(SessionText::Field::kAddress))
      .Field("reason",
             event.kind == EventKind::kBroken ? milter::BrokenReasonText(event.reason)
                                              : std::string_view("command before the verdict"));
  if (event.command != 0) line.Field("command", milter::CommandName(event.command));
  if (event.missing_actions != 0) line.Field("missing", milter::ActionName(event.missing_actions));
  shard_.Write(engine::Level::kWarning, line.Field("next", "connection closed"));
  Close();
  return false;
}

milter::ReplyWriter RelaySession::Writer() noexcept {
  return {shard_.out().subspan(out_used_), filter_.leading_space(), filter_.actions()};
}

// Keeps room for the next reply.
bool RelaySession::Took(const milter::ReplyWriter& writer) noexcept {
  ENGINE_CHECK(!writer.full());
  out_used_ += static_cast<std::uint32_t>(writer.written());
  return out_used_ + kReplyBytesMax <= ShardApp::kOutBytes || SendOut();
}

bool RelaySession::ReplyContinue() noexcept {
  milter::ReplyWriter writer = Writer();
  writer.Continue();
  return Took(writer);
}

bool RelaySession::ReplyRefusal(const Refusal& refusal) noexcept {
  milter::ReplyWriter writer = Writer();
  ENGINE_CHECK(
      writer.ReplyCode({.code = refusal.code, .enhanced = refusal.enhanced, .text = refusal.text}));
  return Took(writer);
}

bool RelaySession::SendOut() noexcept {
  if (out_used_ == 0) return true;
  const engine::Bytes bytes = shard_.out().first(out_used_);
  out_used_ = 0;
  return Send(bytes);
}

bool RelaySession::Send(engine::Bytes bytes) noexcept {
  TraceReplies(shard_, id_, bytes);
  if (!unsent_.empty()) return KeepUnsent(bytes);
  const iovec piece{bytes.data(), bytes.size()};
  const engine::IoResult result = shard_.loop().Send(id_, {&piece, 1});
  if (!result.ok() && result.error != EAGAIN) return true;  // OnGone follows
  const std::size_t sent = result.ok() ? static_cast<std::size_t>(result.value) : 0;
  return sent == bytes.size() || KeepUnsent(bytes.subspan(sent));
}

// The mail server does not read: what is left waits for OnWritable, and so do its commands.
bool RelaySession::KeepUnsent(engine::Bytes bytes) noexcept {
  const std::size_t total = unsent_to_ - unsent_from_ + bytes.size();
  const engine::Bytes block =
      total <= kUnsentBytesMax ? shard_.blocks().Take(total) : engine::Bytes();
  if (block.empty()) {
    shard_.Write(engine::Level::kWarning,
                 shard_.Line("replies not taken").Field("bytes", total).Field("next", "closed"));
    Close();
    return false;
  }
  if (!unsent_.empty()) {
    std::memcpy(block.data(), unsent_.data() + unsent_from_, unsent_to_ - unsent_from_);
  }
  std::memcpy(block.data() + total - bytes.size(), bytes.data(), bytes.size());
  shard_.blocks().Give(unsent_);
  unsent_ = block;
  unsent_from_ = 0;
  unsent_to_ = static_cast<std::uint32_t>(total);
  SetReading();
  return true;
}

// The content of a message comes in large pieces, all else in small ones. Paused stays paused.
void RelaySession::HintReading() noexcept {
  if (!unsent_.empty() || waits_for_disk()) return;
  const bool in_content =
      message_ != nullptr && message_->content_begun && message_->state == MessageState::kContent;
  shard_.loop().SetReadMode(id_, in_content ? engine::ReadMode::kBulk : engine::ReadMode::kSmall);
}

void RelaySession::OnWritable(engine::SocketId) noexcept {
  if (unsent_.empty()) return;
  const iovec piece{unsent_.data() + unsent_from_, unsent_to_ - unsent_from_};
  const engine::IoResult result = shard_.loop().Send(id_, {&piece, 1});
  if (!result.ok() && result.error != EAGAIN) return;  // OnGone follows
  unsent_from_ += result.ok() ? static_cast<std::uint32_t>(result.value) : 0;
  if (unsent_from_ == unsent_to_) {
    shard_.blocks().Give(unsent_);
    unsent_ = {};
    unsent_from_ = unsent_to_ = 0;
    SetReading();
  }
  SetDeadline();
}

void RelaySession::SetDeadline() noexcept {
  const Time now = shard_.loop().now();
  Time wait = kIdleTimeout;
  if (!unsent_.empty()) {
    wait = kWriteTimeout;
  } else if (filter_.awaits_verdict()) {
    if (timer_.prev != nullptr && timer_.at <= now + kProgressEvery) return;  // runs already
    wait = kProgressEvery;
  } else if (filter_.content_phase()) {
    wait = kContentTimeout;
  } else if (filter_.half_packet()) {
    wait = listener().milter_timeout;
  }
  shard_.loop().Set(timer_, now + wait);
}

void RelaySession::OnTimer(Time now) noexcept {
  if (unsent_.empty() && filter_.awaits_verdict()) {
    milter::ReplyWriter writer = Writer();
    writer.Progress();
    out_used_ += static_cast<std::uint32_t>(writer.written());
    if (!SendOut()) return;
    shard_.loop().Set(timer_, now + (unsent_.empty() ? kProgressEvery : kWriteTimeout));
    return;
  }
  shard_.counters().Add(Count::kSessionsTimedOut);
  shard_.Write(engine::Level::kNotice,
               shard_.Line("mail server timed out")
                   .Field("client", text_.Get(SessionText::Field::kAddress))
                   .Field("while",
                          !unsent_.empty()          ? "not reading"
                          : filter_.content_phase() ? "in content"
                          : filter_.half_packet()   ? "in a packet"
                                                    : "idle")
                   .Field("next", "connection closed"));
  Close();
}

void RelaySession::OnGone(engine::SocketId, int error) noexcept {
  if (shard_.Debugs(1) && (error != 0 || message_ != nullptr)) {
    shard_.Write(engine::Level::kDebug, shard_.Line("mail server gone").Errno("error", error));
  }
  Close();
}

void RelaySession::EndNow() noexcept {
  if (filter_.awaits_verdict() && !AnswerRefusal(ShuttingDownRefusal(), {})) return;
  if (waits_for_slot() && (!RefuseData(ShuttingDownRefusal()) || !SendOut())) return;
  Close();
}

void RelaySession::Close() noexcept {
  TraceSession(shard_, "session ends", id_);
  DropMessage("connection lost");
  ForgetMailMacros();
  shard_.loop().Cancel(timer_);
  shard_.loop().Close(id_);
  shard_.FreeSession(*this);
}

}  // namespace relay
