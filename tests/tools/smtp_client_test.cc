// The SMTP client in sessions: batches, one command at a time, XCLIENT, stops, refusals, pacing.
#include "tools/replay/smtp_client.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/smtp_fake_server.h"

namespace replay {
namespace {

using milter::Command;
using milter::MtaScript;
using milter::Outcome;
using Strings = std::vector<std::string>;

constexpr char kMail[] = "MAIL FROM:<alice@example.net> SIZE=65";
constexpr char kBob[] = "RCPT TO:<bob@example.org>";
constexpr char kCarol[] = "RCPT TO:<carol@example.org>";
constexpr char kEhlo[] = "EHLO helo.example.com";
constexpr char kText[] =
    "Subject: hello\r\nX-Folded: one\r\n\ttwo\r\n\r\nfirst\r\n.second\r\n..\r\nlast\r\n";

SmtpOptions OneAtATime() {
  SmtpOptions options;
  options.pipelining = false;
  return options;
}

TEST(SmtpClientTest, SendsTheEnvelopeInOneBatch) {
  SmtpProbe probe({}, SampleSession(2));
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({kEhlo, kMail, kBob, kCarol, "DATA", kMail, kBob, kCarol, "DATA", "QUIT"}));
  EXPECT_EQ(probe.batches.size(), 6U);
  EXPECT_EQ(probe.batches[1].substr(0, 39), std::string(kMail) + "\r\n");
  EXPECT_TRUE(probe.batches[1].ends_with("DATA\r\n"));
  EXPECT_EQ(probe.server.messages(), Strings({kText, kText}));
  EXPECT_TRUE(probe.client.finished());
  EXPECT_EQ(probe.client.error(), SmtpError::kNone);
  EXPECT_EQ(probe.client.transactions_done(), 2U);
  const milter::TransactionResult& result = probe.client.results()[1];
  EXPECT_EQ(result.outcome, Outcome::kAccepted);
  EXPECT_EQ(result.decided_at, Command::kEndOfMessage);
  EXPECT_EQ(result.reply_text, "250 2.0.0 Ok: queued as Q2");
  EXPECT_EQ(result.recipients_accepted, std::vector<bool>({true, true}));
  EXPECT_EQ(result.replies.size(), 5U);
}

TEST(SmtpClientTest, SendsOneCommandAtATimeWithoutPipelining) {
  for (const bool offered : {true, false}) {
    SmtpProbe probe(offered ? OneAtATime() : SmtpOptions(), SampleSession());
    if (!offered) probe.server.extensions = {"SIZE"};
    probe.Run();
    EXPECT_EQ(probe.server.commands(), Strings({kEhlo, kMail, kBob, kCarol, "DATA", "QUIT"}));
    EXPECT_EQ(probe.batches.size(), 7U);
    EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kAccepted);
  }
}

TEST(SmtpClientTest, EveryBufferAndChunkSizePlaysTheSame) {
  for (const bool pipelining : {true, false}) {
    SmtpOptions options;
    options.pipelining = pipelining;
    for (std::size_t size = 1; size <= 64; ++size) {
      for (const bool eager : {true, false}) {
        SmtpProbe probe(options, SampleSession(2));
        probe.fill_bytes = size;
        probe.feed_bytes = eager ? 65536 : size;
        probe.eager = eager;
        probe.Run();
        ASSERT_TRUE(probe.client.finished()) << size;
        EXPECT_EQ(
            probe.server.commands(),
            Strings({kEhlo, kMail, kBob, kCarol, "DATA", kMail, kBob, kCarol, "DATA", "QUIT"}));
        EXPECT_EQ(probe.server.messages(), Strings({kText, kText}));
        EXPECT_EQ(probe.client.results()[1].reply_text, "250 2.0.0 Ok: queued as Q2");
      }
    }
  }
}

