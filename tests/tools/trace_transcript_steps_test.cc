// What single packets mean for a script: times, sizes, how the client left, odd packets.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"
#include "tools/trace/transcript.h"
#include "tools/trace/verdict.h"

namespace trace {
namespace {

using milter::Command;
using milter::MtaKind;
using milter::Outcome;
using milter::Raw;
using milter::StopHow;

// Packets ten microseconds apart.
class Packets {
 public:
  Packets& Server(char code, std::string_view payload = {}, std::uint32_t body_bytes = 0) {
    return Add(Direction::kToFilter, code, payload, body_bytes);
  }
  Packets& Filter(char code, std::string_view payload = {}) {
    return Add(Direction::kToServer, code, payload, 0);
  }
  RecordedTransaction Message(std::string body = "", bool leading_space = false) const {
    Verdict verdict;
    for (const Packet& packet : packets_) {
      if (packet.direction == Direction::kToFilter) {
        verdict.OnCommand(packet.code);
      } else {
        verdict.OnReply(packet.code, packet.payload);
      }
    }
    TransactionRecord record;
    record.outcome = verdict.outcome();
    record.decided_at = verdict.decided_at();
    record.packets = packets_;
    return DecodeTransaction(record, std::move(body), leading_space);
  }
  RecordedSession Session() const {
    return DecodeSession({.session = 1, .time_us = 0, .packets = packets_});
  }

 private:
  Packets& Add(Direction direction, char code, std::string_view payload, std::uint32_t body_bytes) {
    packets_.push_back({10 * packets_.size(),
                        direction,
                        static_cast<std::uint8_t>(code),
                        body_bytes,
                        std::string(payload)});
    return *this;
  }

