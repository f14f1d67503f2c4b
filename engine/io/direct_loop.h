// What the epoll loop and the io_uring poll loop share: all but the kernel's way of telling that
// something is ready.
//
//   RunTurn:  Wait (kernel)  ->  clock  ->  timers  ->  mail  ->  accepts  ->  ready list  ->
//   Dispatch
//
// Both kernels tell of readiness once (edge) and both loops then call recv, send and splice
// directly, so the handling of a socket is one code:
//
//   readiness -> connecting? SO_ERROR -> OnWritable | OnGone
//             -> Send was short?        -> OnWritable
//             -> kSmall, kBulk: recv into the scratch until short | scratch full -> ready list
//             -> kDirect: OnDirect;  kPaused: nothing, but a reset is told
//
// A receive shorter than its room has drained the socket, unless it is hung up: then it is read on
// to the end, for which no edge comes. A mode change puts the socket on the ready list: what the
// kernel told while nobody read is not told again. A connection that was made at once is told from
// the ready list too, but not read from there: its edges are all still to come.
//
// A turn's work (LoopOptions::turns) lasts from its clock to the sleep after it: nobody else is
// served for so long. Both ends are clocks that are read anyway.
//
// Adopt also takes a descriptor that is no socket but can be polled (signalfd), in kDirect alone.
//
// Sources: epoll(7) (edge-triggered), io_uring_enter(2) (multishot poll), tcp(7), unix(7).
#ifndef MILLRACE_ENGINE_IO_DIRECT_LOOP_H_
#define MILLRACE_ENGINE_IO_DIRECT_LOOP_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/bounded_histogram.h"
#include "engine/io/acceptor.h"
#include "engine/io/loop.h"
#include "engine/io/mailbox.h"
#include "engine/io/socket_table.h"
#include "engine/io/timer_wheel.h"
#include "engine/io/turn_clock.h"

namespace engine {

class StallGovernor;  // engine/io/stall_governor.h

struct LoopOptions {
  Disk* disk = nullptr;                // the shard's; outlives the loop, as all below
  Disk* file_thread_disk = nullptr;    // same root, another object; nullptr: Submit is never called
  Disk* heavy_file_disk = nullptr;     // one more for FileOp::heavy; nullptr: no thread of its own
  StallGovernor* stalls = nullptr;     // told how long FileOps take; nullptr: nobody asks
  TurnClock* turn_clock = nullptr;     // told of turn and sleep; nullptr: nobody asks
  std::uint32_t sockets_max = 65'536;  // address space only, until used
  BoundedHistogram* turns = nullptr;   // of the microseconds of each turn; outlives the loop
  // io_uring alone; smaller in tests, so that what is rare happens.
  std::uint32_t submissions = 512;         // arms and cancels are rare
  std::uint32_t completions = 4096;        // an overflow ends multishots
  std::uint32_t buffers = 256;             // lent by the receiving source; a power of two
  std::uint32_t bulk_after_bytes = 65536;  // of content, before kBulk is acted on
};

class DirectLoop : public Loop {
 public:
  // The longest sleep of a turn; the kernel's arithmetic overflows with kNever.
  static constexpr Time kSleepMax = std::chrono::hours(1);

  ~DirectLoop() override;

  // Loop
  SocketId Adopt(int fd, SocketEvents& owner, ReadMode mode) noexcept final;
  IoResult Connect(const Address& to, SocketEvents& owner, SocketId* id) noexcept final;
  void Listen(int fd, Acceptor::Accepted accepted, void* context) noexcept final;
  void StopListening(int fd) noexcept final;
  IoResult Send(SocketId id, Gather data) noexcept final;
  IoResult SendFrom(SocketId id, Pipe& pipe, std::size_t max) noexcept final;
  void EndSending(SocketId id) noexcept final;
  void SetReadMode(SocketId id, ReadMode mode) noexcept final;
  void Close(SocketId id) noexcept final;
  void CloseDescriptor(int fd) noexcept override;
  void Set(Timer& timer, Time at) noexcept final { wheel_.Set(timer, at); }
  void Cancel(Timer& timer) noexcept final { wheel_.Cancel(timer); }
  void Post(Mail& mail) noexcept final { mailbox_.Post(mail); }
  Disk& disk() noexcept final { return *disk_; }
  Time now() const noexcept final { return now_; }
  void RunTurn(Time sleep_at_most) noexcept final;
  std::uint64_t accept_pauses() const noexcept final { return acceptor_.pauses(); }