TEST(SmtpClientTest, SendsALoneDotWhenDataIsTakenThoughAllRecipientsWereRefused) {
  for (const std::string after : {"250 so be it", "554 nothing to send"}) {
    SmtpProbe probe({}, SampleSession(2));
    probe.server.answers["RCPT"] = {"550 no bob", "551 no carol"};
    probe.server.answers["DATA"] = {"354 go on"};
    probe.server.answers["."] = {after};
    probe.Run();
    EXPECT_EQ(probe.server.commands(),
              Strings({kEhlo, kMail, kBob, kCarol, "DATA", kMail, kBob, kCarol, "DATA", "QUIT"}));
    EXPECT_EQ(probe.server.messages(), Strings({"", kText}));
    EXPECT_EQ(probe.client.error(), SmtpError::kNone);
    EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kRejected);
    EXPECT_EQ(probe.client.results()[0].decided_at, Command::kRcpt);
    EXPECT_EQ(probe.client.results()[0].reply_text, "550 no bob");
    EXPECT_EQ(probe.client.results()[1].outcome, Outcome::kAccepted);
  }
}

TEST(SmtpClientTest, ResetsWhenAllRecipientsWereRefused) {
  for (const bool pipelining : {true, false}) {
    SmtpOptions options;
    options.pipelining = pipelining;
    SmtpProbe probe(options, SampleSession(2));
    probe.server.answers["RCPT"] = {"550 no bob", "450 not now, carol"};
    probe.Run();
    Strings expected = {kEhlo, kMail, kBob, kCarol, "DATA", "RSET", kMail, kBob, kCarol, "DATA"};
    if (!pipelining) expected.erase(expected.begin() + 4);
    expected.emplace_back("QUIT");
    EXPECT_EQ(probe.server.commands(), expected);
    EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kTempfailed);
    EXPECT_EQ(probe.client.results()[0].decided_at, Command::kRcpt);
    EXPECT_EQ(probe.client.results()[0].reply_text, "450 not now, carol");
    EXPECT_EQ(probe.client.results()[0].recipients_accepted, std::vector<bool>({false, false}));
    EXPECT_EQ(probe.client.results()[1].outcome, Outcome::kAccepted);
  }
}

TEST(SmtpClientTest, SendsToTheRecipientsThatWereAccepted) {
  SmtpProbe probe({}, SampleSession());
  probe.server.answers["RCPT"] = {"550 no bob"};
  probe.Run();
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kAccepted);
  EXPECT_EQ(probe.client.results()[0].recipients_accepted, std::vector<bool>({false, true}));
  EXPECT_EQ(probe.server.messages().size(), 1U);
}

TEST(SmtpClientTest, GoesOnWithoutResetWhenMailIsRefused) {
  for (const bool pipelining : {true, false}) {
    SmtpOptions options;
    options.pipelining = pipelining;
    SmtpProbe probe(options, SampleSession(2));
    probe.server.answers["MAIL"] = {"550-5.7.1 not\r\n550 5.7.1 you"};
    probe.Run();
    Strings expected = {kEhlo, kMail, kMail, kBob, kCarol, "DATA", "QUIT"};
    if (pipelining) expected.insert(expected.begin() + 2, {kBob, kCarol, "DATA"});
    EXPECT_EQ(probe.server.commands(), expected);
    const milter::TransactionResult& result = probe.client.results()[0];
    EXPECT_EQ(result.outcome, Outcome::kRejected);
    EXPECT_EQ(result.decided_at, Command::kMail);
    EXPECT_EQ(result.reply_text, "550-5.7.1 not\r\n550 5.7.1 you");
    EXPECT_EQ(probe.client.results()[1].outcome, Outcome::kAccepted);
  }
}

TEST(SmtpClientTest, SendsALoneDotWhenDataIsTakenThoughMailWasRefused) {
  SmtpProbe probe({}, SampleSession());
  probe.server.answers["MAIL"] = {"450 later"};
  probe.server.answers["DATA"] = {"354 go on"};
  probe.Run();
  EXPECT_EQ(probe.server.messages(), Strings({""}));
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kTempfailed);
  EXPECT_EQ(probe.client.results()[0].decided_at, Command::kMail);
  EXPECT_TRUE(probe.client.finished());
}

