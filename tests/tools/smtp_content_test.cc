// A message over SMTP: transparency, line ends, its size; against a simple reference, in every
// buffer size.
#include "tools/replay/smtp_content.h"

#include <array>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "milter/wire.h"

namespace replay {
namespace {

using milter::Command;
using milter::StopHow;
using milter::Transaction;

std::string Send(const Transaction& transaction, const ContentPart& part, std::size_t step) {
  SmtpContent content;
  content.Begin(transaction, part);
  std::vector<std::byte> buffer(step);
  std::string sent;
  while (!content.done()) {
    const std::size_t filled = content.Fill(buffer);
    EXPECT_NE(filled, 0U);
    if (filled == 0) break;
    sent.append(reinterpret_cast<const char*>(buffer.data()), filled);
  }
  return sent;
}

std::string Send(const Transaction& transaction, std::size_t step = 4096) {
  return Send(transaction, WholeContent(transaction), step);
}

// The message as the server is to have it.
std::string Text(const Transaction& transaction) {
  std::string raw;
  for (const milter::HeaderField& field : transaction.headers)
    raw += field.name + ":" + field.value + "\r\n";
  raw += "\r\n" + transaction.body;
  std::string text;
  for (const char c : raw) {
    if (c == '\n' && !text.ends_with('\r')) text += '\r';
    text += c;
  }
  return text.ends_with('\n') ? text : text + "\r\n";
}

std::string Stuffed(std::string_view text) {
  std::string stuffed;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && c == '.') stuffed += '.';
    stuffed += c;
    line_begins = c == '\n';
  }
  return stuffed + ".\r\n";
}

TEST(SmtpContentTest, SendsHeadersAnEmptyLineAndTheBody) {
  Transaction transaction;
  transaction.headers = {{"Subject", " hi"}, {"X", "\tone\n two"}, {"Empty", ""}};
  transaction.body = "body\r\n";
  EXPECT_EQ(Send(transaction), "Subject: hi\r\nX:\tone\r\n two\r\nEmpty:\r\n\r\nbody\r\n.\r\n");
}

TEST(SmtpContentTest, SendsAnEmptyMessage) {
  EXPECT_EQ(Send({}), "\r\n.\r\n");
}

TEST(SmtpContentTest, DoublesDotsThatBeginALine) {
  Transaction transaction;
  transaction.body = ".\r\n..a\r\nb.\r\n\r\n.";
  EXPECT_EQ(Send(transaction), "\r\n..\r\n...a\r\nb.\r\n\r\n..\r\n.\r\n");
}

TEST(SmtpContentTest, CompletesLineFeedsAndKeepsCarriageReturns) {
  Transaction transaction;
  transaction.headers = {{"A", " b\r"}};
  transaction.body = "\n.\nx\ry\r\r\nz\r";
  EXPECT_EQ(Send(transaction), "A: b\r\r\n\r\n\r\n..\r\nx\ry\r\r\nz\r\r\n.\r\n");
}

TEST(SmtpContentTest, EveryBufferSizeSendsWhatTheReferenceMakes) {
  static constexpr std::string_view kOctets = "..\r\r\n\n\n ab:\xff";
  std::mt19937_64 random(20261122);
  const auto some = [&random](std::size_t most) {
    std::string text;
    for (std::size_t left = random() % (most + 1); left != 0; --left)
      text += kOctets[random() % kOctets.size()];
    return text;
  };
  for (int round = 0; round < 400; ++round) {
    Transaction transaction;
    for (std::size_t left = random() % 4; left != 0; --left)
      transaction.headers.push_back({some(3), some(12)});
    transaction.body = some(60);
    const std::string text = Text(transaction);
    const std::string expected = Stuffed(text);
    for (std::size_t step = 1; step <= 64; ++step)
      ASSERT_EQ(Send(transaction, step), expected) << "round " << round << " step " << step;
    EXPECT_EQ(MeasureContent(transaction).bytes, text.size()) << "round " << round;
    EXPECT_EQ(MeasureContent(transaction).eight_bit, text.find('\xff') != std::string::npos);
  }
}

TEST(SmtpContentTest, SendsALargeBodyWithoutChange) {
  Transaction transaction;
  while (transaction.body.size() < (1U << 20))
    transaction.body += "a line of the usual length, with its end.\r\n.and a dot\r\n";
  EXPECT_EQ(Send(transaction, 65536), Stuffed(Text(transaction)));
  EXPECT_EQ(MeasureContent(transaction).bytes, transaction.body.size() + 2);
}

TEST(SmtpContentTest, StopsWithinTheContent) {
  Transaction transaction;
  transaction.headers = {{"A", " a"}, {"B", " b"}};
  transaction.body = std::string(milter::kBodyChunkMaxBytes - 2, 'x') + "\r\nrest";
  const std::string first(transaction.body, 0, milter::kBodyChunkMaxBytes);
  struct Case {
    Command after;
    std::uint32_t count;
    std::string expected;  // empty: does not stop
  };
  const Case cases[] = {
      {Command::kHeader, 1, "A: a\r\n"},
      {Command::kHeader, 2, "A: a\r\nB: b\r\n"},
      {Command::kHeader, 3, ""},
      {Command::kEndOfHeaders, 1, "A: a\r\nB: b\r\n\r\n"},
      {Command::kEndOfHeaders, 2, ""},
      {Command::kBody, 1, "A: a\r\nB: b\r\n\r\n" + first},
      {Command::kBody, 2, "A: a\r\nB: b\r\n\r\n" + first + "rest"},
      {Command::kBody, 3, ""},
      {Command::kBody, 0, ""},
      {Command::kEndOfMessage, 1, "A: a\r\nB: b\r\n\r\n" + first + "rest\r\n.\r\n"},
      {Command::kEndOfMessage, 2, ""},
      {Command::kMail, 1, ""},
  };
  for (const Case& one : cases) {
    transaction.stop = {StopHow::kDrop, one.after, one.count};
    ContentPart part;
    EXPECT_EQ(StopInContent(transaction, &part), !one.expected.empty()) << one.count;
    const std::string all = Stuffed(Text(transaction));
    EXPECT_EQ(Send(transaction, part, 1000), one.expected.empty() ? all : one.expected);
  }
  transaction.stop = {StopHow::kPlayOn, Command::kBody, 1};
  ContentPart part;
  EXPECT_FALSE(StopInContent(transaction, &part));
}

}  // namespace
}  // namespace replay
