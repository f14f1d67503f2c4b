// Counters of several shards, read while they are written.
#include "engine/base/counters.h"

#include <array>
#include <thread>

#include <gtest/gtest.h>

namespace engine {
namespace {

enum class Count { kMessages, kOpen, kEnd };

TEST(CountersTest, CountsEachNameByItself) {
  Counters<Count> counters;
  counters.Add(Count::kMessages);
  counters.Add(Count::kMessages, 4);
  EXPECT_EQ(counters.Read(Count::kMessages), 5U);
  EXPECT_EQ(counters.Read(Count::kOpen), 0U);
}

TEST(CountersTest, GaugeGoesDownAcrossBlocks) {
  // A connection opened on one shard and closed on another: each cell alone means nothing, the sum
  // is right.
  Counters<Count> first;
  Counters<Count> second;
  first.Add(Count::kOpen, 2);
  second.Add(Count::kOpen, -1);
  const std::array<const Counters<Count>*, 2> blocks{&first, &second};
  EXPECT_EQ(SumOf<Count>(blocks, Count::kOpen), 1U);
}

TEST(CountersTest, BlocksShareNoCacheLine) {
  EXPECT_EQ(alignof(Counters<Count>), kCacheLineBytes);
  EXPECT_EQ(sizeof(Counters<Count>) % kCacheLineBytes, 0U);
}

TEST(CountersTest, ReaderSeesAGrowingValueWhileTheOwnerWrites) {
  constexpr std::uint64_t kAdds = 100'000;
  Counters<Count> counters;
  std::thread owner([&] {
    for (std::uint64_t i = 0; i < kAdds; ++i)
      counters.Add(Count::kMessages);
  });
  std::uint64_t last = 0;
  while (last < kAdds) {
    const std::uint64_t now = counters.Read(Count::kMessages);
    ASSERT_GE(now, last);
    last = now;
  }
  owner.join();
  EXPECT_EQ(counters.Read(Count::kMessages), kAdds);
}

}  // namespace
}  // namespace engine
