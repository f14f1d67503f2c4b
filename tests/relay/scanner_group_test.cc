// A group in one thread: who is chosen, what the pool's limit is, probes, draining, changed lists.
#include "relay/scanner_group.h"

#include <array>
#include <deque>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/check.h"

namespace relay {
namespace {

using engine::Time;
using std::chrono::seconds;
using Pick = ScannerGroup::Pick;

ScannerSpec Spec(const std::string& path, std::uint32_t limit, std::uint32_t weight = 1) {
  auto address = engine::ParseAddress("unix:/run/" + path);
  ENGINE_CHECK(address.ok());
  return {.address = *address, .weight = weight, .limit = limit};
}

class ScannerGroupTest : public testing::Test {
 protected:
  void Begin(const std::vector<ScannerSpec>& specs) {
    group_ = std::make_unique<ScannerGroup>("default", specs, 1U, now_);
  }
  ScannerMoment At() {
    chance_ = chance_ * 6364136223846793005U + 1442695040888963407U;
    return {.shard = 0, .now = now_, .chance = chance_ ^ chance_ >> 29U};
  }
  // As a job that finds a slot free: the pool must have one.
  PickedScanner Take(ScannerGroup::Mask except = 0) {
    EXPECT_TRUE(group_->slots().TryAcquire());
    PickedScanner picked;
    result_ = group_->PickFor(At(), except, &picked);
    if (result_ != Pick::kPicked) group_->slots().Release(now_);
    return picked;
  }
  void End(PickedScanner picked, ScanOutcome outcome) {
    group_->Report(At(), &picked, outcome, std::chrono::milliseconds(100));
    group_->Give(At(), &picked);
  }
  void Fail(std::uint8_t index, int times, ScanOutcome outcome = ScanOutcome::kRefused) {
    for (int i = 0; i < times; ++i)
      End(Take(~ScannerGroup::MaskOf(index)), outcome);
  }
  void Tick() {
    group_->Tick(
        At(), [](void*, std::uint8_t, const ScannerHealth::Change&) noexcept {}, nullptr);
  }
  ScannerSnapshot Of(std::size_t index) { return group_->Snapshot().at(index); }
  std::int32_t Free() { return group_->slots().free_slots(); }

