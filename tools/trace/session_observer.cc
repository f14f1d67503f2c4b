// Framing of both directions, and which record a packet belongs to.
#include "tools/trace/session_observer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "milter/wire.h"
#include "tools/trace/verdict.h"

namespace trace {
namespace {

using milter::Command;

constexpr std::uint8_t Byte(Command command) noexcept {
  return static_cast<std::uint8_t>(command);
}

// What a mail server's packet is about.
enum class About : std::uint8_t { kMessage, kReset, kLeaving, kSession, kUnknownCommand, kOther };

About AboutOf(std::uint8_t code) noexcept {
  switch (static_cast<Command>(code)) {
    case Command::kMail:
    case Command::kRcpt:
    case Command::kData:
    case Command::kHeader:
    case Command::kEndOfHeaders:
    case Command::kBody:
    case Command::kEndOfMessage: return About::kMessage;
    case Command::kAbort: return About::kReset;
    case Command::kQuit:
    case Command::kQuitNc: return About::kLeaving;
    case Command::kNegotiate:
    case Command::kConnect:
    case Command::kHelo: return About::kSession;
    case Command::kUnknown: return About::kUnknownCommand;
    case Command::kMacro: break;
  }
  return About::kOther;
}

// A MACRO packet is about the command that it precedes.
About AboutOf(std::uint8_t code, std::string_view payload) noexcept {
  if (code != Byte(Command::kMacro)) return AboutOf(code);
  return payload.empty() ? About::kOther : AboutOf(static_cast<std::uint8_t>(payload.front()));
}

bool IsBodyPacket(Direction direction, std::uint8_t code) noexcept {
  return direction == Direction::kToFilter &&
         (code == Byte(Command::kBody) || code == Byte(Command::kEndOfMessage));
}

// Packets that wait for their record; offset_us is a time until they are taken.
struct PacketList {
  std::vector<Packet> packets{};
  std::size_t payload_bytes = 0;

  bool full() const noexcept {
    return packets.size() > kPacketsMax || payload_bytes > kPayloadBytesMax;
  }
  std::size_t held_bytes() const noexcept {
    return packets.size() * sizeof(Packet) + payload_bytes;
  }
  void Add(Packet&& packet) {
    payload_bytes += packet.payload.size();
    packets.push_back(std::move(packet));
  }
  void Add(PacketList&& other) {
    for (Packet& packet : other.packets)
      Add(std::move(packet));
    other = {};
  }
  std::vector<Packet> TakeSince(std::uint64_t time_us) {
    for (Packet& packet : packets)
      packet.offset_us -= std::min(time_us, packet.offset_us);
    payload_bytes = 0;
    return std::exchange(packets, {});
  }
  std::vector<Packet> TakeBefore(std::uint64_t time_us) {
    for (Packet& packet : packets)
      packet.offset_us = time_us - packet.offset_us;
    payload_bytes = 0;
    return std::exchange(packets, {});
  }
};

// One direction, cut anywhere.
struct Stream {
  std::array<char, milter::kPacketHeadBytes> head{};
  std::size_t head_used = 0;
  std::size_t left = 0;       // of the payload
  std::uint32_t body = 0;     // octets of it that went to the body
  std::uint64_t message = 0;  // whose body that is
  std::string partial{};
  bool begun = false;  // a packet has been read

  std::uint8_t code() const noexcept { return static_cast<std::uint8_t>(head.back()); }
  std::size_t length() const noexcept {
    std::size_t value = 0;
    for (std::size_t i = 0; i < milter::kLengthBytes; ++i)
      value = (value << 8) | static_cast<unsigned char>(head[i]);
    return value;
  }
  // True when the head is whole.
  bool TakeHead(std::string_view* octets) noexcept {
    while (head_used < head.size() && !octets->empty()) {
      head[head_used++] = octets->front();
      octets->remove_prefix(1);
    }
    return head_used == head.size();
  }
};

}  // namespace

struct SessionObserver::State {
  enum class Phase : std::uint8_t { kSession, kBetween, kOpen, kHeld, kStopped };

  void OnOctets(Direction direction, std::string_view octets);
  bool BeginPacket(Direction direction, Stream& stream);
  void TakePayload(Direction direction, Stream& stream, std::string_view* octets);
  void EndPacket(Direction direction, Stream& stream, std::string_view payload);

  void Enter(About about, std::uint8_t code, std::string_view payload);
  bool BeginsAgain(std::uint8_t code, std::string_view payload) const noexcept;
  void OnServerPacket(Packet&& packet, About about);
  void OnFilterPacket(Packet&& packet);
  void AddOutside(Packet&& packet);
  void AddToMessage(Packet&& packet);
  void AddToBody(std::string_view piece);
  void GiveSession();
  void OpenMessage();
  void GiveMessage();
  void Stop();