  std::vector<Packet> packets_;
};

Packets Envelope() {
  Packets packets;
  packets
      .Server('D', Raw("M{mail_addr}\0a@b\0{auth_authen}\0me\0"))  // 0
      .Server('M', Raw("<a@b>\0SIZE=9\0BODY=8BITMIME\0"))          // 10
      .Filter('c')                                                 // 20
      .Server('D', Raw("R{rcpt_host}\0one\0"))                     // 30
      .Server('R', Raw("<c@d>\0"))                                 // 40
      .Filter('c')                                                 // 50
      .Server('D', Raw("Ri\0QID\0{rcpt_host}\0two\0"))             // 60
      .Server('R', Raw("<e@f>\0NOTIFY=NEVER\0"))                   // 70
      .Filter('y', Raw("550 5.1.1 no\0"));                         // 80
  return packets;
}

TEST(TraceTranscriptTest, StepsHaveTheirTimesAndValues) {
  Packets packets = Envelope();
  packets
      .Server('T')                               // 90
      .Filter('c')                               // 100
      .Server('L', Raw("Subject\0a\n b\0"))      // 110
      .Server('N')                               // 120
      .Server('B', "", 7)                        // 130
      .Server('D', Raw("E{msg_id}\0<x@y>\0"))    // 140
      .Server('E')                               // 150
      .Filter('p')                               // 160
      .Filter('h', Raw("X-Seen\0yes\0"))         // 170
      .Filter('y', Raw("554 5.7.0 go away\0"));  // 180
  const RecordedTransaction one = packets.Message("hello\r\n");
  EXPECT_EQ(one.not_understood, 0U);
  EXPECT_EQ(one.mail_us, 10U);
  EXPECT_EQ(one.rcpt_us, (std::vector<std::uint64_t>{40, 70}));
  EXPECT_EQ(one.data_us, 90U);
  EXPECT_EQ(one.content_us, 110U);
  EXPECT_EQ(one.end_of_message_us, 150U);
  EXPECT_EQ(one.verdict_us, 180U);
  // "Subject: a" CRLF " b" CRLF CRLF and the body.
  EXPECT_EQ(one.message_bytes, 12U + 4U + 2U + 7U);

  const milter::Transaction& message = one.transaction;
  EXPECT_EQ(message.sender.address, "<a@b>");
  EXPECT_EQ(message.sender.arguments, (std::vector<std::string>{"SIZE=9", "BODY=8BITMIME"}));
  ASSERT_EQ(message.recipients.size(), 2U);
  EXPECT_EQ(message.recipients[1].arguments, (std::vector<std::string>{"NOTIFY=NEVER"}));
  EXPECT_EQ(message.recipients[1].macros.at(0).value, "two");
  EXPECT_EQ(message.queue_id, "QID");
  EXPECT_EQ(message.body, "hello\r\n");
  EXPECT_EQ(message.headers.at(0).value, " a\n b");
  EXPECT_EQ(*milter::FindMacro(message.macros, "auth_authen"), "me");
  EXPECT_EQ(*milter::FindMacro(message.macros, "msg_id"), "<x@y>");
  EXPECT_EQ(message.stop.how, StopHow::kPlayOn);

  EXPECT_TRUE(one.has_verdict);
  EXPECT_EQ(one.result.outcome, Outcome::kRejected);
  EXPECT_EQ(one.result.decided_at, Command::kEndOfMessage);
  EXPECT_EQ(one.result.reply_text, "554 5.7.0 go away");
  EXPECT_EQ(one.result.recipients_accepted, (std::vector<bool>{true, false}));
  EXPECT_EQ(one.result.progress_count, 1U);
  ASSERT_EQ(one.result.edits.size(), 1U);
  EXPECT_EQ(one.result.edits[0].name, "X-Seen");
  EXPECT_EQ(one.result.replies.size(), 5U);
}

TEST(TraceTranscriptTest, LeadingSpaceIsTheValuesOwn) {
  Packets packets;
  packets.Server('L', Raw("Subject\0 a\0"));
  EXPECT_EQ(packets.Message("", true).transaction.headers.at(0).value, " a");
  EXPECT_EQ(packets.Message("", false).transaction.headers.at(0).value, "  a");
}

TEST(TraceTranscriptTest, HowTheClientLeftIsTold) {
  const auto stop = [](Packets packets) { return packets.Message().transaction.stop; };
  milter::Stop how = stop(Envelope().Server('A'));
  EXPECT_EQ(how.how, StopHow::kReset);
  EXPECT_EQ(how.after, Command::kRcpt);
  EXPECT_EQ(how.count, 2U);
  EXPECT_EQ(stop(Envelope().Server('Q')).how, StopHow::kQuit);
  EXPECT_EQ(stop(Envelope()).how, StopHow::kDrop);
  how = stop(Envelope().Server('T').Filter('c').Server('L').Server('L').Server('L').Server('A'));
  EXPECT_EQ(how.after, Command::kHeader);
  EXPECT_EQ(how.count, 3U);
  // A verdict, and then the ABORT that Postfix always sends.
  EXPECT_EQ(stop(Envelope().Server('E').Filter('c').Server('A')).how, StopHow::kPlayOn);
}

TEST(TraceTranscriptTest, StepsThatTheFilterDoesNotWantAreToldByTheirMacros) {
  Packets packets;
  packets.Server('D', Raw("M{mail_addr}\0a@b\0"))
      .Server('D', "R")
      .Server('D', "R")
      .Server('D', Raw("Ti\0Q1\0"))
      .Server('A');
  const RecordedTransaction one = packets.Message();
  EXPECT_EQ(one.transaction.recipients.size(), 2U);
  EXPECT_EQ(one.rcpt_us, (std::vector<std::uint64_t>{10, 20}));
  EXPECT_EQ(one.transaction.queue_id, "Q1");
  EXPECT_EQ(one.transaction.stop.after, Command::kData);
  EXPECT_EQ(one.transaction.stop.count, 1U);
}

TEST(TraceTranscriptTest, AVerdictThatTheRecordDoesNotHaveIsNone) {
  TransactionRecord record;
  record.packets = {{0, Direction::kToFilter, 'M', 0, Raw("<a@b>\0")},
                    {1, Direction::kToFilter, 'R', 0, Raw("<c@d>\0")},
                    {2, Direction::kToFilter, 'E', 0, ""},
                    {3, Direction::kToServer, 'c', 0, ""},
                    {4, Direction::kToFilter, 'A', 0, ""}};
  const RecordedTransaction imported = DecodeTransaction(record, "", false);
  EXPECT_FALSE(imported.has_verdict);
  EXPECT_EQ(imported.verdict_us, 0U);
  EXPECT_TRUE(imported.result.replies.empty());
  EXPECT_EQ(imported.result.recipients_accepted, (std::vector<bool>{true}));
  EXPECT_EQ(imported.transaction.stop.how, StopHow::kPlayOn);
}

TEST(TraceTranscriptTest, ARepeatedDataIsARetry) {
  Packets packets = Envelope();
  packets.Server('D', "T").Server('T').Filter('t').Server('D', "T").Server('T').Filter('c');
  const RecordedTransaction one = packets.Server('E').Filter('a').Message();
  EXPECT_TRUE(one.transaction.retry_data);
  EXPECT_EQ(one.result.outcome, Outcome::kAccepted);
  EXPECT_FALSE(Envelope().Server('D', "T").Server('T').Message().transaction.retry_data);
}

TEST(TraceTranscriptTest, WhatLeadsAMessageIsItsHeloAndUnknownCommand) {
  Packets packets;
  packets.Server('D', "U").Server('U', Raw("NOSUCH\0")).Filter('r');
  packets.Server('D', "H").Server('H', Raw("again\0")).Filter('c').Server('A');
  packets.Server('D', "M").Server('M', Raw("<>\0")).Filter('r');
  const RecordedTransaction one = packets.Message();
  EXPECT_EQ(one.transaction.unknown_line, "NOSUCH");
  EXPECT_EQ(one.transaction.helo, "again");
  EXPECT_EQ(one.result.outcome, Outcome::kRejected);
  EXPECT_EQ(one.result.replies.size(), 1U);
  EXPECT_EQ(one.transaction.stop.how, StopHow::kPlayOn);
}

TEST(TraceTranscriptTest, PacketsThatSayNothingAreCounted) {
  Packets packets;
  packets.Server('X').Server('D').Server('M', "no NUL").Server('L', "no NUL").Filter('i', "1");
  packets.Filter('?').Server('C', "late");
  EXPECT_EQ(packets.Message().not_understood, 7U);
  EXPECT_EQ(packets.Session().not_understood, 5U);  // X, the empty D, M, L, C
  EXPECT_FALSE(packets.Message().has_verdict);
}

TEST(TraceTranscriptTest, TheClientIsToldAsMtaSessionMakesIt) {
  struct Case {
    std::string payload;
    std::string name;
    std::string address;
    char family;
  };
  const Case cases[] = {
      {Raw("host.example\0004\0\x19"
           "192.0.2.1\0"),
       "host.example",
       "192.0.2.1",
       '4'},
      {Raw("[192.0.2.1]\0004\0\x19"
           "192.0.2.1\0"),
       "unknown",
       "192.0.2.1",
       '4'},
      {Raw("[IPv6:2001:db8::1]\0006\0\x19"
           "IPv6:2001:db8::1\0"),
       "unknown",
       "2001:db8::1",
       '6'},
      {Raw("localhost\0U"), "localhost", "", 'U'},
      {Raw("localhost\0L\0\0/run/x\0"), "localhost", "/run/x", 'L'},
  };
  for (const Case& one : cases) {
    const RecordedSession session = Packets().Server('C', one.payload).Session();
    EXPECT_EQ(session.not_understood, 0U) << one.payload;
    EXPECT_EQ(session.script.client_name, one.name);
    EXPECT_EQ(session.script.client_address, one.address);
    EXPECT_EQ(session.script.client_family, one.family);
  }
}

TEST(TraceTranscriptTest, TheKindIsGuessedByWhatOnlyOneOfThemSends) {
  const auto kind = [](Packets packets) { return packets.Session().kind; };
  EXPECT_EQ(kind(Packets().Server('D', Raw("Cv\0Postfix 3.7.11\0"))), MtaKind::kPostfix);
  EXPECT_EQ(kind(Packets().Server('D', Raw("Cv\0008.17.1.9\0"))), MtaKind::kSendmail);
  EXPECT_EQ(kind(Packets().Server('D', Raw("Cj\0mx\0{if_name}\0mx\0"))), MtaKind::kSendmail);
  EXPECT_EQ(kind(Packets().Server('D', Raw("Cj\0mx\0")).Server('D', "H")), MtaKind::kPostfix);
  EXPECT_EQ(kind(Packets()), MtaKind::kPostfix);
  EXPECT_EQ(kind(Packets().Server('C', Raw("a\0U")).Server('H', Raw("h\0"))), MtaKind::kSendmail);
}

TEST(TraceTranscriptTest, HelosAreCountedWithOrWithoutTheirMacros) {
  EXPECT_EQ(Packets().Session().script.helo_count, 0U);
  Packets twice;
  twice.Server('D', "H").Server('H', Raw("one\0")).Filter('c');
  twice.Server('H', Raw("two\0"));
  EXPECT_EQ(twice.Session().script.helo_count, 2U);
  EXPECT_EQ(twice.Session().script.helo, "two");
  EXPECT_EQ(twice.Session().helo_us, 30U);
  EXPECT_EQ(Packets().Server('D', "H").Server('D', "H").Session().script.helo_count, 2U);
}

TEST(TraceTranscriptTest, OutcomesHaveNames) {
  EXPECT_STREQ(OutcomeText(Outcome::kNone), "none");
  EXPECT_STREQ(OutcomeText(Outcome::kAccepted), "accepted");
  EXPECT_STREQ(OutcomeText(Outcome::kRejected), "rejected");
  EXPECT_STREQ(OutcomeText(Outcome::kTempfailed), "tempfailed");
  EXPECT_STREQ(OutcomeText(Outcome::kDiscarded), "discarded");
}

}  // namespace
}  // namespace trace
