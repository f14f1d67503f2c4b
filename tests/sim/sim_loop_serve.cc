// What a turn of the simulated loop does with the sockets that are ready. See sim_loop.h.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_world.h"

namespace sim {
namespace {

constexpr std::size_t kLentBytes = 4 * engine::kKiB;
constexpr std::size_t kAheadBytesMax = 8 * kLentBytes;
constexpr PerMillion kStillSmall = 500'000;  // per receive in kBulk

}  // namespace

// The socket itself inside OnDirect.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, lives on the stack
class SimLoop::Direct final : public engine::DirectSocket {
 public:
  Direct(SimWorld& world, int end) noexcept
      : world_(&world), streams_(&world.streams()), end_(end) {}

  IoResult Recv(engine::Bytes to) noexcept override {
    const std::size_t got = streams_->Read(end_, to);
    return got > 0 ? IoResult{static_cast<std::int64_t>(got), 0} : Nothing();
  }
  IoResult SpliceTo(engine::Pipe& pipe, std::size_t max) noexcept override {
    auto& to = static_cast<SimPipe&>(pipe);
    if (to.full()) return {0, EAGAIN};
    std::size_t take = std::min(to.capacity() - to.bytes(), max);
    if (take > 1 && world_->random().Chance(world_->faults().short_receive))
      take = static_cast<std::size_t>(world_->random().Between(1, take));
    std::string bytes(take, '\0');
    const std::size_t got =
        streams_->Read(end_, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    if (got == 0) return Nothing();
    to.AddPiece(std::string_view(bytes).substr(0, got));
    return {static_cast<std::int64_t>(got), 0};
  }

 private:
  IoResult Nothing() const noexcept {
    const SimEnd* end = streams_->Find(end_);
    if (end == nullptr || end->reset != 0) return {0, ECONNRESET};
    return {0, end->end_seen ? 0 : EAGAIN};
  }

  SimWorld* world_;
  SimStreams* streams_;
  int end_;
};

IoResult SimPipe::Read(engine::Bytes to) noexcept {
  const std::size_t take = std::min(to.size(), content_.size());
  std::memcpy(to.data(), content_.data(), take);
  content_.erase(0, take);
  return {static_cast<std::int64_t>(take), 0};
}

IoResult SimPipe::TeeTo(engine::Pipe& to, std::size_t max) noexcept {
  auto& other = static_cast<SimPipe&>(to);
  const std::size_t take =
      std::min({max, content_.size(), other.capacity_ - other.content_.size()});
  if (take == 0) return {0, EAGAIN};
  other.content_.append(content_, 0, take);
  return {static_cast<std::int64_t>(take), 0};
}

IoResult SimLoop::SendFrom(engine::SocketId id, engine::Pipe& pipe, std::size_t max) noexcept {
  std::string& content = static_cast<SimPipe&>(pipe).content();
  const iovec piece{content.data(), std::min(max, content.size())};
  const IoResult result = Send(id, {&piece, 1});
  if (result.ok()) content.erase(0, static_cast<std::size_t>(result.value));
  return result;
}

void SimLoop::EndSending(engine::SocketId id) noexcept {
  if (const Socket* socket = Find(id)) world_->streams().Shutdown(socket->end);
}

void SimLoop::ServeSockets() noexcept {
  serving_.clear();
  serving_.swap(ready_);
  for (std::size_t i = serving_.size(); i > 1; --i)
    std::swap(serving_[i - 1], serving_[static_cast<std::size_t>(world_->random().Below(i))]);
  for (std::size_t i = 0; i < serving_.size(); ++i) {
    const engine::SocketId id = serving_[i];
    Socket* socket = Find(id);
    if (socket == nullptr) continue;
    socket->listed = false;
    if (world_->random().Chance(world_->faults().late_ready)) {
      Ready(id);
      continue;
    }
    Serve(id);
  }
}

void SimLoop::Serve(engine::SocketId id) noexcept {
  Socket* socket = Find(id);
  if (socket->connecting) {
    if (!socket->connect_done) return;
    socket->connecting = false;
    if (socket->connect_error != 0) {
      socket->gone = true;
      socket->owner->OnGone(id, socket->connect_error);
      return;
    }
    socket->owner->OnWritable(id);
  } else if (socket->room_came) {
    socket->room_came = false;
    socket->owner->OnWritable(id);
  }
  socket = Find(id);
  if (socket == nullptr || socket->gone) return;
  switch (socket->mode) {
    case engine::ReadMode::kSmall:
    case engine::ReadMode::kBulk: ServeRead(id); break;
    case engine::ReadMode::kDirect:
      if (TakesBytes(*socket)) {
        ServeRead(id);
      } else {
        ServeDirect(id);
      }
      break;
    case engine::ReadMode::kPaused: TakeAhead(*socket); break;
  }
  TellGone(id);
}

// Until kDirect is granted a lending loop goes on; what it has kept comes before anything else.
bool SimLoop::TakesBytes(const Socket& socket) const noexcept {
  switch (socket.mode) {
    case engine::ReadMode::kSmall:
    case engine::ReadMode::kBulk: return true;
    case engine::ReadMode::kDirect: return socket.lent_to || !socket.kept.empty();
    case engine::ReadMode::kPaused: break;
  }
  return false;
}

std::size_t SimLoop::TakePiece(Socket& socket, engine::Bytes room) noexcept {
  const bool small = socket.lent_to && (socket.mode != engine::ReadMode::kBulk ||
                                        world_->random().Chance(kStillSmall));
  if (small) room = room.first(std::min(room.size(), kLentBytes));
  if (socket.kept.empty()) return world_->streams().Read(socket.end, room);
  const std::size_t take = std::min(room.size(), socket.kept.size());
  std::memcpy(room.data(), socket.kept.data(), take);
  socket.kept.erase(0, take);
  return take;
}

// What a receive under way takes after the pause.
void SimLoop::TakeAhead(Socket& socket) noexcept {
  if (!socket.lent_to || socket.kept.size() >= kAheadBytesMax) return;
  std::string piece(kLentBytes, '\0');
  piece.resize(world_->streams().Read(socket.end, std::as_writable_bytes(std::span(piece))));
  socket.kept += piece;
}

void SimLoop::ServeRead(engine::SocketId id) noexcept {
  std::size_t used = 0;
  Socket* socket = Find(id);
  while (socket != nullptr && TakesBytes(*socket) && used < scratch_.size()) {
    const engine::Bytes free = engine::Bytes(scratch_).subspan(used);
    const std::size_t got = TakePiece(*socket, free);
    if (got == 0) break;
    used += got;
    socket->owner->OnBytes(id, free.first(got));
    socket = Find(id);
    if (world_->random().Chance(world_->faults().short_receive)) break;
  }
  if (socket != nullptr && used > 0) socket->owner->OnTurnEnd(id);
  // Whoever still looks at the spans now shall not find what was there.
  std::memset(scratch_.data(), 0xdd, used);
  socket = Find(id);
  if (socket == nullptr) return;
  const SimEnd* end = world_->streams().Find(socket->end);
  const bool more = !socket->kept.empty() || (end != nullptr && end->readable() > 0);
  if (more && socket->mode != engine::ReadMode::kPaused) Ready(id);
}

void SimLoop::ServeDirect(engine::SocketId id) noexcept {
  Socket* socket = Find(id);
  if (!socket->granted) return;
  Direct direct(*world_, socket->end);
  const engine::Drained drained = socket->owner->OnDirect(id, direct);
  if (drained == engine::Drained::kNo) Ready(id);
}

bool SimLoop::MayTellGone(const Socket& socket, const SimEnd* end, int* error) noexcept {
  const bool paused = socket.mode == engine::ReadMode::kPaused;
  const bool waits_for_grant = socket.mode == engine::ReadMode::kDirect && !socket.granted;
  const bool unread = !socket.kept.empty() || (end != nullptr && end->readable() > 0);
  if (socket.gone || waits_for_grant) return false;
  *error = socket.send_error;
  if (*error == 0 && end != nullptr) *error = end->reset;
  if (*error != 0) return paused || !unread;
  return !paused && !unread && end != nullptr && end->end_seen;
}

void SimLoop::TellGone(engine::SocketId id) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr) return;
  int error = 0;
  if (!MayTellGone(*socket, world_->streams().Find(socket->end), &error)) return;
  socket->gone = true;
  world_->Note("gone", id.index, static_cast<std::uint64_t>(error));
  socket->owner->OnGone(id, error);
}

}  // namespace sim
