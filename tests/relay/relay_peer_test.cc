// Mail servers that go, do not read, or give up message after message.
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/raw_peer.h"

namespace relay_sim {
namespace {

using std::chrono::seconds;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace): for "\0" in texts

using RelayPeerTest = RelayProtocolTest;

TEST_F(RelayPeerTest, OrphansOfOneSessionMayOverlap) {
  for (const std::string& id : {"Q1"s, "Q2"s, "Q3"s}) {
    relay_.ledger()[id].content = "Subject: " + id + "\n\nbody\n";
    Play({id == "Q1" ? std::string(kOfferVersion6) : "A"s,
          "DMi\0"s + id + "\0"s,
          "M<a@b>\0"s,
          "R<c@d>\0"s,
          "LSubject\0 "s + id + "\0"s,
          "N",
          "Bbody\r\n",
          "E"});
  }
  EXPECT_EQ(relay_.Sum(relay::Count::kOrphansBegun), 2U);
  EXPECT_EQ(relay_.scanner().inside(), 3U);
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
  EXPECT_EQ(relay_.Sum(relay::Count::kOrphansReplied), 2U);
}

// Whatever the last octet was: nothing leaks (the fixture looks), nobody else notices.
TEST_F(RelayPeerTest, MailServerMayGoAfterAnyOctet) {
  EnterMessage("Q1");
  std::string stream;
  for (const std::string& packet : {std::string(kOfferVersion6),
                                    "DCj\0mx\0"s,
                                    "Chost\0004\0\000192.0.2.1\0"s,
                                    "Hhelo\0"s,
                                    "DMi\0Q1\0"s,
                                    "M<a@b>\0"s,
                                    "R<c@d>\0"s,
                                    "T"s,
                                    "LSubject\0 x\0"s,
                                    "N"s,
                                    "Bbody\r\n"s,
                                    "E"s}) {
    stream += RawPeer::Packet(packet);
  }
  for (std::size_t bytes = 0; bytes <= stream.size(); ++bytes) {
    RawPeer peer(relay_.peer_loop(), relay_.milter_address());
    Wait(std::chrono::milliseconds(5));
    peer.SendPart(stream.substr(0, bytes / 2));
    Wait(std::chrono::milliseconds(bytes % 3));
    peer.SendPart(stream.substr(bytes / 2, bytes - bytes / 2));
    Wait(std::chrono::milliseconds(bytes % 2));
  }
  Wait(seconds(1));
  EXPECT_EQ(relay_.shard(0).sessions(), 1U);
  EXPECT_EQ(relay_.shard(0).messages(), 0U);
  EXPECT_EQ(relay_.Sum(relay::Count::kSessionsBroken), 0U);
}

class RelayUnreadTest : public RelayProtocolTest {
 protected:
  // A verdict that no socket buffer takes, for a mail server that does not read.
  static WorldOptions Options() {
    WorldOptions options{.shards = 1, .scanner = Calm(seconds(5))};
    options.scanner.more_edits = 30'000;
    return options;
  }
  RelayUnreadTest() : RelayProtocolTest(Options()) {
    EnterMessage("Q1");
    Play({std::string(kOfferVersion6), "DMi\0Q1\0"s, "M<a@b>\0"s, "R<c@d>\0"s});
    Play({"LSubject\0 x\0"s, "N", "Bbody\r\n"});
    peer_->Read(false);
    Play({"E"});
    Wait(seconds(299));
    EXPECT_EQ(relay_.shard(0).sessions(), 1U);
  }
};

TEST_F(RelayUnreadTest, VerdictWaitsForAMailServerThatReadsLate) {
  peer_->Read(true);
  Wait(seconds(1));
  EXPECT_TRUE(peer_->replies().ends_with("iiic"));
  EXPECT_EQ(peer_->replies().size(), 30'001 + std::string("Opc").size());
  Wait(seconds(310));
  EXPECT_FALSE(peer_->gone());
}

TEST_F(RelayUnreadTest, MailServerThatNeverReadsIsGivenUp) {
  Wait(seconds(10));
  EXPECT_EQ(relay_.shard(0).sessions(), 0U);
  EXPECT_EQ(relay_.Sum(relay::Count::kSessionsTimedOut), 1U);
  EXPECT_EQ(relay_.shard(0).blocks().bytes_in_use(), 0U);
}

}  // namespace
}  // namespace relay_sim
