// Slots while the disk stalls: made, waited for, swept, removed, all beside the shard.
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "tests/engine/spool_async_fixture.h"

namespace engine {
namespace {

using namespace std::chrono_literals;
using sim::DiskCall;
using State = SpoolSlot::State;

TEST_F(SpoolAsyncTest, ASlotThatComesTooLateJoinsTheFreeOnes) {
  Open();
  disk().Freeze();
  Waiter waiter;
  EXPECT_EQ(spool().Take(world_.now(), &why_, &waiter), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kNone);
  Pass(5s);
  EXPECT_EQ(waiter.told, 0);
  spool().CancelWait(waiter);
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(waiter.told, 0);
  EXPECT_EQ(spool().free_slots(), 1U);
  SpoolSlot* slot = spool().Take(world_.now(), &why_);
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(spool().counters().reused, 0U);  // nobody has used it
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, WithoutReuseALateSlotIsStillOfUse) {
  Open({}, false);
  EXPECT_EQ(spool().Take(world_.now(), &why_), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kStalled);
  Pass(1s);
  SpoolSlot& slot = Message("text");
  EXPECT_EQ(spool().counters().made, 1U);
  EXPECT_EQ(slot.file(), -1);  // sealed: synced and closed
  EXPECT_EQ(Content(slot), "text");
  spool().GiveBack(slot, SpoolFate::kVerdict, world_.now());
  Pass(1s);
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolAsyncTest, WhoCannotWaitIsRefusedAndOneSlotIsMade) {
  Open();
  disk().Freeze();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(spool().Take(world_.now(), &why_), nullptr);
    EXPECT_EQ(why_, SpoolRefusal::kStalled);
  }
  EXPECT_EQ(spool().working(), 1U);
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(spool().free_slots(), 1U);
}

TEST_F(SpoolAsyncTest, SpareSlotsAreAtHandForWhoCannotWait) {
  SpoolLimits limits;
  limits.spare_slots = 2;
  Open(limits);
  Pass(1s);
  EXPECT_EQ(spool().free_slots(), 2U);
  std::vector<SpoolSlot*> slots;
  for (int i = 0; i < 10; ++i) {
    slots.push_back(spool().Take(world_.now(), &why_));
    ASSERT_NE(slots.back(), nullptr) << i;
    Pass(1s);
    EXPECT_EQ(spool().free_slots(), 2U);
  }
  EXPECT_EQ(spool().counters().made, 12U);
  for (SpoolSlot* slot : slots)
    spool().GiveBack(*slot, SpoolFate::kDoubt, world_.now());
}

TEST_F(SpoolAsyncTest, WaitersAreServedInTheOrderTheyCame) {
  Open();
  disk().Freeze();
  std::vector<Waiter> waiters(3);
  for (Waiter& waiter : waiters)
    EXPECT_EQ(spool().Take(world_.now(), &why_, &waiter), nullptr);
  disk().Thaw();
  Pass(1s);
  for (Waiter& waiter : waiters) {
    ASSERT_NE(waiter.slot, nullptr);
    EXPECT_EQ(waiter.slot->state(), State::kTaken);
    spool().GiveBack(*waiter.slot, SpoolFate::kUnread, world_.now());
  }
  EXPECT_EQ(spool().counters().made, 3U);
}

TEST_F(SpoolAsyncTest, AWaiterTakesWhatSomebodyGivesBack) {
  SpoolLimits limits;
  limits.slots_max = 1;
  Open(limits);
  SpoolSlot& slot = Message("one");
  Waiter refused;
  EXPECT_EQ(spool().Take(world_.now(), &why_, &refused), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kSlotsMax);
  disk().Freeze();
  spool().GiveBack(slot, SpoolFate::kVerdict, world_.now());
  Waiter waiter;
  EXPECT_EQ(spool().Take(world_.now(), &why_, &waiter), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kNone);
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(waiter.slot, &slot);
  spool().GiveBack(slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, AFailedMakeIsToldToOneWaiter) {
  Open();
  disk().FailNext(DiskCall::kMakeSlot, ENOSPC);
  Waiter first;
  Waiter second;
  EXPECT_EQ(spool().Take(world_.now(), &why_, &first), nullptr);
  EXPECT_EQ(spool().Take(world_.now(), &why_, &second), nullptr);
  Pass(1s);
  EXPECT_EQ(first.told + second.told, 2);
  EXPECT_EQ((first.slot != nullptr ? 1 : 0) + (second.slot != nullptr ? 1 : 0), 1);
  for (Waiter* waiter : {&first, &second}) {
    if (waiter->slot != nullptr) {
      spool().GiveBack(*waiter->slot, SpoolFate::kUnread, world_.now());
    } else {
      EXPECT_EQ(waiter->why, SpoolRefusal::kNoSpace);
    }
  }
}

TEST_F(SpoolAsyncTest, ATakenNameIsPassedOver) {
  Open();
  world_.files().MakeDir(std::string(kRoot) + "/s00000");
  SpoolSlot* slot = Take();
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->name(), "s00001");
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, WhatIsTooLargeToKeepIsCutFirst) {
  SpoolLimits limits;
  limits.kept_slot_bytes_max = 10;
  Open(limits);
  SpoolSlot& slot = Message("more than ten octets");
  spool().GiveBack(slot, SpoolFate::kVerdict, world_.now());
  Pass(1s);
  EXPECT_EQ(spool().counters().truncated, 1U);
  EXPECT_EQ(spool().kept_bytes(), 0U);
  EXPECT_EQ(Content(slot), "");
}

TEST_F(SpoolAsyncTest, ALargeFileIsRemovedAndNotUsedAgain) {
  SpoolLimits limits;
  limits.light_bytes_max = 10;
  Open(limits);
  SpoolSlot& large = Message("more than ten octets");
  const std::string name(large.name());
  spool().GiveBack(large, SpoolFate::kVerdict, world_.now());
  SpoolSlot& small = Message("few");
  EXPECT_NE(small.name(), name);
  spool().GiveBack(small, SpoolFate::kVerdict, world_.now());
  Pass(1s);
  EXPECT_EQ(spool().counters().removed_large, 1U);
  EXPECT_EQ(spool().free_slots(), 1U);
  EXPECT_EQ(Slots().size(), 1U);
  EXPECT_EQ(Take(), &small);
  spool().GiveBack(small, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, ALargeFreeFileIsLeftAloneUntilTheDiskIsGoodOrSlotsRunOut) {
  SpoolLimits limits;
  limits.light_bytes_max = 10;
  limits.slots_max = 2;
  Open(limits);
  EndStall();
  SpoolSlot* large = Take();
  Waiter waiter;
  EXPECT_EQ(Write(*large, "more than ten octets", waiter), 0);
  EXPECT_EQ(spool().Seal(*large), 0);
  spool().GiveBack(*large, SpoolFate::kVerdict, world_.now());
  EXPECT_EQ(Take(), large) << "inline, the last one given back";
  spool().GiveBack(*large, SpoolFate::kVerdict, world_.now());
  Stall();
  SpoolSlot* made = Take();
  ASSERT_NE(made, nullptr);
  EXPECT_NE(made, large);
  EXPECT_EQ(Take(), large) << "no other can be made";
  spool().GiveBack(*large, SpoolFate::kUnread, world_.now());
  spool().GiveBack(*made, SpoolFate::kUnread, world_.now());
  Pass(1s);
}

TEST_F(SpoolAsyncTest, TheSweepStartsFewAtOnceAndEnds) {
  SpoolLimits limits;
  limits.idle_slots_kept = 5;
  Open(limits);
  std::vector<SpoolSlot*> slots;
  for (int i = 0; i < 40; ++i)
    slots.push_back(&Message("text"));
  for (SpoolSlot* slot : slots)
    spool().GiveBack(*slot, SpoolFate::kVerdict, world_.now());
  Pass(11s);
  disk().Freeze();
  spool().Tick(world_.now());
  EXPECT_LE(spool().working(), 8U);
  EXPECT_GE(spool().free_slots(), 32U);  // at hand while the sweep is stuck
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(spool().counters().truncated_idle, 40U);
  EXPECT_EQ(spool().kept_bytes(), 0U);
  Pass(60s);
  spool().Tick(world_.now());
  Pass(1s);
  EXPECT_EQ(Slots().size(), 5U);
}

TEST_F(SpoolAsyncTest, AFailedRemovalIsTriedAgain) {
  Open();
  SpoolSlot* slot = Take();
  disk().FailNext(DiskCall::kRemoveSlot, EBUSY);
  spool().GiveBack(*slot, SpoolFate::kDoubt, world_.now());
  Pass(1s);
  EXPECT_EQ(spool().retired(), 1U);
  Pass(6s);
  spool().Tick(world_.now());
  Pass(1s);
  EXPECT_EQ(spool().retired(), 0U);
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolAsyncTest, WhoWaitedIsServedInlineOnceTheDiskIsGood) {
  SpoolLimits limits;
  limits.slots_max = 1;
  Open(limits);
  SpoolSlot& slot = Message("one");
  disk().Stall(world_.now(), world_.now() + 20s);
  spool().GiveBack(slot, SpoolFate::kDoubt, world_.now());
  Waiter waiter;
  EXPECT_EQ(spool().Take(world_.now(), &why_, &waiter), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kNone);
  EndStall();
  Pass(10s);
  ASSERT_NE(waiter.slot, nullptr);
  spool().GiveBack(*waiter.slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, FreeSpaceIsLookedAtBesideTheShard) {
  Open();
  SpoolSlot* slot = Take();
  world_.files().bytes_max = 0;
  spool().SetFloor({.bytes_free_min = 100, .inodes_free_min = 0});
  Pass(2s);
  SpoolSlot* cached = Take();  // the last answer holds, and the next look begins
  ASSERT_NE(cached, nullptr);
  Pass(1s);
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kBytesLow);
  EXPECT_EQ(disk().calls_in_shard(), 0U);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
  spool().GiveBack(*cached, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, AnAnswerThatALaterLookHasOvertakenIsNotHeeded) {
  Open();
  SpoolSlot* slot = Take();
  ASSERT_NE(slot, nullptr);
  Pass(2s);
  DiskBudget& budget = spool().budget();
  world_.files().bytes_max = world_.files().bytes_used() + 1'000'000;
  disk().Stall(world_.now(), world_.now() + 12s);
  governor_.OnProbe(world_.now(), {}, true);
  Pass(11s);
  EXPECT_EQ(budget.Admit(world_.now(), false), DiskBudget::Answer::kEnough);
  EXPECT_GT(budget.bytes_free(), 1'000'000U);  // the last answer
  governor_.OnProbe(world_.now(), {}, true);
  ASSERT_FALSE(governor_.async());
  ASSERT_FALSE(work_.idle());
  EXPECT_EQ(budget.Admit(world_.now(), false), DiskBudget::Answer::kEnough);
  EXPECT_EQ(disk().calls_in_shard(), 1U);
  EXPECT_EQ(budget.bytes_free(), 1'000'000U);
  EXPECT_TRUE(budget.Spend(1000));
  world_.files().bytes_max += 5'000'000;
  Pass(5s);
  ASSERT_TRUE(work_.idle());
  EXPECT_EQ(budget.bytes_free(), 999'000U);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, WhereReuseEndsSpareSlotsAreStillAtHand) {
  SpoolLimits limits;
  limits.spare_slots = 2;
  Open(limits);
  SpoolSlot& idle = Message("one");
  SpoolSlot& seen = Message("two");
  spool().GiveBack(idle, SpoolFate::kVerdict, world_.now());
  Pass(11s);
  spool().Tick(world_.now());
  Pass(1s);
  EXPECT_EQ(spool().counters().truncated_idle, 1U);  // newest of the empty ones
  disk().FailNext(DiskCall::kCleanSlot, ENOTSUP);
  spool().GiveBack(seen, SpoolFate::kVerdict, world_.now());
  while (spool().reuse())
    Pass(1us);
  disk().Freeze();  // before the sweep that follows the removal puts things right
  SpoolSlot* slot = spool().Take(world_.now(), &why_);
  ASSERT_NE(slot, nullptr) << SpoolRefusalName(why_);
  EXPECT_EQ(slot->generation(), 1U);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, ClosesWhileTheDiskIsFrozen) {
  Open();
  SpoolSlot& free = Message("free");
  spool().GiveBack(free, SpoolFate::kVerdict, world_.now());
  Pass(1s);
  SpoolSlot& looked_at = Message("looked at");
  SpoolSlot& taken = Message("taken");
  SpoolSlot& written = Message("written");
  disk().Freeze();
  spool().GiveBack(looked_at, SpoolFate::kVerdict, world_.now());
  EXPECT_EQ(spool().Take(world_.now(), &why_), nullptr);  // one is being made
  Waiter waiter;
  EXPECT_EQ(Write(written, "more", waiter), EINPROGRESS);
  EXPECT_EQ(spool().Close(), 4U);
  spool().GiveBack(taken, SpoolFate::kVerdict, world_.now());
  spool().GiveBack(written, SpoolFate::kDoubt, world_.now());
  EXPECT_FALSE(work_.idle());
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(spool().directories(), 0U);
  EXPECT_TRUE(Slots().empty());
  EXPECT_TRUE(work_.idle());
}

}  // namespace
}  // namespace engine
