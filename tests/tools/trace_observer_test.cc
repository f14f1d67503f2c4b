// Byte streams to records: which packet goes where, what decides, and what only odd peers do.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"
#include "tests/tools/trace_samples.h"

namespace trace {
namespace {

using milter::Outcome;
using milter::Pack;

constexpr Direction kServer = Direction::kToFilter;
constexpr Direction kFilter = Direction::kToServer;

// A peer that says one packet after the other.
class Peers {
 public:
  Peers() {
    Server('O', "123456789012");
    Filter('O', "123456789012");
    Server('C', "client");
    Filter('c');
    Server('H', "helo");
    Filter('c');
  }
  void Server(char code, std::string_view payload = {}) { Say(kServer, Pack(code, payload)); }
  void Filter(char code, std::string_view payload = {}) { Say(kFilter, Pack(code, payload)); }
  void Say(Direction direction, std::string_view octets) {
    observer_.OnOctets(direction, octets, ++time_us_);
  }
  // MAIL and RCPT, accepted.
  void Envelope() {
    Server('D', "M");
    Server('M', "<a@b>");
    Filter('c');
    Server('R', "<c@d>");
    Filter('c');
  }
  const Kept& End(Ending ending = Ending::kServerClosed) {
    observer_.OnEnd(ending, 32, ++time_us_);
    return kept_;
  }
  const Kept& kept() const { return kept_; }
  SessionObserver& observer() { return observer_; }

 private:
  Kept kept_;
  std::uint64_t time_us_ = 1000;
  SessionObserver observer_{kept_, 9, 1000};
};

std::string Codes(const std::vector<Packet>& packets) {
  std::string codes;
  for (const Packet& packet : packets)
    codes += static_cast<char>(packet.code);
  return codes;
}

TEST(TraceObserverTest, ASessionWithoutAMessageHasItsPacketsInOneRecord) {
  Peers peers;
  peers.Server('D', "U");
  peers.Server('U', "NOOP2");
  peers.Filter('c');
  peers.Server('A');
  peers.Server('Q');
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.order, "sc");
  EXPECT_EQ(Codes(kept.sessions[0].packets), "OOCcHcDUcAQ");
  EXPECT_EQ(kept.sessions[0].time_us, 1000U);
  EXPECT_EQ(kept.sessions[0].packets[1].offset_us, 2U);
  EXPECT_TRUE(kept.closes[0].packets.empty());
  EXPECT_EQ(kept.closes[0].error, 32U);
}

TEST(TraceObserverTest, NothingAtAllIsASessionAllTheSame) {
  Kept kept;
  SessionObserver observer(kept, 1, 5);
  observer.OnEnd(Ending::kFilterRefused, 111, 6);
  EXPECT_EQ(kept.order, "sc");
  EXPECT_EQ(kept.closes[0].ending, Ending::kFilterRefused);
}

TEST(TraceObserverTest, AMessageIsGivenWithTheAbortBehindItsVerdict) {
  Peers peers;
  peers.Envelope();
  peers.Server('B', "one ");
  peers.Filter('c');
  peers.Server('E', "two");
  peers.Filter('h', "a");
  peers.Filter('c');
  EXPECT_EQ(peers.kept().order, "s");
  peers.Server('A');
  EXPECT_EQ(peers.kept().order, "st");
  EXPECT_EQ(peers.observer().held_bytes(), 0U);
  peers.Server('A');
  peers.Server('Q');
  const Kept& kept = peers.End(Ending::kFilterClosed);
  EXPECT_EQ(Codes(kept.transactions[0].packets), "DMcRcBcEhcA");
  EXPECT_EQ(kept.transactions[0].time_us, 1007U);
  EXPECT_EQ(kept.bodies[0], "one two");
  EXPECT_EQ(kept.transactions[0].captured, Captured::kWhole);
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kAccepted);
  EXPECT_EQ(kept.transactions[0].decided_at, 'E');
  EXPECT_EQ(Codes(kept.closes[0].packets), "AQ");
  // Counted back from the close.
  EXPECT_EQ(kept.closes[0].packets[0].offset_us, 2U);
  EXPECT_EQ(kept.closes[0].packets[1].offset_us, 1U);
  EXPECT_EQ(kept.closes[0].ending, Ending::kQuit);
}

