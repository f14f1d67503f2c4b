// The monitor's thread with a clock of the test's own: it sees calls that last, probes, comes back,
// sleeps, and ends.
#include "engine/io/stall_monitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "engine/io/posix_disk.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::atomic<std::int64_t> test_now{seconds(1000).count()};
std::atomic<bool> waits{true};
std::atomic<int> asked{0};
std::atomic<bool> thaw{false};
std::atomic<bool> probed{false};
Time TestNow() noexcept {
  return Time(test_now.load());
}

class StallMonitorTest : public testing::Test {
 protected:
  StallMonitorTest() {
    options_.governor = &governor_;
    options_.shards = 2;
    options_.probe_directory = dir_.path();
    options_.clock = &TestNow;
    options_.waits = [](pid_t) noexcept {
      asked.fetch_add(1);
      return waits.load();
    };
    waits.store(true);
    asked.store(0);
    options_.context = this;
    options_.changed = [](void* context, StallChange change, const StallCounts& counts) noexcept {
      auto& test = *static_cast<StallMonitorTest*>(context);
      test.onsets_.store(counts.onsets);
      test.last_.store(change);
      test.changes_.fetch_add(1);
      test.changes_.notify_all();
    };
  }
  void Start() {
    auto monitor = StallMonitor::Start(options_);
    ASSERT_TRUE(monitor.ok()) << monitor.status();
    monitor_ = *std::move(monitor);
  }
  static void Advance(Time by) { test_now.fetch_add(by.count()); }
  void AwaitChange(int number) {
    for (int seen = changes_.load(); seen < number; seen = changes_.load())
      changes_.wait(seen);
  }
  // One probe after the other, until it has seen `more` or file work came back. Time stands still
  // while a probe is under way, so all are good.
  void AwaitProbes(std::uint64_t more) {
    for (; more > 0 && governor_.async(); --more) {
      const std::uint64_t before = governor_.counts(TestNow()).probes;
      Advance(StallGovernor::kProbeEvery);
      while (governor_.async() && governor_.counts(TestNow()).probes == before)
        std::this_thread::yield();
    }
  }
  FileCallClock& calls() { return monitor_->calls(ShardId{1}); }

  TempDir dir_;
  StallGovernor governor_{FileWork::kAuto};
  StallMonitorOptions options_;
  std::atomic<int> changes_{0};
  std::atomic<StallChange> last_{StallChange::kNone};
  std::atomic<std::uint64_t> onsets_{0};
  std::unique_ptr<StallMonitor> monitor_;  // last: its thread uses what is above
};

TEST_F(StallMonitorTest, SeesACallThatLastsAndComesBack) {
  Start();
  const Time began = TestNow();
  calls().Begin(began);
  Advance(milliseconds(25));
  AwaitChange(1);
  EXPECT_EQ(last_.load(), StallChange::kOnset);
  EXPECT_TRUE(governor_.async());
  AwaitProbes(45);  // 11 s of good ones, and the call still lasts
  EXPECT_TRUE(governor_.async());
  calls().End(began);
  AwaitProbes(100);
  AwaitChange(2);
  EXPECT_EQ(last_.load(), StallChange::kCleared);
  EXPECT_FALSE(governor_.async());
  EXPECT_EQ(onsets_.load(), 1U);
  EXPECT_TRUE(monitor_->Stop());
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path())) << "the probe's file is removed";
}

TEST_F(StallMonitorTest, WakesForEachNewStallFromItsSleep) {
  Start();
  for (int round = 0; round < 2; ++round) {
    const Time began = TestNow();
    monitor_->file_thread_calls(ShardId{0}).Begin(began);  // wakes it
    Advance(milliseconds(21));
    AwaitChange(2 * round + 1);
    monitor_->file_thread_calls(ShardId{0}).End(began);
    AwaitProbes(100);
    AwaitChange(2 * round + 2);
  }
  EXPECT_EQ(governor_.counts(TestNow()).onsets, 2U);
}

TEST_F(StallMonitorTest, TakesAThreadThatHasNoCoreForNoStall) {
  Start();
  waits.store(false);
  const Time began = TestNow();
  calls().Begin(began);
  Advance(seconds(1));
  while (asked.load() < 3)
    std::this_thread::yield();
  EXPECT_EQ(changes_.load(), 0);
  waits.store(true);
  AwaitChange(1);
  EXPECT_EQ(calls().thread(), ::gettid());
}

