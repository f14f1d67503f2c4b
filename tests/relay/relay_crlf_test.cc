// --spool-newlines=crlf: what the scanner reads, octet by octet.
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/raw_peer.h"

namespace relay_sim {
namespace {

using std::chrono::seconds;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace): for "\0" in texts

WorldOptions CrlfOptions() {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.config.scanners[0].kind = relay::ScannerKind::kOther;
  options.config.spool.newlines = relay::Newlines::kCrlf;
  return options;
}

class RelayCrlfTest : public RelayProtocolTest {
 protected:
  RelayCrlfTest() : RelayProtocolTest(CrlfOptions()) {}

  // Plays a message of this header field and these packets; the simulated scanner compares.
  void Expect(const std::string& field,
              std::initializer_list<std::string> body,
              const std::string& content) {
    relay_.ledger()["Q1"].content = content;
    Play({std::string(kOfferVersion6), "DMi\0Q1\0"s, "M<a@b>\0"s, "R<c@d>\0"s, "L" + field, "N"});
    Play(body);
    Play({"E"});
    Wait(seconds(6));
    EXPECT_EQ(peer_->replies(), "Oic");
  }
};

TEST_F(RelayCrlfTest, OurLineEndsAreCrlfAndBodiesStayAsTheyCame) {
  Expect("Subject\0 x\0"s,
         {"Ba\r\nb\nc\rd\r\r\n\r", "B\n\0\xff"s, "B\r"},
         "Subject: x\r\n\r\na\r\nb\nc\rd\r\r\n\r\n\0\xff\r"s);
}

TEST_F(RelayCrlfTest, LineFeedInsideAHeaderValueBecomesCrlf) {
  Expect("Subject\0 a\n\tb\n c\0"s, {"B\r\n"}, "Subject: a\r\n\tb\r\n c\r\n\r\n\r\n");
}

TEST_F(RelayCrlfTest, LineEndInAHeaderValueThatIsCrlfAlreadyGetsNoSecondCr) {
  Expect("Subject\0 a\r\n\tb\r\0"s, {"Bx"}, "Subject: a\r\n\tb\r\n\r\nx");
}

TEST_F(RelayCrlfTest, LineFeedInAHeaderValueCannotEndTheHeader) {
  Expect("Subject\0\nx\n\nX-Evil: y\0"s, {"Bx"}, "Subject:\r\n\tx\r\n\t\r\n\tX-Evil: y\r\n\r\nx");
}

TEST_F(RelayCrlfTest, MessageWithoutBodyEndsWithTheEmptyLine) {
  Expect("Subject\0 x\0"s, {}, "Subject: x\r\n\r\n");
}

}  // namespace
}  // namespace relay_sim
