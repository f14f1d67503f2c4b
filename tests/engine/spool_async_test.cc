// Messages while the disk stalls: written, sealed and given back by operations, in virtual time.
//
// What must hold: no call in the shard, one operation per slot at a time, a slot with an operation
// under way is never handed out, and whatever the disk does, nothing is lost.
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

TEST_F(SpoolAsyncTest, AMessageNeedsNoCallInTheShard) {
  Open();
  SpoolSlot& slot = Message("one\n");
  EXPECT_EQ(Content(slot), "one\n");
  spool().GiveBack(slot, SpoolFate::kVerdict, world_.now());
  EXPECT_EQ(slot.state(), State::kReturning);
  EXPECT_EQ(spool().free_slots(), 0U);
  Pass(1s);
  EXPECT_EQ(spool().free_slots(), 1U);
  SpoolSlot& again = Message("2\n");
  EXPECT_EQ(&again, &slot);
  EXPECT_EQ(Content(again), "2\n");
  EXPECT_EQ(spool().counters().reused, 1U);
  spool().GiveBack(again, SpoolFate::kDoubt, world_.now());
  Pass(1s);
  EXPECT_TRUE(Slots().empty());
  EXPECT_EQ(disk().calls_in_shard(), 0U);
}

TEST_F(SpoolAsyncTest, ATurnOfManyPiecesIsOneOperation) {
  Open();
  SpoolSlot* slot = Take();
  std::string all;
  writer_->Open(*slot, 1 * kMiB);
  for (int i = 0; i < 300; ++i) {
    const std::string piece = "piece " + std::to_string(i) + "\n";
    EXPECT_EQ(writer_->AddCopy(piece), 0);
    EXPECT_EQ(writer_->AddRef(std::as_bytes(std::span(std::string_view(" reference")))), 0);
    all += piece + " reference";
  }
  Waiter waiter;
  EXPECT_EQ(writer_->FlushOrSubmit(waiter), EINPROGRESS);
  EXPECT_EQ(slot->length(), all.size());
  EXPECT_EQ(work_.in_flight(), 1U);
  Pass(1s);
  EXPECT_EQ(waiter.error, 0);
  EXPECT_EQ(Content(*slot), all);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, WritesTheRestOfShortWritesOneAfterTheOther) {
  Open();
  disk().SetWriteMax(3);
  SpoolSlot* slot = Take();
  Waiter waiter;
  EXPECT_EQ(Write(*slot, "0123456789", waiter), EINPROGRESS);
  for (int i = 0; i < 1000 && waiter.told == 0; ++i) {
    EXPECT_LE(work_.in_flight(), 1U);
    world_.Step();
  }
  EXPECT_EQ(waiter.error, 0);
  EXPECT_EQ(Content(*slot), "0123456789");
  EXPECT_EQ(disk().calls(DiskCall::kWriteV), 4U);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, TellsWhyAWriteOrASealFailed) {
  Open();
  SpoolSlot* slot = TakeUsed();
  Waiter waiter;
  disk().FailNext(DiskCall::kWriteV, ENOSPC);
  EXPECT_EQ(Write(*slot, "text", waiter), EINPROGRESS);
  Pass(1s);
  EXPECT_EQ(waiter.error, ENOSPC);
  disk().SetWriteMax(0);
  EXPECT_EQ(Write(*slot, "text", waiter), EINPROGRESS);
  Pass(1s);
  EXPECT_EQ(waiter.error, EIO);
  disk().SetWriteMax(100);
  EXPECT_EQ(Write(*slot, "text", waiter), EINPROGRESS);
  Pass(1s);
  disk().FailNext(DiskCall::kTruncate, EIO);
  EXPECT_EQ(spool().Seal(*slot, &waiter), EINPROGRESS);
  Pass(1s);
  EXPECT_EQ(waiter.error, EIO);
  EXPECT_EQ(waiter.told, 4);
  spool().GiveBack(*slot, SpoolFate::kDoubt, world_.now());
}

