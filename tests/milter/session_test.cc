// The filter session's behaviour, and every row of the robustness checklist for hostile peers.
#include "milter/session.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

using Lines = std::vector<std::string>;

FilterOptions AnswerAll() {
  FilterOptions options;
  options.required_actions = 0;
  options.protocol = 0;
  return options;
}

// Events of `bytes` after negotiation.
Lines After(const FilterOptions& options, const std::string& bytes) {
  Lines lines = EventsOf(options, PackOffer() + bytes);
  lines.erase(lines.begin());
  return lines;
}

Lines After(const std::string& bytes) {
  return After(AnswerAll(), bytes);
}

const std::string kMail = Pack('M', Raw("<a@b>\0"));
const std::string kRcpt = Pack('R', Raw("<c@d>\0"));
const std::string kEoh = Pack('N');

TEST(FilterSessionTest, TellsWhatWasAgreed) {
  const FilterOptions options;
  SessionProbe probe(options);
  EXPECT_EQ(probe.session().answer().version, 0U);
  probe.Feed(PackOffer());
  EXPECT_EQ(probe.TakeLines(), Lines{"negotiated due offer=6/1ff/1fffff"});
  EXPECT_EQ(probe.session().version(), 6U);
  EXPECT_EQ(probe.session().protocol(), 0x1EF180U);
  EXPECT_TRUE(probe.session().leading_space());
  EXPECT_EQ(probe.session().answer().macro_lists, &kMacroListsWanted);
  EXPECT_FALSE(probe.session().replies_to(Command::kMail));
  EXPECT_TRUE(probe.session().replies_to(Command::kData));
}

TEST(FilterSessionTest, OwesRepliesOnlyAtDataAndEndOfMessageByDefault) {
  const FilterOptions options;
  SessionProbe probe(options);
  probe.Feed(PackOffer() + Pack('C', Raw("h\0U")) + Pack('H', Raw("x\0")) + kMail + kRcpt +
             Pack('T') + Pack('L', Raw("A\0 b\0")) + kEoh + Pack('B', "x") + Pack('E'));
  Lines due;
  for (const std::string& line : probe.TakeLines()) {
    if (line.find(" due") != std::string::npos && line.find("due=0") == std::string::npos) {
      due.push_back(line.substr(0, line.find(' ')));
    }
  }
  EXPECT_EQ(due, (Lines{"negotiated", "data", "eom"}));
}

TEST(FilterSessionTest, AnswersPacketByPacketWhatWasNotOffered) {
  const std::string message =
      kMail + kRcpt + Pack('L', Raw("A\0b\0")) + kEoh + Pack('B', "x") + Pack('E');
  for (const std::uint32_t version : {2U, 3U, 4U, 6U}) {
    SessionProbe probe{FilterOptions()};
    probe.Feed(PackOffer(version, kActionsAll, kNoSendAll & (version < 4 ? 0x17F : 0x37F)));
    static_cast<void>(probe.TakeLines());
    probe.Feed(message);
    EXPECT_EQ(probe.replies_due(), 7U) << version;
    EXPECT_EQ(probe.session().version(), version);
    EXPECT_FALSE(probe.session().leading_space());
  }
}

TEST(FilterSessionTest, KeepsTheConnectReplyWhenAsked) {
  FilterOptions options;
  options.protocol &= ~kNoReplyConnect;
  EXPECT_EQ(After(options, Pack('C', Raw("h\0U"))), Lines{"connect due name=h client=U:0:"});
}

TEST(FilterSessionTest, GivesNamesAndValues) {
  EXPECT_EQ(After(Pack('D', Raw("Cj\0mx\0")) +
                  Pack('C',
                       Raw("h\0"
                           "6\x01\x02IPv6:::1\0")) +
                  Pack('H', Raw("me\0")) + Pack('M', Raw("<a@b>\0SIZE=1\0X=2\0")) +
                  Pack('L', Raw("Subject\0 a\n b\0")) + Pack('U', Raw("FOO bar\0"))),
            (Lines{"macro stage=C value=j\\0mx\\0",
                   "connect due name=h client=6:258:::1",
                   "helo due name=me",
                   "mail due name=<a@b> value=SIZE=1\\0X=2",
                   "header due name=Subject value= a\\x0a b",
                   "unknown due name=FOO bar"}));
}

