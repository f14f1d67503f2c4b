// A shard's app that answers each connection with one byte, counts it, and closes it at the end.
#ifndef MILLRACE_TESTS_ENGINE_COUNTING_APP_H_
#define MILLRACE_TESTS_ENGINE_COUNTING_APP_H_

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "engine/io/shard.h"

namespace engine {

class CountingApp final : public ShardApp {
 public:
  CountingApp(int listener, bool listens) : listener_(listener), listens_(listens) {}
  ~CountingApp() = default;

  void OnStart(Shard& shard) noexcept override {
    shard_ = &shard;
    thread_ = std::this_thread::get_id();
    if (listens_) shard.Listen(listener_, 7);
  }
  void OnAccepted(int fd, std::uint32_t listener) noexcept override {
    right_.store(right_.load() && listener == 7 && std::this_thread::get_id() == thread_);
    fds_.push_back(fd);
    accepted_.fetch_add(1);
    [[maybe_unused]] const ssize_t sent = ::send(fd, "!", 1, MSG_NOSIGNAL);
  }
  void OnStop() noexcept override {
    if (listens_) shard_->StopListening(listener_);
    for (const int fd : fds_) {
      ::close(fd);
      shard_->OnConnectionEnd();
    }
    stopped_.store(true);
  }

  int accepted() const { return accepted_.load(); }
  bool right() const { return right_.load(); }
  bool stopped() const { return stopped_.load(); }

 private:
  int listener_;
  bool listens_;
  Shard* shard_ = nullptr;
  std::thread::id thread_;
  std::vector<int> fds_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> right_{true};
  std::atomic<bool> stopped_{false};
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_COUNTING_APP_H_
