// Replies as the strictest mail server reads them: every code's shape, every prefix, the reply
// text's rules.
#include "milter/mta_reply.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

MtaError Parse(char code, std::string_view payload) {
  FilterReply reply;
  return ParseReply(static_cast<std::uint8_t>(code), payload, &reply);
}

TEST(ParseReplyTest, TakesPlainRepliesWithoutPayloadAlone) {
  for (const char code : std::string("cardtsp4")) {
    EXPECT_EQ(Parse(code, ""), MtaError::kNone) << code;
    EXPECT_EQ(Parse(code, Raw("\0")), MtaError::kTrailingBytes) << code;
  }
}

TEST(ParseReplyTest, KnowsNineteenCodesAndNoOther) {
  int known = 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (Parse(static_cast<char>(byte), "") != MtaError::kUnknownReply) ++known;
  }
  EXPECT_EQ(known, 19);
  EXPECT_EQ(Parse('f', ""), MtaError::kUnknownReply);
}

struct ShapeRow {
  char code;
  std::string payload;
};

// Each payload is sound; no prefix of it is, and neither is it with a byte behind.
TEST(ParseReplyTest, WantsEveryByteOfAShapeAndNoMore) {
  const ShapeRow rows[] = {{'h', Raw("X-A\0v\0")},
                           {'i', Raw("\0\0\0\x01X-A\0v\0")},
                           {'m', Raw("\0\0\0\x01X-A\0\0")},
                           {'+', Raw("<a@b>\0")},
                           {'-', Raw("<a@b>\0")},
                           {'q', Raw("reason\0")},
                           {'y', Raw("554 5.7.1 no\0")}};
  for (const ShapeRow& row : rows) {
    EXPECT_EQ(Parse(row.code, row.payload), MtaError::kNone) << row.code;
    EXPECT_EQ(Parse(row.code, row.payload + "x"), MtaError::kTrailingBytes) << row.code;
    for (std::size_t size = 0; size < row.payload.size(); ++size) {
      EXPECT_NE(Parse(row.code, row.payload.substr(0, size)), MtaError::kNone) << row.code << size;
    }
  }
}

TEST(ParseReplyTest, TakesOneOptionalArgumentStringAndNoThird) {
  for (const char code : {'2', 'e'}) {
    EXPECT_EQ(Parse(code, Raw("<a@b>\0")), MtaError::kNone);
    EXPECT_EQ(Parse(code, Raw("<a@b>\0X=1 Y=2\0")), MtaError::kNone);
    EXPECT_EQ(Parse(code, Raw("<a@b>\0X=1\0Y=2\0")), MtaError::kTrailingBytes);
    EXPECT_EQ(Parse(code, Raw("<a@b>\0X=1")), MtaError::kMalformed);
  }
}

TEST(ParseReplyTest, RefusesHeadersThatWouldBreakTheMessage) {
  for (const std::string& payload : {Raw("\0v\0"),
                                     Raw("A:\0v\0"),
                                     Raw("A B\0v\0"),
                                     Raw("A\0v\nB: x\0"),
                                     Raw("A\0v\r\n x\0"),
                                     Raw("A\0v\n\0")}) {
    EXPECT_EQ(Parse('h', payload), MtaError::kMalformed) << Escape(payload);
  }
  EXPECT_EQ(Parse('m', Raw("\x80\0\0\0A\0v\0")), MtaError::kMalformed);
}

TEST(ParseReplyTest, GivesNamesValuesAndIndexes) {
  const std::string payload = Raw("\0\0\x01\x02X-A\0 v\n\tw\0");
  FilterReply reply;
  ASSERT_EQ(ParseReply('i', payload, &reply), MtaError::kNone);
  EXPECT_EQ(reply.kind, Reply::kInsertHeader);
  EXPECT_EQ(reply.index, 258U);
  EXPECT_EQ(reply.name, "X-A");
  EXPECT_EQ(reply.value, " v\n\tw");
}

TEST(ReplyTextTest, TakesWhatEveryMailServerTakes) {
  for (const char* text : {"550 ",
                           "550 5.7.1",
                           "550 5.7.1 x",
                           "451 x",
                           "554-a\r\n554 b",
                           "554-5.7.1 100%%\r\n554 5.7.1 b",
                           "550 4.7.1x",
                           "599 "}) {
    EXPECT_TRUE(IsSoundReplyText(text)) << text;
  }
}

TEST(ReplyTextTest, RefusesWhatOneOfThemDoesNotTake) {
  for (const char* text : {"",
                           "550",
                           "55",
                           "250 ok",
                           "350 x",
                           "5x0 x",
                           "550x",
                           "550-x",
                           "550 4.7.1 x",
                           "451 5.7.1",
                           "550 50%",
                           "550 % x",
                           "550 a\n550 b",
                           "550 a\r\n550 b",
                           "554-a\r\n553 b",
                           "554-a\r\n",
                           "554-a\r\n554-b",
                           "550 a\tb",
                           "550 \x80",
                           "554-a\r\n554 2.0.0 b"}) {
    EXPECT_FALSE(IsSoundReplyText(text)) << text;
  }
}

TEST(ReplyTextTest, LimitsLinesAndTheirLength) {
  EXPECT_TRUE(IsSoundReplyText("550 " + std::string(976, 'x')));
  EXPECT_FALSE(IsSoundReplyText("550 " + std::string(977, 'x')));
  std::string text;
  for (int i = 0; i < 31; ++i)
    text += "550-x\r\n";
  EXPECT_TRUE(IsSoundReplyText(text + "550 x"));
  EXPECT_FALSE(IsSoundReplyText(text + "550-x\r\n550 x"));
}

TEST(NextFrameTest, NeedsEveryByteAndJudgesTheLengthFirst) {
  const std::string packet = Pack('h', Raw("A\0b\0"));
  for (std::size_t size = 0; size < packet.size(); ++size) {
    EXPECT_EQ(NextFrame(packet.substr(0, size)).result, FrameResult::kNeedMore) << size;
  }
  const std::string two = packet + Pack('c');
  const Frame frame = NextFrame(two);
  EXPECT_EQ(frame.result, FrameResult::kFrame);
  EXPECT_EQ(frame.code, 'h');
  EXPECT_EQ(frame.bytes, packet.size());
  EXPECT_EQ(NextFrame(Raw("\0\0\0\0")).result, FrameResult::kBadLength);
  EXPECT_EQ(NextFrame(Raw("\0\x01\0\x01")).result, FrameResult::kBadLength);
  EXPECT_EQ(NextFrame(Raw("\0\x01\0\0")).result, FrameResult::kNeedMore);
}

}  // namespace
}  // namespace milter
