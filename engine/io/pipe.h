// A byte queue between two splices: socket -> pipe -> file or socket.
//
//   DirectSocket::SpliceTo -> [pipe] -> Disk::SpliceFrom | Loop::SendFrom | Read
//                                '-> TeeTo -> [another pipe, the same bytes]
//
// PosixPipe is a kernel pipe of up to 1 MiB; the simulated world has its own. Each loop and disk
// knows the kind that belongs to it: a pipe must not cross from one world into the other.
// Source: splice(2), tee(2), fcntl(2) F_SETPIPE_SZ, pipe(7) (pipe-user-pages-soft).
#ifndef MILLRACE_ENGINE_IO_PIPE_H_
#define MILLRACE_ENGINE_IO_PIPE_H_

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "engine/base/units.h"
#include "engine/io/disk.h"

namespace engine {

class Pipe {
 public:
  static constexpr std::size_t kCapacityBytes = 1 * kMiB;

  Pipe() noexcept = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  virtual ~Pipe() = default;

  virtual std::size_t bytes() const noexcept = 0;  // in it now
  virtual std::size_t capacity() const noexcept = 0;
  // It takes nothing more until some of it has left: at its capacity, or before, as each piece of a
  // socket's buffer takes a place of its own. Tells what an EAGAIN of a splice was about.
  virtual bool full() const noexcept = 0;

  // Takes bytes out, the oldest first; value: how many, 0 of an empty pipe.
  virtual IoResult Read(Bytes to) noexcept = 0;
  // Puts the oldest `max` bytes at most into `to` as well; they stay in this pipe too. May take
  // fewer. EAGAIN: `to` has no room, or this pipe is empty.
  virtual IoResult TeeTo(Pipe& to, std::size_t max) noexcept = 0;
};

class PosixPipe final : public Pipe {
 public:
  PosixPipe() noexcept {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
    read_end_ = ends[0];
    write_end_ = ends[1];
    // Above the user's share of pipe pages the kernel says no; the pipe then keeps its size.
    ::fcntl(write_end_, F_SETPIPE_SZ, static_cast<int>(kCapacityBytes));
    const int got = ::fcntl(write_end_, F_GETPIPE_SZ);
    capacity_ = got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  ~PosixPipe() override {
    if (read_end_ >= 0) ::close(read_end_);
    if (write_end_ >= 0) ::close(write_end_);
  }

  bool ok() const noexcept { return read_end_ >= 0; }  // false: descriptors had run out
  std::size_t bytes() const noexcept override { return bytes_; }
  std::size_t capacity() const noexcept override { return capacity_; }

  bool full() const noexcept override {
    pollfd writable{.fd = write_end_, .events = POLLOUT, .revents = 0};
    return ::poll(&writable, 1, 0) == 0;
  }

  IoResult Read(Bytes to) noexcept override {
    const std::size_t wanted = std::min(to.size(), bytes_);
    if (wanted == 0) return {0, 0};
    ssize_t got = 0;
    do {
      got = ::read(read_end_, to.data(), wanted);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return {0, errno};
    bytes_ -= static_cast<std::size_t>(got);
    return {got, 0};
  }

  IoResult TeeTo(Pipe& to, std::size_t max) noexcept override {
    auto& other = static_cast<PosixPipe&>(to);
    const std::size_t wanted = std::min(max, bytes_);
    if (wanted == 0) return {0, EAGAIN};
    ssize_t copied = 0;
    do {
      copied = ::tee(read_end_, other.write_end_, wanted, SPLICE_F_NONBLOCK);
    } while (copied < 0 && errno == EINTR);
    if (copied < 0) return {0, errno};
    other.bytes_ += static_cast<std::size_t>(copied);
    return {copied, copied == 0 ? EAGAIN : 0};
  }

  // For the loop and the disk, which account for what they move.
  int read_end() const noexcept { return read_end_; }
  int write_end() const noexcept { return write_end_; }
  void Added(std::size_t bytes) noexcept { bytes_ += bytes; }
  void Removed(std::size_t bytes) noexcept { bytes_ -= bytes; }

 private:
  int read_end_ = -1;
  int write_end_ = -1;
  std::size_t bytes_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_PIPE_H_
