// The loop contract over io_uring with multishot POLL: the ring tells of readiness, and the socket
// is then served by direct recv, send and splice (direct_loop.h).
//
//   user_data = tag | index | generation (socket_table.h)
//   kRead      multishot POLL, POLLIN | POLLRDHUP      ended without our asking: armed again
//   kWrite     one-shot POLL, POLLOUT                  only while a Send or Connect waits
//   kListener  multishot POLL        kWake  multishot POLL on the mailbox's eventfd
//   kFile      WRITEV, index = number in FileOps       kCancel  ASYNC_CANCEL, CLOSE: failures alone
//   kSocket    SOCKET, its answer is a descriptor     kReceive, kEnd   of uring_recv_loop.h
//
// A WRITEV goes straight to an io-wq worker (IOSQE_ASYNC): buffered writes end there anyway, and
// the attempt before it blocks on a frozen file system (before Linux 6.12). At most kWorkersBounded
// per ring (uring_setup.cc), and heavy ones alone: a worker that the kernel holds up for what large
// messages make dirty does not hold up small ones. All else goes to file threads (file_thread.h).
//
// Close: cancels, then CLOSE, queued for the kernel: no system call of their own. The peer sees the
// end when the turn has ended and the ring is entered; until then the descriptor's number is taken,
// so that no request can meet another file under it. At most kClosesMax wait for that.
// Sockets for Connect on Unix sockets are made by the ring ahead of time, as many as one turn has
// lately asked for, at most kSpareSocketsMax: no system call of their own either.
// The record lives until each of its requests has had its last completion.
// A completion queue that overflowed ends multishots (no F_MORE): they are armed again.
//
// Sources: io_uring_enter(2), io_uring_prep_poll_multishot(3), io_uring_prep_cancel(3).
#ifndef MILLRACE_ENGINE_IO_URING_LOOP_H_
#define MILLRACE_ENGINE_IO_URING_LOOP_H_

#include <array>
#include <cstdint>
#include <memory>

#include <liburing.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/direct_loop.h"
#include "engine/io/file_ops.h"
#include "engine/io/file_thread.h"

namespace engine {

class UringLoop : public DirectLoop {
 public:
  static constexpr unsigned kCompletionsPerTurnMax = 4096;
  static constexpr unsigned kClosesMax = 16;  // descriptors of a shard beyond its open sockets
  static constexpr unsigned kSpareSocketsMax = 16;  // the same

  // In the shard's own thread, which alone may use it. kUnavailable: no ring, and why.
  static absl::StatusOr<std::unique_ptr<Loop>> Make(const LoopOptions& options);
  ~UringLoop() override;

  void Submit(FileOp& op) noexcept override;
  void CloseDescriptor(int fd) noexcept override { CloseLater(fd); }
  std::uint32_t file_ops() const noexcept override {
    return writes_.in_flight() + file_threads_.in_flight();
  }
  const char* source_name() const noexcept override { return "io_uring poll"; }

 protected:
  explicit UringLoop(const LoopOptions& options) noexcept;
  absl::Status Open(const LoopOptions& options);

  // nullptr: the queue is full and the kernel takes nothing for now.
  io_uring_sqe* NextSqe() noexcept;
  bool CancelRequest(std::uint64_t name) noexcept;  // false: not queued
  int Poll(int fd, std::uint32_t events, bool multishot, std::uint64_t name) noexcept;
  io_uring& ring() noexcept { return ring_; }

  int WatchReads(SocketId id, SocketRecord& record) noexcept override;
  void Forget(SocketId id, SocketRecord& record) noexcept override;
  void Dispatch() noexcept override;
  // After a completion for an open socket: watches it on, where that has ended.
  virtual void KeepWatching(SocketId id, SocketRecord& record) noexcept;
  virtual void OnReceiveCompletion(KernelTag tag, SocketId id, const io_uring_cqe& cqe) noexcept;

 private:
  void CloseLater(int fd) noexcept;
  int MakeSocket(int family) noexcept override;
  void AskForSocket() noexcept;
  void OnSocketMade(int result) noexcept;
  int WatchWrites(SocketId id, SocketRecord& record) noexcept override;
  int WatchListener(SocketId watch, int fd) noexcept override;
  void ForgetListener(SocketId watch, int fd) noexcept override;
  void Wait(Time at_most) noexcept override;

  void OnCompletion(const io_uring_cqe& cqe) noexcept;
  void OnSocketCompletion(KernelTag tag, SocketId id, const io_uring_cqe& cqe) noexcept;
  void OnListenerCompletion(SocketId watch, const io_uring_cqe& cqe) noexcept;

  io_uring ring_{};
  bool open_ = false;
  unsigned closes_ = 0;  // queued in this turn
  std::array<int, kSpareSocketsMax> spare_sockets_{};
  unsigned spares_ = 0;
  unsigned spares_asked_ = 0;  // of the ring, not there yet
  FileOps writes_;
  FileThreads file_threads_;  // all but heavy writes
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_URING_LOOP_H_
