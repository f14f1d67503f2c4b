// An SMTP server's replies: whole, cut anywhere, and malformed in every way.
#include "tools/replay/smtp_reply.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace replay {
namespace {

using Result = SmtpReplyReader::Result;

struct ReadAll {
  std::vector<SmtpReply> replies;
  SmtpError error = SmtpError::kNone;
  bool begun = false;
};

ReadAll Read(std::string_view bytes, std::size_t chunk_bytes = 1 << 20) {
  ReadAll all;
  SmtpReplyReader reader;
  for (std::size_t at = 0; at < bytes.size() && all.error == SmtpError::kNone; at += chunk_bytes) {
    std::string_view rest = bytes.substr(at, chunk_bytes);
    while (!rest.empty() && all.error == SmtpError::kNone) {
      const Result result = reader.Next(&rest);
      if (result == Result::kReply) all.replies.push_back(reader.reply());
      all.error = reader.error();
    }
  }
  all.begun = reader.begun();
  return all;
}

constexpr std::string_view kThree =
    "250-mx.example.net\r\n250-PIPELINING\r\n250 8BITMIME\r\n354\r\n550 5.7.1 "
    "\xc3\xa9t\xc3\xa9\tno\r\n";

TEST(SmtpReplyTest, ReadsCodesLinesAndTexts) {
  const ReadAll all = Read(kThree);
  ASSERT_EQ(all.replies.size(), 3U);
  EXPECT_EQ(all.replies[0].code, 250);
  EXPECT_EQ(all.replies[0].text, "250-mx.example.net\r\n250-PIPELINING\r\n250 8BITMIME");
  EXPECT_EQ(all.replies[1].code, 354);
  EXPECT_EQ(all.replies[1].kind(), 3);
  EXPECT_EQ(all.replies[1].text, "354");
  EXPECT_EQ(all.replies[2].text, "550 5.7.1 \xc3\xa9t\xc3\xa9\tno");
  EXPECT_FALSE(all.begun);
}

TEST(SmtpReplyTest, EveryChunkingGivesTheSame) {
  for (std::size_t chunk = 1; chunk <= kThree.size(); ++chunk) {
    const ReadAll all = Read(kThree, chunk);
    ASSERT_EQ(all.replies.size(), 3U) << chunk;
    EXPECT_EQ(all.replies[0].text, "250-mx.example.net\r\n250-PIPELINING\r\n250 8BITMIME");
    EXPECT_EQ(all.replies[2].code, 550);
    EXPECT_EQ(all.error, SmtpError::kNone);
  }
}

TEST(SmtpReplyTest, EveryPrefixNeedsMore) {
  constexpr std::string_view kOne = "250-a\r\n250 b\r\n";
  for (std::size_t size = 0; size < kOne.size(); ++size) {
    const ReadAll all = Read(kOne.substr(0, size));
    EXPECT_TRUE(all.replies.empty()) << size;
    EXPECT_EQ(all.error, SmtpError::kNone) << size;
    EXPECT_EQ(all.begun, size != 0) << size;
  }
}

TEST(SmtpReplyTest, TakesAnySecondDigit) {
  EXPECT_EQ(Read("571 no\r\n").replies.size(), 1U);
  EXPECT_EQ(Read("299 yes\r\n").replies.size(), 1U);
}

TEST(SmtpReplyTest, NamesEachMalformedReply) {
  struct Case {
    std::string_view bytes;
    SmtpError error;
  };
  const Case cases[] = {
      {"hello\r\n", SmtpError::kReplyCode},
      {"\r\n", SmtpError::kReplyCode},
      {"25\r\n", SmtpError::kReplyCode},
      {"199 x\r\n", SmtpError::kReplyCode},
      {"600 x\r\n", SmtpError::kReplyCode},
      {"2x0 x\r\n", SmtpError::kReplyCode},
      {"25x x\r\n", SmtpError::kReplyCode},
      {"250x\r\n", SmtpError::kReplyCode},
      {" 250 x\r\n", SmtpError::kReplyCode},
      {"250-a\r\nb\r\n", SmtpError::kReplyCode},
      {"250 x\n", SmtpError::kReplyLineEnd},
      {"\n", SmtpError::kReplyLineEnd},
      {"250 x\ry\r\n", SmtpError::kReplyLineEnd},
      {"250 x\r\r\n", SmtpError::kReplyLineEnd},
      {std::string_view("250 \0\r\n", 7), SmtpError::kReplyOctets},
      {"250 \x1b[0m\r\n", SmtpError::kReplyOctets},
      {"250 \x7f\r\n", SmtpError::kReplyOctets},
      {"250-a\r\n251 b\r\n", SmtpError::kCodesDiffer},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(Read(one.bytes).error, one.error) << one.bytes;
    EXPECT_EQ(Read(one.bytes, 1).error, one.error) << one.bytes;
  }
}

TEST(SmtpReplyTest, LimitsTheLine) {
  const std::string fits = "250 " + std::string(kReplyLineMaxBytes - 6, 'x') + "\r\n";
  ASSERT_EQ(fits.size(), kReplyLineMaxBytes);
  EXPECT_EQ(Read(fits).replies.size(), 1U);
  EXPECT_EQ(Read("250 x" + fits.substr(4)).error, SmtpError::kReplyLineLong);
  EXPECT_EQ(Read(std::string(kReplyLineMaxBytes, '2'), 7).error, SmtpError::kNone);
  EXPECT_EQ(Read(std::string(kReplyLineMaxBytes + 1, '2'), 7).error, SmtpError::kReplyLineLong);
}

TEST(SmtpReplyTest, LimitsTheLines) {
  std::string reply;
  for (std::size_t line = 1; line < kReplyLinesMax; ++line)
    reply += "250-x\r\n";
  EXPECT_EQ(Read(reply + "250 x\r\n").replies.size(), 1U);
  EXPECT_EQ(Read(reply + "250-x\r\n250 x\r\n").error, SmtpError::kReplyLines);
}

TEST(SmtpReplyTest, StaysFailed) {
  SmtpReplyReader reader;
  std::string_view rest = "?\r\n";
  EXPECT_EQ(reader.Next(&rest), Result::kError);
  rest = "250 x\r\n";
  EXPECT_EQ(reader.Next(&rest), Result::kError);
}

TEST(SmtpReplyTest, EveryErrorHasItsText) {
  std::vector<std::string_view> texts;
  for (int i = 0; i <= static_cast<int>(SmtpError::kCommandText); ++i) {
    const std::string_view text = SmtpErrorText(static_cast<SmtpError>(i));
    EXPECT_NE(text, "?");
    for (const std::string_view other : texts)
      EXPECT_NE(text, other);
    texts.push_back(text);
  }
}

}  // namespace
}  // namespace replay
