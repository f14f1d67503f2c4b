// The bucket against an exact model (a leaky bucket), at random times, over the end of the word's
// range, and across steps of the clock.
#include "engine/quota/token_bucket.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Bucket {
  std::uint64_t due = 0;
  bool Spend(const Rate& rate, Time now) {
    const BucketStep step = StepBucket(due, rate, now);
    due = step.due;
    return step.allowed;
  }
};

// The other form of the same rule: a leaky bucket, whose level runs off with time.
class ExactModel {
 public:
  explicit ExactModel(const Rate& rate) : rate_(rate) {}
  bool Spend(Time now) {
    level_ = std::max(level_ - (now - at_), Time(0));
    at_ = now;
    if (level_ + rate_.every > rate_.every * rate_.burst) return false;
    level_ += rate_.every;
    return true;
  }

 private:
  Rate rate_;
  Time level_{0};
  Time at_{0};
};

TEST(TokenBucketTest, LetsABurstThroughAndThenOnePerInterval) {
  const Rate rate{.every = milliseconds(100), .burst = 3};
  Bucket bucket;
  const Time start = seconds(5);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(bucket.Spend(rate, start)) << i;
  EXPECT_FALSE(bucket.Spend(rate, start));
  EXPECT_FALSE(bucket.Spend(rate, start + milliseconds(99)));
  EXPECT_TRUE(bucket.Spend(rate, start + milliseconds(100)));
  EXPECT_FALSE(bucket.Spend(rate, start + milliseconds(199)));
  EXPECT_TRUE(bucket.Spend(rate, start + milliseconds(200)));
  EXPECT_FALSE(BucketIsFull(bucket.due, start + milliseconds(499)));
  EXPECT_TRUE(BucketIsFull(bucket.due, start + milliseconds(500)));
}

TEST(TokenBucketTest, ARefusalCostsNothing) {
  const Rate rate{.every = seconds(1), .burst = 1};
  Bucket bucket;
  EXPECT_TRUE(bucket.Spend(rate, seconds(10)));
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(bucket.Spend(rate, seconds(10) + milliseconds(i / 2)));
  EXPECT_TRUE(bucket.Spend(rate, seconds(11)));
}

TEST(TokenBucketTest, AgreesWithTheExactModelAtRandomTimes) {
  std::mt19937_64 random(20261122);
  for (int run = 0; run < 300; ++run) {
    const Rate rate{.every = Time(1 + static_cast<std::int64_t>(random() % 5'000'000'000)),
                    .burst = 1 + static_cast<std::uint32_t>(random() % 50)};
    // Also where the word goes past 2^63 and comes round at 2^64.
    const std::uint64_t starts[] = {
        0, 1'000'000'000'000, std::uint64_t{1} << 62U, std::uint64_t{1} << 63U};
    const std::uint64_t shift = run % 2 == 0 ? 0 : starts[random() % 4] - random() % 1'000'000'000;
    Bucket bucket{shift};
    ExactModel model(rate);
    Time now{0};
    for (int i = 0; i < 500; ++i) {
      now += Time(
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * rate.every.count())));
      if (random() % 50 == 0) now += rate.every * rate.burst;
      const Time shifted(
          static_cast<std::int64_t>(static_cast<std::uint64_t>(now.count()) + shift));
      ASSERT_EQ(bucket.Spend(rate, shifted), model.Spend(now)) << "run " << run << " event " << i;
    }
  }
}

// Over any span: at most burst + span / every.
TEST(TokenBucketTest, NeverLetsMoreThroughThanBurstAndRate) {
  std::mt19937_64 random(4711);
  const Rate rate{.every = milliseconds(250), .burst = 7};
  Bucket bucket;
  std::deque<Time> passed;
  Time now = seconds(100);
  for (int i = 0; i < 20'000; ++i) {
    now += Time(static_cast<std::int64_t>(random() % 40'000'000));
    if (!bucket.Spend(rate, now)) continue;
    passed.push_back(now);
    if (passed.size() > 64) passed.pop_front();
    for (std::size_t k = 1; k <= passed.size(); ++k) {
      const Time span = now - passed[passed.size() - k];
      ASSERT_LE(static_cast<std::int64_t>(k), rate.burst + span / rate.every);
    }
  }
}

TEST(TokenBucketTest, AClockThatStepsBackCostsAtMostAnEmptyBucket) {
  const Rate rate{.every = seconds(1), .burst = 5};
  Bucket bucket;
  EXPECT_TRUE(bucket.Spend(rate, seconds(100'000)));
  EXPECT_FALSE(bucket.Spend(rate, seconds(1000)));  // it is empty now, and fills again
  EXPECT_TRUE(bucket.Spend(rate, seconds(1001)));
  EXPECT_FALSE(bucket.Spend(rate, seconds(1001)));
}

TEST(TokenBucketTest, AClockThatStepsForwardFillsTheBucketAndNoMore) {
  const Rate rate{.every = seconds(1), .burst = 2};
  Bucket bucket;
  EXPECT_TRUE(bucket.Spend(rate, seconds(1)));
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(bucket.Spend(rate, seconds(1'000'000)));
  EXPECT_FALSE(bucket.Spend(rate, seconds(1'000'000)));
}

// Two shards read the clock at different times of the same moment.
TEST(TokenBucketTest, AClockSlightlyBehindIsNoStep) {
  const Rate rate{.every = milliseconds(1), .burst = 1};
  Bucket bucket;
  EXPECT_TRUE(bucket.Spend(rate, seconds(50)));
  const std::uint64_t due = bucket.due;
  EXPECT_FALSE(bucket.Spend(rate, seconds(50) - milliseconds(500)));
  EXPECT_EQ(bucket.due, due);
}

TEST(TokenBucketTest, ARateThatBecomesSmallerIsNotOwedTheOldOne) {
  const Rate wide{.every = seconds(60), .burst = 100};
  const Rate narrow{.every = seconds(1), .burst = 2};
  Bucket bucket;
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(bucket.Spend(wide, seconds(10)));
  EXPECT_FALSE(bucket.Spend(narrow, seconds(10)));
  EXPECT_TRUE(bucket.Spend(narrow, seconds(11)));
}

TEST(TokenBucketTest, TheLargestRateDoesNotOverflow) {
  const Rate rate{.every = Rate::kEveryMax, .burst = Rate::kBurstMax};
  Bucket bucket;
  for (std::uint32_t i = 0; i < Rate::kBurstMax; ++i)
    ASSERT_TRUE(bucket.Spend(rate, seconds(1)));
  EXPECT_FALSE(bucket.Spend(rate, seconds(1)));
}

}  // namespace
}  // namespace engine
