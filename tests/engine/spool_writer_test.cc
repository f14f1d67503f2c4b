// SpoolWriter: what is gathered, when it is written, and every way in which a write can fail.
#include "engine/spool/spool_writer.h"

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/spool_fixture.h"

namespace engine {
namespace {

using sim::DiskCall;

constexpr std::uint64_t kNoLimit = UINT64_MAX;

ConstBytes AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class SpoolWriterTest : public SpoolFixture {
 protected:
  void SetUp() override {
    Open();
    slot_ = Take();
    writer_->Open(*slot_, kNoLimit);
  }
  void TearDown() override {
    spool().GiveBack(*slot_, SpoolFate::kUnread, now_);
    SpoolFixture::TearDown();
  }
  SpoolWriter& writer() { return *writer_; }
  std::uint64_t writes() const { return disk_.calls(DiskCall::kWriteV); }
  std::string File() { return Content(slot_->mail_file()); }

  SpoolSlot* slot_ = nullptr;
};

TEST_F(SpoolWriterTest, WritesATurnInOneCall) {
  const std::string body = "body\n";
  EXPECT_EQ(writer().AddCopy("A: 1\n"), 0);
  EXPECT_EQ(writer().AddCopy("B: 2\n"), 0);
  EXPECT_EQ(writer().AddRef(AsBytes(body)), 0);
  EXPECT_EQ(writer().AddCopy("end\n"), 0);
  EXPECT_EQ(writer().pending_bytes(), 19U);
  EXPECT_EQ(slot_->length(), 0U);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(writes(), 1U);
  EXPECT_EQ(File(), "A: 1\nB: 2\nbody\nend\n");
  EXPECT_EQ(slot_->length(), 19U);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(writes(), 1U);
}

TEST_F(SpoolWriterTest, GoesOnWhereTheSlotStopped) {
  EXPECT_EQ(writer().AddCopy("one "), 0);
  EXPECT_EQ(writer().Flush(), 0);
  SpoolSlot* other = Take();
  writer().Open(*other, kNoLimit);
  EXPECT_EQ(writer().AddCopy("other"), 0);
  EXPECT_EQ(writer().Flush(), 0);
  writer().Open(*slot_, kNoLimit);
  EXPECT_EQ(writer().AddCopy("two"), 0);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(File(), "one two");
  EXPECT_EQ(Content(other->mail_file()), "other");
  spool().GiveBack(*other, SpoolFate::kUnread, now_);
}

TEST_F(SpoolWriterTest, FlushesByItselfWhenThePiecesAreFull) {
  const std::vector<std::string> pieces(SpoolWriter::kPiecesMax * 2 + 1, "ab");
  std::string all;
  for (const std::string& piece : pieces) {
    EXPECT_EQ(writer().AddRef(AsBytes(piece)), 0);
    all += piece;
  }
  EXPECT_EQ(writes(), 2U);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(writes(), 3U);
  EXPECT_EQ(File(), all);
}

TEST_F(SpoolWriterTest, FlushesByItselfWhenTheTextIsFull) {
  std::string all;
  for (int i = 0; i < 3; ++i) {
    const std::string text(50000, static_cast<char>('a' + i));
    EXPECT_EQ(writer().AddCopy(text), 0);
    all += text;
  }
  const std::string huge(300000, 'z');
  EXPECT_EQ(writer().AddCopy(huge), 0);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(File(), all + huge);
}

TEST_F(SpoolWriterTest, WritesTheRestOfShortWrites) {
  for (const std::size_t step : {1U, 2U, 3U, 5U, 100U}) {
    disk_.SetWriteMax(step);
    const std::string body = "0123456789";
    const std::string before = File();
    EXPECT_EQ(writer().AddCopy("head"), 0);
    EXPECT_EQ(writer().AddRef(AsBytes(body)), 0);
    EXPECT_EQ(writer().AddCopy("tail"), 0);
    EXPECT_EQ(writer().Flush(), 0);
    EXPECT_EQ(File(), before + "head0123456789tail") << step;
  }
}

TEST_F(SpoolWriterTest, TriesAgainWhenInterrupted) {
  disk_.FailNext(DiskCall::kWriteV, EINTR, 3);
  EXPECT_EQ(writer().AddCopy("text"), 0);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(File(), "text");
}

TEST_F(SpoolWriterTest, AnswersEioWhenAWriteMakesNoProgress) {
  disk_.SetWriteMax(0);
  EXPECT_EQ(writer().AddCopy("text"), 0);
  EXPECT_EQ(writer().Flush(), EIO);
}

TEST_F(SpoolWriterTest, KeepsTheFirstErrorUntilTheNextOpen) {
  disk_.FailNext(DiskCall::kWriteV, ENOSPC);
  EXPECT_EQ(writer().AddCopy("text"), 0);
  EXPECT_EQ(writer().Flush(), ENOSPC);
  EXPECT_EQ(writer().AddCopy("more"), ENOSPC);
  EXPECT_EQ(writer().AddRef(AsBytes("more")), ENOSPC);
  EXPECT_EQ(writer().Flush(), ENOSPC);
  EXPECT_EQ(writer().pending_bytes(), 0U);
  EXPECT_EQ(writes(), 1U);
  writer().Open(*slot_, kNoLimit);
  EXPECT_EQ(writer().AddCopy("again"), 0);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(File(), "again");
}

TEST_F(SpoolWriterTest, AnswersTheErrorOfTheFlushInsideAnAdd) {
  const std::vector<std::string> pieces(SpoolWriter::kPiecesMax, "ab");
  for (const std::string& piece : pieces)
    EXPECT_EQ(writer().AddRef(AsBytes(piece)), 0);
  disk_.FailNext(DiskCall::kWriteV, EIO);
  EXPECT_EQ(writer().AddRef(AsBytes("ab")), EIO);
  EXPECT_EQ(writer().Flush(), EIO);
}

TEST_F(SpoolWriterTest, RefusesAboveTheLimitOfTheMessage) {
  writer().Open(*slot_, 10);
  EXPECT_EQ(writer().AddCopy("12345"), 0);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(writer().AddCopy("67890"), 0);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(writer().AddRef({}), 0);
  EXPECT_EQ(writer().AddCopy("x"), EFBIG);
  EXPECT_EQ(writer().error(), EFBIG);
  writer().Open(*slot_, 9);  // a limit below what is there
  EXPECT_EQ(writer().AddCopy(""), EFBIG);
}

TEST_F(SpoolWriterTest, DrainsForAnAsynchronousWrite) {
  const std::string body = "body";
  EXPECT_EQ(writer().AddCopy("head "), 0);
  EXPECT_EQ(writer().AddRef(AsBytes(body)), 0);
  std::string to(100, '\0');
  const std::size_t bytes = writer().Drain(std::as_writable_bytes(std::span(to)));
  EXPECT_EQ(to.substr(0, bytes), "head body");
  EXPECT_EQ(slot_->length(), 9U);
  EXPECT_EQ(writer().pending_bytes(), 0U);
  EXPECT_EQ(writes(), 0U);
}

TEST_F(SpoolWriterTest, ForgetsWhatIsAbandoned) {
  EXPECT_EQ(writer().AddCopy("text"), 0);
  writer().Abandon();
  writer().Open(*slot_, kNoLimit);
  EXPECT_EQ(writer().Flush(), 0);
  EXPECT_EQ(File(), "");
}

TEST_F(SpoolWriterTest, StopsBelowHalfTheFloorAfterAFreshLook) {
  world_.files().bytes_max = 10000;
  spool().SetFloor({.bytes_free_min = 8000, .inodes_free_min = 0});
  const std::string piece(1000, 'x');
  now_ += DiskBudget::kLookEvery;
  SpoolSlot* other = Take();  // looks
  ASSERT_NE(other, nullptr);
  spool().GiveBack(*other, SpoolFate::kUnread, now_);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(writer().AddCopy(piece), 0);
    EXPECT_EQ(writer().Flush(), 0) << i;
  }
  EXPECT_EQ(writer().AddCopy(piece), 0);
  EXPECT_EQ(writer().Flush(), ENOSPC);
  EXPECT_EQ(File().size(), 6000U);
}

}  // namespace
}  // namespace engine
