// The loop contract over epoll(7): edge-triggered, the reference that every Linux offers.
//
//   epoll <- sockets: EPOLLIN | EPOLLRDHUP | EPOLLET, EPOLLOUT only while a Send or Connect waits
//         <- listeners: EPOLLIN | EPOLLET     <- the mailbox's eventfd: EPOLLIN | EPOLLET
//
// What is handled when something is ready: direct_loop.h. Asynchronous file work: file_thread.h.
#ifndef MILLRACE_ENGINE_IO_EPOLL_LOOP_H_
#define MILLRACE_ENGINE_IO_EPOLL_LOOP_H_

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/io/direct_loop.h"
#include "engine/io/file_thread.h"

namespace engine {

class EpollLoop final : public DirectLoop {
 public:
  static constexpr std::size_t kEventsPerTurnMax = 512;

  // kResourceExhausted: descriptors or memory have run out.
  static absl::StatusOr<std::unique_ptr<Loop>> Make(const LoopOptions& options);
  ~EpollLoop() override;

  void Submit(FileOp& op) noexcept override { files_.Submit(op); }
  std::uint32_t file_ops() const noexcept override { return files_.in_flight(); }
  const char* source_name() const noexcept override { return "epoll"; }

 private:
  EpollLoop(const LoopOptions& options, int epoll) noexcept;

  int Control(int operation, int fd, std::uint32_t events, std::uint64_t name) noexcept;
  int WatchReads(SocketId id, SocketRecord& record) noexcept override;
  int WatchWrites(SocketId id, SocketRecord& record) noexcept override;
  int WatchListener(SocketId watch, int fd) noexcept override;
  void Forget(SocketId id, SocketRecord& record) noexcept override;
  void ForgetListener(SocketId watch, int fd) noexcept override;
  void Wait(Time at_most) noexcept override;
  void Dispatch() noexcept override;
  void OnSocketEvent(SocketId id, const epoll_event& event) noexcept;

  int epoll_;
  bool pwait2_missing_ = false;  // before Linux 5.11, or filtered
  std::size_t event_count_ = 0;
  std::array<epoll_event, kEventsPerTurnMax> events_{};
  FileThreads files_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_EPOLL_LOOP_H_
