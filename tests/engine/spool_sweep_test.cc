// What time does to slots, the kept limits, the disk budget, and removals that fail. Disk
// simulated.
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/spool/disk_budget.h"
#include "tests/engine/spool_fixture.h"

namespace engine {
namespace {

using sim::DiskCall;
using namespace std::chrono_literals;

class SpoolSweepTest : public SpoolFixture {
 protected:
  // `count` slots taken at once, then given back in that order.
  void UseAtOnce(int count, const std::string& text) {
    std::vector<SpoolSlot*> slots;
    for (int i = 0; i < count; ++i)
      slots.push_back(&Message(text));
    for (SpoolSlot* slot : slots)
      spool().GiveBack(*slot, SpoolFate::kVerdict, now_);
  }
};

TEST_F(SpoolSweepTest, TruncatesWhatLiesIdleForTenSeconds) {
  Open();
  UseAtOnce(3, "the marker");
  Pass(9s);
  spool().Tick(now_);
  EXPECT_EQ(world_.files().FilesWith("marker").size(), 3U);
  Pass(1s);
  spool().Tick(now_);
  EXPECT_TRUE(world_.files().FilesWith("marker").empty());
  EXPECT_EQ(spool().counters().truncated_idle, 3U);
  EXPECT_EQ(spool().kept_bytes(), 0U);
  EXPECT_EQ(spool().free_slots(), 3U);
  SpoolSlot& slot = Message("after");
  EXPECT_EQ(spool().counters().reused, 1U);
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolSweepTest, TruncatesOnlyTheSlotsThatWereNotReused) {
  Open();
  UseAtOnce(2, "the marker");
  Pass(6s);
  spool().GiveBack(Message("the marker"), SpoolFate::kVerdict, now_);
  Pass(5s);
  spool().Tick(now_);
  EXPECT_EQ(world_.files().FilesWith("marker").size(), 1U);
  Pass(5s);
  spool().Tick(now_);
  EXPECT_TRUE(world_.files().FilesWith("marker").empty());
}

TEST_F(SpoolSweepTest, RetiresASlotThatCannotBeTruncated) {
  Open();
  UseAtOnce(1, "the marker");
  Pass(10s);
  disk_.FailNext(DiskCall::kTruncate, EIO);
  spool().Tick(now_);
  EXPECT_TRUE(Slots().empty());
  EXPECT_EQ(spool().counters().retired_error, 1U);
}

TEST_F(SpoolSweepTest, RemovesIdleSlotsBeyondThoseKept) {
  SpoolLimits limits;
  limits.idle_slots_kept = 5;
  Open(limits);
  UseAtOnce(100, "x");
  Pass(59s);
  spool().Tick(now_);
  EXPECT_EQ(spool().free_slots(), 100U);
  Pass(1s);
  spool().Tick(now_);
  EXPECT_EQ(spool().free_slots(), 68U);  // a bounded number a tick
  for (int i = 0; i < 10; ++i)
    spool().Tick(now_);
  EXPECT_EQ(spool().free_slots(), 5U);
  EXPECT_EQ(spool().counters().removed_idle, 95U);
  EXPECT_EQ(Slots().size(), 5U);
}

TEST_F(SpoolSweepTest, KeepsBlocksOnlyUpToTheLimitOfTheShard) {
  SpoolLimits limits;
  limits.kept_bytes_max = 1000;
  Open(limits);
  UseAtOnce(3, std::string(400, 'x'));
  EXPECT_EQ(spool().kept_bytes(), 800U);
  EXPECT_EQ(spool().counters().truncated, 1U);
  EXPECT_EQ(world_.files().bytes_used(), 800U);
}

TEST_F(SpoolSweepTest, KeepsBlocksOnlyUpToTheLimitOfASlot) {
  SpoolLimits limits;
  limits.kept_slot_bytes_max = 300;
  Open(limits);
  UseAtOnce(1, std::string(400, 'x'));
  EXPECT_EQ(spool().kept_bytes(), 0U);
  EXPECT_EQ(spool().free_slots(), 1U);
}

TEST_F(SpoolSweepTest, CountsWhatAnUnsealedMessageLeftBehindItsLength) {
  Open();
  UseAtOnce(1, std::string(400, 'x'));
  SpoolSlot* slot = Take();
  EXPECT_EQ(spool().kept_bytes(), 0U);
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);  // nothing written: the old octets are there
  EXPECT_EQ(spool().kept_bytes(), 400U);
}

TEST_F(SpoolSweepTest, TriesFailedRemovalsAgain) {
  Open();
  SpoolSlot& slot = Message("one");
  disk_.FailNext(DiskCall::kRemoveSlot, EACCES, 2);
  spool().GiveBack(slot, SpoolFate::kDoubt, now_);
  EXPECT_EQ(spool().retired(), 1U);
  EXPECT_EQ(disk_.open_files(), 0U);
  spool().Tick(now_);
  EXPECT_EQ(disk_.calls(DiskCall::kRemoveSlot), 1U);  // not at once
  Pass(5s);
  spool().Tick(now_);
  EXPECT_EQ(spool().counters().removals_failed, 2U);
  EXPECT_EQ(spool().retired(), 1U);
  Pass(5s);
  spool().Tick(now_);
  EXPECT_EQ(spool().retired(), 0U);
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolSweepTest, MakesNoNewSlotWhenTooManyRemovalsFailed) {
  SpoolLimits limits;
  limits.retired_max = 3;
  Open(limits);
  std::vector<SpoolSlot*> slots;
  for (int i = 0; i < 4; ++i)
    slots.push_back(&Message("one"));
  disk_.FailNext(DiskCall::kRemoveSlot, EACCES, 3);
  for (int i = 0; i < 3; ++i)
    spool().GiveBack(*slots[static_cast<std::size_t>(i)], SpoolFate::kDoubt, now_);
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kRetiredMax);
  spool().GiveBack(*slots[3], SpoolFate::kVerdict, now_);
  SpoolSlot* free = Take();  // one that exists is still good
  EXPECT_EQ(free, slots[3]);
  spool().GiveBack(*free, SpoolFate::kVerdict, now_);
  Pass(5s);
  spool().Tick(now_);
  EXPECT_EQ(spool().retired(), 0U);
}

