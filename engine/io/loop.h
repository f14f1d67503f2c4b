// The contract that every loop honours: UringLoop, EpollLoop, and the simulated loop of the tests.
//
// One loop per shard, made and run in the shard's own thread. Virtual calls at the grain of a
// kernel call (a wake-up, a send, a file call), never per packet. The rules below are run by one
// contract suite on all loops, with Close() inside each callback.
//
//   RunTurn:  [wait] [clock] [due timers] [mail] [accepts] [ready list] [kernel events]
//
//   a ready socket:  OnBytes x n -> OnTurnEnd     received into the shard's scratch; at the turn's
//                                                 end the owner writes and sends ONCE
//                    OnDirect                     instead, in ReadMode::kDirect
//                    OnGone                       end of stream or error, after the last byte, once
//
// Rules
// - Buffers: the spans of OnBytes are the loop's 256 KiB scratch (or lent ring buffers). They are
//   valid until OnTurnEnd returns. Between a socket's first OnBytes and its OnTurnEnd no other
//   socket is told anything. Scratch full or kTurnBytesMax spent ends the socket's turn
//   (OnTurnEnd) and puts it on the ready list: edge triggers do not repeat.
// - kSmall and kBulk are hints for a receiving source. kDirect is granted by OnDirect, never inside
//   the call that asked for it; until then OnBytes may still bring what the kernel took before. It
//   is left only at a packet boundary with the pipe empty.
// - kPaused holds from the next callback on. The loop keeps what the kernel already took; OnGone is
//   held back while paused unless the error is a reset.
// - Sockets are records of the loop. After Close() no callback for that id comes, and the owner may
//   be freed at once; the loop keeps its own record until the kernel is done with it. A stale
//   SocketId is ignored by Send and SendFrom (EBADF), EndSending, SetReadMode and Close.
// - File operations (file_op.h) and their buffers come from the shard's pool, never from a message;
//   no order is promised between two in flight, so those on one file are submitted one at a time.
//   They are never cancelled: the loop's destructor waits for them, however long the disk takes. At
//   most 256 are in flight.
// - Time is CLOCK_MONOTONIC read once per turn, after the wait (virtual in the simulated loop), as
//   nanoseconds. Timer ticks are 1 ms: a timer fires at its time or up to one tick later, never
//   before.
// - Nothing is told inside the call that caused it: OnWritable, OnGone, OnDirect, `accepted`,
//   `deliver`, `done` and `fire` all come from RunTurn.
#ifndef MILLRACE_ENGINE_IO_LOOP_H_
#define MILLRACE_ENGINE_IO_LOOP_H_

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/units.h"
#include "engine/io/disk.h"
#include "engine/io/file_op.h"

namespace engine {

struct Address;  // engine/net/address.h

using Gather = std::span<const iovec>;

inline constexpr std::size_t kScratchBytes = 256 * kKiB;  // one receive at most
inline constexpr std::size_t kTurnBytesMax = 1 * kMiB;    // one socket's share of a turn

// Names a socket of one loop. generation 0 names none.
struct SocketId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const SocketId&, const SocketId&) = default;
};

enum class ReadMode : std::uint8_t { kSmall, kBulk, kPaused, kDirect };

enum class Drained : bool { kNo, kYes };  // kNo: more may be there; the loop comes back to it

class Pipe;  // engine/io/pipe.h: 1 MiB pipe, or a byte queue with a capacity (simulated)

// The socket itself, for splice(2). Valid only inside OnDirect.
class DirectSocket {
 public:
  virtual IoResult Recv(Bytes to) noexcept = 0;
  virtual IoResult SpliceTo(Pipe& pipe, std::size_t max) noexcept = 0;

 protected:
  ~DirectSocket() = default;
};

// What a socket's owner hears. Any call may Close() or change the mode; the loop checks the
// generation after each.
class SocketEvents {
 public:
  // 1..n per turn. `bytes` is never empty, may be changed in place, and lives until OnTurnEnd
  // returns.
  virtual void OnBytes(SocketId id, Bytes bytes) noexcept = 0;
  // After the last OnBytes of this turn. Here: one pwritev, one send.
  virtual void OnTurnEnd(SocketId id) noexcept = 0;
  // kDirect was granted, and at each later readiness.
  virtual Drained OnDirect(SocketId id, DirectSocket& socket) noexcept = 0;
  // Once, after a Send that was short (or answered EAGAIN); also when a Connect has completed.
  virtual void OnWritable(SocketId id) noexcept = 0;
  // End of stream (error 0) or errno, after the last byte, once; never after Close(). A failed
  // Connect ends here too. The owner still has to Close().
  virtual void OnGone(SocketId id, int error) noexcept = 0;

