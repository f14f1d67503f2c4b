// Signals arrive as callbacks of a loop, on both loops; those that must not end us do not.
#include "engine/io/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/io/make_loop.h"
#include "engine/io/posix_disk.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SignalsTest : public testing::TestWithParam<IoChoice> {
 protected:
  SignalsTest() {
    BlockSignals();
    auto disk = PosixDisk::Open({.root = dir_.path()});
    ENGINE_CHECK(disk.ok());
    disk_ = *std::move(disk);
    auto loop = MakeLoop(GetParam(), {.disk = disk_.get(), .sockets_max = 16});
    ENGINE_CHECK(loop.ok());
    loop_ = *std::move(loop);
  }
  static void Note(void* context, int signal) noexcept {
    static_cast<SignalsTest*>(context)->signals_.push_back(signal);
  }

  TempDir dir_;
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<Loop> loop_;
  std::vector<int> signals_;
};

INSTANTIATE_TEST_SUITE_P(Loops,
                         SignalsTest,
                         testing::Values(IoChoice::kEpoll, IoChoice::kUring, IoChoice::kUringRecv));

TEST_P(SignalsTest, TellsEachSignalInTheLoop) {
  SignalWatch watch(*loop_, &Note, this);
  ASSERT_TRUE(watch.Start().ok());
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    signals_.clear();
    ASSERT_EQ(::kill(::getpid(), signal), 0);
    for (int turn = 0; turn < 100 && signals_.empty(); ++turn)
      loop_->RunTurn(milliseconds(50));
    EXPECT_EQ(signals_, std::vector<int>{signal});
  }
  ASSERT_EQ(::kill(::getpid(), SIGHUP), 0);
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  for (int turn = 0; turn < 100 && signals_.size() < 3; ++turn)
    loop_->RunTurn(milliseconds(50));
  EXPECT_EQ(signals_.size(), 3U);
}

TEST_P(SignalsTest, LetsTheCallbackStopTheWatch) {
  struct Stopper {
    SignalWatch* watch = nullptr;
    int told = 0;
  } stopper;
  SignalWatch watch(
      *loop_,
      [](void* context, int) noexcept {
        auto& self = *static_cast<Stopper*>(context);
        ++self.told;
        self.watch->Stop();
      },
      &stopper);
  stopper.watch = &watch;
  ASSERT_TRUE(watch.Start().ok());
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  ASSERT_EQ(::kill(::getpid(), SIGHUP), 0);
  for (int turn = 0; turn < 100 && stopper.told == 0; ++turn)
    loop_->RunTurn(milliseconds(50));
  EXPECT_EQ(stopper.told, 1);
  // The kernel hands out the lowest number first; the other one waits.
  EXPECT_EQ(WaitForSignal(seconds(5)), SIGTERM);
}

TEST(SignalWaitTest, AnswersASignalOrZero) {
  BlockSignals();
  EXPECT_EQ(WaitForSignal(Time::zero()), 0);
  ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
  EXPECT_EQ(WaitForSignal(seconds(5)), SIGUSR1);
}

TEST(SignalWaitTest, IgnoresWhatMustNotEndTheProcess) {
  BlockSignals();
  ASSERT_EQ(::raise(SIGIO), 0);
  ASSERT_EQ(::raise(SIGPIPE), 0);
}

TEST(SignalWaitTest, UnblocksForAChild) {
  BlockSignals();
  UnblockSignals();
  sigset_t now{};
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, nullptr, &now), 0);
  EXPECT_EQ(sigismember(&now, SIGTERM), 0);
  BlockSignals();
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, nullptr, &now), 0);
  EXPECT_EQ(sigismember(&now, SIGTERM), 1);
}

}  // namespace
}  // namespace engine
