// The life of slots: what Take refuses, what the look finds, what reuse off does. Disk simulated.
#include "engine/spool/spool.h"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/spool_fixture.h"

namespace engine {
namespace {

using sim::DiskCall;
using namespace std::chrono_literals;

class SpoolTest : public SpoolFixture {};

TEST_F(SpoolTest, NamesAbsolutePathsBelowItsRoot) {
  Open();
  SpoolSlot* slot = Take();
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->name(), "s00000");
  EXPECT_EQ(slot->directory(), "/spool/inst/0/s00000");
  EXPECT_EQ(slot->mail_file(), "/spool/inst/0/s00000/email.txt");
  SpoolSlot* other = Take();
  EXPECT_EQ(other->name(), "s00001");
  EXPECT_EQ(slot->mail_file(), "/spool/inst/0/s00000/email.txt");
  EXPECT_EQ(spool().taken(), 2U);
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);
  spool().GiveBack(*other, SpoolFate::kUnread, now_);
}

TEST_F(SpoolTest, ReusesTheSlotGivenBackLast) {
  Open();
  SpoolSlot& first = Message("one");
  SpoolSlot& second = Message("two");
  spool().GiveBack(first, SpoolFate::kVerdict, now_);
  spool().GiveBack(second, SpoolFate::kVerdict, now_);
  SpoolSlot* again = Take();
  EXPECT_EQ(again, &second);
  EXPECT_EQ(again->length(), 0U);
  EXPECT_EQ(again->generation(), 2U);
  EXPECT_EQ(Take(), &first);
  EXPECT_EQ(spool().counters().made, 2U);
  EXPECT_EQ(spool().counters().reused, 2U);
  spool().GiveBack(first, SpoolFate::kVerdict, now_);
  spool().GiveBack(second, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, ACopyIsTheMessageInASlotOfItsOwn) {
  for (const bool reuse : {true, false}) {
    Open({}, reuse);
    // Where slots are used again, an earlier message lies behind the copy.
    SpoolSlot& longer = Message(std::string(5000, 'o'));
    spool().GiveBack(longer, SpoolFate::kVerdict, now_);
    SpoolSlot* target = Take();
    SpoolSlot& message = Message("one message, not a long one");
    while (target->length() < message.length())
      ASSERT_EQ(spool().CopyMore(message, *target, 7), 0);
    ASSERT_EQ(spool().Seal(*target), 0);
    EXPECT_NE(target->mail_file(), message.mail_file());
    EXPECT_EQ(Content(target->mail_file()), "one message, not a long one");
    EXPECT_EQ(Content(message.mail_file()), "one message, not a long one");
    spool().GiveBack(message, SpoolFate::kDoubt, now_);
    spool().GiveBack(*target, SpoolFate::kDoubt, now_);
    EXPECT_EQ(spool().counters().retired_doubt, 2U);
    spool().Close();
  }
}

TEST_F(SpoolTest, AMessageThatItsReaderHasCutIsNotCopied) {
  Open();
  SpoolSlot& message = Message("one message");
  SpoolSlot* target = Take();
  world_.files().WriteFile(std::string(message.mail_file()), "one");
  EXPECT_EQ(spool().CopyMore(message, *target, 100), 0);
  EXPECT_EQ(spool().CopyMore(message, *target, 100), EIO);
  spool().GiveBack(message, SpoolFate::kDoubt, now_);
  spool().GiveBack(*target, SpoolFate::kUnread, now_);
}

TEST_F(SpoolTest, SealCutsAnEarlierLongerMessage) {
  Open();
  SpoolSlot& first = Message("a long message of somebody else");
  spool().GiveBack(first, SpoolFate::kVerdict, now_);
  SpoolSlot& second = Message("short");
  EXPECT_EQ(&second, &first);
  EXPECT_EQ(Content(second.mail_file()), "short");
  spool().GiveBack(second, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, SealCutsOnlyWhereAnEarlierMessageReachesFurther) {
  Open();
  SpoolSlot& first = Message("twelve octet");
  spool().GiveBack(first, SpoolFate::kVerdict, now_);
  for (const std::string_view text :
       {"of as many..", "of more octets", "some more octets than that"}) {
    SpoolSlot& slot = Message(text);
    EXPECT_EQ(Content(slot.mail_file()), text);
    spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  }
  EXPECT_EQ(disk_.calls(DiskCall::kTruncate), 0U);
  EXPECT_EQ(spool().counters().made, 1U);
  spool().GiveBack(Message("fewer"), SpoolFate::kVerdict, now_);
  EXPECT_EQ(disk_.calls(DiskCall::kTruncate), 1U);
}

TEST_F(SpoolTest, SealCutsWhatTheReaderAppended) {
  Open();
  SpoolSlot& first = Message("one");
  world_.files().Find(std::string(first.mail_file()))->content += " and a reader's own";
  spool().GiveBack(first, SpoolFate::kVerdict, now_);
  SpoolSlot& second = Message("two");
  EXPECT_EQ(&second, &first);
  EXPECT_EQ(Content(second.mail_file()), "two");
  world_.files().Find(std::string(second.mail_file()))->content.clear();
  spool().GiveBack(second, SpoolFate::kVerdict, now_);
  SpoolSlot& third = Message("also long");
  EXPECT_EQ(Content(third.mail_file()), "also long");
  spool().GiveBack(third, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, SealCutsAMessageThatWasGivenUp) {
  Open();
  SpoolSlot* slot = Take();
  writer_->Open(*slot, kMiB);
  EXPECT_EQ(writer_->AddCopy("a message that is given up"), 0);
  EXPECT_EQ(writer_->Flush(), 0);
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);
  SpoolSlot& next = Message("next");
  EXPECT_EQ(&next, slot);
  EXPECT_EQ(Content(next.mail_file()), "next");
  spool().GiveBack(next, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, EmptiesWhatTheReaderLeft) {
  Open();
  SpoolSlot& slot = Message("one");
  const std::string parts = std::string(slot.directory()) + "/parts";
  world_.files().MakeDir(parts);
  world_.files().WriteFile(parts + "/p001", "part");
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(world_.files().List(std::string(slot.directory())),
            std::vector<std::string>{"email.txt"});
  EXPECT_EQ(spool().free_slots(), 1U);
}

TEST_F(SpoolTest, RetiresWhenInDoubt) {
  Open();
  SpoolSlot& slot = Message("one");
  sim::SimFilePtr reader = world_.files().Hold(std::string(slot.mail_file()));
  spool().GiveBack(slot, SpoolFate::kDoubt, now_);
  EXPECT_TRUE(Slots().empty());
  EXPECT_EQ(spool().counters().retired_doubt, 1U);
  SpoolSlot& next = Message("two");
  EXPECT_EQ(next.name(), "s00001");
  EXPECT_EQ(reader->content, "one");  // a late reader sees its own message
  spool().GiveBack(next, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, RetiresWhenAReaderHasTheFileOpen) {
  Open();
  SpoolSlot& slot = Message("one");
  sim::SimFilePtr reader = world_.files().Hold(std::string(slot.mail_file()));
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().counters().retired_open, 1U);
  EXPECT_EQ(spool().free_slots(), 0U);
  SpoolSlot& next = Message("two");
  EXPECT_EQ(reader->content, "one");
  spool().GiveBack(next, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, RetiresWhenALinkIsKeptElsewhere) {
  Open();
  SpoolSlot& slot = Message("evidence");
  ASSERT_TRUE(world_.files().Link(std::string(slot.mail_file()), "/quarantine"));
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().counters().retired_linked, 1U);
  SpoolSlot& next = Message("another person's mail");
  EXPECT_EQ(Content("/quarantine"), "evidence");
  spool().GiveBack(next, SpoolFate::kVerdict, now_);
}

TEST_F(SpoolTest, KeepsTheSlotWhenTheLinkWasInItsOwnParts) {
  Open();
  SpoolSlot& slot = Message("broken structure");
  const std::string parts = std::string(slot.directory()) + "/parts";
  world_.files().MakeDir(parts);
  ASSERT_TRUE(world_.files().Link(std::string(slot.mail_file()), parts + "/p002"));
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().free_slots(), 1U);
}

TEST_F(SpoolTest, RetiresWhenTheFileWasReplaced) {
  Open();
  SpoolSlot& slot = Message("one");
  world_.files().Remove(std::string(slot.mail_file()));
  world_.files().WriteFile(std::string(slot.mail_file()), "somebody's");
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().counters().retired_foreign, 1U);
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolTest, RetiresWhenOwnerOrModeChanged) {
  Open();
  SpoolSlot& slot = Message("one");
  world_.files().Find(std::string(slot.mail_file()))->ours = false;
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().counters().retired_foreign, 1U);
}

