// A stalling disk in virtual time, and what the governor makes of it. The owner below does what the
// daemon's shards do: it asks async() before each piece of work, then does it inline or submits it.
#include "tests/sim/sim_stalls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/file_op.h"
#include "engine/io/stall_governor.h"
#include "tests/sim/sim_world.h"

namespace sim {
namespace {

using engine::FileOpKind;
using engine::FileWork;
using engine::StallChange;
using engine::StallGovernor;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Writes a piece to a file of its own every few milliseconds, in order, one at a time.
class Writer : public engine::FileOp, public engine::Timer {
 public:
  static constexpr Time kEvery = milliseconds(3);

  Writer(SimLoop& loop, StallGovernor& governor) : loop_(&loop), governor_(&governor) {
    file = loop.sim_disk().MakeFile();
    fire = [](engine::Timer& timer, Time) noexcept { static_cast<Writer&>(timer).Turn(); };
    done = [](engine::FileOp& op) noexcept {
      auto& writer = static_cast<Writer&>(op);
      ++writer.submitted;
      writer.Account(writer.result);
    };
    loop.Set(*this, loop.now() + kEvery);
  }

  std::string expected;
  int blocked = 0;  // inline calls longer than the governor allows
  int submitted = 0;
  Time longest_gap{};  // between two turns of its own
  std::string content() const { return loop_->sim_disk().FileContent(file); }
  void Finish() { ending_ = true; }
  bool finished() const { return ending_ && !working_; }

 private:
  void Turn() noexcept {
    if (last_ != Time{}) longest_gap = std::max(longest_gap, loop_->now() - last_);
    last_ = loop_->now();
    if (!working_ && !ending_) Write();
    loop_->Set(*this, loop_->now() + kEvery);
  }
  void Write() noexcept {
    working_ = true;
    piece_ = std::to_string(expected.size()) + ";";
    part_ = {piece_.data(), piece_.size()};
    kind = FileOpKind::kWriteV;
    offset = expected.size();
    data = {&part_, 1};
    if (governor_->async()) return loop_->Submit(*this);
    const IoResult wrote = loop_->disk().WriteV(file, data, offset);
    if (loop_->disk().Blocked() > StallGovernor::kStallAfter) ++blocked;
    Account(wrote);
  }
  void Account(IoResult wrote) noexcept {
    working_ = false;
    if (!wrote.ok()) return;  // the same piece again
    expected.append(piece_, 0, static_cast<std::size_t>(wrote.value));
  }

  SimLoop* loop_;
  StallGovernor* governor_;
  std::string piece_;
  iovec part_{};
  Time last_{};
  bool working_ = false;
  bool ending_ = false;
};

class SimStallsTest : public testing::Test {
 protected:
  static constexpr int kShards = 3;

  void Build(std::uint64_t seed, const SimFaults& faults = {}) {
    loops_.clear();
    writers_.clear();
    governor_ = std::make_unique<StallGovernor>(FileWork::kAuto);
    world_ = std::make_unique<SimWorld>(seed, faults);
    for (int i = 0; i < kShards; ++i) {
      loops_.push_back(
          &world_->AddLoop("shard" + std::to_string(i), "/spool/" + std::to_string(i)));
      writers_.push_back(std::make_unique<Writer>(*loops_.back(), *governor_));
    }
    monitor_ = &world_->WatchStalls(*governor_, *loops_.front());
  }
  void Freeze(Time from, Time until) {
    for (SimLoop* loop : loops_)
      loop->sim_disk().Stall(from, until);
  }
  void Finish() {
    for (const auto& writer : writers_)
      writer->Finish();
    EXPECT_TRUE(world_->RunUntil(
        [&] {
          return std::all_of(
              writers_.begin(), writers_.end(), [](const auto& one) { return one->finished(); });
        },
        world_->now() + seconds(60)));
  }

