// Scanners that fail under load, in virtual time: what the mail server is told, what the breakers
// do, and how it ends without an operator.
//
// Each story runs messages in sessions of three through the whole of it. In all of them no session
// is closed, every change of a breaker is one that is drawn in relay/scanner_health.h, and after
// the last repair mail flows as before.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/relay/scanners_scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using relay::Count;
using relay::ScannerCount;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(RelayScannersTest, TwoShareTheLoad) {
  Begin(Scanners());
  Load(seconds(20));
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  const auto first = static_cast<double>(Counted(0, ScannerCount::kReplies));
  const auto second = static_cast<double>(Counted(1, ScannerCount::kReplies));
  EXPECT_NEAR(first / second, 1.0, 0.2);
}

TEST_F(RelayScannersTest, OneOfTwoKilledFailsNoMessage) {
  Begin(Scanners());
  Load(seconds(60));
  At(seconds(10), [this] { relay_->scanner(0).Kill(); });
  At(seconds(25), [this] { relay_->scanner(0).ListenAgain(); });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_GT(Counted(0, ScannerCount::kRetries), 0U);
  EXPECT_GT(Counted(0, ScannerCount::kBrokeOff), 0U);
  EXPECT_GT(Counted(0, ScannerCount::kRefused), 2U);
  Settle();
  ExpectClosed(0);
  const std::vector<std::string> changes = Changes();
  ASSERT_GE(changes.size(), 4U);
  EXPECT_EQ(changes.front(), "closed>open");
  EXPECT_EQ(changes.back(), "slow-start>closed");
}

TEST_F(RelayScannersTest, TheOnlyOneKilledIsATemporaryFailureUntilItIsBack) {
  Begin(Scanners(true));
  Load(seconds(60));
  At(seconds(10), [this] { relay_->scanner(0).Kill(); });
  At(seconds(20), [this] { relay_->scanner(0).ListenAgain(); });
  RunAll();
  EXPECT_GT(Told().tempfailed, 50);
  // Sessions from a few seconds after it is back: the active probe ends the back-off.
  EXPECT_EQ(Told(230).tempfailed, 0);
  Settle();
  ExpectClosed(0);
  EXPECT_EQ(Counted(0, ScannerCount::kRetries), 0U);
}

TEST_F(RelayScannersTest, RefusedConnectsWaitForTheOther) {
  Begin(Scanners());
  Load(seconds(40));
  At(seconds(5), [this] { relay_->scanner(0).StopListening(); });
  At(seconds(15), [this] { relay_->scanner(0).ListenAgain(); });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_EQ(Counted(0, ScannerCount::kRetries), 0U);  // nothing was handed over
  Settle();
  ExpectClosed(0);
}

TEST_F(RelayScannersTest, AHungScannerFailsWhatItHasAndThenNothing) {
  Begin(Scanners());
  Load(seconds(120));
  At(seconds(10), [this] { relay_->scanner(0).plan().hang = 1'000'000; });
  At(seconds(60), [this] { relay_->scanner(0).plan().hang = 0; });
  RunAll();
  const Tally tally = Told();
  // A timeout is told, never repeated; the breaker keeps the rest away, but for its probes.
  EXPECT_EQ(static_cast<std::uint64_t>(tally.tempfailed), Counted(0, ScannerCount::kTimeouts));
  EXPECT_LE(tally.tempfailed, 25);
  EXPECT_GT(tally.accepted, 1500);
  EXPECT_EQ(Counted(0, ScannerCount::kRetries), 0U);
}

TEST_F(RelayScannersTest, OneTimeoutInAWhileIsNoReasonToOpen) {
  WorldOptions options = Scanners();
  options.scanner.hang = 20'000;
  options.scanner.hang_for = seconds(5);
  Begin(options);
  Load(seconds(60));
  RunAll();
  EXPECT_GT(Counted(0, ScannerCount::kTimeouts), 2U);
  EXPECT_TRUE(Changes().empty());
}

TEST_F(RelayScannersTest, ASlowScannerGetsLessAndFailsNothing) {
  Begin(Scanners());
  Load(seconds(60));
  At(seconds(5), [this] {
    relay_->scanner(0).plan().delay_min = relay_->scanner(0).plan().delay_max = seconds(3);
  });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_LT(Counted(0, ScannerCount::kRequests) * 3, Counted(1, ScannerCount::kRequests));
  EXPECT_TRUE(Changes().empty());
}

TEST_F(RelayScannersTest, AFlappingScannerFailsNothingBesideAnother) {
  Begin(Scanners());
  Load(seconds(80));
  for (int i = 0; i < 15; ++i) {
    At(seconds(5 + 4 * i), [this] { relay_->scanner(0).Kill(); });
    At(seconds(7 + 4 * i), [this] { relay_->scanner(0).ListenAgain(); });
  }
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_GT(Counted(0, ScannerCount::kOpened), 3U);
  Settle();
  ExpectClosed(0);
}

