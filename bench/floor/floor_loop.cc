// The loop, the framing, and the few commands that matter.
#include "bench/floor/floor_loop.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "engine/base/units.h"
#include "milter/wire.h"

namespace millrace_floor {
namespace {

constexpr std::size_t kReceiveBytes = 256 * engine::kKiB;
constexpr std::size_t kLengthMax = milter::kPayloadMaxBytes + 1;
constexpr std::size_t kHalfBytesMax = milter::kLengthBytes + kLengthMax;  // room before the receive
constexpr int kBacklog = 4096;
constexpr std::string_view kContinue("\0\0\0\1c", 5);
constexpr std::string_view kTempfail("\0\0\0\1t", 5);

bool Say(int fd, std::string_view packets) {
  const ssize_t sent = ::send(fd, packets.data(), packets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(packets.size());
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

bool IsWhole(std::string_view reply) {
  return reply.ends_with("\n\r\n") || reply.ends_with("\n\n");
}

}  // namespace

FloorLoop::FloorLoop(const FloorConfig& config)
    : listen_(UnixAddress(config.listen)),
      scanner_(UnixAddress(config.scanner)),
      slots_(config.work),
      writer_(config.newlines),
      scratch_(new char[kHalfBytesMax + kReceiveBytes]) {}

bool FloorLoop::Listen() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  listener_.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return epoll_ >= 0 && listener_.fd >= 0 &&
         ::bind(listener_.fd, Generic(listen_), sizeof(listen_)) == 0 &&
         ::listen(listener_.fd, kBacklog) == 0 && Watch(listener_);
}

bool FloorLoop::Watch(Endpoint& endpoint) const {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &endpoint}};
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, endpoint.fd, &event) == 0;
}

// An endpoint is freed by nothing but its own event, so none of those that epoll_wait has told of
// can be gone before its turn.
void FloorLoop::Run() {
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      auto* endpoint = static_cast<Endpoint*>(events[static_cast<std::size_t>(i)].data.ptr);
      switch (endpoint->kind) {
        case Endpoint::Kind::kListener: Accept(); break;
        case Endpoint::Kind::kSession: Receive(static_cast<Session&>(*endpoint)); break;
        case Endpoint::Kind::kSlot: OnReply(static_cast<Slot&>(*endpoint)); break;
      }
    }
  }
}

