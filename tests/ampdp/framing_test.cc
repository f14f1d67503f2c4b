// Finding the end of a block: every prefix, every chunking, every limit.
#include "ampdp/framing.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace ampdp {
namespace {

constexpr std::string_view kBlock = "a=1\r\nb=\n\rc=2\r\n\r\n";

// Feeds `wire` up to each of `ends` in turn, as a buffer that grows.
BlockStatus Feed(BlockReader& reader, std::string_view wire, const std::vector<std::size_t>& ends) {
  BlockStatus status = BlockStatus::kNeedMore;
  for (const std::size_t end : ends)
    status = reader.Scan(wire.substr(0, end));
  return status;
}

TEST(BlockReaderTest, EveryPrefixNeedsMore) {
  for (std::size_t size = 0; size < kBlock.size(); ++size) {
    BlockReader reader;
    EXPECT_EQ(reader.Scan(kBlock.substr(0, size)), BlockStatus::kNeedMore) << size;
    EXPECT_EQ(reader.block_bytes(), 0U);
    EXPECT_EQ(reader.begun(), size > 0);
  }
}

TEST(BlockReaderTest, EveryPairOfCutsFindsTheSameEnd) {
  for (std::size_t first = 0; first <= kBlock.size(); ++first) {
    for (std::size_t second = first; second <= kBlock.size(); ++second) {
      BlockReader reader;
      ASSERT_EQ(Feed(reader, kBlock, {first, second, kBlock.size()}), BlockStatus::kComplete);
      EXPECT_EQ(reader.block_bytes(), kBlock.size());
      EXPECT_EQ(reader.attributes(), 3U);
    }
  }
}

TEST(BlockReaderTest, ByteByByteFindsTheSameEnd) {
  BlockReader reader;
  for (std::size_t size = 1; size < kBlock.size(); ++size)
    ASSERT_EQ(reader.Scan(kBlock.substr(0, size)), BlockStatus::kNeedMore);
  EXPECT_EQ(reader.Scan(kBlock), BlockStatus::kComplete);
}

TEST(BlockReaderTest, EmptyLineAloneIsABlock) {
  for (const std::string_view wire : {"\n", "\r\n"}) {
    BlockReader reader;
    EXPECT_EQ(reader.Scan(wire), BlockStatus::kComplete);
    EXPECT_EQ(reader.block_bytes(), wire.size());
    EXPECT_EQ(reader.attributes(), 0U);
  }
}

TEST(BlockReaderTest, TwoCarriageReturnsAreNoEmptyLine) {
  BlockReader reader;
  EXPECT_EQ(reader.Scan(std::string_view("\r\r\n")), BlockStatus::kNeedMore);
  EXPECT_EQ(reader.attributes(), 1U);
}

TEST(BlockReaderTest, StopsAtTheFirstEmptyLine) {
  BlockReader reader;
  EXPECT_EQ(reader.Scan(std::string_view("a=1\n\nb=2\n\n")), BlockStatus::kComplete);
  EXPECT_EQ(reader.block_bytes(), 5U);
  EXPECT_EQ(reader.Scan(std::string_view("a=1\n\nb=2\n\nc")), BlockStatus::kComplete);
  EXPECT_EQ(reader.block_bytes(), 5U);
}

TEST(BlockReaderTest, ResetStartsTheNextBlock) {
  BlockReader reader;
  ASSERT_EQ(reader.Scan(kBlock), BlockStatus::kComplete);
  reader.Reset();
  EXPECT_FALSE(reader.begun());
  EXPECT_EQ(reader.line_number(), 1U);
  EXPECT_EQ(reader.Scan(std::string_view("x=1\n")), BlockStatus::kNeedMore);
  EXPECT_EQ(reader.line_number(), 2U);
}

TEST(BlockReaderTest, LineOfTheLimitPassesAndOneMoreDoesNot) {
  const BlockLimits limits{.bytes_max = 100, .line_bytes_max = 4, .attributes_max = 9};
  BlockReader passes(limits);
  EXPECT_EQ(passes.Scan(std::string_view("abcd\r\n\r\n")), BlockStatus::kComplete);
  BlockReader fails(limits);
  EXPECT_EQ(fails.Scan(std::string_view("x=\nabcde\r\n\r\n")), BlockStatus::kLineTooLong);
  EXPECT_EQ(fails.line_number(), 2U);
  EXPECT_EQ(fails.block_bytes(), 0U);
}

TEST(BlockReaderTest, LineLimitIsNoticedBeforeTheLineEnds) {
  BlockReader reader({.bytes_max = 100, .line_bytes_max = 4, .attributes_max = 9});
  EXPECT_EQ(reader.Scan(std::string_view("abcd")), BlockStatus::kNeedMore);
  EXPECT_EQ(reader.Scan(std::string_view("abcd\r")), BlockStatus::kNeedMore);
  EXPECT_EQ(reader.Scan(std::string_view("abcd\rx")), BlockStatus::kLineTooLong);
  EXPECT_EQ(reader.Scan(std::string_view("abcd\rx\n\n")), BlockStatus::kLineTooLong);
}

TEST(BlockReaderTest, BlockOfTheLimitPassesAndOneMoreDoesNot) {
  const BlockLimits limits{.bytes_max = 9, .line_bytes_max = 8, .attributes_max = 9};
  BlockReader passes(limits);
  EXPECT_EQ(passes.Scan(std::string_view("a=1\nb=2\n\n")), BlockStatus::kComplete);
  BlockReader fails(limits);
  EXPECT_EQ(fails.Scan(std::string_view("a=1\nb=23\n\n")), BlockStatus::kBlockTooLong);
  BlockReader unended(limits);
  EXPECT_EQ(unended.Scan(std::string_view("a=1\nb=234")), BlockStatus::kBlockTooLong);
}

TEST(BlockReaderTest, AttributesOfTheLimitPassAndOneMoreDoesNot) {
  const BlockLimits limits{.bytes_max = 100, .line_bytes_max = 50, .attributes_max = 2};
  BlockReader passes(limits);
  EXPECT_EQ(passes.Scan(std::string_view("a=\nb=\n\n")), BlockStatus::kComplete);
  BlockReader fails(limits);
  EXPECT_EQ(fails.Scan(std::string_view("a=\nb=\nc=\n\n")), BlockStatus::kTooManyAttributes);
}

// All blocks of up to 7 octets over {CR, LF, x}, with small limits: whole and byte by byte agree.
TEST(BlockReaderTest, AnswerDoesNotDependOnTheCuts) {
  constexpr std::string_view kOctets = "\r\nx";
  for (std::uint32_t limit = 1; limit <= 5; ++limit) {
    const BlockLimits limits{.bytes_max = 6, .line_bytes_max = limit, .attributes_max = 2};
    for (std::uint32_t code = 0; code < 2187; ++code) {
      std::string wire;
      for (std::uint32_t rest = code, i = 0; i < 7; ++i, rest /= 3)
        wire.push_back(kOctets[rest % 3]);
      BlockReader at_once(limits);
      BlockReader by_byte(limits);
      const BlockStatus expected = at_once.Scan(wire);
      BlockStatus status = BlockStatus::kNeedMore;
      for (std::size_t size = 1; size <= wire.size(); ++size)
        status = by_byte.Scan(std::string_view(wire).substr(0, size));
      ASSERT_EQ(status, expected) << "code " << code << " line limit " << limit;
      ASSERT_EQ(by_byte.block_bytes(), at_once.block_bytes());
    }
  }
}

TEST(BlockReaderTest, EveryStatusHasAText) {
  for (const BlockStatus status : {BlockStatus::kNeedMore,
                                   BlockStatus::kComplete,
                                   BlockStatus::kBlockTooLong,
                                   BlockStatus::kLineTooLong,
                                   BlockStatus::kTooManyAttributes}) {
    EXPECT_STRNE(BlockStatusText(status), "");
  }
}

}  // namespace
}  // namespace ampdp
