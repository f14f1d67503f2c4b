// What a mail server sees on the wire when it does odd things: packets in, packets out, octet by
// octet.
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/raw_peer.h"

namespace relay_sim {
namespace {

using std::chrono::seconds;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace): for "\0" in texts

TEST_F(RelayProtocolTest, EveryCommandOfAnOldMailServerIsAnswered) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion2),
        "Chost\0004\0\31192.0.2.1\0"s,
        "Hhelo\0"s,
        "DMi\0Q1\0"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "LSubject\0x\0"s,
        "N",
        "Bbody\r\n"});
  EXPECT_EQ(peer_->replies(), "Occccccc");
  Play({"E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Occcccccpic");
}

TEST_F(RelayProtocolTest, EndOfMessageWithoutMailIsATemporaryFailure) {
  Play({std::string(kOfferVersion6), "E"});
  EXPECT_EQ(peer_->replies().substr(0, 12), "Oy(451 4.3.0");
  EXPECT_FALSE(peer_->gone());
}

// Postfix plays mail that did not come by SMTP like this; the scanner sees sender=<>.
TEST_F(RelayProtocolTest, EmptySenderIsTheNullSender) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6),
        "DMi\0Q1\0"s,
        "M\0"s,
        "Rc@d\0"s,
        "LSubject\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
  EXPECT_EQ(relay_.ledger()["Q1"].sender, "<>");
}

TEST_F(RelayProtocolTest, MailBeforeTheVerdictIsNeverAnsweredInItsPlace) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion2),
        "DMi\0Q1\0"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "LSubject\0x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  const std::string before = peer_->replies();
  Play({"M<e@f>\0"s});
  EXPECT_EQ(peer_->replies(), before) << "a CONTINUE here would pass the first message unscanned";
  EXPECT_TRUE(peer_->gone());
}

TEST_F(RelayProtocolTest, AbortAfterEndOfMessageIsSilent) {
  EnterMessage("Q1");
  EnterMessage("Q2");
  Play({std::string(kOfferVersion6),
        "DMi\0Q1\0"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "T",
        "LSubject\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E",
        "A"});
  Wait(seconds(10));
  EXPECT_EQ(peer_->replies(), "Oc");
  Play({"DMi\0Q2\0"s, "M<a@b>\0"s, "R<c@d>\0"s, "T", "LSubject\0 x\0"s, "N", "Bbody\r\n", "E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Occpic");
}

TEST_F(RelayProtocolTest, DataMayBeTriedAgain) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6), "DMi\0Q1\0"s, "M<a@b>\0"s, "T"});
  EXPECT_EQ(peer_->replies().substr(0, 12), "Oy(451 4.3.0") << "no recipient yet";
  Play({"R<c@d>\0"s, "T", "T"});
  EXPECT_EQ(peer_->replies().substr(peer_->replies().size() - 2), "cc");
  Play({"LSubject\0 x\0"s,
        "N",
        "E"
        "body\r\n"});
  Wait(seconds(6));
  EXPECT_TRUE(peer_->replies().ends_with("pic"));
}

TEST_F(RelayProtocolTest, ConnectionIsReusableAfterQuitNc) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6),
        "CU\0U"s,
        "K",
        "Cother\0U"s,
        "DMi\0Q1\0"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "LSubject\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
}

TEST_F(RelayProtocolTest, LineFeedInAHeaderValueCannotEndTheHeader) {
  relay_.ledger()["Q1"].content = "Subject: x\n\t\n\tX-Evil: y\n\nbody\n";
  Play({std::string(kOfferVersion6),
        "DMi\0Q1\0"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "LSubject\0 x\n\nX-Evil: y\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
}

TEST_F(RelayProtocolTest, MacrosOfAMailMayComeAgain) {
  EnterMessage("Q2");
  Play({std::string(kOfferVersion6),
        "DMi\0Q0\0"s,
        "M<a@b>\0"s,
        "DMi\0Q1\0"s,
        "A",
        "DMi\0Q2\0"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "LSubject\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
}

TEST_F(RelayProtocolTest, MacrosOfAMailThatNeverCameEndWithTheConnection) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6),
        "CU\0U"s,
        "DM{auth_type}\0PLAIN\0i\0Q0\0"s,
        "K",
        "Cother\0U"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "DTi\0Q1\0"s,
        "LSubject\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  EXPECT_TRUE(relay_.world().files().FilesWith("authenticated").empty());
  EXPECT_TRUE(relay_.world().files().FilesWith("Q0").empty());
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
}

TEST_F(RelayProtocolTest, CommandsOutOfOrderAreAnswered) {
  Play({std::string(kOfferVersion2)});
  for (const std::string& packet : {"T"s, "R<c@d>\0"s, "LSubject\0x\0"s, "N"s, "Bbody"s, "U?\0"s}) {
    const std::size_t before = peer_->replies().size();
    Play({packet});
    EXPECT_EQ(peer_->replies().substr(before), "c") << packet;
  }
}

TEST_F(RelayProtocolTest, DataAfterContentFailsTheMessageAndIsAnswered) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6), "M<a@b>\0"s, "R<c@d>\0"s, "T", "LSubject\0 x\0"s, "T", "E"});
  EXPECT_EQ(peer_->replies().substr(0, 15), "Occy(451 4.3.0 ");
  EXPECT_EQ(relay_.scanner().requests(), 0U);
}