TEST_F(StallMonitorTest, KnowsWhichThreadWaits) {
  std::atomic<pid_t> waiting{0};
  std::atomic<bool> end{false};
  std::thread waiter([&] {
    waiting.store(::gettid());
    waiting.notify_all();
    end.wait(false);
  });
  waiting.wait(0);
  while (!ThreadWaits(waiting.load()))
    std::this_thread::yield();
  EXPECT_FALSE(ThreadWaits(::gettid()));
  EXPECT_TRUE(ThreadWaits(-1)) << "nobody can tell";
  end.store(true);
  end.notify_all();
  waiter.join();
}

TEST_F(StallMonitorTest, ADiskIsWatchedWhileItsShardWorks) {
  Start();
  TempDir root;
  auto disk = PosixDisk::Open({.root = root.path(), .calls = &calls()});
  ASSERT_TRUE(disk.ok());
  std::thread shard([&] {
    std::uint64_t bytes = 0;
    std::uint64_t inodes = 0;
    for (int i = 0; i < 2000; ++i)
      EXPECT_TRUE((*disk)->FreeSpace(&bytes, &inodes).ok());
  });
  shard.join();
  EXPECT_EQ(calls().since(), Time::zero());
  EXPECT_GT(calls().last(), Time::zero());
  EXPECT_EQ((*disk)->InCallSince(), Time::zero());
}

TEST_F(StallMonitorTest, WeighsSlowOperations) {
  Start();
  governor_.OnOperation(TestNow(), seconds(1));
  const Time began = TestNow();
  calls().Begin(began);  // a file call: so it looks
  calls().End(began);
  AwaitChange(1);
  EXPECT_EQ(last_.load(), StallChange::kOnset);
}

TEST_F(StallMonitorTest, TakesAProbeThatFailsForABadOne) {
  TempDir gone;
  options_.probe_directory = gone / "gone";
  std::filesystem::create_directory(options_.probe_directory);
  Start();
  std::filesystem::remove(options_.probe_directory);
  const Time began = TestNow();
  calls().Begin(began);
  Advance(milliseconds(21));
  AwaitChange(1);
  calls().End(began);
  AwaitProbes(45);
  EXPECT_TRUE(governor_.async());
  EXPECT_GE(governor_.counts(TestNow()).probes_bad, 45U);
}

TEST_F(StallMonitorTest, EndsAtOnceWhateverItDoes) {
  Start();
  EXPECT_TRUE(monitor_->Stop());
  EXPECT_TRUE(monitor_->Stop());
  Start();
  calls().Begin(TestNow());
  EXPECT_TRUE(monitor_->Stop());
}

TEST_F(StallMonitorTest, IsLeftBehindInAProbeThatDoesNotReturn) {
  options_.probe = [](int directory) noexcept {
    thaw.wait(false);
    const bool ok = WriteProbe(directory);
    probed.store(true);
    probed.notify_all();
    return ok;
  };
  Start();
  calls().Begin(TestNow());
  Advance(milliseconds(21));
  AwaitChange(1);
  EXPECT_FALSE(monitor_->Stop());
  monitor_.reset();
  thaw.store(true);
  thaw.notify_all();
  probed.wait(false);  // the thread goes on, with what is its own
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

class ProbeTest : public testing::Test {
 protected:
  ProbeTest() : directory_(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  ~ProbeTest() override { ::close(directory_); }
  static void Write(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir dir_;
  const int directory_;
  const std::string probe_ = dir_ / StallMonitor::kProbeName;
  const std::string other_ = dir_ / "other";
};

TEST_F(ProbeTest, LeavesNothing) {
  EXPECT_TRUE(WriteProbe(directory_));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(ProbeTest, WritesNothingThroughALinkAndOpensNoFifo) {
  Write(other_, "somebody's");
  std::filesystem::create_hard_link(other_, probe_);
  EXPECT_TRUE(WriteProbe(directory_));
  EXPECT_EQ(Read(other_), "somebody's");
  std::filesystem::create_symlink(other_, probe_);
  EXPECT_TRUE(WriteProbe(directory_));
  EXPECT_EQ(Read(other_), "somebody's");
  ASSERT_EQ(::mkfifo(probe_.c_str(), 0600), 0);
  EXPECT_TRUE(WriteProbe(directory_));
  EXPECT_FALSE(std::filesystem::exists(probe_));
}

TEST_F(ProbeTest, AFolderInItsPlaceIsABadProbe) {
  std::filesystem::create_directory(probe_);
  EXPECT_FALSE(WriteProbe(directory_));
  EXPECT_TRUE(std::filesystem::is_directory(probe_));
}

TEST_F(StallMonitorTest, SaysWhichFolderItCannotOpen) {
  options_.probe_directory = "/nonexistent/spool";
  const absl::Status status = StallMonitor::Start(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nonexistent/spool"), std::string_view::npos) << status;
}

}  // namespace
}  // namespace engine
