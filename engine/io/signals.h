// Signals as events of a loop: nothing of ours runs in a signal handler.
//
//   start of main, before any thread:  BlockSignals()   SIGTERM SIGINT SIGHUP SIGUSR1 wait for
//                                                       signalfd; SIGPIPE and SIGIO are ignored
//   then, in one loop's thread:        SignalWatch      signalfd -> callback(signal number)
//
// Threads inherit the mask, so BlockSignals comes before the first of them. SIGIO: its default
// action would end the process when somebody opens a file whose lease we hold (posix_disk.h);
// SIGPIPE: a write to a closed socket or pipe is an errno to us.
// Sources: signalfd(2), fcntl(2) "Leases", signal(7).
#ifndef MILLRACE_ENGINE_IO_SIGNALS_H_
#define MILLRACE_ENGINE_IO_SIGNALS_H_

#include "absl/status/status.h"
#include "engine/io/loop.h"

namespace engine {

// For the whole process, from the main thread, before any other thread is started.
void BlockSignals() noexcept;

// For a main thread that runs no loop: waits for one of the four; 0 when `at_most` has passed.
int WaitForSignal(Time at_most) noexcept;

// Undoes the mask in a child process before it starts another program.
void UnblockSignals() noexcept;

class SignalWatch final : public SocketEvents {
 public:
  using OnSignal = void (*)(void* context, int signal) noexcept;

  SignalWatch(Loop& loop, OnSignal on_signal, void* context) noexcept
      : loop_(loop), on_signal_(on_signal), context_(context) {}
  virtual ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // In the loop's thread, after BlockSignals(). kResourceExhausted: descriptors have run out.
  absl::Status Start();
  void Stop() noexcept;

  // SocketEvents
  void OnBytes(SocketId, Bytes) noexcept override {}
  void OnTurnEnd(SocketId) noexcept override {}
  Drained OnDirect(SocketId id, DirectSocket& socket) noexcept override;
  void OnWritable(SocketId) noexcept override {}
  void OnGone(SocketId, int) noexcept override {}

 private:
  Loop& loop_;
  OnSignal on_signal_;
  void* context_;
  SocketId id_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_SIGNALS_H_