 protected:
  ~SocketEvents() = default;
};

// Lives in its owner. Set/Cancel file and unfile it; `fire` runs once per Set. An unfiled timer has
// prev == nullptr.
struct Timer {
  Timer* prev = nullptr;
  Timer* next = nullptr;
  Time at{};     // when it is due
  Time filed{};  // where the wheel has it: at or earlier (a later `at` is one store)
  void (*fire)(Timer& timer, Time now) noexcept = nullptr;
};

// A message between shards; the node lives in its owner, so a mailbox is never full. In at most one
// mailbox at a time.
struct Mail {
  std::atomic<Mail*> next{nullptr};
  void (*deliver)(Mail& mail) noexcept = nullptr;
};

class Loop {
 public:
  // Takes over a connected, non-blocking descriptor. Readiness already there is reported in the
  // next turn. generation 0: the loop's table is full (its size is the maker's choice), and the
  // descriptor was closed.
  virtual SocketId Adopt(int fd, SocketEvents& owner, ReadMode mode) noexcept = 0;

  // Starts a connection. error 0: *id is set, and OnWritable (connected) or OnGone (errno) follows,
  // never inside this call, also where the connect completed at once. Any other error (EAGAIN: a
  // Unix socket's backlog is full; ECONNREFUSED, ENOENT, EMFILE …) comes at once, and nothing
  // follows. Reading is in kSmall from the start.
  virtual IoResult Connect(const Address& to, SocketEvents& owner, SocketId* id) noexcept = 0;

  // Watches a listening, non-blocking descriptor; each accepted one (non-blocking, close-on-exec)
  // is handed to `accepted`, who owns it. Out of descriptors (EMFILE, ENFILE): accepting pauses for
  // 100 ms, counted, logged by the shard. The descriptor stays the caller's; StopListening() ends
  // the watch before the caller closes it.
  virtual void Listen(int fd,
                      void (*accepted)(void* context, int fd) noexcept,
                      void* context) noexcept = 0;
  virtual void StopListening(int fd) noexcept = 0;

  // Direct, never blocks. value: bytes taken, maybe fewer than given: the rest is the caller's
  // until OnWritable, which then comes once. Nothing taken: value 0 with error 0 (or EAGAIN). Any
  // other error but EBADF: OnGone follows, after the bytes that are still there to be read.
  virtual IoResult Send(SocketId id, Gather data) noexcept = 0;

  // As Send, with what is in `pipe`, at most `max` bytes: what was taken has left the pipe. The
  // process ignores SIGPIPE (signals.h).
  virtual IoResult SendFrom(SocketId id, Pipe& pipe, std::size_t max) noexcept = 0;

  // No more will be sent: the peer sees the end of the stream after the last byte. Reading goes on;
  // a later Send fails. What a short Send left over is lost to the peer. A stale id is ignored.
  virtual void EndSending(SocketId id) noexcept = 0;

  virtual void SetReadMode(SocketId id, ReadMode mode) noexcept = 0;

  // Events are forgotten now; the peer sees the end at the latest when the turn ends. The loop's
  // record is kept to the last completion.
  virtual void Close(SocketId id) noexcept = 0;

  // Closes a descriptor that this loop does not watch and nobody waits for (a folder that was
  // looked into); maybe not before the turn ends.
  virtual void CloseDescriptor(int fd) noexcept = 0;

  // Files `timer` for `at` (also when filed already: later is one store, earlier refiles). Its
  // `fire` must be set.
  virtual void Set(Timer& timer, Time at) noexcept = 0;
  virtual void Cancel(Timer& timer) noexcept = 0;  // also when not filed

  // Gives away file work, of any kind; never blocks, whatever the disk does. `done` follows in a
  // later turn.
  virtual void Submit(FileOp& op) noexcept = 0;
  // How many were submitted and are not done. With a frozen file system the destructor waits for
  // these: worth a log line before.
  virtual std::uint32_t file_ops() const noexcept = 0;

  virtual void Post(Mail& mail) noexcept = 0;  // ANY thread; `deliver` runs in this loop's thread

  virtual Disk& disk() noexcept = 0;
  virtual Time now() const noexcept = 0;

  // One turn: waits at most `sleep_at_most` (less when a timer is due or something is ready), then
  // serves what is there.
  virtual void RunTurn(Time sleep_at_most) noexcept = 0;

  // "io_uring poll", "io_uring recv", "epoll", "simulated": for the log and the metrics.
  virtual const char* source_name() const noexcept = 0;

  // Times that accepting paused because descriptors ran out.
  virtual std::uint64_t accept_pauses() const noexcept = 0;

  virtual ~Loop() = default;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_LOOP_H_