TEST_F(SpoolAsyncTest, TriesAgainWhenInterrupted) {
  Open();
  SpoolSlot* slot = Take();
  Waiter waiter;
  disk().FailNext(DiskCall::kWriteV, EINTR, 3);
  EXPECT_EQ(Write(*slot, "text", waiter), EINPROGRESS);
  Pass(1s);
  EXPECT_EQ(waiter.error, 0);
  EXPECT_EQ(Content(*slot), "text");
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

// Its number may be somebody else's by then. TearDown tells what the disk met.
TEST_F(SpoolAsyncTest, AnInterruptedOperationClosesTheFileOnce) {
  Open(SpoolLimits(), false);
  SpoolSlot* slot = Take();
  Waiter waiter;
  disk().FailNext(DiskCall::kCloseFile, EINTR);
  EXPECT_EQ(spool().Seal(*slot, &waiter), EINPROGRESS);
  Pass(1s);
  EXPECT_EQ(waiter.error, EINTR);
  EXPECT_EQ(slot->file(), -1);
  spool().GiveBack(*slot, SpoolFate::kDoubt, world_.now());
  Pass(1s);
  slot = Take();
  disk().FailNext(DiskCall::kRemoveSlot, EINTR);
  spool().GiveBack(*slot, SpoolFate::kDoubt, world_.now());
  Pass(1s);
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolAsyncTest, ASealCutsAnEarlierMessageAlsoWhenReuseEndedMeanwhile) {
  Open();
  SpoolSlot& other = Message("other");
  SpoolSlot* slot = TakeUsed();
  ASSERT_GT(slot->generation(), 1U);
  Waiter waiter;
  EXPECT_EQ(Write(*slot, "short", waiter), EINPROGRESS);
  disk().FailNext(DiskCall::kCleanSlot, ENOTSUP);
  spool().GiveBack(other, SpoolFate::kVerdict, world_.now());
  Pass(1s);
  ASSERT_FALSE(spool().reuse());
  EXPECT_EQ(spool().Seal(*slot, &waiter), EINPROGRESS);
  Pass(1s);
  EXPECT_EQ(waiter.error, 0);
  EXPECT_EQ(Content(*slot), "short");
  spool().GiveBack(*slot, SpoolFate::kVerdict, world_.now());
}

TEST_F(SpoolAsyncTest, ASlotGivenBackUnderWayDrainsAndIsRetired) {
  Open();
  SpoolSlot* slot = Take();
  Waiter waiter;
  disk().Freeze();
  EXPECT_EQ(Write(*slot, "text", waiter), EINPROGRESS);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
  EXPECT_EQ(slot->state(), State::kDraining);
  EXPECT_EQ(spool().taken(), 1U);
  EXPECT_EQ(spool().Take(world_.now(), &why_), nullptr);  // not this one
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(waiter.told, 0);
  EXPECT_EQ(spool().taken(), 0U);
  EXPECT_EQ(spool().counters().retired_doubt, 1U);
  EXPECT_EQ(pool_.bytes_in_use(), 0U);
}

TEST_F(SpoolAsyncTest, ASealUnderWayDrainsToo) {
  for (const bool reuse : {true, false}) {
    if (spool_ != nullptr) {
      spool_->Close();
      Pass(1s);
    }
    writer_.reset();
    spool_.reset();
    Open({}, reuse);
    SpoolSlot* slot = reuse ? TakeUsed() : Take();
    Waiter waiter;
    EXPECT_EQ(spool().Seal(*slot, &waiter), EINPROGRESS);
    spool().GiveBack(*slot, SpoolFate::kVerdict, world_.now());
    EXPECT_EQ(slot->state(), State::kDraining);
    Pass(1s);
    EXPECT_EQ(waiter.told, 0);
    EXPECT_TRUE(Slots().empty());
    EXPECT_EQ(spool().counters().retired_doubt, 1U);
  }
}

TEST_F(SpoolAsyncTest, LooksBeforeReuse) {
  Open();
  SpoolSlot& slot = Message("evidence");
  world_.files().Link(std::string(slot.mail_file()), "/kept");
  spool().GiveBack(slot, SpoolFate::kVerdict, world_.now());
  Pass(1s);
  EXPECT_EQ(spool().counters().retired_linked, 1U);
  EXPECT_TRUE(Slots().empty());
  EXPECT_EQ(world_.files().ReadFile("/kept").value_or(""), "evidence");
}

TEST_F(SpoolAsyncTest, MoreThanTheLoopTakesWaitInOrder) {
  Open();
  std::vector<SpoolSlot*> slots;
  std::vector<Waiter> waiters(SpoolWork::kInFlightMax + 50);
  for (std::size_t i = 0; i < waiters.size(); ++i)
    slots.push_back(Take());
  disk().Freeze();
  for (std::size_t i = 0; i < waiters.size(); ++i)
    EXPECT_EQ(Write(*slots[i], std::to_string(i), waiters[i]), EINPROGRESS);
  EXPECT_EQ(work_.in_flight(), SpoolWork::kInFlightMax);
  EXPECT_EQ(loop_.file_ops(), SpoolWork::kInFlightMax);
  EXPECT_GE(work_.waiting(), 50U);
  disk().Thaw();
  Pass(1s);
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    EXPECT_EQ(waiters[i].error, 0);
    EXPECT_EQ(Content(*slots[i]), std::to_string(i));
    spool().GiveBack(*slots[i], SpoolFate::kUnread, world_.now());
  }
}

