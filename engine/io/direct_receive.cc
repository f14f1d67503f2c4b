// Receiving: the drain of a ready socket, in each read mode, and how its end is told.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/io/direct_loop.h"
#include "engine/io/pipe.h"

namespace engine {
namespace {

// With less room than this left in the scratch, the turn ends: no receives of a few bytes.
constexpr std::size_t kRoomMinBytes = 16 * kKiB;

ssize_t ReceiveOnce(int fd, void* to, std::size_t bytes, int flags) noexcept {
  ssize_t got = 0;
  do {
    got = ::recv(fd, to, bytes, flags | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

// The socket as OnDirect sees it; notes how the stream ended.
class DirectLoop::DirectAccess final : public DirectSocket {
 public:
  explicit DirectAccess(int fd) noexcept : fd_(fd) {}
  virtual ~DirectAccess() = default;
  DirectAccess(const DirectAccess&) = delete;
  DirectAccess& operator=(const DirectAccess&) = delete;

  IoResult Recv(Bytes to) noexcept override {
    if (to.empty()) return {0, 0};
    ssize_t got = ReceiveOnce(fd_, to.data(), to.size(), 0);
    if (got < 0 && errno == ENOTSOCK) got = ::read(fd_, to.data(), to.size());  // signalfd
    return Note(got);
  }

  IoResult SpliceTo(Pipe& pipe, std::size_t max) noexcept override {
    auto& to = static_cast<PosixPipe&>(pipe);
    if (max == 0) return {0, 0};
    if (to.bytes() >= to.capacity()) return {0, EAGAIN};
    ssize_t moved = 0;
    do {
      moved =
          ::splice(fd_, nullptr, to.write_end(), nullptr, max, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    } while (moved < 0 && errno == EINTR);
    if (moved > 0) to.Added(static_cast<std::size_t>(moved));
    return Note(moved);
  }

  bool ended() const noexcept { return ended_; }
  int error() const noexcept { return error_; }

 private:
  IoResult Note(ssize_t got) noexcept {
    if (got > 0) return {got, 0};
    const int error = got == 0 ? 0 : errno;
    if (error != EAGAIN) {
      ended_ = true;
      error_ = error;
    }
    return {0, error};
  }

  int fd_;
  bool ended_ = false;
  int error_ = 0;
};

void DirectLoop::Serve(SocketId id) noexcept {
  SocketRecord* record = FindOpen(id);
  ENGINE_CHECK(record != nullptr);
  if (record->connected) {
    record->connected = false;
    record->wants_write = false;
    if (!TellWritable(id, *record)) return;
    record = FindOpen(id);
    const bool reads = record->mode == ReadMode::kSmall || record->mode == ReadMode::kBulk;
    const bool due = record->read_due || record->error != 0;
    record->read_due = false;
    if (reads && !due && !record->ring_reads) return;
  }
  if (record->gone) return;
  if (record->connecting) {
    if (record->error == 0) return;
    record->connecting = false;
    TellGone(id, *record, record->error);
    return;
  }
  if (record->ring_reads) return ServeRing(id, *record);
  switch (record->mode) {
    case ReadMode::kSmall:
    case ReadMode::kBulk: Receive(id); break;
    case ReadMode::kDirect: ServeDirect(id); break;
    case ReadMode::kPaused:
      if (record->error == ECONNRESET) End(id, ECONNRESET);
      break;
  }
}

DirectLoop::Received DirectLoop::ReceiveBytes(SocketId id,
                                              std::size_t* bytes,
                                              int* error) noexcept {
  for (;;) {
    SocketRecord* record = FindOpen(id);
    if (record == nullptr || (record->mode != ReadMode::kSmall && record->mode != ReadMode::kBulk))
      return Received::kStopped;
    const std::size_t room = kScratchBytes - *bytes;
    if (room < kRoomMinBytes) return Received::kMore;
    const ssize_t got = ReceiveOnce(record->fd, scratch_ + *bytes, room, 0);
    if (got == 0) return Received::kEnd;
    if (got < 0) {
      *error = errno;
      return *error == EAGAIN ? Received::kDrained : Received::kError;
    }
    const bool to_the_end = record->hung_up || record->error != 0;
    const auto size = static_cast<std::size_t>(got);
    record->owner->OnBytes(id, {scratch_ + *bytes, size});
    *bytes += size;
    if (size < room && !to_the_end) return Received::kDrained;
  }
}

void DirectLoop::Receive(SocketId id) noexcept {
  static_assert(kScratchBytes <= kTurnBytesMax,
                "a full scratch ends the turn before its share does");
  std::size_t bytes = 0;
  int error = 0;
  const Received received = ReceiveBytes(id, &bytes, &error);
  SocketRecord* record = FindOpen(id);
  if (record != nullptr && bytes > 0) {
    record->owner->OnTurnEnd(id);
    record = FindOpen(id);
  }
  if (record == nullptr) return;
  switch (received) {
    case Received::kStopped: break;  // the mode change has listed it, or the resume will
    case Received::kMore: PutOnReadyList(*record); break;
    case Received::kEnd: End(id, 0); break;
    case Received::kError: End(id, error); break;
    case Received::kDrained:
      if (record->error != 0) End(id, record->error);
      break;
  }
}

void DirectLoop::ServeDirect(SocketId id) noexcept {
  SocketRecord* record = FindOpen(id);
  DirectAccess access(record->fd);
  const Drained drained = record->owner->OnDirect(id, access);
  record = FindOpen(id);
  if (record == nullptr) return;
  if (access.ended()) {
    End(id, access.error());
    return;
  }
  if (drained == Drained::kNo) {
    PutOnReadyList(*record);
    return;
  }
  if (!record->hung_up && record->error == 0) return;
  // Drained, and no edge will come: is this the end, or have bytes arrived since?
  std::byte peeked{};
  const ssize_t got = ReceiveOnce(record->fd, &peeked, 1, MSG_PEEK);
  if (got > 0) {
    PutOnReadyList(*record);
  } else if (got == 0) {
    End(id, 0);
  } else if (errno != EAGAIN) {
    End(id, errno);
  } else if (record->error != 0) {
    End(id, record->error);
  }
}

// Paused: SO_ERROR tells a reset apart from the rest; reading it takes it, so it is kept.
void DirectLoop::CheckReset(SocketId id, SocketRecord& record) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(record.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) return;
  if (record.error == 0) record.error = error;
  if (error == ECONNRESET) End(id, error);
}

void DirectLoop::End(SocketId id, int error) noexcept {
  SocketRecord* record = FindOpen(id);
  ENGINE_CHECK(record != nullptr);
  if (record->gone) return;
  // What was noted first is the cause (a failed Send, a reset while paused).
  if (record->error == 0) record->error = error;
  record->hung_up = true;
  if (record->mode == ReadMode::kPaused && record->error != ECONNRESET) return;
  TellGone(id, *record, record->error);
}

}  // namespace engine
