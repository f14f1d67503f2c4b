// A watch's generation counts its uses, so that an event of an earlier use is found stale.
#include "engine/io/acceptor.h"

#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <cstdint>

#include "engine/base/check.h"

namespace engine {

Acceptor::Acceptor(TimerWheel& wheel) noexcept : wheel_(wheel) {
  for (std::uint32_t i = 0; i < kListenersMax; ++i) {
    Watch& watch = watches_[i];
    watch.acceptor = this;
    watch.index = i;
    watch.fire = [](Timer& timer, Time) noexcept {
      auto& resumed = static_cast<Watch&>(timer);
      resumed.acceptor->ready_ |= std::uint32_t{1} << resumed.index;
    };
  }
}

Acceptor::~Acceptor() {
  for (Watch& watch : watches_)
    wheel_.Cancel(watch);
}

SocketId Acceptor::Add(int fd, Accepted accepted, void* context) noexcept {
  ENGINE_CHECK(fd >= 0);
  ENGINE_CHECK(accepted != nullptr);
  for (Watch& watch : watches_) {
    if (watch.fd >= 0) continue;
    if (++watch.generation == 0) ++watch.generation;
    watch.fd = fd;
    watch.by_time = false;
    watch.accepted = accepted;
    watch.context = context;
    return {watch.index, watch.generation};
  }
  ENGINE_CHECK(false && "more listeners than kListenersMax");
  return {};
}

SocketId Acceptor::Remove(int fd) noexcept {
  for (Watch& watch : watches_) {
    if (watch.fd != fd) continue;
    watch.fd = -1;
    ready_ &= ~(std::uint32_t{1} << watch.index);
    wheel_.Cancel(watch);
    return {watch.index, watch.generation};
  }
  return {};
}

int Acceptor::DescriptorOf(SocketId watch) const noexcept {
  if (watch.index >= kListenersMax) return -1;
  const Watch& found = watches_[watch.index];
  return found.generation == watch.generation ? found.fd : -1;
}

void Acceptor::Ready(SocketId watch) noexcept {
  if (DescriptorOf(watch) < 0) return;
  if (watches_[watch.index].prev != nullptr) return;  // paused: the timer comes back to it
  ready_ |= std::uint32_t{1} << watch.index;
}

void Acceptor::LookByTime(SocketId watch) noexcept {
  if (DescriptorOf(watch) < 0) return;
  watches_[watch.index].by_time = true;
  Ready(watch);
}

void Acceptor::Serve(Time now) noexcept {
  std::uint32_t due = ready_;
  while (due != 0) {
    const auto index = static_cast<std::size_t>(std::countr_zero(due));
    due &= due - 1;
    // An earlier one's callback may have ended this watch.
    if ((ready_ & (std::uint32_t{1} << index)) != 0) ServeOne(watches_[index], now);
  }
}

void Acceptor::ServeOne(Watch& watch, Time now) noexcept {
  const std::uint32_t generation = watch.generation;
  for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
    const bool more = AcceptOne(watch, now);
    if (watch.fd < 0 || watch.generation != generation) return;  // ended in its own callback
    if (more) continue;
    ready_ &= ~(std::uint32_t{1} << watch.index);
    return;
  }
}

// False: nothing more for now.
bool Acceptor::AcceptOne(Watch& watch, Time now) noexcept {
  const int fd = ::accept4(watch.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    watch.accepted(watch.context, fd);
    return true;
  }
  switch (errno) {
    case EAGAIN:
      if (watch.by_time) wheel_.Set(watch, now + kPause);
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EBADF:  // the last two are the caller's mistake; paused, they do not spin
    case EINVAL:
      ++pauses_;
      wheel_.Set(watch, now + kPause);
      return false;
    default: return true;  // EINTR, or an error of that one connection (accept(2))
  }
}

}  // namespace engine