  Time now_ = seconds(1000);
  std::uint64_t chance_ = 42;
  std::unique_ptr<ScannerGroup> group_;
  Pick result_ = Pick::kNoRoom;
};

TEST_F(ScannerGroupTest, ThePoolIsTheSumOfTheLimits) {
  Begin({Spec("a", 4), Spec("b", 3), Spec("c", ScannerLimit::kLearn)});
  EXPECT_EQ(Free(), 4 + 3 + static_cast<int>(LearntLimit::kBegin));
}

TEST_F(ScannerGroupTest, FillsEveryScannerAndNoMore) {
  Begin({Spec("a", 4), Spec("b", 3)});
  std::vector<PickedScanner> taken;
  while (Free() > 0)
    taken.push_back(Take());
  EXPECT_EQ(taken.size(), 7U);
  EXPECT_EQ(Of(0).outstanding, 4U);
  EXPECT_EQ(Of(1).outstanding, 3U);
  for (const PickedScanner& picked : taken)
    End(picked, ScanOutcome::kReply);
  EXPECT_EQ(Free(), 7);
  EXPECT_EQ(Of(0).counts[static_cast<std::size_t>(ScannerCount::kReplies)], 4U);
  EXPECT_EQ(Of(0).scan_times.count(), 4U);
  EXPECT_EQ(Of(0).scan_times.sum, 4 * 100'000U);
}

TEST_F(ScannerGroupTest, LoadFollowsTheWeights) {
  Begin({Spec("a", 100, 3), Spec("b", 100, 1)});
  std::deque<PickedScanner> taken;
  std::array<int, 2> sent{};
  for (int i = 0; i < 4000; ++i) {
    taken.push_back(Take());
    ++sent[taken.back().index];
    if (taken.size() > 40) {
      End(taken.front(), ScanOutcome::kReply);
      taken.pop_front();
    }
  }
  EXPECT_NEAR(static_cast<double>(Of(0).outstanding) / Of(1).outstanding, 3.0, 0.5);
  EXPECT_NEAR(static_cast<double>(sent[0]) / sent[1], 3.0, 0.3);
  for (const PickedScanner& picked : taken)
    End(picked, ScanOutcome::kReply);
}

// Also where nothing is in flight, and of scanners without work none is preferred.
TEST_F(ScannerGroupTest, IdleScannersAreDrawnByWeight) {
  Begin({Spec("a", 10, 3), Spec("b", 10, 1)});
  std::array<int, 2> sent{};
  for (int i = 0; i < 4000; ++i) {
    const PickedScanner picked = Take();
    ++sent[picked.index];
    End(picked, ScanOutcome::kReply);
  }
  EXPECT_NEAR(sent[0], 3000, 150);
}

TEST_F(ScannerGroupTest, ASlowScannerGetsLess) {
  Begin({Spec("a", 50), Spec("b", 50)});
  std::deque<PickedScanner> slow;
  std::array<int, 2> sent{};
  for (int i = 0; i < 1000; ++i) {
    const PickedScanner picked = Take();
    ++sent[picked.index];
    if (picked.index == 0) {
      slow.push_back(picked);
      if (slow.size() > 5) {
        End(slow.front(), ScanOutcome::kReply);
        slow.pop_front();
      }
    } else {
      End(picked, ScanOutcome::kReply);
    }
  }
  EXPECT_LT(sent[0], 20);
  for (const PickedScanner& picked : slow)
    End(picked, ScanOutcome::kReply);
}

TEST_F(ScannerGroupTest, AnOpenBreakerLeavesThePoolAndItsOrphansDoToo) {
  Begin({Spec("a", 4), Spec("b", 2)});
  std::vector<PickedScanner> hanging;
  for (int i = 0; i < 4; ++i)
    hanging.push_back(Take(ScannerGroup::MaskOf(1)));
  // All of a's requests time out; their slots stay with the scanner.
  PickedScanner fifth = Take();
  EXPECT_EQ(fifth.index, 1);
  End(fifth, ScanOutcome::kReply);
  for (PickedScanner& picked : hanging)
    group_->Report(At(), &picked, ScanOutcome::kTimeout);
  EXPECT_EQ(Of(0).state, BreakerState::kClosed);  // four: too few to judge
  End(Take(ScannerGroup::MaskOf(0)), ScanOutcome::kReply);
  EXPECT_EQ(Free(), 2);
  // The first orphan ends; the next request fails as well, and that is the fifth.
  group_->Give(At(), &hanging[0]);
  EXPECT_EQ(Free(), 3);
  End(Take(ScannerGroup::MaskOf(1)), ScanOutcome::kTimeout);
  EXPECT_EQ(Of(0).state, BreakerState::kOpen);
  EXPECT_EQ(Free(), 2);  // b's alone
  for (std::size_t i = 1; i < hanging.size(); ++i)
    group_->Give(At(), &hanging[i]);
  EXPECT_EQ(Of(0).outstanding, 0U);
  EXPECT_EQ(Free(), 2);
}

TEST_F(ScannerGroupTest, NobodyWaitsWhereNoScannerIsLive) {
  Begin({Spec("a", 2)});
  Fail(0, 3);
  EXPECT_EQ(Of(0).state, BreakerState::kOpen);
  EXPECT_GE(Free(), ScannerGroup::kFlush);
  Take();
  EXPECT_EQ(result_, Pick::kNoneLive);
}

TEST_F(ScannerGroupTest, OneProbeDecidesAboutTheWayBack) {
  Begin({Spec("a", 20)});
  Fail(0, 3);
  now_ += seconds(1);
  Tick();
  EXPECT_EQ(Free(), 1);
  PickedScanner probe = Take();
  ASSERT_EQ(result_, Pick::kPicked);
  EXPECT_TRUE(probe.probe);
  EXPECT_EQ(Of(0).state, BreakerState::kHalfOpen);
  EXPECT_EQ(Free(), 0);  // the others wait for its outcome
  Tick();
  EXPECT_EQ(Free(), 0);
  End(probe, ScanOutcome::kReply);
  EXPECT_EQ(Of(0).state, BreakerState::kSlowStart);
  EXPECT_EQ(Free(), 1);
  now_ += seconds(5);
  Tick();
  EXPECT_EQ(Free(), 10);
  now_ += seconds(5);
  Tick();
  EXPECT_EQ(Free(), 20);
  EXPECT_EQ(Of(0).state, BreakerState::kClosed);
}

// A message that comes as the back-off ends need not wait for a tick.
TEST_F(ScannerGroupTest, WhoFindsTheBackOffOverIsTheProbe) {
  Begin({Spec("a", 20)});
  Fail(0, 3);
  now_ += seconds(1);
  EXPECT_TRUE(Take().probe);
  EXPECT_EQ(result_, Pick::kPicked);
}

TEST_F(ScannerGroupTest, AFailedProbeOpensAgainAndAnUndecidedOneSoonTriesAgain) {
  Begin({Spec("a", 20)});
  Fail(0, 3);
  now_ += seconds(1);
  End(Take(), ScanOutcome::kRefused);
  EXPECT_EQ(Of(0).state, BreakerState::kOpen);
  EXPECT_GE(Free(), ScannerGroup::kFlush);
  now_ += seconds(2);
  End(Take(), ScanOutcome::kBusy);
  EXPECT_EQ(Of(0).state, BreakerState::kOpen);
  now_ += seconds(1);
  End(Take(), ScanOutcome::kReply);
  EXPECT_EQ(Of(0).state, BreakerState::kSlowStart);
}

TEST_F(ScannerGroupTest, PatienceWithAProbeEndsAndItsLateReplyIsBelieved) {
  Begin({Spec("a", 20)});
  Fail(0, 3);
  now_ += seconds(1);
  PickedScanner first = Take();
  now_ += seconds(31);
  Tick();
  EXPECT_EQ(Of(0).state, BreakerState::kOpen);
  now_ += seconds(3);
  Tick();
  PickedScanner second = Take();
  EXPECT_TRUE(second.probe);
  EXPECT_EQ(Of(0).outstanding, 2U);
  End(first, ScanOutcome::kReply);
  EXPECT_EQ(Of(0).state, BreakerState::kSlowStart);
  End(second, ScanOutcome::kReply);
  EXPECT_EQ(Free(), 1);
}

// Its limit is what it was told to take at once, whoever waits for the answers.
TEST_F(ScannerGroupTest, AProbeIsWithinTheLimitWithTheOrphans) {
  Begin({Spec("a", 1), Spec("b", 1)});
  PickedScanner hanging;
  for (int i = 0; i < 5; ++i) {
    if (i > 0) group_->Give(At(), &hanging);
    hanging = Take(ScannerGroup::MaskOf(1));
    group_->Report(At(), &hanging, ScanOutcome::kTimeout);
  }
  ASSERT_EQ(Of(0).state, BreakerState::kOpen);
  group_->Drain("unix:/run/b", true, now_);
  now_ += seconds(60);
  Tick();
  Take();
  EXPECT_EQ(result_, Pick::kNoneLive);
  group_->Give(At(), &hanging);
  EXPECT_TRUE(Take().probe);
}

// It would leave nobody; that half of the mail fails is no reason to fail all of it.
TEST_F(ScannerGroupTest, TheLastLiveScannerIsLeftOutForRefusalsAlone) {
  Begin({Spec("a", 4), Spec("b", 4)});
  group_->Drain("unix:/run/b", true, now_);
  Fail(0, 30, ScanOutcome::kBrokenReply);
  EXPECT_EQ(Of(0).state, BreakerState::kClosed);
  group_->Drain("unix:/run/b", false, now_);
  Fail(0, 1, ScanOutcome::kBrokenReply);
  EXPECT_EQ(Of(0).state, BreakerState::kOpen);
  Fail(1, 30, ScanOutcome::kTimeout);
  EXPECT_EQ(Of(1).state, BreakerState::kClosed);
  Fail(1, 3);
  EXPECT_EQ(Of(1).state, BreakerState::kOpen);
}

TEST_F(ScannerGroupTest, ASlotThatStaysInHandServesForAnotherScanner) {
  Begin({Spec("a", 2), Spec("b", 2)});
  PickedScanner picked = Take(ScannerGroup::MaskOf(1));
  group_->GiveButKeepSlot(At(), &picked);
  EXPECT_FALSE(picked.any());
  EXPECT_EQ(Free(), 3);
  ASSERT_EQ(group_->PickFor(At(), ScannerGroup::MaskOf(0), &picked), Pick::kPicked);
  EXPECT_EQ(picked.index, 1);
  EXPECT_EQ(Free(), 3);
  End(picked, ScanOutcome::kReply);
  EXPECT_EQ(Free(), 4);
}

TEST_F(ScannerGroupTest, ASlotKeptFromAnOpenBreakerIsTakenFromThePool) {
  Begin({Spec("a", 8), Spec("b", 2)});
  PickedScanner kept = Take(ScannerGroup::MaskOf(1));
  Fail(0, 3);
  EXPECT_EQ(Free(), 2);
  group_->GiveButKeepSlot(At(), &kept);
  EXPECT_EQ(Free(), 1);
  ASSERT_EQ(group_->PickFor(At(), 0, &kept), Pick::kPicked);
  EXPECT_EQ(kept.index, 1);
  End(kept, ScanOutcome::kReply);
  EXPECT_EQ(Free(), 2);
}

// Of a pool that is at rest: what is told as its limit is what it has.
TEST_F(ScannerGroupTest, TheLimitThatIsToldFollowsWhatIsAbsorbed) {
  Begin({Spec("a", 4), Spec("b", 2)});
  for (int round = 0; round < 3; ++round) {
    std::vector<PickedScanner> taken;
    for (int i = 0; i < 4; ++i)
      taken.push_back(Take(ScannerGroup::MaskOf(1)));
    group_->Drain("unix:/run/a", true, now_);
    for (const PickedScanner& picked : taken)
      End(picked, ScanOutcome::kReply);
    EXPECT_EQ(Free(), 2);
    EXPECT_EQ(group_->slots().Figures(now_).limit, 2);
    group_->Drain("unix:/run/a", false, now_);
    EXPECT_EQ(Free(), 6);
    EXPECT_EQ(group_->slots().Figures(now_).limit, 6);
  }
}

TEST_F(ScannerGroupTest, DrainingGetsNothingNewAndComesBack) {
  Begin({Spec("a", 2), Spec("b", 2)});
  PickedScanner last = Take(ScannerGroup::MaskOf(1));
  ASSERT_TRUE(group_->Drain("unix:/run/a", true, now_));
  EXPECT_TRUE(Of(0).draining);
  EXPECT_EQ(Free(), 2);
  EXPECT_EQ(Take().index, 1);
  End(last, ScanOutcome::kReply);
  EXPECT_EQ(Of(0).outstanding, 0U);
  EXPECT_EQ(Free(), 1);
  ASSERT_TRUE(group_->Drain("unix:/run/a", false, now_));
  EXPECT_EQ(Free(), 3);
  EXPECT_FALSE(group_->Drain("unix:/run/nobody", true, now_));
}

TEST_F(ScannerGroupTest, ANewListKeepsWhatStaysAndForgetsWhatGoes) {
  Begin({Spec("a", 2), Spec("b", 2)});
  PickedScanner last = Take(ScannerGroup::MaskOf(1));
  group_->Apply(std::vector{Spec("b", 5, 7), Spec("c", 1)}, now_);
  EXPECT_EQ(Free(), 6);
  ASSERT_EQ(group_->Snapshot().size(), 3U);  // a's request is not back yet
  EXPECT_EQ(Of(1).weight, 7U);
  End(last, ScanOutcome::kReply);
  EXPECT_EQ(group_->Snapshot().size(), 2U);
  EXPECT_EQ(Free(), 6);
  group_->Apply(std::vector{Spec("a", 2)}, now_);
  EXPECT_EQ(Free(), 2);
}

TEST_F(ScannerGroupTest, ConnectProbesGoWhereNobodyListenedAndNothingIsInFlight) {
  Begin({Spec("a", 2), Spec("b", 8)});
  EXPECT_FALSE(group_->WantsConnectProbe(0, now_));
  Fail(0, 3);
  EXPECT_TRUE(group_->WantsConnectProbe(0, now_));
  group_->ConnectProbeTaken(At(), 0);
  EXPECT_TRUE(Take(ScannerGroup::MaskOf(1)).probe);
  PickedScanner held = Take(ScannerGroup::MaskOf(0));
  Fail(1, 3);
  EXPECT_FALSE(group_->WantsConnectProbe(1, now_));
  End(held, ScanOutcome::kUndecided);
  EXPECT_TRUE(group_->WantsConnectProbe(1, now_));
}

TEST_F(ScannerGroupTest, ALearntLimitMovesThePool) {
  Begin({Spec("a", ScannerLimit::kLearn)});
  End(Take(), ScanOutcome::kBusy);
  EXPECT_EQ(Free(), static_cast<int>(LearntLimit::kBegin / 2));
  EXPECT_EQ(Of(0).state, BreakerState::kClosed);
}

TEST_F(ScannerGroupTest, TheFirstWordOfARequestCounts) {
  Begin({Spec("a", 2)});
  PickedScanner picked = Take();
  group_->Report(At(), &picked, ScanOutcome::kTimeout);
  group_->Report(At(), &picked, ScanOutcome::kReply);
  const auto& counts = Of(0).counts;
  EXPECT_EQ(counts[static_cast<std::size_t>(ScannerCount::kTimeouts)], 1U);
  EXPECT_EQ(counts[static_cast<std::size_t>(ScannerCount::kReplies)], 0U);
  group_->Give(At(), &picked);
}

}  // namespace
}  // namespace relay
