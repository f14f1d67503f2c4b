// Every reply that the SMTP client can wait for, with every class of answer, garbage and the end.
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/tools/smtp_fake_server.h"
#include "tools/replay/smtp_client.h"

namespace replay {
namespace {

using milter::Outcome;

// What the client waits for when the answer under test comes, as the first answer to the verb.
struct State {
  const char* name = nullptr;
  const char* verb = nullptr;
  // The session's end after a 4xx or 5xx; kNone: it goes on.
  SmtpError when_refused = SmtpError::kNone;
};

constexpr State kStates[] = {
    {"greeting", "GREETING", SmtpError::kGreetingRefused},
    {"EHLO", "EHLO"},
    {"HELO", "HELO", SmtpError::kHeloRefused},
    {"XCLIENT", "XCLIENT", SmtpError::kXclientRefused},
    {"EHLO after XCLIENT", "EHLO"},
    {"unknown", "FOO"},
    {"MAIL", "MAIL"},
    {"RCPT", "RCPT"},
    {"DATA", "DATA"},
    {"end of data", "."},
    {"lone dot", "."},
    {"RSET", "RSET", SmtpError::kWrongReply},
};

// Plays two messages, arranged so that the first one comes to the state and gets the answer.
std::unique_ptr<SmtpProbe> Play(const State& state, bool pipelining, const std::string& answer) {
  const std::string_view name = state.name;
  SmtpOptions options;
  options.pipelining = pipelining;
  milter::MtaScript script = SampleSession(2);
  if (name == "unknown") script.transactions[0].unknown_line = "FOO";
  auto probe = std::make_unique<SmtpProbe>(options, script);
  auto& answers = probe->server.answers;
  if (name == "XCLIENT") probe->server.extensions.emplace_back("XCLIENT ADDR");
  if (name == "EHLO after XCLIENT") answers["EHLO"] = {"250-mx\r\n250 XCLIENT ADDR"};
  if (name == "HELO") answers["EHLO"] = {"500 no"};
  if (name == "RSET" || name == "lone dot") answers["RCPT"] = {"550 no", "550 no"};
  if (name == "lone dot") answers["DATA"] = {"354 all the same"};
  answers[state.verb].push_back(answer);
  probe->Run();
  return probe;
}

SmtpError Expected(const State& state, std::string_view answer) {
  const std::string_view name = state.name;
  if (answer.starts_with("421")) return SmtpError::kServiceClosing;
  if (answer == "CLOSE") return SmtpError::kClosed;
  if (answer == "?") return SmtpError::kReplyCode;
  if (answer.starts_with('2')) return name == "DATA" ? SmtpError::kWrongReply : SmtpError::kNone;
  if (answer.starts_with('3')) return name == "DATA" ? SmtpError::kNone : SmtpError::kWrongReply;
  return state.when_refused;
}

bool IsReached(const State& state, bool pipelining) {
  return pipelining || std::string_view(state.name) != "lone dot";
}

TEST(SmtpClientStatesTest, EveryStateTakesEveryClassOfAnswer) {
  for (const State& state : kStates) {
    for (const bool pipelining : {true, false}) {
      for (const std::string answer :
           {"250 yes", "299 yes", "354 go on", "451 later", "550 no", "421 bye", "?", "CLOSE"}) {
        if (!IsReached(state, pipelining)) continue;
        const auto probe = Play(state, pipelining, answer);
        const std::string where = std::string(state.name) + " " + answer;
        EXPECT_EQ(probe->client.error(), Expected(state, answer)) << where;
        EXPECT_TRUE(probe->client.finished()) << where;
        EXPECT_FALSE(probe->client.awaits_reply()) << where;
        if (probe->client.error() != SmtpError::kNone) continue;
        EXPECT_EQ(probe->client.transactions_done(), 2U) << where;
        EXPECT_EQ(probe->client.results()[1].outcome, Outcome::kAccepted) << where;
        EXPECT_EQ(probe->server.commands().back(), "QUIT") << where;
      }
    }
  }
}

TEST(SmtpClientStatesTest, EveryCutAnswerIsAnErrorAtTheEnd) {
  for (const State& state : kStates) {
    const auto probe = Play(state, true, "250-half CLOSE");
    EXPECT_EQ(probe->client.error(), SmtpError::kClosed) << state.name;
  }
}

TEST(SmtpClientStatesTest, ServiceClosingDecidesTheTransactionUnderWay) {
  for (const State& state : kStates) {
    const auto probe = Play(state, true, "421 4.3.2 bye");
    const std::string_view name = state.name;
    const bool in_transaction =
        name == "MAIL" || name == "RCPT" || name == "DATA" || name == "end of data";
    const bool after_refusal = name == "RSET" || name == "lone dot";
    EXPECT_EQ(probe->client.transactions_done(), in_transaction || after_refusal ? 1U : 0U) << name;
    if (in_transaction) {
      EXPECT_EQ(probe->client.results()[0].outcome, Outcome::kTempfailed) << name;
      EXPECT_EQ(probe->client.results()[0].reply_text, "421 4.3.2 bye") << name;
    } else if (after_refusal) {
      EXPECT_EQ(probe->client.results()[0].outcome, Outcome::kRejected) << name;
    }
  }
}

TEST(SmtpClientStatesTest, AnyAnswerToQuitEndsTheSession) {
  for (const std::string answer : {"221 bye", "354 what", "451 no", "500 no", "421 bye", "CLOSE"}) {
    const auto probe = Play({"QUIT", "QUIT"}, true, answer);
    EXPECT_EQ(probe->client.error(), SmtpError::kNone) << answer;
    EXPECT_TRUE(probe->client.finished()) << answer;
    EXPECT_EQ(probe->client.transactions_done(), 2U) << answer;
  }
}

TEST(SmtpClientStatesTest, RepliesThatNobodyAskedForAreErrors) {
  struct Case {
    const char* text;
    SmtpError error;
  };
  for (const Case& one : {Case{" more", SmtpError::kNone},
                          Case{"\r\n250 more", SmtpError::kReplyNotDue},
                          Case{"\r\n421 bye", SmtpError::kServiceClosing},
                          Case{"\r\n25", SmtpError::kReplyNotDue}}) {
    // After the greeting nothing is due until EHLO is sent.
    const auto probe = Play(kStates[0], true, std::string("220 hi") + one.text);
    EXPECT_EQ(probe->client.error(), one.error) << one.text;
  }
}

TEST(SmtpClientStatesTest, RepliesWithinTheContentAreErrors) {
  SmtpProbe probe({}, SampleSession());
  probe.eager = true;
  probe.fill_bytes = 100;  // the content takes more than one
  probe.server.answers["DATA"] = {"354 go on\r\n250 and thanks"};
  probe.Run();
  EXPECT_EQ(probe.client.error(), SmtpError::kReplyNotDue);
}

TEST(SmtpClientStatesTest, TellsWhatItWaitsFor) {
  SmtpProbe probe({}, SampleSession());
  EXPECT_EQ(probe.client.awaited_command(), static_cast<std::uint8_t>(milter::Command::kConnect));
  probe.server.answers["."] = {""};
  probe.Run();
  EXPECT_EQ(probe.client.awaited_command(),
            static_cast<std::uint8_t>(milter::Command::kEndOfMessage));
  EXPECT_FALSE(probe.client.finished());
}

}  // namespace
}  // namespace replay
