// Events name sockets by index and generation: one that was closed since is found stale.
#include "engine/io/epoll_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/errno_name.h"

namespace engine {
namespace {

constexpr std::uint32_t kReads = EPOLLIN | EPOLLRDHUP | EPOLLET;

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> EpollLoop::Make(const LoopOptions& options) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "epoll_create1: ", ErrnoText(errno), " (", ErrnoName(errno), "); raise LimitNOFILE"));
  }
  std::unique_ptr<EpollLoop> loop(new EpollLoop(options, epoll));
  const int wake = loop->mailbox().wake_descriptor();
  const int error =
      wake < 0
          ? EMFILE
          : loop->Control(EPOLL_CTL_ADD, wake, EPOLLIN | EPOLLET, KernelName(KernelTag::kWake, {}));
  if (error != 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "eventfd in epoll: ", ErrnoText(error), " (", ErrnoName(error), "); raise LimitNOFILE"));
  }
  return std::unique_ptr<Loop>(std::move(loop));
}

EpollLoop::EpollLoop(const LoopOptions& options, int epoll) noexcept
    : DirectLoop(options),
      epoll_(epoll),
      files_(mailbox(), options.file_thread_disk, options.heavy_file_disk, options.stalls) {}

EpollLoop::~EpollLoop() {
  ::close(epoll_);
}

int EpollLoop::Control(int operation, int fd, std::uint32_t events, std::uint64_t name) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = name;
  return ::epoll_ctl(epoll_, operation, fd, &event) == 0 ? 0 : errno;
}

int EpollLoop::WatchReads(SocketId id, SocketRecord& record) noexcept {
  record.read_watched = true;
  return Control(EPOLL_CTL_ADD, record.fd, kReads, KernelName(KernelTag::kRead, id));
}

int EpollLoop::WatchWrites(SocketId id, SocketRecord& record) noexcept {
  record.write_watched = true;
  return Control(EPOLL_CTL_MOD, record.fd, kReads | EPOLLOUT, KernelName(KernelTag::kRead, id));
}

int EpollLoop::WatchListener(SocketId watch, int fd) noexcept {
  return Control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, KernelName(KernelTag::kListener, watch));
}

// close(2) takes the descriptor out of the set: nothing here has a copy of it.
void EpollLoop::Forget(SocketId, SocketRecord& record) noexcept {
  ::close(record.fd);
}

void EpollLoop::ForgetListener(SocketId, int fd) noexcept {
  Control(EPOLL_CTL_DEL, fd, 0, 0);
}

void EpollLoop::Wait(Time at_most) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec limit{static_cast<time_t>(seconds.count()),
                       static_cast<long>((at_most - seconds).count())};
  const auto events_max = static_cast<int>(events_.size());
  int count = -1;
  if (!pwait2_missing_) {
    count = ::epoll_pwait2(epoll_, events_.data(), events_max, &limit, nullptr);
    pwait2_missing_ = count < 0 && (errno == ENOSYS || errno == EPERM);
  }
  if (pwait2_missing_) {
    // Rounded up: a timer that is found not yet due would only make the loop spin.
    const std::int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
    count = ::epoll_wait(epoll_,
                         events_.data(),
                         events_max,
                         static_cast<int>(std::min<std::int64_t>(ms, INT32_MAX)));
  }
  event_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;  // EINTR: nothing for now
}

void EpollLoop::OnSocketEvent(SocketId id, const epoll_event& event) noexcept {
  SocketRecord* record = FindOpen(id);
  if (record != nullptr && record->write_watched && (event.events & EPOLLOUT) != 0) {
    record->write_watched = false;
    Control(EPOLL_CTL_MOD, record->fd, kReads, event.data.u64);
  }
  OnReadiness(id, event.events);
}

void EpollLoop::Dispatch() noexcept {
  for (std::size_t i = 0; i < event_count_; ++i) {
    const epoll_event event = events_[i];
    const SocketId id = IdOf(event.data.u64);
    switch (TagOf(event.data.u64)) {
      case KernelTag::kRead: OnSocketEvent(id, event); break;
      case KernelTag::kListener: OnListenerReady(id); break;
      case KernelTag::kWake: mailbox().DrainWake(); break;
      case KernelTag::kWrite:
      case KernelTag::kFile:
      case KernelTag::kCancel:
      case KernelTag::kSocket:
      case KernelTag::kReceive:
      case KernelTag::kEnd: break;  // never named to epoll
    }
  }
  event_count_ = 0;
}

}  // namespace engine
