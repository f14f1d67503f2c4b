// The listeners of one loop: accepts what is there, and pauses when descriptors run out.
//
//   kernel event -> Ready -> Serve: accept4 until EAGAIN, at most kAcceptsPerTurnMax a turn
//                                   EMFILE, ENFILE, ENOBUFS, ENOMEM: paused for 100 ms, counted
//
// The kernel tells of a connection once (edge), to the shard that watches the listener; which one
// that is, and that none is lost with a shard that hangs: accept_turn.h. After a pause, or with
// more left than a turn's share, Serve comes back by itself. A listener that the kernel does not
// watch for us (no memory) is served every kPause.
//
// It knows nothing of epoll and io_uring: the loop watches the descriptor and calls Ready.
#ifndef MILLRACE_ENGINE_IO_ACCEPTOR_H_
#define MILLRACE_ENGINE_IO_ACCEPTOR_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/io/loop.h"
#include "engine/io/timer_wheel.h"

namespace engine {

class Acceptor {
 public:
  static constexpr std::size_t kListenersMax = 32;
  static constexpr int kAcceptsPerTurnMax = 64;
  static constexpr Time kPause = std::chrono::milliseconds(100);
  using Accepted = void (*)(void* context, int fd) noexcept;

  explicit Acceptor(TimerWheel& wheel) noexcept;
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // At most kListenersMax at once. The answer names the watch; its generation is never 0.
  SocketId Add(int fd, Accepted accepted, void* context) noexcept;
  // Ends the watch of `fd`; generation 0 if there is none.
  SocketId Remove(int fd) noexcept;
  int DescriptorOf(SocketId watch) const noexcept;  // -1: stale

  void Ready(SocketId watch) noexcept;  // a stale one is ignored
  // The kernel does not watch this one: it is served now and every kPause.
  void LookByTime(SocketId watch) noexcept;
  bool AnyReady() const noexcept { return ready_ != 0; }
  void Serve(Time now) noexcept;

  std::uint64_t pauses() const noexcept { return pauses_; }

 private:
  struct Watch : Timer {
    Acceptor* acceptor = nullptr;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    int fd = -1;
    bool by_time = false;
    Accepted accepted = nullptr;
    void* context = nullptr;
  };

  void ServeOne(Watch& watch, Time now) noexcept;
  bool AcceptOne(Watch& watch, Time now) noexcept;

  TimerWheel& wheel_;
  std::array<Watch, kListenersMax> watches_;
  std::uint32_t ready_ = 0;  // bit i: watches_[i] is to be served
  static_assert(kListenersMax <= 32);
  std::uint64_t pauses_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_ACCEPTOR_H_
