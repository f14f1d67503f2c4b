// What the log says of a message at each debug level, and that mail stays private below level 5.
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

constexpr std::string_view kSecretSubject = "secret-subject";
constexpr std::string_view kSecretBody = "secret-body";

// All lines of one clean message at debug level `level`.
std::string LogAt(int level) {
  WorldOptions options{.shards = 1, .scanner = Calm(std::chrono::milliseconds(10))};
  options.keep_log = true;
  options.spool_writes = engine::FileWork::kAuto;  // no spare slots: the first one is s00000
  RelayWorld relay(1, options);
  relay.log().set_debug_level(level);
  milter::MtaScript script = relay.MakeScript(kOne);
  milter::Transaction& message = script.transactions[0];
  message.headers = {{"Subject", " " + std::string(kSecretSubject)}};
  message.body = std::string(kSecretBody) + "\r\n";
  relay.ledger()[message.queue_id].content =
      "Subject: " + std::string(kSecretSubject) + "\n\n" + std::string(kSecretBody) + "\n";
  relay.ConnectAt(relay.AddServer({}, std::move(script)), relay.world().now());
  EXPECT_TRUE(relay.RunServers(std::chrono::hours(1)));
  EXPECT_TRUE(relay.Finish().empty());
  std::string text;
  for (const std::string& line : relay.log_lines())
    text += line + "\n";
  return text;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(RelayLogTest, OneLineForEachMessageWithoutDebugging) {
  const std::string text = LogAt(0);
  EXPECT_TRUE(
      text.starts_with("info: message shard=0 qid=Q0 client=client.example.net addr=192.0.2.1 "
                       "from=<sender-Q0@example.net> to=<r0-Q0@lab.test> nrcpt=1 "))
      << text;
  EXPECT_TRUE(Has(text, "verdict=continue log_id=Q0 slot=s00000 wait_ms=0.0 scan_ms=1")) << text;
  EXPECT_TRUE(Has(text, "edits=insheader:1"));
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
}

TEST(RelayLogTest, StatesAtLevelTwoAndSessionsAtThree) {
  const std::string two = LogAt(2);
  EXPECT_TRUE(Has(two, "debug: message begins shard=0 session="));
  EXPECT_TRUE(Has(two, "debug: scan shard=0 state=reply slot=s00000"));
  EXPECT_FALSE(Has(two, "session begins"));
  EXPECT_TRUE(Has(LogAt(3), "debug: session begins shard=0"));
}

TEST(RelayLogTest, CommandsAndRepliesAtLevelFour) {
  const std::string text = LogAt(4);
  for (const char* command :
       {"OPTNEG", "CONNECT", "HELO", "MAIL", "RCPT", "DATA", "HEADER", "BODYEOB"}) {
    EXPECT_TRUE(Has(text, "command=" + std::string(command))) << command;
  }
  EXPECT_TRUE(Has(text, "answer=INSHEADER"));
  EXPECT_TRUE(Has(text, "answer=CONTINUE"));
  EXPECT_FALSE(Has(text, "command=BODY ")) << "pieces of a body come at level 7";
}

TEST(RelayLogTest, TextsScannerLinesAndBodiesAtTheirLevels) {
  EXPECT_TRUE(Has(LogAt(5), kSecretSubject));
  const std::string six = LogAt(6);
  EXPECT_TRUE(Has(six, "ampdp shard=0 request=\"queue_id=Q0\""));
  EXPECT_TRUE(Has(six, "reply=\"return_value=continue\""));
  const std::string seven = LogAt(7);
  EXPECT_TRUE(Has(seven, "command=BODY reply=no bytes=13"));
  EXPECT_FALSE(Has(seven, kSecretBody));
  EXPECT_TRUE(Has(LogAt(8), kSecretBody));
}

TEST(RelayLogTest, MailIsPrivateBelowLevelFive) {
  for (int level = 0; level <= 4; ++level) {
    const std::string text = LogAt(level);
    EXPECT_FALSE(Has(text, kSecretSubject)) << "level " << level;
    EXPECT_FALSE(Has(text, kSecretBody)) << "level " << level;
  }
}

}  // namespace
}  // namespace relay_sim