TEST_F(SpoolTest, RetiresWhenTheDirectoryCannotBeEmptied) {
  Open();
  for (const int error : {EACCES, ELOOP, E2BIG, EXDEV}) {
    SpoolSlot& slot = Message("one");
    disk_.FailNext(DiskCall::kCleanSlot, error);
    spool().GiveBack(slot, SpoolFate::kVerdict, now_);
    EXPECT_EQ(spool().last_error(), error);
  }
  EXPECT_EQ(spool().counters().retired_not_emptied, 4U);
  EXPECT_EQ(spool().free_slots(), 0U);
}

TEST_F(SpoolTest, RetiresOnEveryErrorOfTheLook) {
  Open();
  for (const int error : {EBUSY, EMLINK, ENOTEMPTY, ESTALE, EPERM, ENOENT, EIO, EBADF}) {
    SpoolSlot& slot = Message("one");
    disk_.FailNext(DiskCall::kCleanSlot, error);
    spool().GiveBack(slot, SpoolFate::kVerdict, now_);
    EXPECT_EQ(spool().free_slots(), 0U) << error;
    EXPECT_TRUE(Slots().empty()) << error;
  }
  const SpoolCounters& counters = spool().counters();
  EXPECT_EQ(counters.retired_open, 1U);
  EXPECT_EQ(counters.retired_linked, 1U);
  EXPECT_EQ(counters.retired_not_emptied, 1U);
  EXPECT_EQ(counters.retired_foreign, 3U);
  EXPECT_EQ(counters.retired_error, 2U);
  EXPECT_TRUE(spool().reuse());
}

