// Placement's rule, and shards as threads: start, accept, hand-over, failure, stop.
#include "engine/io/shard.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/signals.h"
#include "engine/net/listener.h"
#include "tests/engine/counting_app.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

constexpr Time kNow = std::chrono::seconds(1000);

TEST(PlacementTest, StaysWithinTheSlackAndLeavesBeyondIt) {
  Placement placement(2);
  const ShardId self{0};
  const ShardId other{1};
  EXPECT_EQ(placement.Choose(self, kNow), self);
  placement.Add(self, 8);
  EXPECT_EQ(placement.Choose(self, kNow), self);
  placement.Add(self, 1);
  EXPECT_EQ(placement.Choose(self, kNow), other);
  EXPECT_EQ(placement.Choose(other, kNow), other);
  // With many, the slack is 12 % of the least load.
  placement.Add(self, 1111 - 9);
  placement.Add(other, 1000);
  EXPECT_EQ(placement.Choose(self, kNow), self);
  placement.Add(self, 10);
  EXPECT_EQ(placement.Choose(self, kNow), other);
}

TEST(PlacementTest, TakesTheLeastOfMany) {
  Placement placement(4);
  for (std::uint32_t i = 0; i < 4; ++i)
    placement.Add({i}, 100 - 10 * static_cast<std::int64_t>(i));
  EXPECT_EQ(placement.Choose({0}, kNow), ShardId{3});
  placement.Add({3}, 200);
  EXPECT_EQ(placement.Choose({0}, kNow), ShardId{2});
}

TEST(PlacementTest, GivesNothingToAShardThatHangs) {
  Placement placement(3);
  placement.Add({0}, 100);
  placement.Add({1}, 50);
  EXPECT_EQ(placement.Choose({0}, kNow), ShardId{2});
  placement.clock({2}).Begin(kNow - Placement::kHangsAfter);
  EXPECT_EQ(placement.Choose({0}, kNow), ShardId{2});  // not yet
  const Time later = kNow + std::chrono::microseconds(1);
  EXPECT_EQ(placement.Choose({0}, later), ShardId{1});
  placement.clock({1}).Begin(kNow - Placement::kHangsAfter);
  EXPECT_EQ(placement.Choose({0}, later), ShardId{0});
  placement.clock({2}).Sleep(later);  // it came back
  EXPECT_EQ(placement.Choose({0}, later), ShardId{2});
}

class ShardTest : public testing::TestWithParam<IoChoice> {
 protected:
  ShardTest() { BlockSignals(); }
  ShardOptions Options() {
    ShardOptions options;
    options.io = GetParam();
    options.disk.root = dir_.path();
    options.sockets_max = 64;
    return options;
  }
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Loops,
                         ShardTest,
                         testing::Values(IoChoice::kEpoll, IoChoice::kUring, IoChoice::kUringRecv));

TEST_P(ShardTest, SpreadsConnectionsThatOneShardAccepts) {
  const Address at = *ParseAddress("unix:" + (dir_ / "s"));
  absl::StatusOr<Listener> listener = Listener::Open(at, {});
  ASSERT_TRUE(listener.ok());
  CountingApp first(listener->fd(), true);
  CountingApp second(listener->fd(), false);
  const std::array<ShardApp*, 2> apps = {&first, &second};
  std::array<ShardOptions, 2> options = {Options(), Options()};
  options[1].cpu = 0;
  ShardGroup group(apps, options);
  ASSERT_TRUE(group.Start().ok());
  constexpr int kConnections = 100;
  std::vector<int> fars;
  for (int i = 0; i < kConnections; ++i) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(fd, at.raw(), at.length), 0);
    char byte = 0;
    ASSERT_EQ(::read(fd, &byte, 1), 1);  // taken by one of them
    fars.push_back(fd);
  }
  EXPECT_EQ(first.accepted() + second.accepted(), kConnections);
  EXPECT_GE(second.accepted(), 40);
  EXPECT_GE(first.accepted(), second.accepted());
  EXPECT_LE(first.accepted() - second.accepted(), Placement::kSlackConnections + 2);
  EXPECT_EQ(group.placement().LoadOf({0}), first.accepted());
  EXPECT_EQ(group.placement().LoadOf({1}), second.accepted());
  group.Stop();
  EXPECT_TRUE(first.stopped() && second.stopped());
  EXPECT_TRUE(first.right() && second.right());
  EXPECT_EQ(group.placement().LoadOf({0}), 0);
  EXPECT_EQ(group.placement().LoadOf({1}), 0);
  for (const int fd : fars) {
    char byte = 0;
    EXPECT_EQ(::read(fd, &byte, 1), 0);
    ::close(fd);
  }
}

TEST_P(ShardTest, MeasuresTheWorkOfItsTurns) {
  constexpr std::array<std::uint64_t, 1> kBounds = {60'000'000};
  BoundedHistogram turns(kBounds);
  const Address at = *ParseAddress("unix:" + (dir_ / "s"));
  absl::StatusOr<Listener> listener = Listener::Open(at, {});
  ASSERT_TRUE(listener.ok());
  CountingApp app(listener->fd(), true);
  ShardApp* const apps[] = {&app};
  ShardOptions options[] = {Options()};
  options[0].turns = &turns;
  ShardGroup group(apps, options);
  ASSERT_TRUE(group.Start().ok());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(fd, at.raw(), at.length), 0);
  char byte = 0;
  ASSERT_EQ(::read(fd, &byte, 1), 1);
  group.Stop();
  ::close(fd);
  // The turn that took the connection, at least; none of them lasted a minute.
  EXPECT_GE(turns.BucketCount(0), 1U);
  EXPECT_EQ(turns.BucketCount(1), 0U);
}

TEST_P(ShardTest, StartsAllOrNone) {
  CountingApp first(-1, false);
  CountingApp second(-1, false);
  const std::array<ShardApp*, 2> apps = {&first, &second};
  std::array<ShardOptions, 2> options = {Options(), Options()};
  options[1].disk.root = dir_ / "missing";
  ShardGroup group(apps, options);
  const absl::Status status = group.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_NE(std::string(status.message()).find("shard 1"), std::string::npos) << status;
  group.Stop();
  EXPECT_FALSE(first.stopped() || second.stopped());
}

TEST_P(ShardTest, StopsWhenTheGroupGoesAway) {
  CountingApp app(-1, false);
  ShardApp* const apps[] = {&app};
  const ShardOptions options[] = {Options()};
  {
    ShardGroup group(apps, options);
    ASSERT_TRUE(group.Start().ok());
    EXPECT_EQ(group.size(), 1U);
    EXPECT_EQ(group.shard({0}).id(), ShardId{0});
  }
  EXPECT_TRUE(app.stopped());
}

}  // namespace
}  // namespace engine