TEST(TraceObserverTest, WhatComesBetweenTwoMessagesLeadsTheSecond) {
  Peers peers;
  peers.Envelope();
  peers.Server('E');
  peers.Filter('c');
  peers.Server('D', "H");
  peers.Server('H', "again");
  peers.Filter('c');
  peers.Server('A');
  peers.Envelope();
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.order, "sttc");
  EXPECT_EQ(Codes(kept.transactions[0].packets), "DMcRcEc");
  EXPECT_EQ(Codes(kept.transactions[1].packets), "DHcADMcRc");
  EXPECT_EQ(kept.transactions[1].index, 1U);
  EXPECT_EQ(kept.transactions[1].outcome, Outcome::kNone);
  EXPECT_EQ(kept.transactions[1].decided_at, 0U);
  EXPECT_EQ(kept.closes[0].ending, Ending::kServerClosed);
}

TEST(TraceObserverTest, ARepeatedHeloIsTheSessionsAnUnknownCommandTheMessages) {
  Peers peers;
  peers.Server('H', "after tls");
  peers.Filter('c');
  peers.Server('A');
  peers.Server('D', "U");
  peers.Server('U', "NOOP2");
  peers.Filter('c');
  peers.Envelope();
  const Kept& kept = peers.End();
  EXPECT_EQ(Codes(kept.sessions[0].packets), "OOCcHcHcA");
  EXPECT_EQ(Codes(kept.transactions[0].packets), "DUcDMcRc");
}

TEST(TraceObserverTest, AResetAndALeavingEndAMessageWithoutVerdict) {
  Peers peers;
  peers.Envelope();
  peers.Server('A');
  peers.Envelope();
  peers.Server('Q');
  const Kept& kept = peers.End();
  EXPECT_EQ(Codes(kept.transactions[0].packets), "DMcRcA");
  EXPECT_EQ(Codes(kept.transactions[1].packets), "DMcRcQ");
  EXPECT_EQ(kept.transactions[1].decided_at, 0U);
  EXPECT_TRUE(kept.closes[0].packets.empty());
  EXPECT_EQ(kept.closes[0].ending, Ending::kQuit);
}

TEST(TraceObserverTest, MailAgainBeginsAnotherMessage) {
  Peers peers;
  peers.Envelope();
  peers.Envelope();  // with its macros first
  peers.Server('M', "<x@y>");
  peers.Filter('c');
  const Kept& kept = peers.End();
  ASSERT_EQ(kept.order, "stttc");
  EXPECT_EQ(Codes(kept.transactions[2].packets), "Mc");
}

TEST(TraceObserverTest, AMessageBeginsWithWhatTheFilterWantsToSee) {
  Peers peers;
  peers.Server('B', "x");  // nothing else, as Sendmail without macros would
  peers.Server('E');
  peers.Filter('d');
  peers.Server('D', "M");
  peers.Server('D', "R");
  peers.Server('D', "T");
  peers.Server('E');
  peers.Filter('c');
  const Kept& kept = peers.End();
  ASSERT_EQ(kept.order, "sttc");
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kDiscarded);
  EXPECT_EQ(Codes(kept.transactions[1].packets), "DDDEc");
}

struct Decision {
  char command;
  char reply;
  const char* text;
  Outcome outcome;
  bool over;
};

