// amavisd's replies against the packets that a mail server gets: every row where we differ from the
// incumbent on purpose.
//
// Method: the reply is written as amavisd sends it, parsed by ampdp, mapped, and the packets are
// read back as text, one string each: "i 0 X-Name: value", "- <a@b>", "c".
#include "relay/verdict_map.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "milter/wire.h"

namespace relay {
namespace {

using Packets = std::vector<std::string>;

std::uint32_t Read32(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string PacketText(char code, const std::string& payload) {
  std::string text(1, code);
  std::string rest = payload;
  if (code == 'i' || code == 'm') {
    text += " " + std::to_string(Read32(payload, 0));
    rest = payload.substr(4);
  }
  std::string separator = " ";
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    text += separator + rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    separator = code == 'i' || code == 'm' || code == 'h' ? ":" : " | ";
  }
  return text;
}

class VerdictMapTest : public testing::Test {
 protected:
  void Header(std::string_view name) { ASSERT_TRUE(message_.AddHeaderName(name)); }
  void Rcpt(std::string_view address, std::string_view args = {}) {
    ASSERT_TRUE(message_.AddRecipient(address, args));
  }

  // The packets for a reply of these lines; "broken: ..." where the map refuses it.
  Packets Map(const std::string& lines,
              DeleteHeader delete_header = DeleteHeader::kAll,
              milter::Actions actions = milter::kActionsAll,
              bool leading_space = true) {
    text_ = lines + "\n";
    ampdp::Reply reply;
    const ampdp::ReplyError error = ampdp::ParseReply(text_, message_.arena, &reply);
    if (!error.ok()) return {"unparsed"};
    VerdictMap map(message_, reply, actions, delete_header);
    const std::string_view fault = map.Check();
    if (!fault.empty()) return {"broken: " + std::string(fault)};
    milter::ReplyWriter counting({}, leading_space, actions);
    map.Write(counting);
    std::vector<std::byte> room(counting.needed());
    milter::ReplyWriter writer(room, leading_space, actions);
    counts_ = map.Write(writer);
    EXPECT_FALSE(writer.full());
    EXPECT_EQ(writer.written(), room.size());
    return Read({reinterpret_cast<const char*>(room.data()), room.size()});
  }

  static Packets Read(const std::string& bytes) {
    Packets packets;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::uint32_t length = Read32(bytes, at);
      packets.push_back(PacketText(bytes[at + 4], bytes.substr(at + 5, length - 1)));
      at += 4 + length;
    }
    return packets;
  }