TEST_F(SpoolTest, LooksAgainWhenInterrupted) {
  Open();
  SpoolSlot& slot = Message("one");
  disk_.FailNext(DiskCall::kCleanSlot, EINTR, 2);
  spool().GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().free_slots(), 1U);
}

TEST_F(SpoolTest, EndsReuseForGoodWhenLeasesDoNotWork) {
  Open();
  SpoolSlot& one = Message("one");
  SpoolSlot& two = Message("two");
  spool().GiveBack(one, SpoolFate::kVerdict, now_);
  disk_.FailNext(DiskCall::kCleanSlot, ENOTSUP);
  spool().GiveBack(two, SpoolFate::kVerdict, now_);
  EXPECT_FALSE(spool().reuse());
  EXPECT_EQ(reuse_ended_, std::vector<int>{ENOTSUP});
  EXPECT_EQ(spool().counters().reuse_ended, 1U);
  SpoolSlot& three = Message("three");
  EXPECT_EQ(three.file(), -1);
  EXPECT_EQ(three.name(), "s00002");
  spool().GiveBack(three, SpoolFate::kVerdict, now_);
  spool().Tick(now_);  // the slot that was free before is of no use any more
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolTest, SealCutsAnEarlierMessageAlsoWhenReuseEndedMeanwhile) {
  Open();
  SpoolSlot& other = Message("other");
  spool().GiveBack(Message("octets of an earlier message"), SpoolFate::kVerdict, now_);
  SpoolSlot* slot = Take();
  writer_->Open(*slot, 1 * kMiB);
  EXPECT_EQ(writer_->AddCopy("short"), 0);
  EXPECT_EQ(writer_->Flush(), 0);
  disk_.FailNext(DiskCall::kCleanSlot, ENOTSUP);
  spool().GiveBack(other, SpoolFate::kVerdict, now_);
  ASSERT_FALSE(spool().reuse());
  EXPECT_EQ(spool().Seal(*slot), 0);
  EXPECT_EQ(Content(slot->mail_file()), "short");
  spool().GiveBack(*slot, SpoolFate::kVerdict, now_);
  spool().Tick(now_);
  EXPECT_TRUE(Slots().empty());
}

// Its number may be somebody else's by then.
TEST_F(SpoolTest, AnInterruptedRemovalClosesTheFileOnce) {
  Open();
  SpoolSlot& slot = Message("one");
  disk_.FailNext(DiskCall::kRemoveSlot, EINTR);
  spool().GiveBack(slot, SpoolFate::kDoubt, now_);
  EXPECT_TRUE(Slots().empty());
  EXPECT_EQ(disk_.calls(DiskCall::kRemoveSlot), 2U);  // TearDown: what the disk met
}