  DirectLoop(const DirectLoop&) = delete;
  DirectLoop& operator=(const DirectLoop&) = delete;

 protected:
  explicit DirectLoop(const LoopOptions& options) noexcept;

  // A non-blocking, close-on-exec stream socket; -1 with errno.
  virtual int MakeSocket(int family) noexcept;
  // The kernel's part. Watching reads and listeners is edge-triggered and lasts; watching writes
  // ends with the first report. An errno, or 0.
  virtual int WatchReads(SocketId id, SocketRecord& record) noexcept = 0;
  virtual int WatchWrites(SocketId id, SocketRecord& record) noexcept = 0;
  virtual int WatchListener(SocketId watch, int fd) noexcept = 0;
  // Ends what was watched and closes the descriptor, at the latest with the turn.
  virtual void Forget(SocketId id, SocketRecord& record) noexcept = 0;
  virtual void ForgetListener(SocketId watch, int fd) noexcept = 0;
  // Waits for the first event, mail or the time; the events are served in Dispatch.
  virtual void Wait(Time at_most) noexcept = 0;
  virtual void Dispatch() noexcept = 0;
  // A record with ring_reads is ready: the kernel receives for it, not this class.
  virtual void ServeRing(SocketId id, SocketRecord& record) noexcept;

  // From Dispatch: EPOLL* bits, which are the POLL* bits too.
  void OnReadiness(SocketId id, std::uint32_t events) noexcept;
  void OnListenerReady(SocketId watch) noexcept { acceptor_.Ready(watch); }
  // The kernel does not watch the listener: no memory, no room in its queue.
  void ListenByTime(SocketId watch) noexcept { acceptor_.LookByTime(watch); }
  // The kernel no longer watches the socket: OnGone follows.
  void Fail(SocketRecord& record, int error) noexcept;
  // One request of the record has had its last completion. The record may be freed by this.
  void OnKernelOpEnd(SocketRecord& record) noexcept;
  // The record, also when closed already; nullptr: freed.
  SocketRecord* FindRecord(SocketId id) noexcept { return table_.Find(HandleOf(id)); }
  SocketRecord* FindOpen(SocketId id) noexcept;
  // For a source that also receives by itself. What is put on the list is served in the next turn.
  void PutOnReadyList(SocketRecord& record) noexcept;
  void Serve(SocketId id) noexcept;
  void Receive(SocketId id) noexcept;
  // The socket has ended; held back while paused unless it was reset.
  void End(SocketId id, int error) noexcept;

  Mailbox& mailbox() noexcept { return mailbox_; }
  SocketTable& table() noexcept { return table_; }
  int ListenerDescriptor(SocketId watch) const noexcept { return acceptor_.DescriptorOf(watch); }

 private:
  class DirectAccess;
  enum class Received : std::uint8_t { kDrained, kMore, kEnd, kError, kStopped };

  SocketId Add(int fd, SocketEvents& owner, ReadMode mode) noexcept;
  void ServeReadyList() noexcept;
  Time SleepFor(Time at_most) noexcept;
  void FreeIfDone(SocketRecord& record) noexcept;

  void FinishConnect(SocketId id, SocketRecord& record) noexcept;
  bool TellWritable(SocketId id, SocketRecord& record) noexcept;
  void WantWrite(SocketId id, SocketRecord& record) noexcept;
  void CheckReset(SocketId id, SocketRecord& record) noexcept;
  Received ReceiveBytes(SocketId id, std::size_t* bytes, int* error) noexcept;
  void ServeDirect(SocketId id) noexcept;
  void TellGone(SocketId id, SocketRecord& record, int error) noexcept;

  void NoteTurn(Time began) noexcept;

  Disk* disk_;
  TurnClock own_turn_clock_;
  TurnClock& turn_clock_;
  BoundedHistogram* turns_;
  Time now_;
  Time work_ended_{};   // of this turn, where it then went to sleep; else zero
  bool begun_ = false;  // what came before the first turn was none
  TimerWheel wheel_;
  Mailbox mailbox_;
  Acceptor acceptor_;
  SocketTable table_;
  std::byte* scratch_ = nullptr;
  std::uint32_t ready_first_ = SocketRecord::kNoIndex;
  std::uint32_t ready_last_ = SocketRecord::kNoIndex;
  bool mail_left_ = false;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_DIRECT_LOOP_H_
