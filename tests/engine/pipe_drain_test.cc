// From a pipe to the end of a slot's file: every way in which that can go.
#include "engine/spool/pipe_drain.h"

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "tests/engine/spool_fixture.h"

namespace engine {
namespace {

using sim::DiskCall;

constexpr std::uint64_t kNoLimit = UINT64_MAX;

class PipeDrainTest : public SpoolFixture {
 protected:
  void Begin(const SpoolLimits& limits = SpoolLimits()) {
    Open(limits);
    slot_ = Take();
    ASSERT_NE(slot_, nullptr);
  }
  void TearDown() override {
    spool().GiveBack(*slot_, SpoolFate::kUnread, now_);
    SpoolFixture::TearDown();
  }
  int Drain(std::string_view text, std::uint64_t bytes_max = kNoLimit) {
    pipe_.AddPiece(text);
    return DrainPipe(spool(), *slot_, pipe_, bytes_max);
  }
  std::string File() { return Content(slot_->mail_file()); }

  sim::SimPipe pipe_;
  SpoolSlot* slot_ = nullptr;
};

TEST_F(PipeDrainTest, AppendsAllToWhatTheWriterWrote) {
  Begin();
  writer_->Open(*slot_, kNoLimit);
  EXPECT_EQ(writer_->AddCopy("header "), 0);
  EXPECT_EQ(writer_->Flush(), 0);
  EXPECT_EQ(Drain("body "), 0);
  EXPECT_EQ(Drain(""), 0);
  EXPECT_EQ(Drain("more "), 0);
  writer_->Open(*slot_, kNoLimit);
  EXPECT_EQ(writer_->AddCopy("end"), 0);
  EXPECT_EQ(writer_->Flush(), 0);
  EXPECT_EQ(File(), "header body more end");
  EXPECT_EQ(slot_->length(), 20U);
  EXPECT_EQ(pipe_.bytes(), 0U);
}

TEST_F(PipeDrainTest, GoesOnAfterShortSplicesAndInterrupts) {
  Begin();
  world_.faults().short_write = 900'000;
  disk_.FailNext(DiskCall::kSpliceFrom, EINTR, 2);
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += std::to_string(i) + " ";
  EXPECT_EQ(Drain(text), 0);
  EXPECT_EQ(File(), text);
}

TEST_F(PipeDrainTest, TellsErrorsOfTheDiskAndKeepsTheRest) {
  Begin();
  pipe_.AddPiece("text");
  for (const int error : {EIO, ENOSPC, EDQUOT}) {
    disk_.FailNext(DiskCall::kSpliceFrom, error, 1);
    EXPECT_EQ(DrainPipe(spool(), *slot_, pipe_, kNoLimit), error);
    EXPECT_EQ(pipe_.bytes(), 4U);
    EXPECT_EQ(slot_->length(), 0U);
  }
}

TEST_F(PipeDrainTest, TellsWhetherTheFileSystemCannotSplice) {
  Begin();
  pipe_.AddPiece("text");
  disk_.FailNext(DiskCall::kSpliceFrom, EINVAL, 1);
  const int error = DrainPipe(spool(), *slot_, pipe_, kNoLimit);
  EXPECT_TRUE(CannotSplice(error));
  EXPECT_EQ(pipe_.bytes(), 4U);
  for (const int other : {0, EIO, ENOSPC, EFBIG, EBADF})
    EXPECT_FALSE(CannotSplice(other)) << other;
}

TEST_F(PipeDrainTest, StopsWhereTheDiskIsFull) {
  Begin();
  world_.files().bytes_max = world_.files().bytes_used() + 3;
  EXPECT_EQ(Drain("12345"), ENOSPC);
  EXPECT_EQ(pipe_.bytes(), 2U);
  EXPECT_EQ(slot_->length(), 3U);
}

TEST_F(PipeDrainTest, HasTheMessagesLimit) {
  Begin();
  EXPECT_EQ(Drain("12345", 8), 0);
  EXPECT_EQ(Drain("678", 8), 0);
  EXPECT_EQ(Drain("9", 8), EFBIG);
  EXPECT_EQ(pipe_.bytes(), 1U);
  EXPECT_EQ(File(), "12345678");
}

TEST_F(PipeDrainTest, HasTheBudgetOfTheDisk) {
  world_.files().bytes_max = 1000;
  SpoolLimits limits;
  limits.floor.bytes_free_min = 500;
  Begin(limits);
  EXPECT_EQ(Drain(std::string(700, 'x')), 0);
  EXPECT_EQ(Drain(std::string(100, 'x')), ENOSPC) << "below half the floor";
  EXPECT_EQ(slot_->length(), 700U);
}

}  // namespace
}  // namespace engine
