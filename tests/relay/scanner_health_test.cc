// The breaker: all states by all events, what opens it and what does not, back-off, slow start.
#include "relay/scanner_health.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace relay {
namespace {

using engine::Time;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kNow = seconds(1000);
constexpr std::uint64_t kChance = 0;

constexpr std::array kStates = {
    BreakerState::kClosed, BreakerState::kSlowStart, BreakerState::kOpen, BreakerState::kHalfOpen};
constexpr std::array kEvents = {HealthEvent::kReply,
                                HealthEvent::kFailure,
                                HealthEvent::kFailureAlone,
                                HealthEvent::kRefused,
                                HealthEvent::kRefusedAlone,
                                HealthEvent::kProbeTaken,
                                HealthEvent::kProbeReply,
                                HealthEvent::kProbeFailure,
                                HealthEvent::kProbeRefused,
                                HealthEvent::kProbeUndecided,
                                HealthEvent::kConnected,
                                HealthEvent::kTick};

// About to tip over: one failure more opens it, one tick more ends what lasts for a time.
Health Ripe(BreakerState state) {
  Health health;
  health.state = state;
  health.streak = 2;
  switch (state) {
    case BreakerState::kClosed:
      health.at = kNow - seconds(1);
      health.outcomes = 5;
      health.failures = 3;
      break;
    case BreakerState::kSlowStart:
      health.at = kNow - seconds(9);
      health.outcomes = 5;
      health.failures = 3;
      break;
    case BreakerState::kOpen:
      health.at = kNow + seconds(5);
      health.by_refusal = true;
      break;
    case BreakerState::kHalfOpen: health.at = kNow; break;
  }
  return health;
}

TEST(ScannerHealthTest, EveryStateMeetsEveryEvent) {
  constexpr auto kClosed = BreakerState::kClosed;
  constexpr auto kSlow = BreakerState::kSlowStart;
  constexpr auto kOpen = BreakerState::kOpen;
  constexpr auto kHalf = BreakerState::kHalfOpen;
  // Rows as kStates, columns as kEvents: reply, failure, failure alone, refused, refused alone,
  // probe taken, probe reply, probe failure, probe refused, probe undecided, connected, tick.
  constexpr BreakerState kExpected[4][12] = {
      {kClosed,
       kOpen,
       kClosed,
       kOpen,
       kClosed,
       kClosed,
       kClosed,
       kOpen,
       kOpen,
       kClosed,
       kClosed,
       kClosed},
      {kSlow, kOpen, kSlow, kOpen, kSlow, kSlow, kSlow, kOpen, kOpen, kSlow, kSlow, kSlow},
      {kOpen, kOpen, kOpen, kOpen, kOpen, kHalf, kSlow, kOpen, kOpen, kOpen, kOpen, kOpen},
      {kHalf, kHalf, kHalf, kHalf, kHalf, kHalf, kSlow, kOpen, kOpen, kOpen, kHalf, kOpen},
  };
  for (std::size_t s = 0; s < kStates.size(); ++s) {
    for (std::size_t e = 0; e < kEvents.size(); ++e) {
      const Health before = Ripe(kStates[s]);
      const Health after = NextHealth(before, kEvents[e], kNow, kChance);
      EXPECT_EQ(BreakerStateName(after.state), BreakerStateName(kExpected[s][e]))
          << BreakerStateName(before.state) << ", event " << e;
      const bool counted = after.outcomes != before.outcomes;
      const bool in_use = kStates[s] == kClosed || kStates[s] == kSlow;
      if (!in_use && after.state == before.state) {
        EXPECT_FALSE(counted) << s << " " << e;
      }
    }
  }
}

TEST(ScannerHealthTest, OneFailureNeverOpens) {
  Health health{.at = kNow};
  health = NextHealth(health, HealthEvent::kFailure, kNow, kChance);
  EXPECT_EQ(health.state, BreakerState::kClosed);
  // Nor does one a minute, for an hour, with nothing else happening.
  for (int i = 1; i < 60; ++i) {
    health = NextHealth(health, HealthEvent::kFailure, kNow + std::chrono::minutes(i), kChance);
    ASSERT_EQ(health.state, BreakerState::kClosed) << i;
  }
}

TEST(ScannerHealthTest, HalfOfTheOutcomesFailedOpens) {
  Health health{.at = kNow};
  for (int i = 0; i < 20; ++i)
    health = NextHealth(health, HealthEvent::kReply, kNow, kChance);
  int failures = 0;
  while (health.state == BreakerState::kClosed) {
    health = NextHealth(health, HealthEvent::kFailure, kNow, kChance);
    ++failures;
  }
  EXPECT_EQ(failures, 20);
  EXPECT_FALSE(health.by_refusal);
}

TEST(ScannerHealthTest, SaturatedCountsKeepTheirShare) {
  Health health{.at = kNow};
  for (int i = 0; i < 5000; ++i) {
    const bool fails = i % 5 >= 3;  // 40 %
    health = NextHealth(health, fails ? HealthEvent::kFailure : HealthEvent::kReply, kNow, kChance);
    ASSERT_EQ(health.state, BreakerState::kClosed) << i;
    ASSERT_LE(health.outcomes, Health::kCountMax);
  }
  EXPECT_NEAR(static_cast<double>(health.failures) / health.outcomes, 0.4, 0.01);
}

TEST(ScannerHealthTest, RefusedConnectsInARowOpenAtAnyRate) {
  Health health{.at = kNow};
  for (int i = 0; i < 1000; ++i)
    health = NextHealth(health, HealthEvent::kReply, kNow, kChance);
  health = NextHealth(health, HealthEvent::kRefused, kNow, kChance);
  health = NextHealth(health, HealthEvent::kRefused, kNow, kChance);
  health = NextHealth(health, HealthEvent::kReply, kNow, kChance);  // not in a row
  health = NextHealth(health, HealthEvent::kRefused, kNow, kChance);
  health = NextHealth(health, HealthEvent::kRefused, kNow, kChance);
  EXPECT_EQ(health.state, BreakerState::kClosed);
  health = NextHealth(health, HealthEvent::kRefused, kNow, kChance);
  EXPECT_EQ(health.state, BreakerState::kOpen);
  EXPECT_TRUE(health.by_refusal);
}

TEST(ScannerHealthTest, BackOffDoublesWithinItsBoundsAndJitter) {
  for (const std::uint64_t chance :
       {std::uint64_t{0}, std::uint64_t{12345678901234567}, ~std::uint64_t{0}}) {
    Health health{.state = BreakerState::kHalfOpen, .at = kNow};
    Time expected = Health::kBackOffMin;
    for (int i = 0; i < 12; ++i) {
      health = NextHealth(health, HealthEvent::kProbeFailure, kNow, chance);
      ASSERT_EQ(health.state, BreakerState::kOpen);
      ASSERT_GE(health.at - kNow, expected * 3 / 4) << i;
      ASSERT_LE(health.at - kNow, expected * 5 / 4 + Health::kUnit) << i;
      EXPECT_FALSE(BackOffOver(health, health.at - Health::kUnit));
      EXPECT_TRUE(BackOffOver(health, health.at));
      health = NextHealth(health, HealthEvent::kProbeTaken, health.at, chance);
      ASSERT_EQ(health.state, BreakerState::kHalfOpen);
      expected = std::min(2 * expected, Time(Health::kBackOffMax));
    }
  }
}

// Who listens again and then fails the probe is no longer one whom nobody can reach: other messages
// must not be told so, as -P would let them pass for a scan that a sender has made fail.
TEST(ScannerHealthTest, AProbeThatFailsIsNoRefusal) {
  Health half_open = Ripe(BreakerState::kHalfOpen);
  half_open.by_refusal = true;
  EXPECT_FALSE(NextHealth(half_open, HealthEvent::kProbeFailure, kNow, kChance).by_refusal);
  EXPECT_TRUE(NextHealth(half_open, HealthEvent::kProbeRefused, kNow, kChance).by_refusal);
  half_open.by_refusal = false;
  EXPECT_FALSE(NextHealth(half_open, HealthEvent::kProbeRefused, kNow, kChance).by_refusal);
}

TEST(ScannerHealthTest, ATakenConnectEndsTheBackOffOfRefusalsAlone) {
  for (const bool by_refusal : {true, false}) {
    Health health = Ripe(BreakerState::kOpen);
    health.by_refusal = by_refusal;
    health = NextHealth(health, HealthEvent::kConnected, kNow, kChance);
    EXPECT_EQ(BackOffOver(health, kNow + Health::kUnit), by_refusal);
  }
}

TEST(ScannerHealthTest, AnUndecidedProbeCostsTheShortestBackOff) {
  Health health = Ripe(BreakerState::kHalfOpen);
  health.at = kNow + seconds(20);
  health = NextHealth(health, HealthEvent::kProbeUndecided, kNow, kChance);
  EXPECT_EQ(health.streak, 2);
  EXPECT_TRUE(BackOffOver(health, kNow + Health::kBackOffMin * 5 / 4));
}

TEST(ScannerHealthTest, SlowStartRampsAndEndsInAFreshWindow) {
  Health health = Ripe(BreakerState::kHalfOpen);
  health = NextHealth(health, HealthEvent::kProbeReply, kNow, kChance);
  EXPECT_EQ(RampedLimit(health, 20, kNow), 1U);
  EXPECT_EQ(RampedLimit(health, 20, kNow + Health::kSlowStart / 2), 10U);
  EXPECT_EQ(RampedLimit(health, 20, kNow + Health::kSlowStart), 20U);
  EXPECT_EQ(RampedLimit(health, 20, kNow + seconds(100)), 20U);
  EXPECT_EQ(RampedLimit(health, 1, kNow), 1U);
  health = NextHealth(health, HealthEvent::kFailure, kNow, kChance);
  EXPECT_EQ(health.state, BreakerState::kSlowStart);
  health = NextHealth(health, HealthEvent::kTick, kNow + Health::kSlowStart, kChance);
  EXPECT_EQ(health.state, BreakerState::kClosed);
  EXPECT_EQ(health.streak, 0);
  EXPECT_EQ(health.outcomes, 0);
}

TEST(ScannerHealthTest, ABreakerThatOpensInSlowStartBacksOffLonger) {
  Health health{.at = kNow};
  Time last{};
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 3; ++i)
      health = NextHealth(health, HealthEvent::kRefused, kNow, kChance);
    ASSERT_EQ(health.state, BreakerState::kOpen);
    EXPECT_GT(health.at - kNow, last);
    last = health.at - kNow;
    health = NextHealth(health, HealthEvent::kProbeTaken, kNow, kChance);
    health = NextHealth(health, HealthEvent::kProbeReply, kNow, kChance);
    ASSERT_EQ(health.state, BreakerState::kSlowStart);
  }
}

TEST(ScannerHealthTest, TheWordHoldsEveryState) {
  const Time start = seconds(123);
  for (const BreakerState state : kStates) {
    Health health = Ripe(state);
    health.at = start + std::chrono::hours(24 * 365 * 4);
    health.outcomes = Health::kCountMax;
    health.failures = 17;
    health.streak = Health::kStreakMax;
    health.refused_run = 2;
    EXPECT_EQ(ScannerHealth::Unpack(ScannerHealth::Pack(health, start), start), health);
  }
}

TEST(ScannerHealthTest, AnswersWhatHasChanged) {
  ScannerHealth health(kNow);
  EXPECT_FALSE(health.On(HealthEvent::kRefused, kNow, kChance).of_state());
  EXPECT_FALSE(health.On(HealthEvent::kRefused, kNow, kChance).of_state());
  const ScannerHealth::Change change = health.On(HealthEvent::kRefused, kNow, kChance);
  EXPECT_TRUE(change.of_state());
  EXPECT_EQ(change.after.state, BreakerState::kOpen);
  EXPECT_EQ(health.Read().state, BreakerState::kOpen);
}

}  // namespace
}  // namespace relay