  engine::BlockPool pool_{64 * engine::kMiB};
  Message message_{pool_};
  EditCounts counts_;
  std::string text_;
};

TEST_F(VerdictMapTest, EachVerdictIsItsFinalReply) {
  EXPECT_EQ(Map("return_value=continue\n"), Packets{"c"});
  EXPECT_EQ(Map("return_value=accept\n"), Packets{"a"});
  EXPECT_EQ(Map("return_value=discard\n"), Packets{"d"});
  EXPECT_EQ(Map("return_value=reject\n"), Packets{"r"});
  EXPECT_EQ(Map("return_value=tempfail\n"), Packets{"t"});
}

TEST_F(VerdictMapTest, SetreplyIsUsedWhenItsClassFits) {
  EXPECT_EQ(Map("setreply=554 5.7.0 Reject,%20id=1\nreturn_value=reject\n"),
            Packets{"y 554 5.7.0 Reject, id=1"});
  EXPECT_EQ(Map("setreply=451 4.5.0 later\nreturn_value=tempfail\n"), Packets{"y 451 4.5.0 later"});
  EXPECT_EQ(Map("setreply=250 2.5.0 Ok\nreturn_value=continue\n"), Packets{"c"});
  EXPECT_FALSE(counts_.setreply_dropped);
}

TEST_F(VerdictMapTest, SetreplyOfAnotherClassIsDroppedAndTold) {
  EXPECT_EQ(Map("setreply=451 4.7.0 x\nreturn_value=reject\n"), Packets{"r"});
  EXPECT_TRUE(counts_.setreply_dropped);
  EXPECT_EQ(Map("setreply=554 4.7.0 x\nreturn_value=reject\n"), Packets{"r"});
  EXPECT_TRUE(counts_.setreply_dropped);
  EXPECT_EQ(Map("setreply=554 5.7.0 x\nreturn_value=tempfail\n"), Packets{"t"});
  EXPECT_TRUE(counts_.setreply_dropped);
}

TEST_F(VerdictMapTest, ReplyCodesThatEndSessionsAreReplaced) {
  EXPECT_EQ(Map("setreply=421 4.3.2 x\nreturn_value=tempfail\n"), Packets{"y 451 4.3.2 x"});
  EXPECT_EQ(Map("setreply=521 5.7.1 x\nreturn_value=reject\n"), Packets{"y 554 5.7.1 x"});
}

TEST_F(VerdictMapTest, LocalFailureTextStaysHere) {
  EXPECT_EQ(Map("setreply=450 4.5.0 Failure:%20File%20/var/x%20does%20not%20exist\n"
                "return_value=tempfail\n"),
            Packets{"y 451 4.6.0 Content scanner malfunction"});
  EXPECT_TRUE(counts_.setreply_dropped);
}

TEST_F(VerdictMapTest, PercentInReplyTextIsDoubled) {
  EXPECT_EQ(Map("setreply=554 5.7.0 a%25sb\nreturn_value=reject\n"), Packets{"y 554 5.7.0 a%%sb"});
}

TEST_F(VerdictMapTest, UnknownDelrcptMakesTheReplyBroken) {
  Rcpt("<bob@lab.test>");
  EXPECT_EQ(Map("delrcpt=<eve@lab.test>\nreturn_value=continue\n"),
            Packets{"broken: delrcpt of an address that is no recipient"});
  EXPECT_EQ(Map("delrcpt=<BOB@lab.test>\nreturn_value=continue\n"),
            Packets{"broken: delrcpt of an address that is no recipient"});
}

TEST_F(VerdictMapTest, EightBitRecipientIsRecognised) {
  Rcpt("<\xc5\xbeofie@lab.test>");
  EXPECT_EQ(Map("delrcpt=%3c%c5%beofie@lab.test%3e\nreturn_value=continue\n"),
            (Packets{"- <\xc5\xbeofie@lab.test>", "c"}));
}

TEST_F(VerdictMapTest, RecipientWithoutBracketsMatches) {
  Rcpt("bob@lab.test");
  EXPECT_EQ(Map("delrcpt=<bob@lab.test>\nreturn_value=continue\n"),
            (Packets{"- <bob@lab.test>", "c"}));
}

TEST_F(VerdictMapTest, AllDeletionsGoBeforeAllAdditions) {
  Rcpt("<y@l>");
  Rcpt("<x@l>");
  EXPECT_EQ(Map("delrcpt=<y@l>\naddrcpt=<x@l>\ndelrcpt=<x@l>\nreturn_value=continue\n"),
            (Packets{"- <y@l>", "- <x@l>", "+ <x@l>", "c"}));
}

TEST_F(VerdictMapTest, ChangedAddressInheritsDsnParameters) {
  Rcpt("<a@l>", std::string_view("NOTIFY=NEVER\0BODY=8BITMIME\0ORCPT=rfc822;a@l\0", 43));
  EXPECT_EQ(Map("delrcpt=<a@l>\naddrcpt=<a+spam@l>\nreturn_value=continue\n"),
            (Packets{"- <a@l>", "2 <a+spam@l> | NOTIFY=NEVER ORCPT=rfc822;a@l", "c"}));
}

// The deletion goes out in any case: an addition that is refused loses the mail of that recipient.
TEST_F(VerdictMapTest, ChangedAddressSurvivesParametersThatCannotBeSent) {
  Rcpt("<a@b>", "NOTIFY=NEVER ORCPT=rfc822;a\x01z@b");
  EXPECT_EQ(Map("delrcpt=<a@b>\naddrcpt=<a+spam@b>\nreturn_value=continue\n"),
            (Packets{"- <a@b>", "2 <a+spam@b> | NOTIFY=NEVER", "c"}));
  EXPECT_EQ(counts_.dropped, 0U);
}

TEST_F(VerdictMapTest, DelrcptThatCannotBeSentMakesTheReplyBroken) {
  Rcpt("<\"a\tz\"@b>");
  EXPECT_EQ(Map("delrcpt=<\"a%09z\"@b>\nreturn_value=continue\n"),
            (Packets{"broken: delrcpt of an address with control octets"}));
}

TEST_F(VerdictMapTest, AddrcptThatCannotBeSentMakesTheReplyBroken) {
  EXPECT_EQ(Map("addrcpt=<a%09z@b>\nreturn_value=continue\n"),
            (Packets{"broken: addrcpt of what cannot be an address"}));
}

TEST_F(VerdictMapTest, DsnParametersAreLeftOutWhereNotOffered) {
  Rcpt("<a@l>", std::string_view("NOTIFY=NEVER\0", 13));
  const milter::Actions actions = milter::kActionsAll & ~milter::kActAddRcptPar;
  EXPECT_EQ(Map("delrcpt=<a@l>\naddrcpt=<a+spam@l>\nreturn_value=continue\n",
                DeleteHeader::kAll,
                actions),
            (Packets{"- <a@l>", "+ <a+spam@l>", "c"}));
}

TEST_F(VerdictMapTest, AdditionOfItsOwnInheritsNothing) {
  Rcpt("<a@l>", std::string_view("NOTIFY=NEVER\0", 13));
  EXPECT_EQ(Map("addrcpt=<b@l>\nreturn_value=continue\n"), (Packets{"+ <b@l>", "c"}));
}

TEST_F(VerdictMapTest, ChangedFieldKeepsItsSpelling) {
  Header("From");
  Header("SUBJECT");
  Header("Subject");
  EXPECT_EQ(Map("chgheader=2 subject ***SPAM***%20x\nreturn_value=continue\n"),
            (Packets{"m 2 Subject: ***SPAM*** x", "c"}));
  EXPECT_EQ(Map("chgheader=1 subject y\nreturn_value=continue\n"),
            (Packets{"m 1 SUBJECT: y", "c"}));
}

TEST_F(VerdictMapTest, LeadingSpaceOnlyWhereNegotiated) {
  Header("Subject");
  EXPECT_EQ(Map("chgheader=1 subject y\ninsheader=0 X-A z\nreturn_value=continue\n",
                DeleteHeader::kAll,
                milter::kActionsAll,
                false),
            (Packets{"m 1 Subject:y", "i 0 X-A:z", "c"}));
}

TEST_F(VerdictMapTest, ForgedXFieldsGoAll) {
  Header("X-Spam-Flag");
  Header("From");
  Header("x-spam-flag");
  EXPECT_EQ(Map("delheader=1 X-Spam-Flag\nreturn_value=continue\n"),
            (Packets{"m 2 X-Spam-Flag:", "m 1 X-Spam-Flag:", "c"}));
  EXPECT_EQ(counts_.headers_deleted, 2U);
}

TEST_F(VerdictMapTest, FirstModeDeletesAsAsked) {
  Header("X-Spam-Flag");
  Header("X-Spam-Flag");
  EXPECT_EQ(Map("delheader=1 X-Spam-Flag\nreturn_value=continue\n", DeleteHeader::kFirst),
            (Packets{"m 1 X-Spam-Flag:", "c"}));
}

TEST_F(VerdictMapTest, OtherFieldsAreDeletedAsAsked) {
  Header("Subject");
  Header("Subject");
  EXPECT_EQ(Map("delheader=1 Subject\nreturn_value=continue\n"), (Packets{"m 1 Subject:", "c"}));
}

TEST_F(VerdictMapTest, OurReceivedIsNotCountedByTheMailServer) {
  Header("Received");
  EXPECT_EQ(Map("delheader=2 Received\nreturn_value=continue\n"), (Packets{"m 1 Received:", "c"}));
  EXPECT_EQ(Map("chgheader=2 received x\nreturn_value=continue\n"),
            (Packets{"m 1 Received: x", "c"}));
  EXPECT_EQ(Map("delheader=1 Received\nreturn_value=continue\n"), Packets{"c"});
  EXPECT_EQ(counts_.dropped, 1U);
  EXPECT_EQ(Map("chgheader=1 Received x\nreturn_value=continue\n"), Packets{"c"});
  EXPECT_EQ(counts_.dropped, 1U);
}

TEST_F(VerdictMapTest, EmptyChangeDeletes) {
  Header("Subject");
  EXPECT_EQ(Map("chgheader=1 Subject \nreturn_value=continue\n"), (Packets{"m 1 Subject:", "c"}));
}

TEST_F(VerdictMapTest, InsertionsKeepOrderAndAddheaderGoesToTheEnd) {
  EXPECT_EQ(Map("insheader=0 X-A 1\ninsheader=1 X-B 2\naddheader=X-C 3\nreturn_value=continue\n"),
            (Packets{"i 0 X-A: 1", "i 1 X-B: 2", "i 2147483647 X-C: 3", "c"}));
}

TEST_F(VerdictMapTest, ValuesGetOneBlankAlsoWhenEmptyOrFolded) {
  EXPECT_EQ(Map("insheader=0 X-A \ninsheader=0 X-B %0a%20x\nreturn_value=continue\n"),
            (Packets{"i 0 X-A: ", "i 0 X-B: \n x", "c"}));
}

TEST_F(VerdictMapTest, OpenLineFeedInAValueCannotAddAField) {
  EXPECT_EQ(Map("insheader=0 X-A a%0aBcc:%20eve\nreturn_value=continue\n"),
            (Packets{"i 0 X-A: a\n\tBcc: eve", "c"}));
}

TEST_F(VerdictMapTest, BadHeaderNameIsDroppedAndCounted) {
  EXPECT_EQ(Map("insheader=0 X%3aA v\nreturn_value=continue\n"), Packets{"c"});
  EXPECT_EQ(counts_.dropped, 1U);
}

TEST_F(VerdictMapTest, HugeValueIsCutToOnePacket) {
  EXPECT_EQ(Map("insheader=0 X-A " + std::string(100000, 'v') + "\nreturn_value=continue\n").size(),
            2U);
  EXPECT_EQ(counts_.cut, 1U);
  EXPECT_EQ(counts_.dropped, 0U);
}

TEST_F(VerdictMapTest, QuarantineNeedsTheMailServer) {
  EXPECT_EQ(Map("quarantine=virus\nreturn_value=continue\n"), (Packets{"q virus", "c"}));
  EXPECT_EQ(Map("quarantine=virus\nreturn_value=continue\n",
                DeleteHeader::kAll,
                milter::kActionsAll & ~milter::kActQuarantine),
            Packets{"broken: quarantine, which the mail server does not offer"});
}

TEST_F(VerdictMapTest, AddrcptThatIsNoAddressMakesTheReplyBroken) {
  EXPECT_EQ(Map("addrcpt=%3ca%0d%0a@l%3e\nreturn_value=continue\n"),
            Packets{"broken: addrcpt of what cannot be an address"});
}

}  // namespace
}  // namespace relay