  std::unique_ptr<StallGovernor> governor_;
  std::unique_ptr<SimWorld> world_;
  std::vector<SimLoop*> loops_;
  std::vector<std::unique_ptr<Writer>> writers_;
  SimStallMonitor* monitor_ = nullptr;
};

TEST_F(SimStallsTest, AFreezeCatchesEachShardAtMostOnce) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    StallGovernor governor(FileWork::kAuto);
    SimWorld world(seed);
    std::vector<std::unique_ptr<Writer>> writers;
    std::vector<SimLoop*> loops;
    for (int i = 0; i < kShards; ++i) {
      SimLoop& loop = world.AddLoop("shard", "/spool/" + std::to_string(i));
      loops.push_back(&loop);
      writers.push_back(std::make_unique<Writer>(loop, governor));
      loop.sim_disk().Stall(world.now() + seconds(1), world.now() + seconds(9));
    }
    const SimStallMonitor& monitor = world.WatchStalls(governor, *loops.front());
    world.Run(world.now() + seconds(30));
    EXPECT_FALSE(governor.async());
    EXPECT_EQ(monitor.changes(),
              (std::vector<StallChange>{StallChange::kOnset, StallChange::kCleared}));
    int blocked = 0;
    for (const auto& writer : writers) {
      EXPECT_LE(writer->blocked, 1);
      blocked += writer->blocked;
      EXPECT_GT(writer->submitted, 0);
      EXPECT_EQ(writer->content().substr(0, writer->expected.size()), writer->expected);
      // Who is not caught goes on turning.
      if (writer->blocked == 0) {
        EXPECT_LT(writer->longest_gap, milliseconds(20));
      }
    }
    EXPECT_GE(blocked, 1);
    EXPECT_TRUE(world.broken().empty()) << world.broken().front();
  }
}

TEST_F(SimStallsTest, ASlowDiskKeepsFileWorkAwayUntilItIsGoodForTenSeconds) {
  Build(7);
  const Time start = world_->now();
  for (SimLoop* loop : loops_)
    loop->sim_disk().Stall(start + seconds(2), start + seconds(40), milliseconds(100));
  world_->Run(start + seconds(39));
  EXPECT_TRUE(governor_->async());
  const engine::StallCounts counts = governor_->counts(world_->now());
  EXPECT_EQ(counts.onsets, 1U);
  EXPECT_EQ(counts.probes, counts.probes_bad);
  EXPECT_GE(counts.longest_call, milliseconds(100));
  EXPECT_GT(counts.time_async, seconds(36));
  world_->Run(start + seconds(49));
  EXPECT_TRUE(governor_->async());
  world_->Run(start + seconds(52));
  EXPECT_FALSE(governor_->async());
  Finish();
  for (const auto& writer : writers_)
    EXPECT_EQ(writer->content(), writer->expected);
  EXPECT_TRUE(world_->broken().empty()) << world_->broken().front();
}

TEST_F(SimStallsTest, NothingIsLostUnderFaultsByChance) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SimFaults faults = SimFaults::Rough();
    faults.disk_stall = 2'000;
    faults.disk_error = 5'000;
    Build(seed, faults);
    Freeze(world_->now() + seconds(1), world_->now() + seconds(3));
    world_->Run(world_->now() + seconds(6));
    Finish();
    for (const auto& writer : writers_) {
      EXPECT_GT(writer->expected.size(), 0U);
      EXPECT_EQ(writer->content(), writer->expected);
    }
    EXPECT_TRUE(world_->broken().empty()) << world_->broken().front();
    EXPECT_GE(governor_->counts(world_->now()).onsets, 1U);
  }
}

TEST_F(SimStallsTest, NoticesTwoOperationsOnOneFile) {
  SimWorld world(1);
  SimLoop& loop = world.AddLoop("shard", "/spool/0");
  std::array<engine::FileOp, 2> cuts;
  for (engine::FileOp& cut : cuts) {
    cut.kind = FileOpKind::kTruncate;
    cut.done = [](engine::FileOp&) noexcept {};
  }
  cuts[0].file = cuts[1].file = loop.sim_disk().MakeFile();
  loop.Submit(cuts[0]);
  EXPECT_TRUE(world.broken().empty());
  loop.Submit(cuts[1]);
  EXPECT_EQ(world.broken().size(), 1U);
  EXPECT_EQ(loop.file_ops(), 2U);
  world.Run(world.now() + seconds(1));
  EXPECT_EQ(loop.file_ops(), 0U);
}

TEST_F(SimStallsTest, FailsAsynchronousKindsByPlan) {
  SimWorld world(1);
  SimLoop& loop = world.AddLoop("shard", "/spool/0");
  loop.sim_disk().FailNext(DiskCall::kMakeSlot, ENOSPC);
  engine::FileOp make;
  make.kind = FileOpKind::kMakeSlot;
  make.slot = "s1";
  make.done = [](engine::FileOp&) noexcept {};
  loop.Submit(make);
  world.Run(world.now() + seconds(1));
  EXPECT_EQ(make.result.error, ENOSPC);
  loop.Submit(make);
  world.Run(world.now() + seconds(1));
  EXPECT_TRUE(make.result.ok());
  EXPECT_TRUE(world.files().Exists("/spool/0/s1/email.txt"));
}

}  // namespace
}  // namespace sim
