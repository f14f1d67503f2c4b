// Who receives for a socket, the ring or direct calls, is decided in KeepWatching alone.
#include "engine/io/uring_recv_loop.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/errno_name.h"
#include "engine/io/uring_setup.h"

namespace engine {

absl::StatusOr<std::unique_ptr<Loop>> UringRecvLoop::Make(const LoopOptions& options) {
  std::unique_ptr<UringRecvLoop> loop(new UringRecvLoop(options));
  if (absl::Status status = loop->Open(options); !status.ok()) return status;
  if (const int error = loop->buffers_.Open(&loop->ring(), options.buffers); error != 0) {
    return absl::UnavailableError(absl::StrCat("buffer ring of io_uring: ",
                                               ErrnoText(error),
                                               " (",
                                               ErrnoName(error),
                                               "): memory, or a kernel older than 6.1"));
  }
  return std::unique_ptr<Loop>(std::move(loop));
}

UringRecvLoop::UringRecvLoop(const LoopOptions& options) noexcept
    : UringLoop(options),
      misses_ends_(!ReceiveTellsEnd()),
      bulk_after_bytes_(options.bulk_after_bytes),
      free_enough_((options.buffers + 3) / 4),
      sockets_max_(options.sockets_max) {
  ENGINE_CHECK(options.buffers * BufferRing::kBufferBytes <= kTurnBytesMax);
  static_assert(std::is_trivially_copyable_v<Reception> && sizeof(Reception) <= 20);
  void* map = ::mmap(nullptr,
                     sockets_max_ * sizeof(Reception),
                     PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1,
                     0);
  ENGINE_CHECK(map != MAP_FAILED);
  receptions_ = static_cast<Reception*>(map);
}

UringRecvLoop::~UringRecvLoop() {
  ::munmap(receptions_, sockets_max_ * sizeof(Reception));
}

int UringRecvLoop::Arm(SocketId id, SocketRecord& record) noexcept {
  io_uring_sqe* sqe = NextSqe();
  if (sqe == nullptr) return ENOBUFS;
  PrepareReceive(sqe, record.fd, KernelName(KernelTag::kReceive, id));
  ReceptionOf(id).request = Request::kArmed;
  record.ring_reads = true;
  ++record.kernel_ops;
  WatchEnd(id, record);
  return 0;
}

// Without room in the queue it is tried again when the ring is next asked for.
void UringRecvLoop::WatchEnd(SocketId id, SocketRecord& record) noexcept {
  Reception& reception = ReceptionOf(id);
  if (!misses_ends_ || reception.end_watched) return;
  if (Poll(record.fd, POLLRDHUP, true, KernelName(KernelTag::kEnd, id)) != 0) return;
  reception.end_watched = true;
  ++record.kernel_ops;
}

void UringRecvLoop::Disarm(SocketId id, SocketRecord& record) noexcept {
  Reception& reception = ReceptionOf(id);
  if (reception.request != Request::kArmed) return;
  if (CancelRequest(KernelName(KernelTag::kReceive, id))) {
    reception.request = Request::kCancelled;
  } else {
    PutOnReadyList(record);  // no room in the queue: again in the next turn
  }
}

// Called where the socket is new or resumed, and nothing polls it.
int UringRecvLoop::WatchReads(SocketId id, SocketRecord& record) noexcept {
  // A connection under way is polled for its room alone; afterwards KeepWatching sees to this.
  if (record.connecting || record.ring_reads) return 0;
  if (record.mode == ReadMode::kSmall && WantsRing(record, ReceptionOf(id))) return Arm(id, record);
  return UringLoop::WatchReads(id, record);
}

bool UringRecvLoop::WantsRing(const SocketRecord& record,
                              const Reception& reception) const noexcept {
  if (record.hung_up || record.error != 0) return false;
  const bool armed = reception.request == Request::kArmed;
  switch (record.mode) {
    case ReadMode::kSmall: return armed || (!starving_ && !record.listed);
    case ReadMode::kBulk: return armed && reception.bulk_bytes < bulk_after_bytes_;
    case ReadMode::kPaused: return armed && reception.waiting.empty();
    case ReadMode::kDirect: return false;
  }
  return false;
}

// One that the ring receives for may have its last completion in the same turn: it is looked at
// when all are known.
void UringRecvLoop::KeepWatching(SocketId id, SocketRecord& record) noexcept {
  if (record.ring_reads) {
    PutOnTurnList(id, record);
  } else {
    Settle(id, record);
  }
}

void UringRecvLoop::Settle(SocketId id, SocketRecord& record) noexcept {
  if (record.gone || record.connecting) return;
  Reception& reception = ReceptionOf(id);
  if (!record.read_watched) reception.poll_cancelled = false;
  if (!WantsRing(record, reception)) {
    Disarm(id, record);
    if (reception.request == Request::kNone) KeepPolling(id, record);
    return;
  }
  if (reception.request == Request::kNone && Arm(id, record) != 0) return KeepPolling(id, record);
  if (record.read_watched && !reception.poll_cancelled)
    reception.poll_cancelled = CancelRequest(KernelName(KernelTag::kRead, id));
}

// While paused, a reset is told even behind the end of the stream.
void UringRecvLoop::KeepPolling(SocketId id, SocketRecord& record) noexcept {
  if (record.read_watched || (record.hung_up && record.mode != ReadMode::kPaused)) return;
  if (const int error = UringLoop::WatchReads(id, record); error != 0) Fail(record, error);
}

void UringRecvLoop::Forget(SocketId id, SocketRecord& record) noexcept {
  Reception& reception = ReceptionOf(id);
  GiveAll(&reception.waiting);
  bool cancelled = true;
  if (reception.request == Request::kArmed)
    cancelled = CancelRequest(KernelName(KernelTag::kReceive, id));
  if (reception.end_watched)
    cancelled = CancelRequest(KernelName(KernelTag::kEnd, id)) && cancelled;
  reception.bulk_bytes = 0;
  reception.error = 0;
  reception.ended = reception.buffers_ran_out = reception.poll_cancelled = false;
  if (!cancelled) ::shutdown(record.fd, SHUT_RDWR);  // its completion brings us back
  UringLoop::Forget(id, record);
}

void UringRecvLoop::OnReceiveCompletion(KernelTag tag,
                                        SocketId id,
                                        const io_uring_cqe& cqe) noexcept {
  SocketRecord* record = FindRecord(id);
  ENGINE_CHECK(record != nullptr);
  if (tag == KernelTag::kReceive) {
    OnReceived(id, *record, cqe);
  } else {
    OnEnd(id, *record, cqe);
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
    OnKernelOpEnd(*record);
  } else if (record->owner == nullptr) {
    CancelRequest(cqe.user_data);  // in case that of Close() found no room
  }
}

void UringRecvLoop::OnEnd(SocketId id, SocketRecord& record, const io_uring_cqe& cqe) noexcept {
  Reception& reception = ReceptionOf(id);
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) reception.end_watched = false;
  if (record.owner == nullptr || record.gone) return;
  if (cqe.res > 0) {
    record.hung_up = true;
  } else if (cqe.res != -ECANCELED) {
    record.error = -cqe.res;
  }
  if (record.ring_reads) PutOnTurnList(id, record);
}

