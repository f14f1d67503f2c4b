// The loop contract over io_uring with multishot RECV into lent buffers: small packets come without
// a system call of their own. Everything else is the polling source's (uring_loop.h).
//
//   in each turn:   completions --> octets to the lists of their sockets --> each socket's turn
//                                                        OnBytes x n, OnTurnEnd, buffers given back
//
//   ring_reads:     RECV armed ------ last completion ------ its octets told -----> polled
//                     ^  |  kBulk (after bulk_after_bytes of it), kDirect, buffers      |
//                     |  |  run out, send failed: cancelled, its last one awaited       |
//                     |  '-> kPaused: what comes is kept, and it is cancelled then      |
//                     '---------- kSmall, at the next readiness, buffers are free ------'
//
// Polled means: as the polling source, with large direct receives. A direct receive while RECV is
// armed, or while its octets wait, would reorder the stream: ring_reads keeps it away.
//
// - A socket's turn is whole: octets are sorted by socket before the first of them is told.
// - Buffers run out (ENOBUFS): those whom it strikes are polled. With a quarter of the buffers free
//   they are armed again, each at its next readiness.
// - Octets kept while paused hold buffers: a socket's receive buffer in the kernel, at most.
// - Where the kernel's RECV can miss the end of a stream (ReceiveTellsEnd), a POLL for POLLRDHUP
//   alone (kEnd) stays beside it: the end is then read by a direct receive.
// - A completion queue that overflowed ends RECV like a cancel: what was received comes with it.
// - Close: buffers are given back, also by completions that come later.
//
// Sources: io_uring_enter(2), io_uring_prep_recv_multishot(3); measured: docs/adr/015.
#ifndef MILLRACE_ENGINE_IO_URING_RECV_LOOP_H_
#define MILLRACE_ENGINE_IO_URING_RECV_LOOP_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/io/buffer_ring.h"
#include "engine/io/uring_loop.h"

namespace engine {

class UringRecvLoop final : public UringLoop {
 public:
  // As UringLoop::Make.
  static absl::StatusOr<std::unique_ptr<Loop>> Make(const LoopOptions& options);
  ~UringRecvLoop() override;

  const char* source_name() const noexcept override { return "io_uring recv"; }

 private:
  enum class Request : std::uint8_t { kNone, kArmed, kCancelled };

  // What a socket has here, by its number. All zero when nothing: as mapped, and when the record is
  // freed.
  struct Reception {
    BufferList waiting;            // octets received and not told
    std::uint32_t next = 0;        // on the list of this turn: number + 1
    std::uint32_t bulk_bytes = 0;  // told in kBulk
    std::int32_t error = 0;        // with `ended`
    Request request = Request::kNone;
    bool listed : 1 = false;
    bool ended : 1 = false;  // the stream, after what waits
    bool buffers_ran_out : 1 = false;
    bool poll_cancelled : 1 = false;
    bool end_watched : 1 = false;
  };

  explicit UringRecvLoop(const LoopOptions& options) noexcept;

  int WatchReads(SocketId id, SocketRecord& record) noexcept override;
  void Forget(SocketId id, SocketRecord& record) noexcept override;
  void Dispatch() noexcept override;
  void KeepWatching(SocketId id, SocketRecord& record) noexcept override;
  void OnReceiveCompletion(KernelTag tag, SocketId id, const io_uring_cqe& cqe) noexcept override;
  void ServeRing(SocketId id, SocketRecord& record) noexcept override;

  void OnReceived(SocketId id, SocketRecord& record, const io_uring_cqe& cqe) noexcept;
  void OnEnd(SocketId id, SocketRecord& record, const io_uring_cqe& cqe) noexcept;
  void Settle(SocketId id, SocketRecord& record) noexcept;
  void WatchEnd(SocketId id, SocketRecord& record) noexcept;
  bool WantsRing(const SocketRecord& record, const Reception& reception) const noexcept;
  int Arm(SocketId id, SocketRecord& record) noexcept;
  void Disarm(SocketId id, SocketRecord& record) noexcept;
  void PutOnTurnList(SocketId id, SocketRecord& record) noexcept;
  void ServeTurnList() noexcept;
  std::size_t Deliver(SocketId id) noexcept;
  void LeaveRing(SocketId id, SocketRecord& record, bool told) noexcept;
  void KeepPolling(SocketId id, SocketRecord& record) noexcept;
  void GiveAll(BufferList* list) noexcept;
  void NoteEnd(SocketRecord& record, Reception& reception, int result) noexcept;
  Reception& ReceptionOf(SocketId id) noexcept { return receptions_[id.index]; }

  bool misses_ends_;
  std::uint32_t bulk_after_bytes_;
  std::uint32_t free_enough_;  // buffers: a quarter
  std::uint32_t sockets_max_;
  BufferRing buffers_;
  bool starving_ = false;  // buffers ran out, and less than a quarter is free
  std::uint32_t turn_first_ = 0;
  std::uint32_t turn_last_ = 0;
  Reception* receptions_ = nullptr;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_URING_RECV_LOOP_H_