TEST_F(RelayScannersTest, AFlappingScannerAloneRecoversEachTime) {
  Begin(Scanners(true));
  Load(seconds(100));
  for (int i = 0; i < 6; ++i) {
    At(seconds(5 + 12 * i), [this] { relay_->scanner(0).Kill(); });
    At(seconds(7 + 12 * i), [this] { relay_->scanner(0).ListenAgain(); });
  }
  RunAll();
  const Tally tally = Told();
  EXPECT_GT(tally.accepted, tally.tempfailed);
  EXPECT_EQ(Told(800).tempfailed, 0);
  Settle();
  ExpectClosed(0);
}

TEST_F(RelayScannersTest, AFullBacklogIsBusyAndTheOtherTakesOver) {
  WorldOptions options = Scanners();
  options.scanner_backlog = 1;
  options.scanner_slots = 20;
  options.more_scanners[0].slots = 20;
  options.config.scanners[0].scan_timeout = seconds(600);
  Begin(options);
  Load(seconds(40));
  At(seconds(5), [this] { relay_->scanner(0).StopAccepting(); });
  At(seconds(20), [this] { relay_->scanner(0).AcceptAgain(); });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_GT(Counted(0, ScannerCount::kBusy), 5U);
  EXPECT_TRUE(Changes().empty());
}

TEST_F(RelayScannersTest, AFullBacklogOfTheOnlyOneIsWaitedFor) {
  WorldOptions options = Scanners(true);
  options.scanner_backlog = 1;
  options.scanner_slots = 20;
  options.config.scanners[0].scan_timeout = seconds(600);
  Begin(options);
  Load(seconds(10));
  At(seconds(5), [this] { relay_->scanner(0).StopAccepting(); });
  At(seconds(20), [this] { relay_->scanner(0).AcceptAgain(); });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_TRUE(Changes().empty());
}

// Half a reply: the scanner has looked at the message and maybe acted; it is told, not repeated.
TEST_F(RelayScannersTest, HalfRepliesFailTheirMessagesAndOpenTheBreaker) {
  Begin(Scanners());
  Load(seconds(40));
  At(seconds(5), [this] { relay_->scanner(0).plan().half_reply = 1'000'000; });
  At(seconds(15), [this] { relay_->scanner(0).plan().half_reply = 0; });
  RunAll();
  const Tally tally = Told();
  const std::uint64_t half = Counted(0, ScannerCount::kHalfReplies);
  // Of length zero some of them are: those are repeated.
  EXPECT_EQ(static_cast<std::uint64_t>(tally.tempfailed), half);
  EXPECT_GE(Counted(0, ScannerCount::kOpened), 1U);
  EXPECT_EQ(Counted(0, ScannerCount::kRetries), Counted(0, ScannerCount::kBrokeOff));
  Settle();
  ExpectClosed(0);
}

TEST_F(RelayScannersTest, DrainingEndsWithNothingInFlightAndNothingFailed) {
  Begin(Scanners());
  Load(seconds(30));
  At(seconds(10), [this] {
    EXPECT_TRUE(relay_->groups().Drain("unix:/run/scanner.sock", true, relay_->world().now()));
  });
  At(seconds(12), [this] {
    EXPECT_EQ(Of(0).outstanding, 0U);
    relay_->scanner(0).Kill();
  });
  At(seconds(20), [this] {
    relay_->scanner(0).ListenAgain();
    relay_->groups().Drain("unix:/run/scanner.sock", false, relay_->world().now());
  });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_EQ(Counted(0, ScannerCount::kRefused), 0U);
  EXPECT_TRUE(Changes().empty());
  EXPECT_GT(relay_->scanner(0).requests(), 40U);
}

// At once, and not by passing: who drains the last one has not asked for that, -P or not.
TEST_F(RelayScannersTest, WhereAllScannersDrainMessagesAreRefusedAtOnce) {
  WorldOptions options = Scanners(true);
  options.scanner = Calm(seconds(3));
  options.config.listeners[0].pass_on_failure = true;
  Begin(options);
  Load(seconds(4));
  At(seconds(5),
     [this] { relay_->groups().Drain("unix:/run/scanner.sock", true, relay_->world().now()); });
  RunAll();
  EXPECT_GT(Told().tempfailed, 20);
  EXPECT_LE(relay_->world().now(), seconds(12));
  EXPECT_GT(relay_->Sum(Count::kRefusedPassing), 20U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedUnreachable), 0U);
}

}  // namespace
}  // namespace relay_sim