void UringRecvLoop::OnReceived(SocketId id,
                               SocketRecord& record,
                               const io_uring_cqe& cqe) noexcept {
  Reception& reception = ReceptionOf(id);
  const bool open = record.owner != nullptr && !record.gone;
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    const std::uint32_t buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    buffers_.Taken(buffer, static_cast<std::size_t>(std::max(cqe.res, 1)));
    if (open && cqe.res > 0) {
      buffers_.Append(&reception.waiting, buffer);
    } else {
      BufferList refused;
      buffers_.Append(&refused, buffer);
      GiveAll(&refused);
    }
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) reception.request = Request::kNone;
  if (!open) return;
  if (cqe.res <= 0) NoteEnd(record, reception, cqe.res);
  PutOnTurnList(id, record);
}

void UringRecvLoop::NoteEnd(SocketRecord& record, Reception& reception, int result) noexcept {
  switch (result) {
    case -ECANCELED:
    case -EINTR:
    case -EAGAIN: return;
    case -ENOBUFS:
      reception.buffers_ran_out = true;
      starving_ = buffers_.free() < free_enough_;
      return;
    default:
      record.hung_up = true;
      reception.ended = true;
      reception.error = -result;
  }
}

// A listed record is kept: the list counts as one request of the kernel's.
void UringRecvLoop::PutOnTurnList(SocketId id, SocketRecord& record) noexcept {
  Reception& reception = ReceptionOf(id);
  if (reception.listed) return;
  reception.listed = true;
  reception.next = 0;
  ++record.kernel_ops;
  if (turn_last_ == 0) {
    turn_first_ = id.index + 1;
  } else {
    receptions_[turn_last_ - 1].next = id.index + 1;
  }
  turn_last_ = id.index + 1;
}

