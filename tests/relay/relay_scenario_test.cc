// Named situations of the relay, in virtual time: what the mail server is told, and when.
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using milter::Outcome;
using relay::Count;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(RelayScenarioTest, CleanMessageIsAcceptedWithTheScannersEdits) {
  Begin({.scanner = Calm(milliseconds(80))});
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  ASSERT_EQ(First(server).edits.size(), 1U);
  EXPECT_EQ(First(server).edits[0].value, " Q0");
}

TEST_F(RelayScenarioTest, NeverMoreThanTheLimitInsideTheScannerWhileClientsAbort) {
  WorldOptions options{.shards = 3, .scanner_slots = 4, .scanner = Calm(seconds(2))};
  options.config.queue.wait_max = hours(1);
  options.config.listeners[0].answer_within = hours(2);
  Begin(options);
  for (int i = 0; i < 200; ++i) {
    SimMailServer& server = PlayOne(milliseconds(1000 + i));
    // Half of the clients go, most of them while their message waits, some while it is scanned.
    if (i % 2 == 0) relay_->world().At(milliseconds(1500 + 500 * i), [&server] { server.Drop(); });
  }
  RunAll();
  EXPECT_EQ(relay_->scanner().inside_most(), 4U);
  EXPECT_GT(relay_->Sum(Count::kOrphansReplied), 10U);
  EXPECT_EQ(relay_->Sum(Count::kAnsweredContinue) + relay_->Sum(Count::kMessagesAborted), 200U);
}

TEST_F(RelayScenarioTest, WaitersAreServedInTheOrderTheyCame) {
  WorldOptions options{.shards = 2, .scanner_slots = 1, .scanner = Calm(seconds(1))};
  Begin(options);
  for (int i = 0; i < 40; ++i)
    PlayOne(milliseconds(1000 + 10 * i));
  RunAll();
  for (int i = 0; i < 40; ++i) {
    const Time ideal = seconds(i + 1);
    EXPECT_LE(relay_->servers()[static_cast<std::size_t>(i)]->longest_answer(), ideal + seconds(1))
        << "message " << i;
  }
}

TEST_F(RelayScenarioTest, SixtySlowRecipientsKeepTheirSession) {
  Begin({.scanner = Calm(seconds(1))});
  const SessionMix mix{.messages_max = 1, .recipients_max = 1, .body_bytes_max = 100};
  milter::MtaScript script = relay_->MakeScript(mix);
  for (int i = 1; i < 60; ++i) {
    script.transactions[0].recipients.push_back(
        {.address = "<r" + std::to_string(i) + "@lab.test>", .arguments = {}, .macros = {}});
  }
  milter::MtaOptions options;
  options.paced = true;
  SimMailServer& server = relay_->AddServer(options, std::move(script), seconds(30));
  relay_->ConnectAt(server, relay_->world().now());
  RunAll();
  EXPECT_FALSE(server.lost());
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_GT(relay_->world().now(), seconds(1800));
}

TEST_F(RelayScenarioTest, SilentSessionIsClosedAfterTwoHours) {
  Begin({.shards = 1, .scanner = Calm(seconds(1))});
  milter::MtaOptions options;
  options.paced = true;
  SimMailServer& server = relay_->AddServer(options, relay_->MakeScript(kOne), seconds(7300));
  relay_->ConnectAt(server, relay_->world().now());
  RunAll();
  EXPECT_TRUE(server.lost());
  EXPECT_EQ(relay_->Sum(Count::kSessionsTimedOut), 1U);
}

TEST_F(RelayScenarioTest, SendmailWaitsThroughALongScan) {
  Begin({.scanner = Calm(seconds(200))});
  SimMailServer& server = Play(relay_->MakeScript(kOne), milter::MtaKind::kSendmail);
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  // Sendmail's R timeout is 10 s for each packet.
  EXPECT_GE(First(server).progress_count, 200U / 10U);
}

TEST_F(RelayScenarioTest, SendmailIsAnsweredBeforeItGivesUp) {
  Begin({.scanner = Calm(seconds(450))});
  SimMailServer& server = Play(relay_->MakeScript(kOne), milter::MtaKind::kSendmail);
  milter::MtaScript script = relay_->MakeScript(kOne);
  script.macros = {{"v", "8.17.1.9"}};
  SimMailServer& named = Play(std::move(script), milter::MtaKind::kSendmail);
  RunAll();
  // The first says that it is Postfix (macro v), and has the time; the second has 300 s, absolute.
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(named).outcome, Outcome::kTempfailed);
  EXPECT_LT(named.longest_answer(), seconds(300));
}