TEST(SmtpClientTest, SendsNoMoreOfABatchThatIsLostAlready) {
  SmtpProbe probe({}, SampleSession());
  probe.eager = true;
  probe.fill_bytes = std::string(kEhlo).size() + 2;
  probe.server.answers["MAIL"] = {"550 no"};
  probe.Run();
  EXPECT_EQ(probe.server.commands(), Strings({kEhlo, kMail, kBob, "QUIT"}));
}

TEST(SmtpClientTest, ResetsOrTriesAgainWhenDataIsRefused) {
  MtaScript script = SampleSession(2);
  script.transactions[1].retry_data = true;
  SmtpProbe probe({}, script);
  probe.server.answers["DATA"] = {"451 later", "452 later"};
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({kEhlo,
                     kMail,
                     kBob,
                     kCarol,
                     "DATA",
                     "RSET",
                     kMail,
                     kBob,
                     kCarol,
                     "DATA",
                     "DATA",
                     "QUIT"}));
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kTempfailed);
  EXPECT_EQ(probe.client.results()[0].decided_at, Command::kData);
  EXPECT_EQ(probe.client.results()[1].outcome, Outcome::kAccepted);
}

TEST(SmtpClientTest, ResetsATransactionWithoutRecipients) {
  MtaScript script = SampleSession();
  script.transactions[0].recipients.clear();
  SmtpProbe probe({}, script);
  probe.Run();
  EXPECT_EQ(probe.server.commands(), Strings({kEhlo, kMail, "RSET", "QUIT"}));
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kNone);
}

TEST(SmtpClientTest, TellsTheVerdictAtTheEndOfData) {
  SmtpProbe probe({}, SampleSession(2));
  probe.server.answers["."] = {"554 5.7.1 virus", "451 4.7.1 later"};
  probe.Run();
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kRejected);
  EXPECT_EQ(probe.client.results()[0].decided_at, Command::kEndOfMessage);
  EXPECT_EQ(probe.client.results()[1].outcome, Outcome::kTempfailed);
  EXPECT_EQ(probe.server.commands().size(), 10U);  // and no RSET
}

TEST(SmtpClientTest, FallsBackToHelo) {
  MtaScript script = SampleSession();
  script.transactions[0].sender.arguments = {"SIZE=1", "BODY=8BITMIME"};
  SmtpProbe probe({}, script);
  probe.server.answers["EHLO"] = {"502 what?"};
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({kEhlo,
                     "HELO helo.example.com",
                     "MAIL FROM:<alice@example.net>",
                     kBob,
                     kCarol,
                     "DATA",
                     "QUIT"}));
  EXPECT_EQ(probe.batches.size(), 8U);
  EXPECT_EQ(probe.client.arguments_left_out(), 2U);
  EXPECT_EQ(probe.client.results()[0].outcome, Outcome::kAccepted);
}

TEST(SmtpClientTest, RefusedSessionsQuitAndTell) {
  struct Case {
    const char* verb;
    SmtpError error;
  };
  const Case cases[] = {{"GREETING", SmtpError::kGreetingRefused},
                        {"HELO", SmtpError::kHeloRefused},
                        {"XCLIENT", SmtpError::kXclientRefused}};
  for (const Case& one : cases) {
    for (const bool quit : {true, false}) {
      SmtpOptions options;
      options.quit = quit;
      SmtpProbe probe(options, SampleSession());
      probe.server.extensions = {"XCLIENT ADDR"};
      if (one.error == SmtpError::kHeloRefused) probe.server.answers["EHLO"] = {"550 no"};
      probe.server.answers[one.verb] = {"554 no service"};
      probe.Run();
      EXPECT_EQ(probe.client.error(), one.error);
      EXPECT_TRUE(probe.client.finished());
      const Strings& commands = probe.server.commands();
      EXPECT_EQ(!commands.empty() && commands.back() == "QUIT", quit);
      EXPECT_TRUE(probe.client.results().empty());
      const std::size_t last = probe.client.session_replies().size() - (quit ? 2 : 1);
      EXPECT_EQ(probe.client.session_replies()[last].text, "554 no service");
    }
  }
}