TEST_F(SpoolTest, MakesEachMessageANewSlotWithReuseOff) {
  Open(SpoolLimits(), false);
  SpoolSlot& one = Message("one");
  EXPECT_EQ(one.file(), -1);
  EXPECT_EQ(disk_.open_files(), 0U);
  EXPECT_EQ(Content(one.mail_file()), "one");
  spool().GiveBack(one, SpoolFate::kVerdict, now_);
  EXPECT_TRUE(Slots().empty());
  SpoolSlot& two = Message("two");
  EXPECT_EQ(two.name(), "s00001");
  spool().GiveBack(two, SpoolFate::kUnread, now_);
  EXPECT_EQ(spool().counters().removed_reuse_off, 2U);
  EXPECT_EQ(disk_.calls(DiskCall::kCleanSlot), 0U);
}

TEST_F(SpoolTest, AnswersTheErrorOfSealing) {
  Open();
  spool().GiveBack(Message("an earlier message"), SpoolFate::kVerdict, now_);
  SpoolSlot* slot = Take();
  disk_.FailNext(DiskCall::kTruncate, EIO);
  EXPECT_EQ(spool().Seal(*slot), EIO);
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);
  EXPECT_EQ(spool().last_error(), EIO);
}

TEST_F(SpoolTest, AnswersTheErrorOfSealingWithReuseOff) {
  Open(SpoolLimits(), false);
  SpoolSlot* slot = Take();
  disk_.FailNext(DiskCall::kCloseFile, ENOSPC);
  EXPECT_EQ(spool().Seal(*slot), ENOSPC);
  EXPECT_EQ(slot->file(), -1);
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);
  EXPECT_TRUE(Slots().empty());
}

TEST_F(SpoolTest, RefusesWithTheReasonOfTheDisk) {
  Open();
  const std::vector<std::pair<int, SpoolRefusal>> cases = {{ENOSPC, SpoolRefusal::kNoSpace},
                                                           {EDQUOT, SpoolRefusal::kNoSpace},
                                                           {EMFILE, SpoolRefusal::kNoDescriptors},
                                                           {ENFILE, SpoolRefusal::kNoDescriptors},
                                                           {EIO, SpoolRefusal::kDiskError},
                                                           {EACCES, SpoolRefusal::kDiskError}};
  for (const auto& [error, why] : cases) {
    disk_.FailNext(DiskCall::kMakeSlot, error);
    EXPECT_EQ(Take(), nullptr);
    EXPECT_EQ(why_, why) << error;
    EXPECT_EQ(spool().last_error(), error);
  }
  EXPECT_EQ(spool().taken(), 0U);
  EXPECT_EQ(spool().counters().refused[static_cast<std::size_t>(SpoolRefusal::kNoSpace)], 2U);
}

TEST_F(SpoolTest, TakesTheNextNameWhenOneExists) {
  world_.files().MakeDir("/spool/inst/0/s00000");
  Open();
  SpoolSlot* slot = Take();
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->name(), "s00001");
  spool().GiveBack(*slot, SpoolFate::kUnread, now_);
  world_.files().RemoveTree("/spool/inst/0/s00000");
}

TEST_F(SpoolTest, RefusesAboveItsSlots) {
  SpoolLimits limits;
  limits.slots_max = 2;
  Open(limits);
  SpoolSlot* one = Take();
  SpoolSlot* two = Take();
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kSlotsMax);
  spool().GiveBack(*one, SpoolFate::kUnread, now_);
  EXPECT_EQ(Take(), one);
  spool().GiveBack(*one, SpoolFate::kDoubt, now_);
  spool().GiveBack(*two, SpoolFate::kDoubt, now_);
}

TEST_F(SpoolTest, CloseLeavesNothingBehind) {
  Open();
  SpoolSlot& one = Message("one");
  SpoolSlot& two = Message("two");
  spool().GiveBack(one, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool().Close(), 1U);  // the one still taken
  EXPECT_EQ(Take(), nullptr);
  EXPECT_EQ(why_, SpoolRefusal::kClosed);
  spool().GiveBack(two, SpoolFate::kVerdict, now_);
  EXPECT_TRUE(Slots().empty());
  EXPECT_EQ(disk_.open_files(), 0U);
  EXPECT_EQ(spool().Close(), 0U);
}

}  // namespace
}  // namespace engine
