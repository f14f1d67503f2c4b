// --reply-at: which commands before the end of a message a mail server is told to wait at, and
// where a refusal goes that has no answer to go with.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/relay/raw_peer.h"

namespace relay_sim {
namespace {

using relay::ReplyAt;
using std::chrono::seconds;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace): for "\0" in texts

WorldOptions World(ReplyAt reply_at, std::uint32_t messages_max = 500) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(5)), .messages_max = messages_max};
  options.config.listeners[0].reply_at = reply_at;
  return options;
}

class ReplyAtTest : public RelayProtocolTest {
 protected:
  explicit ReplyAtTest(const WorldOptions& options) : RelayProtocolTest(options) {}

  static std::vector<std::string> Content(const std::string& queue_id) {
    return {std::string(kOfferVersion6),
            "Chost\0004\0\31192.0.2.1\0"s,
            "Hhelo\0"s,
            "DMi\0"s + queue_id + "\0"s,
            "M<a@b>\0"s,
            "R<c@d>\0"s,
            "T",
            "LSubject\0 x\0"s,
            "N",
            "Bbody\r\n"};
  }
  // A whole message up to its last octet, but for `E`.
  void PlayContent() {
    for (const std::string& packet : Content("Q1"))
      Play({packet});
  }
  // The one message that there may be is in work, of somebody else.
  void FillUp() {
    EnterMessage("Q0");
    other_ = std::make_unique<RawPeer>(relay_.peer_loop(), relay_.milter_address());
    Wait(seconds(1));
    for (const std::string& packet : Content("Q0"))
      other_->Send(packet);
    other_->Send("E");
    Wait(seconds(1));
  }
  void TearDown() override {
    Wait(seconds(6));
    other_.reset();
    RelayProtocolTest::TearDown();
  }

  std::unique_ptr<RawPeer> other_;
};

struct AtNone : ReplyAtTest {
  AtNone() : ReplyAtTest(World(ReplyAt::kNone)) {}
};
struct AtNoneFull : ReplyAtTest {
  AtNoneFull() : ReplyAtTest(World(ReplyAt::kNone, 1)) {}
};
struct AtDataFull : ReplyAtTest {
  AtDataFull() : ReplyAtTest(World(ReplyAt::kData, 1)) {}
};
struct AtConnectData : ReplyAtTest {
  AtConnectData() : ReplyAtTest(World(ReplyAt::kConnectData)) {}
};

TEST_F(AtNone, NothingIsAnsweredBeforeTheVerdict) {
  EnterMessage("Q1");
  PlayContent();
  EXPECT_EQ(peer_->replies(), "O");
  Play({"E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Opic");
}

TEST_F(AtNoneFull, ARefusalSticksToTheMessageUntilItsEnd) {
  FillUp();
  PlayContent();
  EXPECT_EQ(peer_->replies(), "O");
  Play({"E"});
  EXPECT_EQ(peer_->replies().substr(0, 12), "Oy(452 4.3.1");
  EXPECT_EQ(relay_.scanner().requests(), 1U) << "the other one's alone";
  EXPECT_FALSE(peer_->gone());
}

TEST_F(AtDataFull, ARefusalIsToldAtData) {
  FillUp();
  Play({std::string(kOfferVersion6), "DMi\0Q1\0"s, "M<a@b>\0"s, "R<c@d>\0"s, "T"});
  EXPECT_EQ(peer_->replies().substr(0, 12), "Oy(452 4.3.1");
}

TEST_F(AtConnectData, ConnectAndDataAreAnswered) {
  EnterMessage("Q1");
  PlayContent();
  EXPECT_EQ(peer_->replies(), "Occ");
  Play({"E"});
  Wait(seconds(6));
  EXPECT_EQ(peer_->replies(), "Occpic");
}

TEST(ReplyAtProtocolTest, AsksForEveryNoReplyBitButThose) {
  EXPECT_EQ(relay::ProtocolOf(ReplyAt::kNone) & milter::kNoReplyAll, milter::kNoReplyAll);
  EXPECT_EQ(~relay::ProtocolOf(ReplyAt::kData) & milter::kNoReplyAll, milter::kNoReplyData);
  EXPECT_EQ(~relay::ProtocolOf(ReplyAt::kConnectData) & milter::kNoReplyAll,
            milter::kNoReplyConnect | milter::kNoReplyData);
  for (const ReplyAt reply_at : {ReplyAt::kNone, ReplyAt::kData, ReplyAt::kConnectData}) {
    EXPECT_EQ(relay::ProtocolOf(reply_at) & ~milter::kNoReplyAll,
              milter::kNoUnknown | milter::kLeadingSpace);
  }
}

}  // namespace
}  // namespace relay_sim