TEST(FilterSessionTest, EndsTheMessageAtTheVerdictNotAtTheAbortBehindIt) {
  SessionProbe probe(AnswerAll());
  probe.Feed(PackOffer() + kMail + kRcpt + kEoh + Pack('E'));
  EXPECT_FALSE(probe.session().in_message());
  static_cast<void>(probe.TakeLines());
  probe.Feed(Pack('A') + Pack('A') + kMail);
  EXPECT_EQ(probe.TakeLines(), (Lines{"abort", "abort", "mail due name=<a@b>"}));
}

TEST(FilterSessionTest, AwaitsTheVerdictAndLetsAnAbortEndIt) {
  SessionProbe probe(AnswerAll());
  probe.verdict_at_once = false;
  probe.Feed(PackOffer() + kMail + kRcpt + Pack('E'));
  EXPECT_TRUE(probe.session().awaits_verdict());
  probe.Feed(Pack('D', Raw("Mi\0Q\0")));
  EXPECT_TRUE(probe.session().awaits_verdict());
  static_cast<void>(probe.TakeLines());
  probe.Feed(Pack('A'));
  EXPECT_EQ(probe.TakeLines(), Lines{"abort aborts"});
  EXPECT_FALSE(probe.session().awaits_verdict());
  probe.session().VerdictSent();
  EXPECT_FALSE(probe.session().in_message());
}

TEST(FilterSessionTest, AnswersASecondDataAndRecipientsBehindARefusedOne) {
  EXPECT_EQ(After(kMail + kRcpt + Pack('T') + Pack('T') + kRcpt + Pack('T')),
            (Lines{"mail due name=<a@b>",
                   "rcpt due name=<c@d>",
                   "data due",
                   "data due",
                   "rcpt due name=<c@d>",
                   "data due"}));
}

TEST(FilterSessionTest, GoesOnAfterQuitNcFromAnywhere) {
  EXPECT_EQ(After(Pack('K') + Pack('C', Raw("h\0U")) + Pack('K') + Pack('C', Raw("i\0U")) + kMail +
                  Pack('K') + Pack('C', Raw("j\0U"))),
            (Lines{"quit-nc",
                   "connect due name=h client=U:0:",
                   "quit-nc",
                   "connect due name=i client=U:0:",
                   "mail due name=<a@b>",
                   "quit-nc aborts",
                   "connect due name=j client=U:0:"}));
}

TEST(FilterSessionTest, GivesDataInEndOfMessageAsBodyWithOneReply) {
  const std::string message = PackOffer() + kMail + kRcpt + kEoh + Pack('E', "last words");
  for (const std::size_t chunk : {0, 1, 3, 7}) {
    SessionProbe probe(AnswerAll());
    probe.Feed(message, chunk);
    const Lines lines = probe.TakeLines();
    EXPECT_EQ(Lines(lines.end() - 2, lines.end()),
              (Lines{"body due=0 bytes=last words", "eom due"}));
  }
}

TEST(FilterSessionTest, TellsTheContentPhaseFromItsFirstByteOn) {
  SessionProbe probe(AnswerAll());
  probe.Feed(PackOffer() + kMail + kRcpt + Pack('T'));
  EXPECT_FALSE(probe.session().content_phase());
  const std::string header = Pack('L', Raw("A\0b\0"));
  probe.Feed(header.substr(0, 3));
  EXPECT_TRUE(probe.session().half_packet());
  EXPECT_FALSE(probe.session().content_phase());
  probe.Feed(header.substr(3, 3));
  EXPECT_TRUE(probe.session().content_phase());
  probe.Feed(header.substr(6));
  EXPECT_FALSE(probe.session().half_packet());
  EXPECT_TRUE(probe.session().content_phase());
  probe.Feed(Pack('E'));
  EXPECT_FALSE(probe.session().content_phase());
}