TEST_F(SpoolAsyncTest, BlocksAreBounded) {
  Open();
  SpoolSlot* one = Take();
  SpoolSlot* two = Take();
  disk().Freeze();
  Waiter waiter;
  EXPECT_EQ(Write(*one, std::string(400'000, 'x'), waiter), EINPROGRESS);
  EXPECT_LE(work_.block_bytes(), 1 * kMiB);
  writer_->Open(*two, 1 * kMiB);
  EXPECT_EQ(writer_->AddCopy(std::string(700'000, 'y')), ENOBUFS);
  EXPECT_EQ(writer_->FlushOrSubmit(waiter), ENOBUFS);
  EXPECT_EQ(writer_->error(), ENOBUFS);
  disk().Thaw();
  Pass(1s);
  EXPECT_EQ(waiter.told, 1);
  spool().GiveBack(*one, SpoolFate::kUnread, world_.now());
  spool().GiveBack(*two, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, WhatIsAbandonedGivesItsBlockBack) {
  Open();
  SpoolSlot* slot = Take();
  writer_->Open(*slot, 1 * kMiB);
  EXPECT_EQ(writer_->AddCopy(std::string(100'000, 'x')), 0);  // more than the scratch holds
  EXPECT_GT(work_.block_bytes(), 0U);
  writer_->Abandon();
  EXPECT_EQ(work_.block_bytes(), 0U);
  spool().GiveBack(*slot, SpoolFate::kUnread, world_.now());
}

TEST_F(SpoolAsyncTest, WhatWasBegunOneWayEndsThatWay) {
  Open();
  SpoolSlot* slot = TakeUsed();
  Waiter waiter;
  disk().Stall(world_.now(), world_.now() + 20s);
  EXPECT_EQ(Write(*slot, "text", waiter), EINPROGRESS);
  EndStall();
  EXPECT_EQ(waiter.told, 0);
  EXPECT_TRUE(slot->op_in_flight());
  Pass(10s);
  EXPECT_EQ(waiter.error, 0);
  EXPECT_EQ(disk().calls_in_shard(), 0U);
  EXPECT_EQ(spool().Seal(*slot, &waiter), 0);  // inline again
  EXPECT_GT(disk().calls_in_shard(), 0U);
  EXPECT_EQ(Content(*slot), "text");
  Stall();
  spool().GiveBack(*slot, SpoolFate::kVerdict, world_.now());
  EXPECT_EQ(slot->state(), State::kReturning);
}

}  // namespace
}  // namespace engine