TEST_F(RelayScenarioTest, RefusedConnectIsATemporaryFailure) {
  Begin({.scanner = Calm(seconds(1))});
  relay_->scanner().StopListening();
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).reply_text, "451 4.6.0 Content scanner malfunction");
  EXPECT_FALSE(server.lost());
  EXPECT_EQ(relay_->Sum(Count::kRefusedUnreachable), 1U);
}

TEST_F(RelayScenarioTest, FullBacklogIsBusyNotDown) {
  WorldOptions options{.shards = 1, .scanner = Calm(milliseconds(5))};
  options.scanner_backlog = 1;
  Begin(options);
  for (int i = 0; i < 30; ++i)
    PlayOne(seconds(2));
  RunAll();
  EXPECT_EQ(relay_->Sum(Count::kAnsweredContinue), 30U);
  EXPECT_GT(relay_->Sum(Count::kScannerBusy), 0U);
}

TEST_F(RelayScenarioTest, HalfReplyLeavesNoEdit) {
  WorldOptions options{.scanner = Calm(seconds(1))};
  options.scanner.half_reply = 1'000'000;
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).reply_text, "451 4.6.0 Content scanner malfunction");
  EXPECT_TRUE(First(server).edits.empty());
}

TEST_F(RelayScenarioTest, BrokenRepliesLeaveNoEdit) {
  WorldOptions options{.scanner = Calm(seconds(1))};
  options.scanner.broken_reply = 1'000'000;
  Begin(options);
  for (int i = 0; i < 20; ++i)
    PlayOne(seconds(2));
  RunAll();
  for (const auto& server : relay_->servers()) {
    EXPECT_EQ(First(*server).outcome, Outcome::kTempfailed);
    EXPECT_TRUE(First(*server).edits.empty());
  }
  EXPECT_EQ(relay_->Sum(Count::kBrokenReplies), 20U);
}

TEST_F(RelayScenarioTest, ScanTimeoutAnswersAndKeepsTheSlotUntilTheScannerIsDone) {
  WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(100))};
  options.config.scanners[0].scan_timeout = seconds(10);
  Begin(options);
  SimMailServer& first = PlayOne(seconds(2));
  SimMailServer& second = PlayOne(seconds(3));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kTempfailed);
  EXPECT_LT(first.longest_answer(), seconds(12));
  // The second got the slot only when the scanner was done with the first, 90 s later.
  EXPECT_GT(second.longest_answer(), seconds(100));
  EXPECT_EQ(relay_->scanner().inside_most(), 1U);
}

TEST_F(RelayScenarioTest, DrippingReplyIsReadWithinTheScanTimeout) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.scanner.drip_every = milliseconds(100);
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
}

TEST_F(RelayScenarioTest, DrippingScannerIsCutOffByTheScanTimeout) {
  WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(1))};
  options.scanner.drip_every = seconds(9);
  options.config.scanners[0].scan_timeout = seconds(20);
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_LT(server.longest_answer(), seconds(22));
  EXPECT_TRUE(First(server).edits.empty());
  // It still has the message: both slots stay taken, but not for ever.
  EXPECT_EQ(relay_->slots().free_slots(), 0);
  relay_->world().Run(relay_->world().now() + seconds(500));
  EXPECT_EQ(relay_->slots().free_slots(), 1);
}

TEST_F(RelayScenarioTest, OrphanLimitFreesTheSlotOfAHungScanner) {
  WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(1))};
  options.scanner.hang = 1'000'000;
  options.scanner.hang_for = hours(2);
  options.config.scanners[0].scan_timeout = seconds(10);
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(relay_->slots().free_slots(), 0);
  relay_->world().Run(relay_->world().now() + seconds(485));
  EXPECT_EQ(relay_->slots().free_slots(), 0);
  relay_->world().Run(relay_->world().now() + seconds(10));
  EXPECT_EQ(relay_->slots().free_slots(), 1);
  EXPECT_EQ(relay_->Sum(Count::kOrphansExpired), 1U);
}

}  // namespace
}  // namespace relay_sim