TEST_F(RelayProtocolTest, QueueIdOfTheReceivedFieldIsThatAtMail) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6),
        "DCi\0Q1\0"s,
        "CU\0U"s,
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "DCi\0"s + std::string(900, 'z') + "\0r\0"s + std::string(900, 'y') + "\0"s,
        "DTi\0Q1\0"s,
        "LSubject\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  EXPECT_EQ(relay_.world().files().FilesWith(" id Q1;\n").size(), 1U);
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
}

TEST_F(RelayProtocolTest, ShutdownWaitsForTheAnswerToARefusedMessage) {
  // Without a recipient it has no slot, and is refused where it ends.
  Play({std::string(kOfferVersion6), "M<a@b>\0"s, "LSubject\0 x\0"s, "N"});
  relay_.shard(0).Stop(relay_.world().now() + seconds(7));
  Wait(seconds(1));
  Play({"Bbody\r\n", "E"});
  EXPECT_EQ(peer_->replies().substr(0, 12), "Oy(451 4.3.0");
}

TEST_F(RelayProtocolTest, ShutdownWaitsForAMessageWhoseDataWasAccepted) {
  EnterMessage("Q1");
  Play({std::string(kOfferVersion6), "DMi\0Q1\0"s, "M<a@b>\0"s, "R<c@d>\0"s, "T"});
  relay_.shard(0).Stop(relay_.world().now() + seconds(7));
  Wait(seconds(1));
  Play({"LSubject\0 x\0"s, "N", "Bbody\r\n", "E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Ocpic");
}

TEST_F(RelayProtocolTest, ClientPortIsThatOfTheMacroWhereConnectHasNone) {
  for (const std::string& port : {"40001"s, "0"s, "70000"s, "12x"s}) {
    EnterMessage("Q" + port);
    RawPeer peer(relay_.peer_loop(), relay_.milter_address());
    Wait(seconds(1));
    for (const std::string& packet : {std::string(kOfferVersion6),
                                      "DC{client_port}\0"s + port + "\0"s,
                                      "Chost\0004\0\000192.0.2.1\0"s,
                                      "DMi\0Q"s + port + "\0"s,
                                      "M\0"s,
                                      "Rc@d\0"s,
                                      "LSubject\0 x\0"s,
                                      "N"s,
                                      "Bbody\r\n"s,
                                      "E"s}) {
      peer.Send(packet);
    }
    Wait(seconds(6));
    EXPECT_EQ(peer.replies(), "Opic") << port;
    const std::string& request = relay_.scanner().last_request();
    EXPECT_EQ(request.find("\nclient_port=40001\n") != std::string::npos, port == "40001");
    EXPECT_EQ(request.find("client_port=") != std::string::npos, port == "40001");
    EXPECT_NE(request.find("\nsender=%3c%3e\nrecipient=%3cc%40d%3e\n"), std::string::npos)
        << request;
  }
}

TEST_F(RelayProtocolTest, LineFeedInAHeaderNameFailsTheMessage) {
  Play({std::string(kOfferVersion6),
        "M<a@b>\0"s,
        "R<c@d>\0"s,
        "LX\n\nY\0 x\0"s,
        "N",
        "Bbody\r\n",
        "E"});
  EXPECT_EQ(peer_->replies().substr(0, 12), "Oy(451 4.3.0");
  EXPECT_EQ(relay_.scanner().requests(), 0U);
}

TEST_F(RelayProtocolTest, BrokenProtocolClosesThatConnectionAlone) {
  RawPeer other(relay_.peer_loop(), relay_.milter_address());
  Wait(seconds(1));
  other.Send(std::string(kOfferVersion6));
  Play({"Hhelo\0"s});
  EXPECT_TRUE(peer_->gone());
  Wait(seconds(1));
  EXPECT_FALSE(other.gone());
  EXPECT_EQ(other.replies(), "O");
  EXPECT_EQ(relay_.Sum(relay::Count::kSessionsBroken), 1U);
}

}  // namespace
}  // namespace relay_sim
