// The SMTP client where the script stops it, and at the pace of its client.
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/smtp_fake_server.h"
#include "tools/replay/smtp_client.h"

namespace replay {
namespace {

using milter::Command;
using milter::MtaScript;
using milter::Outcome;
using milter::StopHow;
using Strings = std::vector<std::string>;

constexpr char kMail[] = "MAIL FROM:<alice@example.net> SIZE=65";
constexpr char kBob[] = "RCPT TO:<bob@example.org>";
constexpr char kCarol[] = "RCPT TO:<carol@example.org>";
constexpr char kEhlo[] = "EHLO helo.example.com";

struct StopCase {
  StopHow how;
  Command after;
  std::uint32_t count;
  Strings commands;  // after EHLO
  std::string data;
  std::size_t done;
};

TEST(SmtpClientStopTest, StopsWhereTheScriptSays) {
  const Strings rest = {kMail, kBob, kCarol, "DATA", "QUIT"};
  const auto then = [&rest](Strings first) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  };
  const Strings envelope = {kMail, kBob, kCarol, "DATA"};
  const std::string head = "Subject: hello\r\n";
  const StopCase cases[] = {
      {StopHow::kReset, Command::kMail, 1, then({kMail, "RSET"}), "", 2},
      {StopHow::kReset, Command::kRcpt, 1, then({kMail, kBob, "RSET"}), "", 2},
      {StopHow::kReset, Command::kRcpt, 2, then({kMail, kBob, kCarol, "RSET"}), "", 2},
      {StopHow::kQuit, Command::kMail, 1, {kMail, "QUIT"}, "", 1},
      {StopHow::kQuit, Command::kRcpt, 1, {kMail, kBob, "QUIT"}, "", 1},
      {StopHow::kDrop, Command::kMail, 1, {kMail}, "", 0},
      {StopHow::kDrop, Command::kRcpt, 2, {kMail, kBob, kCarol}, "", 0},
      {StopHow::kReset, Command::kData, 1, envelope, "", 1},
      {StopHow::kDrop, Command::kData, 1, envelope, "", 0},
      {StopHow::kReset, Command::kHeader, 1, envelope, head, 1},
      {StopHow::kQuit, Command::kHeader, 1, envelope, head, 1},
      {StopHow::kDrop, Command::kHeader, 1, envelope, head, 0},
      {StopHow::kReset, Command::kRcpt, 3, then(then({})), "", 2},  // never reached
  };
  for (const StopCase& one : cases) {
    for (const bool pipelining : {true, false}) {
      SmtpOptions options;
      options.pipelining = pipelining;
      MtaScript script = SampleSession(2);
      script.transactions[0].stop = {one.how, one.after, one.count};
      SmtpProbe probe(options, script);
      probe.Run();
      Strings expected = one.commands;
      if (one.count == 3) expected.erase(expected.begin() + 4);
      expected.insert(expected.begin(), kEhlo);
      EXPECT_EQ(probe.server.commands(), expected);
      EXPECT_EQ(probe.client.transactions_done(), one.done);
      EXPECT_TRUE(probe.client.finished());
      EXPECT_EQ(probe.client.error(), SmtpError::kNone);
      EXPECT_EQ(probe.server.data().substr(0, one.data.size()), one.data);
    }
  }
}

TEST(SmtpClientStopTest, LeavesWithoutTheVerdict) {
  MtaScript script = SampleSession(2);
  script.transactions[0].stop = {StopHow::kDrop, Command::kEndOfMessage, 1};
  SmtpProbe probe({}, script);
  probe.Run();
  EXPECT_EQ(probe.server.messages().size(), 1U);
  EXPECT_TRUE(probe.client.finished());
  EXPECT_EQ(probe.client.error(), SmtpError::kNone);  // though the verdict came
  EXPECT_EQ(probe.client.transactions_done(), 0U);
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kNone);
}

TEST(SmtpClientStopTest, WaitsForTheClientWhenPaced) {
  for (const bool xclient : {true, false}) {
    SmtpOptions options;
    options.paced = true;
    SmtpProbe probe(options, SampleSession());
    if (xclient) probe.server.extensions.emplace_back("XCLIENT ADDR");
    // connect, HELO, MAIL, two RCPT, DATA, content, QUIT: as milter::MtaSession counts them.
    std::size_t steps = 0;
    std::array<std::byte, 512> buffer{};
    probe.server.Greet();
    while (!probe.client.finished() && steps < 100) {
      const std::string answer = std::exchange(probe.server.output(), {});
      probe.client.Feed(std::as_bytes(std::span(answer)));
      const std::size_t filled = probe.client.Fill(buffer);
      probe.server.Take({reinterpret_cast<const char*>(buffer.data()), filled});
      if (filled != 0 || !probe.server.output().empty()) continue;
      if (!probe.client.awaits_client()) continue;
      ++steps;
      probe.client.Advance();
    }
    EXPECT_EQ(steps, 8U);
    EXPECT_EQ(probe.client.xclient_taken(), xclient);
    EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kAccepted);
  }
}

TEST(SmtpClientStopTest, PacedStepsOfABatchDoNotWaitForReplies) {
  SmtpOptions options;
  options.paced = true;
  SmtpProbe probe(options, SampleSession());
  for (int step = 0; step < 6; ++step)
    probe.client.Advance();
  probe.Run();
  EXPECT_EQ(probe.batches.size(), 2U);
  EXPECT_TRUE(probe.client.awaits_client());
  EXPECT_FALSE(probe.client.awaits_reply());
}

}  // namespace
}  // namespace replay