TEST_F(SpoolSweepTest, CloseAnswersWhatItCouldNotRemove) {
  Open();
  UseAtOnce(1, "x");
  disk_.FailNext(DiskCall::kRemoveSlot, EACCES, 2);
  EXPECT_EQ(spool().Close(), 1U);
  EXPECT_EQ(Slots().size(), 1U);
}

TEST_F(SpoolSweepTest, RefusesBelowTheFloorOfBytesByALookOfAtMostASecond) {
  SpoolLimits limits;
  limits.floor.bytes_free_min = 1000;
  world_.files().bytes_max = 2000;
  Open(limits);
  SpoolSlot& one = Message(std::string(900, 'x'));
  spool().GiveBack(one, SpoolFate::kVerdict, now_);
  world_.files().WriteFile("/elsewhere", std::string(500, 'y'));
  SpoolSlot* two = Take();  // the last look does not know of it
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(disk_.calls(DiskCall::kFreeSpace), 1U);
  Pass(1s);
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kBytesLow);
  world_.files().Remove("/elsewhere");
  EXPECT_EQ(Take(), nullptr);
  Pass(1s);
  SpoolSlot* three = Take();
  EXPECT_NE(three, nullptr);
  spool().GiveBack(*two, SpoolFate::kUnread, now_);
  spool().GiveBack(*three, SpoolFate::kUnread, now_);
}

TEST_F(SpoolSweepTest, RefusesNewSlotsBelowTheFloorOfInodes) {
  SpoolLimits limits;
  limits.floor.inodes_free_min = 10;
  world_.files().inodes_max = world_.files().inodes_used() + 13;
  Open(limits);
  SpoolSlot* one = Take();
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kInodesLow);
  spool().GiveBack(*one, SpoolFate::kUnread, now_);
  EXPECT_EQ(Take(), one);  // reuse needs none
  spool().GiveBack(*one, SpoolFate::kUnread, now_);
}

TEST_F(SpoolSweepTest, RefusesWhenTheDiskCannotTellItsSpace) {
  Open();
  disk_.FailNext(DiskCall::kFreeSpace, EIO);
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kDiskError);
  EXPECT_EQ(spool().last_error(), EIO);
  Pass(1s);
  SpoolSlot* slot = Take();
  ASSERT_NE(slot, nullptr);
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);
}

// Who shows the room to others wants to know it where no message makes a look.
TEST_F(SpoolSweepTest, LooksAtTheRoomOfItselfNowAndThen) {
  world_.files().bytes_max = 2000;
  Open();
  DiskBudget& budget = spool().budget();
  EXPECT_FALSE(budget.known());
  budget.LookAgainAfter(now_, 10s);
  EXPECT_TRUE(budget.known());
  EXPECT_EQ(disk_.calls(DiskCall::kFreeSpace), 1U);
  Pass(9s);
  budget.LookAgainAfter(now_, 10s);
  EXPECT_EQ(disk_.calls(DiskCall::kFreeSpace), 1U);
  Pass(1s);
  budget.LookAgainAfter(now_, 10s);
  EXPECT_EQ(disk_.calls(DiskCall::kFreeSpace), 2U);
  disk_.FailNext(DiskCall::kFreeSpace, EIO, 1);
  Pass(10s);
  budget.LookAgainAfter(now_, 10s);
  EXPECT_EQ(budget.error(), EIO);
}

}  // namespace
}  // namespace engine