void FloorLoop::Accept() {
  for (;;) {
    const int fd = ::accept4(listener_.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const auto index = static_cast<std::size_t>(fd);
    if (index >= sessions_.size()) sessions_.resize(index + 1);
    sessions_[index] = std::make_unique<Session>(fd);
    if (!Watch(*sessions_[index])) Close(*sessions_[index]);
  }
}

void FloorLoop::Receive(Session& session) {
  char* at = scratch_.get() + kHalfBytesMax;
  const ssize_t got = ::recv(session.fd, at, kReceiveBytes, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    Close(session);
    return;
  }
  auto bytes = static_cast<std::size_t>(got);
  if (!session.half.empty()) {
    at -= session.half.size();
    session.half.copy(at, session.half.size());
    bytes += session.half.size();
    session.half.clear();
  }
  if (!OnBytes(session, at, bytes)) Close(session);
}

// Walks the packets. False: the session is over.
bool FloorLoop::OnBytes(Session& session, char* at, std::size_t bytes) {
  const char* const end = at + bytes;
  while (at < end) {
    const auto left = static_cast<std::size_t>(end - at);
    if (session.body_left > 0) {
      const std::size_t piece = std::min(session.body_left, left);
      OnBody(session, at, piece);
      session.body_left -= piece;
      at += piece;
      continue;
    }
    std::uint32_t length = 0;
    if (left >= milter::kPacketHeadBytes) {
      std::memcpy(&length, at, sizeof(length));
      length = ntohl(length);
      if (length == 0 || length > kLengthMax) return false;
    }
    if (length > 0 && at[milter::kLengthBytes] == 'B') {
      session.body_left = length - 1;
      at += milter::kPacketHeadBytes;
      continue;
    }
    if (length == 0 || left < milter::kLengthBytes + length) {
      session.half.assign(at, left);
      break;
    }
    if (!OnPacket(session, at[milter::kLengthBytes], at + milter::kPacketHeadBytes, length - 1))
      return false;
    at += milter::kLengthBytes + length;
  }
  // The pieces lie in the scratch buffer, which the next receive overwrites.
  return session.slot == nullptr || writer_.Flush(*session.slot);
}

// Every command but the body's. Those that are not here need neither an answer nor attention.
bool FloorLoop::OnPacket(Session& session, char command, char* payload, std::size_t bytes) {
  switch (command) {
    case 'O': {
      const std::string_view answer = answers_.ToOffer({payload, bytes});
      return !answer.empty() && Say(session.fd, answer);
    }
    case 'T': return Say(session.fd, kContinue);
    case 'L': return OnHeader(session, payload, bytes);
    case 'N': writer_.AddEndOfHeader(SlotOf(session)); return true;
    case 'E': StartScan(session); return true;
    case 'A':
    case 'K': LeaveMessage(session); return true;
    case 'Q': return false;
    default: return true;
  }
}

// name NUL value NUL becomes name:valueLF where it lies: the value keeps its leading space.
bool FloorLoop::OnHeader(Session& session, char* payload, std::size_t bytes) {
  auto* colon = static_cast<char*>(std::memchr(payload, '\0', bytes));
  if (colon == nullptr || colon == payload + bytes - 1) return false;
  *colon = ':';
  payload[bytes - 1] = '\n';
  writer_.AddHeader(SlotOf(session), {payload, bytes});
  return true;
}

void FloorLoop::OnBody(Session& session, char* piece, std::size_t bytes) {
  writer_.AddBody(SlotOf(session), piece, bytes);
}

Slot& FloorLoop::SlotOf(Session& session) {
  if (session.slot == nullptr) {
    session.slot = slots_.Take();
    session.slot->session = &session;
  }
  return *session.slot;
}

void FloorLoop::StartScan(Session& session) {
  Slot& slot = SlotOf(session);
  const bool sealed = writer_.Seal(slot);
  slot.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Blocking: where the scanner's backlog is full this waits, which is the shortest way to do it.
  const bool asked = sealed && slot.fd >= 0 &&
                     ::connect(slot.fd, Generic(scanner_), sizeof(scanner_)) == 0 &&
                     Say(slot.fd, slot.request) && Watch(slot);
  if (!asked) EndScan(slot, kTempfail);
}

void FloorLoop::OnReply(Slot& slot) {
  char* at = scratch_.get();
  const ssize_t got = ::recv(slot.fd, at, kReceiveBytes, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    EndScan(slot, kTempfail);
    return;
  }
  std::span<char> reply(at, static_cast<std::size_t>(got));
  const bool came_whole = slot.reply.empty() && IsWhole({at, reply.size()});
  if (!came_whole) {
    slot.reply.append(at, reply.size());
    if (!IsWhole(slot.reply)) return;
    reply = slot.reply;
  }
  EndScan(slot, answers_.ToReply(reply));
}

void FloorLoop::EndScan(Slot& slot, std::string_view answer) {
  if (slot.session != nullptr) {
    // A mail server that does not take its answer has gone or will go: its own event tells.
    Say(slot.session->fd, answer);
    slot.session->slot = nullptr;
    slot.session = nullptr;
  }
  ::close(slot.fd);
  slot.fd = -1;
  slot.reply.clear();
  slots_.Give(&slot);
}

// A scan under way goes on alone; it gives the slot back at its end.
void FloorLoop::LeaveMessage(Session& session) {
  if (session.slot == nullptr) return;
  Slot& slot = *session.slot;
  session.slot = nullptr;
  slot.session = nullptr;
  if (slot.fd >= 0) return;
  writer_.Seal(slot);
  slots_.Give(&slot);
}

void FloorLoop::Close(Session& session) {
  LeaveMessage(session);
  ::close(session.fd);
  sessions_[static_cast<std::size_t>(session.fd)].reset();
}

}  // namespace millrace_floor
