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
    : loop_(world.AddLoop("milter", "/milter")), listener_(world.Listen(at)) {
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
  loop_.StopListening(listener_);
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

void FakeMilter::OnPacket(engine::SocketId id, char command, std::string_view payload) {
  switch (command) {
    case 'O': return Answer(id, std::string_view("O\0\0\0\6\0\0\0\1\0\0\0\0", 13));
    case 'D':
    case 'A': return;
    case 'Q': return Drop(id);
    case 'E': return EndOfMessage(id);
    case 'M': peers_[id.index].recipient.clear(); break;
    case 'H': helos.emplace_back(payload.substr(0, payload.find('\0'))); break;
    case 'R':
      if (peers_[id.index].recipient.empty()) peers_[id.index].recipient = payload;
      break;
    default: break;
  }
  Answer(id, "c");
}

void FakeMilter::EndOfMessage(engine::SocketId id) {
  ++ends_of_message;
  const std::string to = peers_[id.index].recipient;
  if (to.starts_with("<silent@")) return;
  if (to.starts_with("<drop@")) return Drop(id);
  if (to.starts_with("<nonsense@")) return Answer(id, "?");
  if (to.starts_with("<reject@")) return Answer(id, std::string_view("y554 5.7.0 No\0", 14));
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