TEST(FilterSessionTest, GivesUnreadBytesBack) {
  engine::BlockPool pool(1 << 20);
  const FilterOptions options = AnswerAll();
  FilterSession session(options, pool);
  std::string bytes = PackOffer() + kMail;
  session.Feed({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
  EXPECT_EQ(session.Next().kind, EventKind::kNegotiated);
  const engine::Bytes unread = session.TakeUnread();
  EXPECT_EQ(unread.size(), kMail.size());
  EXPECT_EQ(session.Next().kind, EventKind::kNeedMore);
  session.Feed(unread);
  EXPECT_EQ(session.Next().kind, EventKind::kMail);
}

TEST(FilterSessionTest, GivesItsBlockBackWhenItDiesInAHalfPacket) {
  engine::BlockPool pool(1 << 20);
  const FilterOptions options = AnswerAll();
  {
    FilterSession session(options, pool);
    std::string bytes = PackOffer() + Pack('M', std::string(3000, 'x')).substr(0, 1000);
    session.Feed({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    while (session.Next().kind != EventKind::kNeedMore) {
    }
    EXPECT_GT(pool.bytes_in_use(), 0U);
  }
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

// --- robustness: one test a row ---

TEST(RobustnessTest, LengthZeroBreaks) {
  EXPECT_EQ(After(Raw("\0\0\0\0M")), Lines{"broken (packet of length zero)"});
}

TEST(RobustnessTest, LengthOverTheLimitBreaks) {
  for (const std::string& head : {Raw("\0\x01\0\x01"),
                                  Raw("\x80\0\0\0"),
                                  Raw("\xFF\xFF\xFF\xFF"),
                                  Raw("GET "),
                                  Raw("\x16\x03\x01\0")}) {
    EXPECT_EQ(After(head), Lines{"broken (packet longer than the limit)"}) << Escape(head);
  }
  FilterOptions options = AnswerAll();
  options.payload_bytes_max = 20;
  EXPECT_EQ(After(options, Pack('H', "12345678901234567890")),
            Lines{"helo due name=12345678901234567890"});
  EXPECT_EQ(After(options, Pack('H', "123456789012345678901")),
            Lines{"broken (packet longer than the limit)"});
}

TEST(RobustnessTest, ABrokenSessionTellsThatItsMessageIsGone) {
  EXPECT_EQ(After(kMail + Raw("\0\0\0\0")).back(), "broken aborts (packet of length zero)");
}

TEST(RobustnessTest, NothingComesOutAfterABreak) {
  EXPECT_EQ(After(Pack('?') + kMail + Pack('Q')), Lines{"broken (unknown command)"});
}

TEST(RobustnessTest, ACommandBeforeNegotiationBreaks) {
  for (const char command : std::string("DCHMRTLNBEUAQK")) {
    EXPECT_EQ(EventsOf(AnswerAll(), Pack(command, Raw("M\0"))),
              Lines{"broken (command before negotiation)"});
  }
}

TEST(RobustnessTest, AShortOrOldNegotiationBreaks) {
  EXPECT_EQ(EventsOf(AnswerAll(), Pack('O', "eleven byte")),
            Lines{"broken (negotiation shorter than twelve bytes)"});
  EXPECT_EQ(EventsOf(AnswerAll(), PackOffer(1, 0x1FF, 0)),
            Lines{"broken (protocol version below 2)"});
  EXPECT_EQ(EventsOf(FilterOptions(), PackOffer(6, 0x01, 0)),
            Lines{"broken (a required action is not offered) missing=1c"});
}

TEST(RobustnessTest, ANegotiationsTailIsIgnored) {
  EXPECT_EQ(EventsOf(AnswerAll(), Pack('O', PackOffer().substr(kPacketHeadBytes) + "tail")),
            Lines{"negotiated due offer=6/1ff/1fffff"});
}

TEST(RobustnessTest, UnknownCommandsBreak) {
  for (const char byte : {'\0', '\x01', '\x1F', '?', 'Z', '\x80', '\xFF'}) {
    EXPECT_EQ(After(Pack(byte)), Lines{"broken (unknown command)"});
  }
}

TEST(RobustnessTest, OddMacrosNeverBreak) {
  EXPECT_EQ(
      After(Pack('D') + Pack('D', "Zx") + Pack('D', Raw("\0")) + Pack('D', "M") + Pack('D', "Mi") +
            Pack('D', Raw("Li\0Q\0")) + Pack('D', Raw("Bi\0Q\0")) + Pack('D', "U")),
      (Lines{"macro stage=M",
             "macro stage=M value=i",
             "macro stage=L value=i\\0Q\\0",
             "macro stage=B value=i\\0Q\\0",
             "macro stage=U"}));
}

TEST(RobustnessTest, AMalformedConnectBreaks) {
  EXPECT_EQ(After(Pack('C', "host")), Lines{"broken (malformed payload)"});
  EXPECT_EQ(After(Pack('C')), Lines{"broken (malformed payload)"});
}

TEST(RobustnessTest, AHeloWithoutNulOrTextIsAnswered) {
  EXPECT_EQ(After(Pack('H', "me") + Pack('H') + Pack('H', Raw("\0"))),
            (Lines{"helo due name=me", "helo due", "helo due"}));
}

TEST(RobustnessTest, AnEnvelopeWithoutNulBreaks) {
  EXPECT_EQ(After(Pack('M')), Lines{"broken (malformed payload)"});
  EXPECT_EQ(After(Pack('M', "<a@b>")), Lines{"broken (malformed payload)"});
  EXPECT_EQ(After(kMail + Pack('R', "x")).back(), "broken aborts (malformed payload)");
}

TEST(RobustnessTest, AnEmptySenderIsOne) {
  EXPECT_EQ(After(Pack('M', Raw("\0")) + Pack('R', Raw("\0"))), (Lines{"mail due", "rcpt due"}));
}

TEST(RobustnessTest, AMalformedHeaderBreaks) {
  EXPECT_EQ(After(kMail + Pack('L', "A")).back(), "broken aborts (malformed payload)");
  EXPECT_EQ(After(kMail + Pack('L', Raw("\0v\0"))).back(), "broken aborts (malformed payload)");
}

TEST(RobustnessTest, PayloadsWhereNoneBelongsAreIgnored) {
  EXPECT_EQ(After(kMail + Pack('T', "x") + Pack('N', "x") + Pack('A', "x") + Pack('Q', "x")),
            (Lines{"mail due name=<a@b>", "data due", "eoh due", "abort aborts", "quit"}));
}

TEST(RobustnessTest, AnEmptyBodyIsAnswered) {
  EXPECT_EQ(After(kMail + kRcpt + kEoh + Pack('B')).back(), "body due=1 bytes=");
}

TEST(RobustnessTest, ABodyWithoutHeadersIsFine) {
  EXPECT_EQ(After(kMail + kRcpt + Pack('B', "x") + Pack('E')),
            (Lines{"mail due name=<a@b>", "rcpt due name=<c@d>", "body due=1 bytes=x", "eom due"}));
}

TEST(RobustnessTest, TheLongestBodyPacketIsFineAndOneMoreBreaks) {
  EXPECT_EQ(After(kMail + Pack('B', std::string(65535, 'x'))).back(),
            "body due=1 bytes=" + std::string(65535, 'x'));
  EXPECT_EQ(After(kMail + Pack('B', std::string(65536, 'x'))).back(),
            "broken aborts (packet longer than the limit)");
}

TEST(RobustnessTest, EndOfMessageWithoutMailIsAnswered) {
  EXPECT_EQ(
      After(Pack('E') + Pack('E', "x") + kMail),
      (Lines{"eom due stray", "body due=0 stray bytes=x", "eom due stray", "mail due name=<a@b>"}));
}

TEST(RobustnessTest, AThousandPacketsInOneWriteAllComeOut) {
  std::string bytes = kMail;
  for (int i = 0; i < 1000; ++i)
    bytes += kRcpt;
  EXPECT_EQ(After(bytes).size(), 1001U);
}

TEST(RobustnessTest, NoMemoryForASplitPacketIsSaidAsSuch) {
  SessionProbe probe(AnswerAll(), 64);
  probe.Feed(PackOffer() + kMail);
  static_cast<void>(probe.TakeLines());
  probe.Feed(Pack('R', std::string(500, 'x')).substr(0, 300));
  EXPECT_EQ(probe.TakeLines(), Lines{"broken aborts (no memory for a split packet)"});
}

TEST(RobustnessTest, EveryChunkingOfAHostileMixtureGivesTheSameEvents) {
  const std::string bytes = PackOffer() + Pack('D', "Mi") + kRcpt + kMail + Pack('H', "x") + kMail +
                            Pack('E', "tail") + Pack('K') + Pack('L', Raw("A\0b\0c\0")) + kMail +
                            Pack('B') + Pack('B', "0123456789") + Pack('N') +
                            Pack('L', Raw("A\0b\0")) + Pack('E') + Pack('A') + Pack('O', "again");
  const Lines whole = EventsOf(AnswerAll(), bytes);
  EXPECT_EQ(whole.back(), "broken (second negotiation)");
  for (std::size_t chunk = 1; chunk < bytes.size(); ++chunk) {
    EXPECT_EQ(EventsOf(AnswerAll(), bytes, chunk), whole) << chunk;
  }
}

}  // namespace
}  // namespace milter
