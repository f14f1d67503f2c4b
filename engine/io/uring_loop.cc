// Completions name sockets by index and generation; a record outlives the last of them.
#include "engine/io/uring_loop.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/io/uring_setup.h"

namespace engine {
namespace {

constexpr std::uint32_t kReads = POLLIN | POLLRDHUP;
constexpr std::size_t kGatherMax = 1024;  // IOV_MAX of Linux; more is a short write
constexpr int kSubmitTriesMax = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> UringLoop::Make(const LoopOptions& options) {
  std::unique_ptr<UringLoop> loop(new UringLoop(options));
  if (absl::Status status = loop->Open(options); !status.ok()) return status;
  return std::unique_ptr<Loop>(std::move(loop));
}

UringLoop::UringLoop(const LoopOptions& options) noexcept
    : DirectLoop(options),
      writes_(options.stalls),
      file_threads_(mailbox(), options.file_thread_disk, options.heavy_file_disk, options.stalls) {}

absl::Status UringLoop::Open(const LoopOptions& options) {
  if (absl::Status status = OpenRing(&ring_, options.submissions, options.completions);
      !status.ok())
    return status;
  open_ = true;
  const int wake = mailbox().wake_descriptor();
  if (wake < 0 || Poll(wake, POLLIN, true, KernelName(KernelTag::kWake, {})) != 0)
    return absl::UnavailableError("eventfd: descriptors have run out; raise LimitNOFILE");
  return absl::OkStatus();
}

UringLoop::~UringLoop() {
  if (!open_) return;
  ::io_uring_submit(&ring_);  // the closes of the last turn
  // File operations are never cancelled: their buffers are in the kernel's hands until the end.
  while (writes_.in_flight() > 0 || spares_asked_ > 0) {
    io_uring_cqe* cqe = nullptr;
    // Also submits: those of the last turn may not have been.
    const int result = ::io_uring_submit_and_wait(&ring_, 1);
    ENGINE_CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
    if (::io_uring_peek_cqe(&ring_, &cqe) != 0) continue;
    if (TagOf(cqe->user_data) == KernelTag::kFile) writes_.Forget(IdOf(cqe->user_data).index);
    if (TagOf(cqe->user_data) == KernelTag::kSocket) OnSocketMade(cqe->res);
    ::io_uring_cqe_seen(&ring_, cqe);
  }
  while (spares_ > 0)
    ::close(spare_sockets_[--spares_]);
  ::io_uring_queue_exit(&ring_);  // ends every poll before the sockets are closed
}

io_uring_sqe* UringLoop::NextSqe() noexcept {
  io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
  if (sqe != nullptr) return sqe;
  ::io_uring_submit(&ring_);
  return ::io_uring_get_sqe(&ring_);
}

int UringLoop::Poll(int fd, std::uint32_t events, bool multishot, std::uint64_t name) noexcept {
  io_uring_sqe* sqe = NextSqe();
  if (sqe == nullptr) return ENOBUFS;
  if (multishot) {
    ::io_uring_prep_poll_multishot(sqe, fd, events);
  } else {
    ::io_uring_prep_poll_add(sqe, fd, events);
  }
  sqe->user_data = name;
  return 0;
}

bool UringLoop::CancelRequest(std::uint64_t name) noexcept {
  io_uring_sqe* sqe = NextSqe();
  if (sqe == nullptr) return false;
  ::io_uring_prep_cancel64(sqe, name, 0);
  sqe->user_data = KernelName(KernelTag::kCancel, {});
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  return true;
}

// Not close(2): a request that waits in the queue would meet whatever gets the number next.
void UringLoop::CloseLater(int fd) noexcept {
  io_uring_sqe* sqe = NextSqe();
  for (int tries = 0; sqe == nullptr; ++tries) {
    ENGINE_CHECK(tries < kSubmitTriesMax);
    ::io_uring_submit_and_get_events(&ring_);
    sqe = ::io_uring_get_sqe(&ring_);
  }
  ::io_uring_prep_close(sqe, fd);
  sqe->user_data = KernelName(KernelTag::kCancel, {});
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  if (++closes_ < kClosesMax) return;
  closes_ = 0;
  ::io_uring_submit(&ring_);
}

// Each use orders the next, so there are soon as many as one turn uses.
int UringLoop::MakeSocket(int family) noexcept {
  if (family != AF_UNIX) return DirectLoop::MakeSocket(family);
  const int fd = spares_ > 0 ? spare_sockets_[--spares_] : DirectLoop::MakeSocket(family);
  if (fd >= 0 && spares_ + spares_asked_ < kSpareSocketsMax) AskForSocket();
  return fd;
}

void UringLoop::AskForSocket() noexcept {
  io_uring_sqe* sqe = NextSqe();
  if (sqe == nullptr) return;
  ::io_uring_prep_socket(sqe, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
  sqe->user_data = KernelName(KernelTag::kSocket, {});
  ++spares_asked_;
}

// Where descriptors have run out, whoever connects next finds that out by itself.
void UringLoop::OnSocketMade(int result) noexcept {
  ENGINE_CHECK(spares_asked_ > 0);
  --spares_asked_;
  if (result >= 0) spare_sockets_[spares_++] = result;
}

int UringLoop::WatchReads(SocketId id, SocketRecord& record) noexcept {
  const int error = Poll(record.fd, kReads, true, KernelName(KernelTag::kRead, id));
  if (error != 0) return error;
  record.read_watched = true;
  ++record.kernel_ops;
  return 0;
}

// The kernel adds POLLRDHUP to what is asked for: once the peer has ended its sending, a single
// poll ends at once, whether there is room or not. A multishot one tells that and stays.
int UringLoop::WatchWrites(SocketId id, SocketRecord& record) noexcept {
  const bool stays = record.hung_up;
  const int error = Poll(record.fd, POLLOUT, stays, KernelName(KernelTag::kWrite, id));
  if (error != 0) return error;
  record.write_watched = true;
  ++record.kernel_ops;
  return 0;
}

int UringLoop::WatchListener(SocketId watch, int fd) noexcept {
  return Poll(fd, POLLIN, true, KernelName(KernelTag::kListener, watch));
}

void UringLoop::Forget(SocketId id, SocketRecord& record) noexcept {
  bool cancelled = true;
  if (record.read_watched) cancelled = CancelRequest(KernelName(KernelTag::kRead, id));
  if (record.write_watched)
    cancelled = CancelRequest(KernelName(KernelTag::kWrite, id)) && cancelled;
  // Where the queue was full, the completion that this causes brings us back to cancel it.
  if (!cancelled) ::shutdown(record.fd, SHUT_RDWR);
  CloseLater(record.fd);
}

void UringLoop::ForgetListener(SocketId watch, int) noexcept {
  CancelRequest(KernelName(KernelTag::kListener, watch));
  // The poll holds the listening socket: it must go before the caller closes it, or its port stays
  // taken until the next turn.
  ::io_uring_submit_and_get_events(&ring_);
}

void UringLoop::Submit(FileOp& op) noexcept {
  if (op.kind != FileOpKind::kWriteV || !op.heavy) return file_threads_.Submit(op);
  io_uring_sqe* sqe = NextSqe();
  for (int tries = 0; sqe == nullptr; ++tries) {
    ENGINE_CHECK(tries < kSubmitTriesMax);
    ::io_uring_submit_and_get_events(&ring_);
    sqe = ::io_uring_get_sqe(&ring_);
  }
  const std::uint32_t index = writes_.Add(op);
  const auto parts = static_cast<unsigned>(std::min(op.data.size(), kGatherMax));
  ::io_uring_prep_writev(sqe, op.file, op.data.data(), parts, op.offset);
  sqe->user_data = KernelName(KernelTag::kFile, {index, 0});
  sqe->flags |= IOSQE_ASYNC;
}

void UringLoop::Wait(Time at_most) noexcept {
  int result = 0;
  closes_ = 0;
  if (at_most <= Time::zero()) {
    result = ::io_uring_submit_and_get_events(&ring_);
  } else {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    __kernel_timespec limit{seconds.count(), (at_most - seconds).count()};
    io_uring_cqe* cqe = nullptr;
    result = ::io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
  }
  // ETIME, EINTR, EBUSY (completions wait to be reaped), EAGAIN and ENOMEM pass. The rest would be
  // a bug of ours: another thread (EEXIST), a closed ring (EBADF), a wrong call (EINVAL).
  ENGINE_CHECK(result != -EEXIST && result != -EBADF && result != -EINVAL);
}

void UringLoop::Dispatch() noexcept {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    OnCompletion(*cqe);
    if (++count == kCompletionsPerTurnMax) break;
  }
  ::io_uring_cq_advance(&ring_, count);
}

void UringLoop::OnCompletion(const io_uring_cqe& cqe) noexcept {
  const SocketId id = IdOf(cqe.user_data);
  switch (const KernelTag tag = TagOf(cqe.user_data); tag) {
    case KernelTag::kRead:
    case KernelTag::kWrite: OnSocketCompletion(tag, id, cqe); break;
    case KernelTag::kListener: OnListenerCompletion(id, cqe); break;
    case KernelTag::kWake:
      mailbox().DrainWake();
      if ((cqe.flags & IORING_CQE_F_MORE) == 0)
        ENGINE_CHECK(Poll(mailbox().wake_descriptor(), POLLIN, true, cqe.user_data) == 0);
      break;
    case KernelTag::kFile:
      writes_.Finish(id.index, cqe.res < 0 ? IoResult{0, -cqe.res} : IoResult{cqe.res, 0});
      break;
    case KernelTag::kCancel: break;  // it had ended by itself (ENOENT, EALREADY)
    case KernelTag::kSocket: OnSocketMade(cqe.res); break;
    case KernelTag::kReceive:
    case KernelTag::kEnd: OnReceiveCompletion(tag, id, cqe); break;
  }
}

void UringLoop::OnSocketCompletion(KernelTag tag, SocketId id, const io_uring_cqe& cqe) noexcept {
  SocketRecord* record = FindRecord(id);
  ENGINE_CHECK(record != nullptr);
  const bool last = (cqe.flags & IORING_CQE_F_MORE) == 0;
  if (last) {
    if (tag == KernelTag::kRead) record->read_watched = false;
    if (tag == KernelTag::kWrite) record->write_watched = false;
  }
  if (record->owner == nullptr) {
    if (last) {
      OnKernelOpEnd(*record);
    } else {
      CancelRequest(cqe.user_data);  // in case that of Close() found no room
    }
    return;
  }
  if (last) OnKernelOpEnd(*record);
  if (cqe.res < 0) {
    if (cqe.res == -ECANCELED && tag == KernelTag::kRead) return KeepWatching(id, *record);
    return Fail(*record, -cqe.res);
  }
  OnReadiness(id, static_cast<std::uint32_t>(cqe.res));
  record = FindOpen(id);
  if (record != nullptr && tag == KernelTag::kWrite && record->wants_write &&
      !record->write_watched) {
    // Ended by the end of the peer's sending: there is no room yet.
    if (const int error = WatchWrites(id, *record); error != 0) return Fail(*record, error);
  }
  if (record != nullptr) KeepWatching(id, *record);
}

// Ended without our asking. One that is hung up is read to its end by the ready list.
void UringLoop::KeepWatching(SocketId id, SocketRecord& record) noexcept {
  if (record.read_watched || record.hung_up || record.gone) return;
  if (const int error = WatchReads(id, record); error != 0) Fail(record, error);
}

void UringLoop::OnReceiveCompletion(KernelTag, SocketId, const io_uring_cqe&) noexcept {
  ENGINE_CHECK(false);  // never asked for
}

void UringLoop::OnListenerCompletion(SocketId watch, const io_uring_cqe& cqe) noexcept {
  const int fd = ListenerDescriptor(watch);
  if (fd < 0) {  // StopListening was called; in case that its cancel found no room
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) CancelRequest(cqe.user_data);
    return;
  }
  OnListenerReady(watch);
  if ((cqe.flags & IORING_CQE_F_MORE) == 0 && WatchListener(watch, fd) != 0) ListenByTime(watch);
}

}  // namespace engine
