// The learnt limit against a scanner of so many children: it finds their number, and falls when
// they become fewer.
#include "relay/scanner_limit.h"

#include <algorithm>
#include <queue>
#include <random>

#include <gtest/gtest.h>

namespace relay {
namespace {

using engine::Time;
using std::chrono::milliseconds;

// A round of as many requests as the limit allows, at a scanner of `children`: what exceeds them
// waits for a child, so every scan takes longer in proportion.
LearntLimit PlayRound(LearntLimit state, std::uint32_t children, Time each) {
  const std::uint32_t at_once = state.limit();
  const Time takes = each * std::max(at_once, children) / children;
  for (std::uint32_t i = 0; i < at_once; ++i)
    state = OnReply(state, takes, at_once);
  return state;
}

TEST(ScannerLimitTest, FindsTheNumberOfChildren) {
  for (const std::uint32_t children : {4U, 10U, 40U}) {
    LearntLimit state;
    double used = 0;
    std::uint32_t lowest = LearntLimit::kLearntMax;
    std::uint32_t highest = 0;
    for (int round = 0; round < 400; ++round) {
      state = PlayRound(state, children, milliseconds(200));
      if (round < 200) continue;
      lowest = std::min(lowest, state.limit());
      highest = std::max(highest, state.limit());
      used += std::min(1.0, static_cast<double>(state.limit()) / children) / 200;
    }
    // The children have work, and hardly ever as many wait as they are: the mean lags behind.
    EXPECT_GT(used, 0.85) << children;
    EXPECT_GE(lowest, children / 4) << children;
    EXPECT_LE(highest, 2 * children + 4) << children;
  }
}

// Children with a backlog before them, and always as much mail as the limit allows: how much of
// the children is used.
template <typename Draw>
double PlayMail(std::size_t children, Draw draw) {
  struct Scan {
    Time ends;
    Time sent;
    bool operator<(const Scan& other) const { return ends > other.ends; }
  };
  LearntLimit state;
  std::priority_queue<Scan> scans;
  std::queue<Time> backlog;
  Time now{};
  Time all{};
  Time used{};
  std::uint32_t sent = 0;
  for (int replies = 0; replies < 50'000; ++replies) {
    for (; sent < state.limit(); ++sent)
      backlog.push(now);
    for (; scans.size() < children && !backlog.empty(); backlog.pop())
      scans.push({now + draw(), backlog.front()});
    const Scan ended = scans.top();
    if (replies > 10'000) {
      all += (ended.ends - now) * static_cast<std::int64_t>(children);
      used += (ended.ends - now) * static_cast<std::int64_t>(scans.size());
    }
    now = ended.ends;
    scans.pop();
    state = OnReply(state, now - ended.sent, sent--);
  }
  return static_cast<double>(used.count()) / static_cast<double>(all.count());
}

// As mail is: most of it is small, some is not scanned at all, some takes seconds. That is no
// reason to leave a scanner idle.
TEST(ScannerLimitTest, ScanTimesThatDifferLeaveTheScannerWork) {
  for (const std::size_t children : {4U, 10U, 40U}) {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> seconds_of(-1.6, 1);
    const double scattered = PlayMail(
        children, [&] { return Time(static_cast<std::int64_t>(1e9 * seconds_of(random))); });
    EXPECT_GT(scattered, 0.7) << children;
    const double two_kinds = PlayMail(children, [&] {
      return random() % 5 != 0 ? Time(milliseconds(30)) : Time(milliseconds(2000));
    });
    EXPECT_GT(two_kinds, 0.45) << children;
    const double few_long = PlayMail(children, [&] {
      return random() % 20 != 0 ? Time(milliseconds(30)) : Time(milliseconds(5000));
    });
    EXPECT_GT(few_long, 0.7) << children;
  }
}

TEST(ScannerLimitTest, FallsWithFewerChildren) {
  LearntLimit state;
  for (int round = 0; round < 200; ++round)
    state = PlayRound(state, 40, milliseconds(100));
  const std::uint32_t before = state.limit();
  for (int round = 0; round < 40; ++round)
    state = PlayRound(state, 5, milliseconds(100));
  EXPECT_LT(state.limit(), before / 2);
}

TEST(ScannerLimitTest, GrowsByOneARoundAndOnlyWhenItIsUsedUp) {
  LearntLimit state;
  for (int i = 0; i < 100; ++i)
    state = OnReply(state, milliseconds(50), 3);
  EXPECT_EQ(state.limit(), LearntLimit::kBegin);
  for (std::uint32_t i = 0; i <= LearntLimit::kBegin; ++i)
    state = OnReply(state, milliseconds(50), LearntLimit::kBegin);
  EXPECT_EQ(state.limit(), LearntLimit::kBegin + 1);
  std::uint32_t highest = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    state = OnReply(state, milliseconds(50), LearntLimit::kLearntMax);
    highest = std::max(highest, state.limit());
  }
  EXPECT_LE(highest, LearntLimit::kLearntMax);
}

// Mail that takes longer by itself is no reason for a lower limit, after a while.
TEST(ScannerLimitTest, BelievesInMailThatTakesLonger) {
  LearntLimit state;
  for (int round = 0; round < 300; ++round)
    state = PlayRound(state, 20, milliseconds(100));
  for (int round = 0; round < 300; ++round)
    state = PlayRound(state, 20, milliseconds(700));
  std::uint32_t highest = 0;
  for (int round = 0; round < 100; ++round) {
    state = PlayRound(state, 20, milliseconds(700));
    highest = std::max(highest, state.limit());
  }
  EXPECT_GE(highest, 20U);
}

TEST(ScannerLimitTest, TurnedAwayHalvesOnceARoundDownToOne) {
  LearntLimit state;
  state = OnTurnedAway(state);
  EXPECT_EQ(state.limit(), LearntLimit::kBegin / 2);
  state = OnTurnedAway(state);  // of the same round
  EXPECT_EQ(state.limit(), LearntLimit::kBegin / 2);
  for (int round = 0; round < 10; ++round) {
    for (std::uint32_t i = 0; i < LearntLimit::kBegin; ++i)
      state = OnReply(state, milliseconds(50), 0);
    state = OnTurnedAway(state);
  }
  EXPECT_EQ(state.limit(), 1U);
}

TEST(ScannerLimitTest, OneSlowMessageChangesNothing) {
  LearntLimit state;
  for (int i = 0; i < 50; ++i)
    state = OnReply(state, milliseconds(200), 3);
  state = OnReply(state, std::chrono::seconds(3), 3);
  EXPECT_EQ(state.limit(), LearntLimit::kBegin);
}

TEST(ScannerLimitTest, TheWordHoldsEveryState) {
  const LearntLimit state{.limit_64ths = LearntLimit::kLearntMax * LearntLimit::kOne,
                          .mean = 19 * LearntLimit::kTwice - 1,
                          .lowest = 12345,
                          .seen = LearntLimit::kMeanOver - 1,
                          .hold = LearntLimit::kHoldMax,
                          .age = LearntLimit::kAgeMax};
  EXPECT_EQ(ScannerLimit::Unpack(ScannerLimit::Pack(state)), state);
}

TEST(ScannerLimitTest, AFixedLimitLearnsNothing) {
  ScannerLimit limit(7);
  EXPECT_FALSE(limit.TurnedAway());
  EXPECT_FALSE(limit.Reply(milliseconds(1), 7));
  EXPECT_EQ(limit.Read(), 7U);
  limit.Set(ScannerLimit::kLearn);
  EXPECT_EQ(limit.Read(), LearntLimit::kBegin);
  EXPECT_TRUE(limit.TurnedAway());
}

}  // namespace
}  // namespace relay