void UringRecvLoop::Dispatch() noexcept {
  UringLoop::Dispatch();
  ServeTurnList();
}

// One that is on the ready list has its share in the next turn.
void UringRecvLoop::ServeTurnList() noexcept {
  std::uint32_t at = std::exchange(turn_first_, 0);
  turn_last_ = 0;
  while (at != 0) {
    const std::uint32_t index = at - 1;
    SocketRecord& record = table().At(index);
    Reception& reception = receptions_[index];
    at = std::exchange(reception.next, 0);
    reception.listed = false;
    if (record.owner != nullptr && !record.gone && !record.listed) Serve(IdOf(table(), record));
    OnKernelOpEnd(record);
  }
}

void UringRecvLoop::ServeRing(SocketId id, SocketRecord& record) noexcept {
  Reception& reception = ReceptionOf(id);
  if (record.mode == ReadMode::kPaused) {
    const bool reset =
        (reception.ended && reception.error == ECONNRESET) || record.error == ECONNRESET;
    if (reset) return End(id, ECONNRESET);
  }
  const std::size_t told = Deliver(id);
  SocketRecord* after = FindOpen(id);
  if (after == nullptr || after->gone) return;
  if (reception.request != Request::kNone || !reception.waiting.empty()) return Settle(id, *after);
  LeaveRing(id, *after, told > 0);
}

void UringRecvLoop::GiveAll(BufferList* list) noexcept {
  buffers_.GiveAll(list);
  if (buffers_.free() >= free_enough_) starving_ = false;
}

// Tells what waits; until kDirect is granted, too. How much it was.
std::size_t UringRecvLoop::Deliver(SocketId id) noexcept {
  SocketRecord* record = FindOpen(id);
  BufferList& waiting = ReceptionOf(id).waiting;
  BufferList lent;
  std::size_t bytes = 0;
  while (record != nullptr && record->mode != ReadMode::kPaused && !waiting.empty()) {
    const std::uint32_t buffer = buffers_.TakeFirst(&waiting);
    buffers_.Append(&lent, buffer);
    const Bytes octets = buffers_.BytesOf(buffer);
    bytes += octets.size();
    record->owner->OnBytes(id, octets);
    record = FindOpen(id);
  }
  if (bytes == 0) return 0;
  if (record != nullptr) {
    record->owner->OnTurnEnd(id);
    record = FindOpen(id);
  }
  GiveAll(&lent);
  if (record != nullptr) {
    std::uint32_t& bulk_bytes = ReceptionOf(id).bulk_bytes;
    bulk_bytes =
        record->mode == ReadMode::kBulk ? bulk_bytes + static_cast<std::uint32_t>(bytes) : 0;
  }
  return bytes;
}

// RECV has ended and all of its octets are told.
void UringRecvLoop::LeaveRing(SocketId id, SocketRecord& record, bool told) noexcept {
  Reception& reception = ReceptionOf(id);
  record.ring_reads = false;
  const bool ran_out = reception.buffers_ran_out;
  const bool ended = reception.ended;
  reception.buffers_ran_out = reception.ended = false;
  if (ended) {
    End(id, reception.error);
  } else if (record.mode == ReadMode::kDirect || record.error != 0 || record.hung_up) {
    PutOnReadyList(record);
  } else if (ran_out && !told && record.mode != ReadMode::kPaused) {
    Receive(id);  // so that each of many makes some progress, however few the buffers
  }
  SocketRecord* after = FindOpen(id);
  if (after == nullptr) return;
  const bool polled_before = after->read_watched;
  Settle(id, *after);
  // Polled while it was paused: what came then has had its report.
  if (polled_before && !after->ring_reads && !after->gone) PutOnReadyList(*after);
}

}  // namespace engine