TEST(SmtpClientTest, PosesAsTheClientWhereXclientIsOffered) {
  SmtpProbe probe({}, SampleSession());
  probe.server.extensions = {"SIZE", "XCLIENT NAME ADDR PORT"};
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({kEhlo,
                     "XCLIENT ADDR=192.0.2.7 PORT=4711 NAME=client.example.com",
                     kEhlo,
                     kMail,
                     kBob,
                     kCarol,
                     "DATA",
                     "QUIT"}));
  EXPECT_TRUE(probe.client.xclient_taken());
  SmtpOptions options;
  options.xclient = false;
  SmtpProbe plain(options, SampleSession());
  plain.server.extensions = probe.server.extensions;
  plain.Run();
  EXPECT_EQ(plain.server.commands(), Strings({kEhlo, kMail, kBob, kCarol, "DATA", "QUIT"}));
  EXPECT_FALSE(plain.client.xclient_taken());
}

TEST(SmtpClientTest, GoesByTheEhloAfterXclient) {
  MtaScript script = SampleSession();
  script.helo = std::string(500, 'h');  // does not fit into XCLIENT
  SmtpProbe probe({}, script);
  const std::string first = "250-mx\r\n250-PIPELINING\r\n250-SIZE\r\n250 XCLIENT NAME HELO";
  probe.server.answers["EHLO"] = {first, "250 mx"};
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({"EHLO " + script.helo,
                     "XCLIENT NAME=client.example.com",
                     "EHLO " + script.helo,
                     "MAIL FROM:<alice@example.net>",
                     kBob,
                     kCarol,
                     "DATA",
                     "QUIT"}));
  EXPECT_EQ(probe.batches.size(), 9U);
  EXPECT_EQ(probe.client.arguments_left_out(), 1U);
}

TEST(SmtpClientTest, SaysHeloAsOftenAsTheScript) {
  MtaScript script = SampleSession(2);
  script.helo_count = 2;
  script.transactions[0].unknown_line = "HELP me";
  script.transactions[1].helo = "other.example.com";
  SmtpProbe probe({}, script);
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({kEhlo,
                     kEhlo,
                     "HELP me",
                     kMail,
                     kBob,
                     kCarol,
                     "DATA",
                     "EHLO other.example.com",
                     kMail,
                     kBob,
                     kCarol,
                     "DATA",
                     "QUIT"}));
  EXPECT_EQ(probe.client.transactions_done(), 2U);
}

TEST(SmtpClientTest, SaysNoHeloWhenTheScriptHasNone) {
  MtaScript script = SampleSession();
  script.helo_count = 0;
  SmtpOptions options;
  options.xclient = false;
  SmtpProbe probe(options, script);
  probe.Run();
  EXPECT_EQ(probe.server.commands(),
            Strings({"MAIL FROM:<alice@example.net>", kBob, kCarol, "DATA", "QUIT"}));
  SmtpProbe posing({}, script);
  posing.server.extensions = {"XCLIENT ADDR"};
  posing.Run();
  EXPECT_EQ(posing.server.commands()[1], "XCLIENT ADDR=192.0.2.7");
  EXPECT_EQ(posing.server.commands()[2], "MAIL FROM:<alice@example.net>");
}

TEST(SmtpClientTest, ClosesWithoutQuitWhenAsked) {
  SmtpOptions options;
  options.quit = false;
  SmtpProbe probe(options, SampleSession());
  probe.Run();
  EXPECT_EQ(probe.server.commands().back(), "DATA");
  EXPECT_TRUE(probe.client.finished());
}

TEST(SmtpClientTest, SendsNothingThatWouldBeMoreThanOneCommand) {
  const std::string bad[] = {"<a@b>\r\nDATA", std::string("<a\0@b>", 6), std::string(3000, 'a')};
  for (const std::string& address : bad) {
    MtaScript script = SampleSession();
    script.transactions[0].recipients[1].address = address;
    SmtpProbe probe({}, script);
    probe.Run();
    EXPECT_EQ(probe.client.error(), SmtpError::kCommandText);
    EXPECT_TRUE(probe.client.finished());
    EXPECT_EQ(probe.server.commands().size(), 3U);
  }
}

}  // namespace
}  // namespace replay
