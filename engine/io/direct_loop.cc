// The life of a socket's record, and the turn. Receiving is in direct_receive.cc, sending in
// direct_send.cc.
#include "engine/io/direct_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/net/address.h"

namespace engine {
namespace {

constexpr std::uint32_t kNoIndex = SocketRecord::kNoIndex;

}  // namespace

DirectLoop::DirectLoop(const LoopOptions& options) noexcept
    : disk_(options.disk),
      turn_clock_(options.turn_clock != nullptr ? *options.turn_clock : own_turn_clock_),
      turns_(options.turns),
      now_(MonotonicNow()),
      wheel_(now_),
      acceptor_(wheel_),
      table_(options.sockets_max) {
  ENGINE_CHECK(disk_ != nullptr);
  ENGINE_CHECK(options.sockets_max < (std::uint32_t{1} << kSocketIndexBits));
  void* map = ::mmap(nullptr,
                     kScratchBytes,
                     PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                     -1,
                     0);
  ENGINE_CHECK(map != MAP_FAILED);
  scratch_ = static_cast<std::byte*>(map);
}

DirectLoop::~DirectLoop() {
  // What the owner left open; the derived loop has ended what the kernel had of it.
  table_.ForEach([this](SocketRecord& record) {
    if (record.fd >= 0) ::close(record.fd);
    table_.Free(record);
  });
  ::munmap(scratch_, kScratchBytes);
}

SocketRecord* DirectLoop::FindOpen(SocketId id) noexcept {
  SocketRecord* record = table_.Find(HandleOf(id));
  return record != nullptr && record->owner != nullptr ? record : nullptr;
}

SocketId DirectLoop::Add(int fd, SocketEvents& owner, ReadMode mode) noexcept {
  SocketRecord* record = table_.Make();
  if (record == nullptr) return {};
  record->owner = &owner;
  record->fd = fd;
  record->mode = mode;
  return IdOf(table_, *record);
}

SocketId DirectLoop::Adopt(int fd, SocketEvents& owner, ReadMode mode) noexcept {
  ENGINE_CHECK(fd >= 0);
  const SocketId id = Add(fd, owner, mode);
  SocketRecord* record = FindOpen(id);
  if (record == nullptr) {
    ::close(fd);
    return {};
  }
  record->error = WatchReads(id, *record);
  if (record->error != 0 || mode == ReadMode::kDirect) PutOnReadyList(*record);
  return id;
}

void DirectLoop::CloseDescriptor(int fd) noexcept {
  ::close(fd);
}

int DirectLoop::MakeSocket(int family) noexcept {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

IoResult DirectLoop::Connect(const Address& to, SocketEvents& owner, SocketId* id) noexcept {
  ENGINE_CHECK(id != nullptr);
  const int fd = MakeSocket(to.family());
  if (fd < 0) return {0, errno};
  if (!to.is_unix()) {
    const int on = 1;  // what is sent in one call is meant to leave at once
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const int error = ::connect(fd, to.raw(), to.length) == 0 ? 0 : errno;
  const bool under_way = error == EINPROGRESS || error == EINTR;
  const bool started = error == 0 || under_way;
  *id = started ? Add(fd, owner, ReadMode::kSmall) : SocketId{};
  SocketRecord* record = FindOpen(*id);
  if (record == nullptr) {
    ::close(fd);
    return {0, started ? ENFILE : error};
  }
  record->connecting = under_way;
  record->connected = !under_way;
  record->error = WatchReads(*id, *record);
  if (under_way) WantWrite(*id, *record);
  if (record->connected || record->error != 0) PutOnReadyList(*record);
  return {0, 0};
}

void DirectLoop::Listen(int fd, Acceptor::Accepted accepted, void* context) noexcept {
  const SocketId watch = acceptor_.Add(fd, accepted, context);
  if (WatchListener(watch, fd) != 0) acceptor_.LookByTime(watch);
}

void DirectLoop::StopListening(int fd) noexcept {
  const SocketId watch = acceptor_.Remove(fd);
  if (watch.generation != 0) ForgetListener(watch, fd);
}

void DirectLoop::SetReadMode(SocketId id, ReadMode mode) noexcept {
  SocketRecord* record = FindOpen(id);
  if (record == nullptr || record->mode == mode) return;
  const ReadMode before = std::exchange(record->mode, mode);
  const bool reads = mode != ReadMode::kPaused;
  const bool hint_only = reads && before != ReadMode::kPaused && before != ReadMode::kDirect &&
                         mode != ReadMode::kDirect;
  if (!reads || hint_only || record->gone) return;
  if (!record->read_watched && !record->ring_reads) {
    if (const int error = WatchReads(id, *record); error != 0) record->error = error;
  }
  PutOnReadyList(*record);
}

void DirectLoop::Close(SocketId id) noexcept {
  SocketRecord* record = FindOpen(id);
  if (record == nullptr) return;
  record->owner = nullptr;
  Forget(id, *record);
  record->fd = -1;
  FreeIfDone(*record);
}

void DirectLoop::Fail(SocketRecord& record, int error) noexcept {
  if (record.error == 0) record.error = error;
  if (!record.gone) PutOnReadyList(record);
}

void DirectLoop::FreeIfDone(SocketRecord& record) noexcept {
  if (record.owner == nullptr && record.kernel_ops == 0 && !record.listed) table_.Free(record);
}

void DirectLoop::OnKernelOpEnd(SocketRecord& record) noexcept {
  ENGINE_CHECK(record.kernel_ops > 0);
  --record.kernel_ops;
  FreeIfDone(record);
}

void DirectLoop::PutOnReadyList(SocketRecord& record) noexcept {
  if (record.listed) return;
  record.listed = true;
  record.ready_next = kNoIndex;
  const std::uint32_t index = IdOf(table_, record).index;
  if (ready_last_ == kNoIndex) {
    ready_first_ = index;
  } else {
    table_.At(ready_last_).ready_next = index;
  }
  ready_last_ = index;
}

// Serves what is listed now; what its callbacks list comes in the next turn.
void DirectLoop::ServeReadyList() noexcept {
  std::uint32_t index = std::exchange(ready_first_, kNoIndex);
  ready_last_ = kNoIndex;
  while (index != kNoIndex) {
    SocketRecord& record = table_.At(index);
    index = record.ready_next;
    record.listed = false;
    if (record.owner != nullptr) {
      Serve(IdOf(table_, record));
    } else {
      FreeIfDone(record);
    }
  }
}

Time DirectLoop::SleepFor(Time at_most) noexcept {
  if (at_most <= Time::zero() || ready_first_ != kNoIndex || mail_left_ || acceptor_.AnyReady())
    return Time::zero();
  const Time now = MonotonicNow();
  const Time until = std::min({at_most, kSleepMax, wheel_.UntilNext(now)});
  if (until <= Time::zero() || !mailbox_.PrepareSleep()) return Time::zero();
  turn_clock_.Sleep(now);
  work_ended_ = now;
  return until;
}

// `began`: of the turn that the clock, or the sleep before it, has ended.
void DirectLoop::NoteTurn(Time began) noexcept {
  const Time ended = work_ended_ != Time{} ? work_ended_ : now_;
  work_ended_ = Time{};
  if (!std::exchange(begun_, true)) return;
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(ended - began);
  turns_->Record(static_cast<std::uint64_t>(microseconds.count()));
}

void DirectLoop::RunTurn(Time sleep_at_most) noexcept {
  const Time began = now_;
  Wait(SleepFor(sleep_at_most));
  mailbox_.Awake();
  now_ = MonotonicNow();
  turn_clock_.Begin(now_);
  if (turns_ != nullptr) NoteTurn(began);
  wheel_.Advance(now_);
  mail_left_ = mailbox_.Deliver();
  acceptor_.Serve(now_);
  ServeReadyList();
  Dispatch();
}

void DirectLoop::TellGone(SocketId id, SocketRecord& record, int error) noexcept {
  ENGINE_CHECK(!record.gone);
  record.gone = true;
  record.owner->OnGone(id, error);
}

// Tells OnWritable; false: the socket was closed in it.
bool DirectLoop::TellWritable(SocketId id, SocketRecord& record) noexcept {
  record.owner->OnWritable(id);
  return FindOpen(id) != nullptr;
}

void DirectLoop::ServeRing(SocketId, SocketRecord&) noexcept {
  ENGINE_CHECK(false);  // no ring, no ring_reads
}

void DirectLoop::FinishConnect(SocketId id, SocketRecord& record) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(record.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  record.connecting = false;
  record.wants_write = false;
  if (error != 0) {
    TellGone(id, record, error);
  } else {
    TellWritable(id, record);
  }
}

void DirectLoop::OnReadiness(SocketId id, std::uint32_t events) noexcept {
  SocketRecord* record = FindOpen(id);
  if (record == nullptr) return;
  if (record->connecting) {
    FinishConnect(id, *record);
    record = FindOpen(id);
  } else if (record->wants_write && !record->connected &&
             (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    record->wants_write = false;
    if (!TellWritable(id, *record)) return;
    record = FindOpen(id);
  }
  if (record == nullptr || record->gone) return;
  if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) record->hung_up = true;
  if (record->connected && (events & ~std::uint32_t{EPOLLOUT}) != 0) record->read_due = true;
  if (record->mode == ReadMode::kPaused) {
    if ((events & EPOLLERR) != 0) CheckReset(id, *record);
    return;
  }
  // One that is listed has its share in the next turn; the ring tells of its own bytes.
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0 && !record->listed && !record->ring_reads) Serve(id);
}

}  // namespace engine