TEST(TraceObserverTest, RepliesDecideAsForAMailServer) {
  const Decision decisions[] = {
      {'M', 'c', "", Outcome::kNone, false},
      {'M', 'a', "", Outcome::kAccepted, true},
      {'M', 'd', "", Outcome::kDiscarded, true},
      {'M', 'r', "", Outcome::kRejected, true},
      {'M', 't', "", Outcome::kTempfailed, true},
      {'M', 'y', "554 x", Outcome::kRejected, true},
      {'M', 'y', "451", Outcome::kTempfailed, true},
      {'M', '4', "", Outcome::kTempfailed, true},
      {'M', 's', "", Outcome::kNone, false},
      {'R', 'r', "", Outcome::kNone, false},
      {'R', 'y', "550 x", Outcome::kNone, false},
      {'R', 'a', "", Outcome::kAccepted, true},
      {'R', 'd', "", Outcome::kDiscarded, true},
      {'T', 'r', "", Outcome::kRejected, false},
      {'T', 't', "", Outcome::kTempfailed, false},
      {'T', 'a', "", Outcome::kAccepted, true},
      {'L', 'r', "", Outcome::kRejected, true},
      {'N', 'y', "421 x", Outcome::kTempfailed, true},
      {'B', 's', "", Outcome::kNone, false},
      {'B', 'a', "", Outcome::kAccepted, true},
      {'E', 'c', "", Outcome::kAccepted, true},
      {'E', 'y', "550 x", Outcome::kRejected, true},
      {'E', 'p', "", Outcome::kNone, false},
      {'E', 'h', "", Outcome::kNone, false},
      {'E', 'd', "", Outcome::kDiscarded, true},
      {'U', 'r', "", Outcome::kNone, false},
      {'H', 'r', "", Outcome::kNone, false},
      {'E', 'X', "", Outcome::kNone, false},
  };
  for (const Decision& decision : decisions) {
    Peers peers;
    peers.Server('M', "<first@b>");  // a MAIL begins another message
    if (decision.command != 'M') {
      peers.Filter('c');
    } else {
      peers.Server('A');
    }
    peers.Server(decision.command);
    peers.Filter(decision.reply, decision.text);
    // What is over takes one ABORT and no more.
    peers.Server('A');
    peers.Server('A');
    const std::string name = {decision.command, decision.reply};
    const Kept& kept = peers.End();
    const TransactionRecord& record = kept.transactions.back();
    EXPECT_EQ(record.outcome, decision.outcome) << name;
    EXPECT_EQ(record.decided_at, decision.outcome == Outcome::kNone ? 0 : decision.command) << name;
    EXPECT_EQ(Codes(kept.closes[0].packets), "A") << name;
  }
}

TEST(TraceObserverTest, ADataThatIsTriedAgainIsDecidedAnew) {
  Peers peers;
  peers.Envelope();
  peers.Server('T');
  peers.Filter('t');
  peers.Server('T');
  peers.Filter('c');
  peers.Server('A');
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kNone);
}

TEST(TraceObserverTest, PacketsInOnePieceAreOnePacketAfterTheOther) {
  Peers peers;
  // As Postfix does where the filter need not answer.
  peers.Say(kServer,
            Pack('D', "M") + Pack('M', "<a@b>") + Pack('R', "<c@d>") + Pack('D', "T") + Pack('T'));
  peers.Filter('c');
  peers.Say(kServer, Pack('L', "Subject") + Pack('N') + Pack('B', "body") + Pack('E'));
  peers.Say(kFilter, Pack('p') + Pack('h', "X") + Pack('b', "new") + Pack('c'));
  const Kept& kept = peers.End();
  EXPECT_EQ(Codes(kept.transactions[0].packets), "DMRDTcLNBEphbc");
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kAccepted);
  EXPECT_EQ(kept.bodies[0], "body");
}

TEST(TraceObserverTest, QuitNcGoesOnInTheSameSession) {
  Peers peers;
  peers.Envelope();
  peers.Server('E');
  peers.Filter('c');
  peers.Server('K');
  peers.Server('C', "another");
  peers.Filter('c');
  peers.Envelope();
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.order, "sttc");
  EXPECT_EQ(Codes(kept.transactions[1].packets), "KCcDMcRc");
  EXPECT_EQ(kept.closes[0].ending, Ending::kServerClosed);
}

