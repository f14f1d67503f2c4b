// Framing by hand, so that a fault of the milter library cannot hide itself.
#include "tests/tools/fake_milter.h"

#include <algorithm>
#include <utility>

namespace replay {
namespace {

constexpr std::size_t kLengthBytes = 4;

std::uint32_t ReadLength(std::string_view bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

}  // namespace

FakeMilter::FakeMilter(sim::SimWorld& world, const std::string& at)
    : world_(world), loop_(world.AddLoop("milter", "/milter")), listener_(world.Listen(at)) {
  loop_.Listen(
      listener_,
      [](void* context, int fd) noexcept {
        auto& milter = *static_cast<FakeMilter*>(context);
        milter.peers_[milter.loop_.Adopt(fd, milter, engine::ReadMode::kSmall).index] = {};
        milter.open_most = std::max(milter.open_most, milter.peers_.size());
      },
      this);
}

FakeMilter::~FakeMilter() {
  if (listener_ != 0) loop_.StopListening(listener_);
}

void FakeMilter::CloseListener() {
  loop_.StopListening(listener_);
  world_.streams().CloseListener(std::exchange(listener_, 0));
}

// Stage letter, then name NUL value NUL pairs.
void FakeMilter::OnMacros(Peer& peer, std::string_view payload) {
  std::vector<std::string> texts;
  payload.remove_prefix(1);
  while (!payload.empty()) {
    const std::size_t end = payload.find('\0');
    texts.emplace_back(payload.substr(0, end));
    payload.remove_prefix(end + 1);
  }
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    if (texts[i] == "i") peer.queue_id = texts[i + 1];
  }
}

void FakeMilter::OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept {
  peers_[id.index].input.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (;;) {
    const auto peer = peers_.find(id.index);
    if (peer == peers_.end() || peer->second.input.size() < kLengthBytes) return;
    const std::size_t length = ReadLength(peer->second.input);
    if (peer->second.input.size() < kLengthBytes + length) return;
    const std::string packet = peer->second.input.substr(kLengthBytes, length);
    peer->second.input.erase(0, kLengthBytes + length);
    OnPacket(id, packet[0], std::string_view(packet).substr(1));
  }
}

void FakeMilter::OnGone(engine::SocketId id, int /*error*/) noexcept {
  Drop(id);
}

std::vector<engine::Time> FakeMilter::TimesOf(char command) const {
  std::vector<engine::Time> times;
  for (const Seen& each : seen) {
    if (each.command == command) times.push_back(each.at);
  }
  return times;
}

void FakeMilter::OnPacket(engine::SocketId id, char command, std::string_view payload) {
  seen.push_back(
      {world_.now(), id.index, command, std::string(payload.substr(0, payload.find('\0')))});
  switch (command) {
    case 'O': return Answer(id, std::string_view("O\0\0\0\6\0\0\0\1\0\0\0\0", 13));
    case 'D': return OnMacros(peers_[id.index], payload);
    case 'A': return;
    case 'Q': return Drop(id);
    case 'E': return EndOfMessage(id);
    case 'B': body_bytes += payload.size(); break;
    case 'M': peers_[id.index].recipient.clear(); break;
    case 'H': helos.emplace_back(payload.substr(0, payload.find('\0'))); break;
    case 'R':
      if (peers_[id.index].recipient.empty()) peers_[id.index].recipient = payload;
      if (refuses_recipients) return Answer(id, "r");
      break;
    case 'C':
      if (refuses_sessions) return Answer(id, "r");
      break;
    default: break;
  }
  Answer(id, "c");
}

void FakeMilter::EndOfMessage(engine::SocketId id) {
  if (world_.now() < stalls_until) {
    const std::string recipient = peers_[id.index].recipient;
    world_.At(stalls_until, [this, id, recipient] {
      const auto peer = peers_.find(id.index);
      if (peer != peers_.end() && peer->second.recipient == recipient) EndOfMessage(id);
    });
    return;
  }
  ++ends_of_message;
  queue_ids.push_back(peers_[id.index].queue_id);
  const std::string to = peers_[id.index].recipient;
  if (to.starts_with("<silent@")) return;
  if (to.starts_with("<drop@")) return Drop(id);
  if (to.starts_with("<nonsense@")) return Answer(id, "?");
  if (rejects_all || to.starts_with("<reject@"))
    return Answer(id, std::string_view("y554 5.7.0 No\0", 14));
  if (to.starts_with("<tempfail@")) return Answer(id, "t");
  if (to.starts_with("<discard@")) return Answer(id, "d");
  Answer(id, std::string_view("hX-Seen\0 yes\n twice\0", 20));
  Answer(id, "c");
}

void FakeMilter::Answer(engine::SocketId id, std::string_view code_and_payload) {
  std::string packet;
  for (int shift = 24; shift >= 0; shift -= 8)
    packet.push_back(static_cast<char>(code_and_payload.size() >> shift & 0xff));
  packet += code_and_payload;
  const iovec data{.iov_base = packet.data(), .iov_len = packet.size()};
  (void)loop_.Send(id, {&data, 1});
}

void FakeMilter::Drop(engine::SocketId id) {
  loop_.Close(id);
  peers_.erase(id.index);
}

}  // namespace replay
