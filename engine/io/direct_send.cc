// Sending: from memory, from a pipe, and the end of it.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "engine/io/direct_loop.h"
#include "engine/io/pipe.h"

namespace engine {
namespace {

constexpr std::size_t kGatherMax = 1024;  // IOV_MAX of Linux; more is a short Send

ssize_t SendOnce(int fd, Gather data) noexcept {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  // One part, as almost always: the kernel has no message header and no vector to copy.
  if (data.size() == 1) return ::send(fd, data.front().iov_base, data.front().iov_len, kFlags);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(data.data());
  message.msg_iovlen = std::min(data.size(), kGatherMax);
  return ::sendmsg(fd, &message, kFlags);
}

}  // namespace

void DirectLoop::WantWrite(SocketId id, SocketRecord& record) noexcept {
  record.wants_write = true;
  if (record.write_watched) return;
  if (const int error = WatchWrites(id, record); error != 0) Fail(record, error);
}

IoResult DirectLoop::Send(SocketId id, Gather data) noexcept {
  SocketRecord* record = FindOpen(id);
  if (record == nullptr) return {0, EBADF};
  std::size_t wanted = 0;
  for (const iovec& part : data)
    wanted += part.iov_len;
  if (wanted == 0) return {0, 0};
  ssize_t sent = 0;
  do {
    sent = SendOnce(record->fd, data);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && errno != EAGAIN) {
    const int error = errno;
    Fail(*record, error);
    return {0, error};
  }
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (taken < wanted) WantWrite(id, *record);
  return {static_cast<std::int64_t>(taken), 0};
}

// splice(2) takes no MSG_NOSIGNAL: SIGPIPE is ignored by whoever uses this (signals.h).
IoResult DirectLoop::SendFrom(SocketId id, Pipe& pipe, std::size_t max) noexcept {
  SocketRecord* record = FindOpen(id);
  if (record == nullptr) return {0, EBADF};
  auto& from = static_cast<PosixPipe&>(pipe);
  const std::size_t wanted = std::min(max, from.bytes());
  if (wanted == 0) return {0, 0};
  ssize_t moved = 0;
  do {
    moved = ::splice(
        from.read_end(), nullptr, record->fd, nullptr, wanted, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  } while (moved < 0 && errno == EINTR);
  if (moved < 0 && errno != EAGAIN) {
    const int error = errno;
    Fail(*record, error);
    return {0, error};
  }
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(moved, 0));
  from.Removed(taken);
  if (taken < wanted) WantWrite(id, *record);
  return {static_cast<std::int64_t>(taken), 0};
}

void DirectLoop::EndSending(SocketId id) noexcept {
  const SocketRecord* record = FindOpen(id);
  if (record != nullptr) ::shutdown(record->fd, SHUT_WR);
}

}  // namespace engine