TEST(TraceObserverTest, AReplyBehindTheVerdictIsTheNextMessages) {
  Peers peers;
  peers.Envelope();
  peers.Server('E');
  peers.Filter('c');
  peers.Filter('r');
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kAccepted);
  EXPECT_EQ(Codes(kept.closes[0].packets), "r");
}

TEST(TraceObserverTest, WhatIsNoMilterEndsTheRecordingOnly) {
  const std::string odd[] = {
      std::string("\0\0\0\0X", 5), "GET / HTTP/1.1\r\n", "\x7f\xff\xff\xff\xff"};
  for (const std::string& octets : odd) {
    for (const Direction direction : {kServer, kFilter}) {
      Peers peers;
      peers.Envelope();
      peers.Say(direction, octets);
      EXPECT_EQ(peers.kept().order, "st");
      peers.Envelope();
      const Kept& kept = peers.End();
      EXPECT_EQ(kept.order, "stc");
      EXPECT_EQ(kept.closes[0].ending, Ending::kNotUnderstood);
      EXPECT_EQ(kept.closes[0].transactions, 1U);
    }
  }
  Kept kept;
  SessionObserver observer(kept, 1, 1);
  observer.OnOctets(kServer, Pack('C', "no OPTNEG"), 2);
  observer.OnEnd(Ending::kServerClosed, 0, 3);
  EXPECT_EQ(kept.closes[0].ending, Ending::kNotUnderstood);
}

TEST(TraceObserverTest, AVerdictInTheMiddleOfABodyPacketIsNotUnderstood) {
  Peers peers;
  peers.Envelope();
  peers.Server('L', "Subject");
  const std::string half = Pack('B', "0123456789");
  peers.Say(kServer, half.substr(0, 8));
  EXPECT_GT(peers.observer().held_bytes(), 0U);
  peers.Filter('r');  // the awaited reply of HEADER
  peers.Say(kServer, half.substr(8));
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.bodies[0], "");
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kRejected);
  EXPECT_EQ(kept.closes[0].ending, Ending::kNotUnderstood);
}

TEST(TraceObserverTest, ABodyOverTheLimitIsLeftOut) {
  Peers peers;
  peers.Envelope();
  const std::string packet = Pack('B', std::string(kPacketBytesMax, 'x'));
  for (std::size_t bytes = 0; bytes <= kBodyBytesMax; bytes += kPacketBytesMax)
    peers.Say(kServer, packet);
  EXPECT_LT(peers.observer().held_bytes(), 100'000U);
  peers.Server('E');
  peers.Filter('c');
  const Kept& kept = peers.End();
  EXPECT_EQ(kept.transactions[0].captured, Captured::kTooLarge);
  EXPECT_EQ(kept.bodies[0], "");
  EXPECT_EQ(kept.transactions[0].packets[4 + 1].body_bytes, kPacketBytesMax);
  EXPECT_EQ(kept.transactions[0].outcome, Outcome::kAccepted);
}

TEST(TraceObserverTest, TooManyPacketsAndTooManyOctetsEndTheRecording) {
  Peers many;
  many.Envelope();
  for (std::size_t i = 0; i < kPacketsMax; ++i)
    many.Server('L');
  EXPECT_EQ(many.End().closes[0].ending, Ending::kNotUnderstood);

  Peers large;
  large.Envelope();
  const std::string packet = Pack('b', std::string(kPacketBytesMax, 'x'));
  for (std::size_t bytes = 0; bytes <= kPayloadBytesMax; bytes += kPacketBytesMax)
    large.Say(kFilter, packet);
  EXPECT_EQ(large.observer().held_bytes(), 0U);
  EXPECT_EQ(large.End().closes[0].ending, Ending::kNotUnderstood);

  // Outside a message alike.
  Peers outside;
  outside.Server('U');
  for (std::size_t bytes = 0; bytes <= kPayloadBytesMax; bytes += kPacketBytesMax)
    outside.Say(kFilter, packet);
  EXPECT_EQ(outside.End().closes[0].ending, Ending::kNotUnderstood);
}

}  // namespace
}  // namespace trace
