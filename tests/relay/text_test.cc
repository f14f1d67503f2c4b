// The texts that the relay makes of what peers say: session text, Received field, policy banks,
// message lists, summary line.
#include <array>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/scratch.h"
#include "relay/message.h"
#include "relay/policy_banks.h"
#include "relay/received.h"
#include "relay/session_text.h"
#include "relay/summary.h"

namespace relay {
namespace {

std::string Received(const ReceivedFacts& facts) {
  engine::Scratch<char, kReceivedBytesMax> room;
  return {room.data(), WriteReceived(facts, room)};
}

std::string Banks(const BankFacts& facts) {
  engine::Scratch<char, kBankListBytesMax> room;
  return std::string(WritePolicyBanks(facts, room));
}

TEST(ReceivedTest, HasAllPartsWhenAllAreKnown) {
  EXPECT_EQ(Received({.helo = "h.example",
                      .client_name = "c.example",
                      .client_address = "IPv6:2001:db8::1",
                      .auth_type = "PLAIN",
                      .auth_ssf = "128",
                      .auth_authen = "bob",
                      .mta_name = "mx.lab.test",
                      .protocol = "ESMTP",
                      .queue_id = "4CC63A76085",
                      .date = "Sun, 22 Nov 2026 03:00:00 +0000 (UTC)",
                      .sender = "<a@b>"}),
            "Received: from h.example (c.example [IPv6:2001:db8::1]) (authenticated bits=128)\n"
            "\tby mx.lab.test (amavisd-milter) with ESMTP (authenticated as bob) id 4CC63A76085;\n"
            "\tSun, 22 Nov 2026 03:00:00 +0000 (UTC)\n"
            "\t(envelope-from <a@b>)\n");
}

TEST(ReceivedTest, LeavesOutWhatIsUnknown) {
  EXPECT_EQ(
      Received({.client_name = "unknown", .date = "D", .sender = "<>"}),
      "Received: from unknown\n\tby localhost (amavisd-milter);\n\tD\n\t(envelope-from <>)\n");
}

TEST(ReceivedTest, EndsItsLinesAsItIsTold) {
  EXPECT_EQ(Received({.date = "D", .sender = "<>", .line_end = "\r\n"}),
            "Received: from unknown\r\n\tby localhost (amavisd-milter);\r\n\tD\r\n"
            "\t(envelope-from <>)\r\n");
}

TEST(ReceivedTest, IsAlwaysOneWellFormedField) {
  const std::string hostile = std::string("a\r\nX-Evil: b\n\nbody") + '\0' + std::string(5000, 'z');
  const std::string field = Received({.helo = hostile,
                                      .client_name = hostile,
                                      .client_address = hostile,
                                      .auth_type = hostile,
                                      .auth_ssf = hostile,
                                      .auth_authen = hostile,
                                      .mta_name = hostile,
                                      .protocol = hostile,
                                      .queue_id = hostile,
                                      .date = hostile,
                                      .sender = hostile});
  ASSERT_EQ(field.back(), '\n');
  for (std::size_t at = field.find('\n'); at + 1 < field.size(); at = field.find('\n', at + 1)) {
    EXPECT_EQ(field[at + 1], '\t') << "a line that does not continue the field, at " << at;
  }
  EXPECT_EQ(field.find('\0'), std::string::npos);
  EXPECT_EQ(field.find('\r'), std::string::npos);
}

TEST(PolicyBanksTest, ListsInTheOrderOfTheIncumbent) {
  EXPECT_EQ(Banks({}), "");
  EXPECT_EQ(Banks({.daemon_name = "ORIGINATING"}), "ORIGINATING");
  EXPECT_EQ(Banks({.auth_type = "PLAIN"}), "SMTP_AUTH,SMTP_AUTH_PLAIN");
  EXPECT_EQ(Banks({.daemon_name = "mx.lab.test", .auth_type = "PLAIN", .auth_ssf = "256"}),
            "mx.lab.test,SMTP_AUTH,SMTP_AUTH_PLAIN,SMTP_AUTH_PLAIN_256");
  EXPECT_EQ(Banks({.auth_ssf = "256"}), "");
}

TEST(PolicyBanksTest, NamesFromOutsideCannotNameAnotherBank) {
  EXPECT_EQ(Banks({.daemon_name = "A,INT-MTA"}), "");
  EXPECT_EQ(Banks({.auth_type = "X\nrequest=release"}), "SMTP_AUTH");
  EXPECT_EQ(Banks({.auth_type = "PLAIN", .auth_ssf = "1,2"}), "SMTP_AUTH,SMTP_AUTH_PLAIN");
  EXPECT_EQ(Banks({.daemon_name = std::string(kBankNameBytesMax + 1, 'a')}), "");
}

TEST(SessionTextTest, KeepsEveryFieldThroughRandomChanges) {
  engine::BlockPool pool(engine::kMiB);
  {
    SessionText text(pool);
    std::array<std::string, kMacroCount> model;
    std::mt19937 random(7);
    for (int round = 0; round < 20000; ++round) {
      const auto macro = static_cast<Macro>(random() % kMacroCount);
      const std::string value(random() % (round % 50 == 0 ? 2000 : 40),
                              static_cast<char>('a' + random() % 26));
      ASSERT_TRUE(text.Set(macro, value));
      model[static_cast<std::size_t>(macro)] = value.substr(0, SessionText::kFieldBytesMax);
      for (std::size_t i = 0; i < kMacroCount; ++i) {
        ASSERT_EQ(text.Get(static_cast<Macro>(i)), model[i]);
      }
    }
    text.Set(SessionText::Field::kHelo, "helo");
    text.ClearMacros();
    EXPECT_EQ(text.Get(Macro::kQueueId), "");
    EXPECT_EQ(text.Get(SessionText::Field::kHelo), "helo");
  }
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(SessionTextTest, FullPoolKeepsTheOldValue) {
  engine::BlockPool pool(64);
  SessionText text(pool);
  ASSERT_TRUE(text.Set(SessionText::Field::kHelo, "first"));
  EXPECT_FALSE(text.Set(SessionText::Field::kHelo, std::string(500, 'x')));
  EXPECT_EQ(text.Get(SessionText::Field::kHelo), "first");
}

TEST(SessionTextTest, IdleSessionTakesOneSmallBlock) {
  engine::BlockPool pool(engine::kMiB);
  SessionText text(pool);
  text.Set(Macro::kMtaName, "mx.lab.test");
  text.Set(Macro::kDaemonName, "mx.lab.test");
  text.Set(Macro::kMtaVersion, "Postfix 3.7.11");
  text.Set(SessionText::Field::kHost, "mail-ej1-f44.google.com");
  text.Set(SessionText::Field::kAddress, "209.85.218.44");
  text.Set(SessionText::Field::kHelo, "mail-ej1-f44.google.com");
  EXPECT_LE(pool.bytes_in_use(), 128U);
}

std::string Summary(const Message& message,
                    const ScanTimes& times,
                    const ampdp::Reply* reply,
                    LogAddresses addresses) {
  engine::LogLine line("message");
  WriteSummary({.message = message,
                .queue_id = "4CC63A76085",
                .client_host = "c.example",
                .client_address = "192.0.2.1",
                .verdict = "continue",
                .now = engine::Time(std::chrono::milliseconds(1500)),
                .times = times,
                .reply = reply,
                .counts = {.headers_inserted = 2}},
               addresses,
               line);
  return std::string(line.view());
}

TEST(SummaryTest, HasAllFieldsOfAScannedMessage) {
  engine::BlockPool pool(engine::kMiB);
  Message message(pool);
  ASSERT_TRUE(message.SetSender("<a@b.example>"));
  ASSERT_TRUE(message.AddRecipient("<c@d.example>", {}));
  ASSERT_TRUE(message.AddRecipient("<e@f.example>", {}));
  message.wire_bytes = 1234;
  message.slot_name = "s00003";
  message.content_end_at = std::chrono::milliseconds(1000);
  const ScanTimes times = {.started = std::chrono::milliseconds(1000),
                           .granted = std::chrono::milliseconds(1100),
                           .sent = std::chrono::milliseconds(1101),
                           .ended = std::chrono::milliseconds(1500)};
  const ampdp::Reply reply = {.log_id = "18785-02"};
  EXPECT_EQ(
      Summary(message, times, &reply, LogAddresses::kFull),
      "message qid=4CC63A76085 client=c.example addr=192.0.2.1 from=<a@b.example> to=<c@d.example> "
      "nrcpt=2 size=1234 verdict=continue log_id=18785-02 slot=s00003 wait_ms=100.0 scan_ms=399.0 "
      "total_ms=500.0 edits=insheader:2");
}

TEST(SummaryTest, AddressesAreShownAsConfigured) {
  engine::BlockPool pool(engine::kMiB);
  Message message(pool);
  ASSERT_TRUE(message.SetSender("<secret@b.example>"));
  ASSERT_TRUE(message.AddRecipient("<hidden@d.example>", {}));
  const std::string domain = Summary(message, {}, nullptr, LogAddresses::kDomain);
  EXPECT_NE(domain.find("from=@b.example to=@d.example"), std::string::npos) << domain;
  const std::string none = Summary(message, {}, nullptr, LogAddresses::kNone);
  EXPECT_EQ(none.find("example>"), std::string::npos) << none;
  EXPECT_EQ(domain.find("secret"), std::string::npos);
  EXPECT_EQ(none.find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace relay
