// Every transition of the governor, on evidence made up.
#include "engine/io/stall_governor.h"

#include <chrono>

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kGood = milliseconds(1);
constexpr Time kBad = milliseconds(21);

class StallGovernorTest : public testing::Test {
 protected:
  // Probes of `took` from now on, one each 250 ms, for `span`; the first change.
  StallChange Probe(Time span, Time took) {
    const Time until = now_ + span;
    while (now_ < until) {
      now_ += milliseconds(250);
      const StallChange change = governor_.OnProbe(now_, took, true);
      if (change != StallChange::kNone) return change;
    }
    return StallChange::kNone;
  }

  StallGovernor governor_{FileWork::kAuto};
  Time now_ = seconds(100);
};

TEST_F(StallGovernorTest, BeginsInline) {
  EXPECT_FALSE(governor_.async());
  EXPECT_FALSE(governor_.probing());
  EXPECT_EQ(governor_.Look(now_), StallChange::kNone);
}

TEST_F(StallGovernorTest, GoesAsyncOnceWhenACallLastsLong) {
  EXPECT_EQ(governor_.OnCall(now_, StallGovernor::kStallAfter), StallChange::kNone);
  EXPECT_FALSE(governor_.async());
  EXPECT_EQ(governor_.OnCall(now_, kBad), StallChange::kOnset);
  EXPECT_TRUE(governor_.async());
  EXPECT_TRUE(governor_.probing());
  EXPECT_EQ(governor_.OnCall(now_ + seconds(1), seconds(1)), StallChange::kNone);
  const StallCounts counts = governor_.counts(now_ + seconds(2));
  EXPECT_TRUE(counts.async);
  EXPECT_EQ(counts.onsets, 1U);
  EXPECT_EQ(counts.longest_call, seconds(1));
  EXPECT_EQ(counts.time_async, seconds(2));
}

TEST_F(StallGovernorTest, ComesBackAfterTenGoodSeconds) {
  governor_.OnCall(now_, kBad);
  EXPECT_EQ(Probe(StallGovernor::kGoodFor, kGood), StallChange::kNone);
  EXPECT_EQ(Probe(milliseconds(250), kGood), StallChange::kCleared);
  EXPECT_FALSE(governor_.async());
  const Time cleared = now_;
  const StallCounts counts = governor_.counts(cleared + seconds(5));
  EXPECT_EQ(counts.time_async, cleared - seconds(100));
  EXPECT_EQ(counts.probes, 41U);
  EXPECT_EQ(counts.probes_bad, 0U);
  EXPECT_EQ(governor_.OnCall(cleared + seconds(6), kBad), StallChange::kOnset);
  EXPECT_EQ(governor_.counts(cleared + seconds(6)).onsets, 2U);
}

TEST_F(StallGovernorTest, BeginsTheGoodTimeAgainAfterABadProbe) {
  governor_.OnCall(now_, kBad);
  EXPECT_EQ(Probe(milliseconds(9900), kGood), StallChange::kNone);
  EXPECT_EQ(Probe(milliseconds(250), kBad), StallChange::kNone);
  EXPECT_EQ(Probe(StallGovernor::kGoodFor, kGood), StallChange::kNone);
  EXPECT_EQ(Probe(milliseconds(250), kGood), StallChange::kCleared);
  EXPECT_EQ(governor_.counts(now_).probes_bad, 1U);
  EXPECT_EQ(governor_.counts(now_).longest_call, kBad);
}

TEST_F(StallGovernorTest, TakesAProbeThatFailsForABadOne) {
  governor_.OnCall(now_, kBad);
  Probe(seconds(9), kGood);
  EXPECT_EQ(governor_.OnProbe(now_, kGood, false), StallChange::kNone);
  EXPECT_EQ(Probe(StallGovernor::kGoodFor, kGood), StallChange::kNone);
  EXPECT_TRUE(governor_.async());
}

TEST_F(StallGovernorTest, StaysAsyncWhileAShardIsCaught) {
  governor_.OnCall(now_, kBad);
  for (int second = 0; second < 30; ++second) {
    EXPECT_EQ(Probe(seconds(1), kGood), StallChange::kNone);
    governor_.OnCall(now_, seconds(second));
  }
  EXPECT_TRUE(governor_.async());
  EXPECT_EQ(Probe(seconds(11), kGood), StallChange::kCleared);
}

TEST_F(StallGovernorTest, CountsSlowOperationsAsEvidence) {
  constexpr Time kSlow = StallGovernor::kOperationStallAfter + Time(1);
  governor_.OnOperation(now_, StallGovernor::kOperationStallAfter);
  EXPECT_EQ(governor_.Look(now_), StallChange::kNone);
  governor_.OnOperation(now_, kSlow);
  EXPECT_FALSE(governor_.async()) << "weighed by the next look";
  EXPECT_EQ(governor_.Look(now_), StallChange::kOnset);
  EXPECT_EQ(governor_.Look(now_), StallChange::kNone) << "once";
  Probe(seconds(9), kGood);
  governor_.OnOperation(now_, kSlow);
  EXPECT_EQ(Probe(StallGovernor::kGoodFor, kGood), StallChange::kNone);
  EXPECT_EQ(Probe(milliseconds(500), kGood), StallChange::kCleared);
}

TEST_F(StallGovernorTest, KeepsToWhatIsConfigured) {
  StallGovernor never(FileWork::kInline);
  EXPECT_EQ(never.OnCall(now_, kBad), StallChange::kNone);
  EXPECT_FALSE(never.async());
  StallGovernor always(FileWork::kAsync);
  EXPECT_TRUE(always.async());
  EXPECT_FALSE(always.probing());
  EXPECT_EQ(always.OnCall(now_, kBad), StallChange::kNone);
  EXPECT_EQ(always.OnProbe(now_ + seconds(60), kGood, true), StallChange::kNone);
  EXPECT_TRUE(always.async());
  EXPECT_EQ(always.counts(now_).onsets, 0U);
}

TEST_F(StallGovernorTest, NamesWhatIsConfigured) {
  for (const FileWork work : {FileWork::kInline, FileWork::kAsync, FileWork::kAuto})
    EXPECT_EQ(ParseFileWork(FileWorkName(work)), work);
  EXPECT_FALSE(ParseFileWork("sync").has_value());
}

}  // namespace
}  // namespace engine