  RecordSink* sink = nullptr;
  std::uint64_t session = 0;
  std::uint64_t connected_us = 0;
  std::uint64_t now_us = 0;
  Phase phase = Phase::kSession;
  bool leading = false;  // what comes now would lead the first transaction
  bool session_given = false;
  bool quit = false;
  std::array<Stream, 2> streams{};
  PacketList of_session{};
  PacketList between{};

  // The message.
  PacketList of_message{};
  std::uint64_t message_us = 0;
  std::string body{};
  std::size_t body_whole = 0;  // of packets that are whole
  bool body_too_large = false;
  bool mail_seen = false;  // MAIL itself
  bool past_mail = false;
  Verdict verdict{};
  std::uint32_t messages = 0;
};

void SessionObserver::State::OnOctets(Direction direction, std::string_view octets) {
  Stream& stream = streams[static_cast<std::size_t>(direction)];
  while (!octets.empty() && phase != Phase::kStopped) {
    if (stream.head_used < stream.head.size()) {
      if (!stream.TakeHead(&octets) || !BeginPacket(direction, stream)) continue;
    }
    TakePayload(direction, stream, &octets);
  }
}

bool SessionObserver::State::BeginPacket(Direction direction, Stream& stream) {
  const std::size_t length = stream.length();
  const bool is_first = !std::exchange(stream.begun, true);
  const bool wrong_first =
      is_first && direction == Direction::kToFilter && stream.code() != Byte(Command::kNegotiate);
  if (length == 0 || length > kPacketBytesMax + 1 || wrong_first) {
    Stop();
    return false;
  }
  stream.left = length - 1;
  stream.body = 0;
  if (IsBodyPacket(direction, stream.code())) {
    Enter(About::kMessage, stream.code(), {});
    stream.message = messages;
  }
  return true;
}

void SessionObserver::State::TakePayload(Direction direction,
                                         Stream& stream,
                                         std::string_view* octets) {
  const std::string_view piece = octets->substr(0, stream.left);
  octets->remove_prefix(piece.size());
  stream.left -= piece.size();
  if (IsBodyPacket(direction, stream.code())) {
    // Its message was over before its packet was whole: no mail server does that.
    if (phase != Phase::kOpen || stream.message != messages) {
      Stop();
      return;
    }
    stream.body += static_cast<std::uint32_t>(piece.size());
    AddToBody(piece);
    if (stream.left == 0) EndPacket(direction, stream, {});
  } else if (stream.left == 0 && stream.partial.empty()) {
    EndPacket(direction, stream, piece);
  } else {
    stream.partial.append(piece);
    if (stream.left == 0) EndPacket(direction, stream, std::exchange(stream.partial, {}));
  }
}

void SessionObserver::State::EndPacket(Direction direction,
                                       Stream& stream,
                                       std::string_view payload) {
  stream.head_used = 0;
  Packet packet{.offset_us = now_us,
                .direction = direction,
                .code = stream.code(),
                .body_bytes = stream.body,
                .payload = std::string(payload)};
  if (direction == Direction::kToServer) {
    OnFilterPacket(std::move(packet));
  } else {
    const About about = AboutOf(packet.code, payload);
    // A body's packet has entered with its head.
    if (!IsBodyPacket(direction, packet.code)) Enter(about, packet.code, payload);
    OnServerPacket(std::move(packet), about);
  }
  if (of_session.full() || between.full() || of_message.full()) Stop();
}

// Ends and begins messages before the packet is put where it belongs.
void SessionObserver::State::Enter(About about, std::uint8_t code, std::string_view payload) {
  if (phase == Phase::kHeld && about != About::kReset) GiveMessage();
  if (about == About::kMessage) {
    if (phase == Phase::kOpen && BeginsAgain(code, payload)) GiveMessage();
    if (phase != Phase::kOpen) OpenMessage();
    const bool of_mail =
        code == Byte(Command::kMail) || (code == Byte(Command::kMacro) && payload.front() == 'M');
    mail_seen |= code == Byte(Command::kMail);
    past_mail |= !of_mail;
  }
  if (about == About::kUnknownCommand && phase == Phase::kSession) leading = true;
}

// MAIL when there was one already, or its macros in a message that is past its own.
bool SessionObserver::State::BeginsAgain(std::uint8_t code,
                                         std::string_view payload) const noexcept {
  if (code == Byte(Command::kMail)) return mail_seen || past_mail;
  return code == Byte(Command::kMacro) && payload.front() == 'M';
}

void SessionObserver::State::OnServerPacket(Packet&& packet, About about) {
  quit |= packet.code == Byte(Command::kQuit);
  if (phase != Phase::kOpen && phase != Phase::kHeld) {
    AddOutside(std::move(packet));
    return;
  }
  verdict.OnCommand(packet.code);
  AddToMessage(std::move(packet));
  if (about == About::kReset || about == About::kLeaving) GiveMessage();
}

void SessionObserver::State::OnFilterPacket(Packet&& packet) {
  if (phase == Phase::kHeld) GiveMessage();
  if (phase != Phase::kOpen) {
    AddOutside(std::move(packet));
    return;
  }
  verdict.OnReply(packet.code, packet.payload);
  AddToMessage(std::move(packet));
  if (verdict.over()) phase = Phase::kHeld;
}

void SessionObserver::State::AddOutside(Packet&& packet) {
  const bool to_session = phase == Phase::kSession && !leading;
  (to_session ? of_session : between).Add(std::move(packet));
}

void SessionObserver::State::AddToMessage(Packet&& packet) {
  body_whole += packet.body_bytes;
  of_message.Add(std::move(packet));
}

void SessionObserver::State::AddToBody(std::string_view piece) {
  if (body_too_large) return;
  if (piece.size() > kBodyBytesMax - body.size()) {
    body_too_large = true;
    std::string().swap(body);
    return;
  }
  body.append(piece);
}

void SessionObserver::State::GiveSession() {
  if (std::exchange(session_given, true)) return;
  sink->OnSession(
      {.session = session, .time_us = connected_us, .packets = of_session.TakeSince(connected_us)});
}

void SessionObserver::State::OpenMessage() {
  GiveSession();
  phase = Phase::kOpen;
  message_us = between.packets.empty() ? now_us : between.packets.front().offset_us;
  of_message.Add(std::exchange(between, {}));
  verdict = {};
  body_whole = 0;
  body_too_large = mail_seen = past_mail = false;
}

void SessionObserver::State::GiveMessage() {
  phase = Phase::kBetween;
  std::string whole = std::exchange(body, {});
  // Begun by the head of a packet that never became whole.
  if (of_message.packets.empty()) return;
  if (whole.size() > body_whole) whole.resize(body_whole);
  TransactionRecord record;
  record.session = session;
  record.time_us = message_us;
  record.index = messages++;
  record.outcome = verdict.outcome();
  record.decided_at = verdict.decided_at();
  record.captured = body_too_large  ? Captured::kTooLarge
                    : whole.empty() ? Captured::kNone
                                    : Captured::kWhole;
  record.packets = of_message.TakeSince(message_us);
  sink->OnTransaction(std::move(record), std::move(whole));
}

void SessionObserver::State::Stop() {
  if (phase == Phase::kOpen || phase == Phase::kHeld) GiveMessage();
  phase = Phase::kStopped;
  for (Stream& stream : streams)
    stream = {};
}

SessionObserver::SessionObserver(RecordSink& sink, std::uint64_t session, std::uint64_t time_us)
    : state_(std::make_unique<State>()) {
  state_->sink = &sink;
  state_->session = session;
  state_->connected_us = state_->now_us = time_us;
}

SessionObserver::~SessionObserver() = default;

void SessionObserver::OnOctets(Direction direction,
                               std::string_view octets,
                               std::uint64_t time_us) {
  state_->now_us = std::max(state_->now_us, time_us);
  state_->OnOctets(direction, octets);
}

void SessionObserver::OnEnd(Ending ending, std::uint32_t error, std::uint64_t time_us) {
  State& state = *state_;
  state.now_us = std::max(state.now_us, time_us);
  const bool stopped = state.phase == State::Phase::kStopped;
  state.Stop();
  if (!state.session_given) state.of_session.Add(std::exchange(state.between, {}));
  state.GiveSession();
  CloseRecord record;
  record.session = state.session;
  record.time_us = state.now_us;
  record.ending = ending;
  if (stopped) {
    record.ending = Ending::kNotUnderstood;
  } else if (state.quit && (ending == Ending::kServerClosed || ending == Ending::kFilterClosed)) {
    record.ending = Ending::kQuit;
  }
  record.transactions = state.messages;
  record.error = error;
  record.packets = state.between.TakeBefore(state.now_us);
  state.sink->OnClose(std::move(record));
}

std::size_t SessionObserver::held_bytes() const noexcept {
  const State& state = *state_;
  std::size_t bytes = state.of_session.held_bytes() + state.between.held_bytes() +
                      state.of_message.held_bytes() + state.body.size();
  for (const Stream& stream : state.streams)
    bytes += stream.partial.size();
  return bytes;
}

}  // namespace trace
