// The acceptor without a loop: what the kernel does not watch for it.
#include "engine/io/acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/net/listener.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

TEST(AcceptorTest, AListenerThatNobodyWatchesIsServedByTime) {
  TempDir dir;
  const Address at = *ParseAddress("unix:" + (dir / "s"));
  absl::StatusOr<Listener> listener = Listener::Open(at, {});
  ASSERT_TRUE(listener.ok());
  Time now = std::chrono::seconds(1000);
  TimerWheel wheel(now);
  Acceptor acceptor(wheel);
  std::vector<int> accepted;
  const SocketId watch = acceptor.Add(
      listener->fd(),
      [](void* context, int fd) noexcept {
        static_cast<std::vector<int>*>(context)->push_back(fd);
      },
      &accepted);
  acceptor.LookByTime(watch);
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(acceptor.AnyReady());
    acceptor.Serve(now);
    EXPECT_FALSE(acceptor.AnyReady());
    EXPECT_EQ(accepted.size(), round - 1);
    const int far = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(far, at.raw(), at.length), 0);
    ::close(far);
    now += Acceptor::kPause + TimerWheel::kTick;
    wheel.Advance(now);
    acceptor.Serve(now);
    EXPECT_EQ(accepted.size(), round);
    now += Acceptor::kPause + TimerWheel::kTick;
    wheel.Advance(now);
  }
  EXPECT_EQ(acceptor.Remove(listener->fd()), watch);
  EXPECT_FALSE(acceptor.AnyReady());
  acceptor.LookByTime(watch);  // stale
  EXPECT_FALSE(acceptor.AnyReady());
  for (const int fd : accepted)
    ::close(fd);
}

}  // namespace
}  // namespace engine
