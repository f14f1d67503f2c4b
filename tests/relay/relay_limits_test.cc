// The relay at its limits and at its end, in virtual time: refusals, -P, spool, shutdown.
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using milter::Outcome;
using relay::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;

using RelayLimitsTest = RelayScenarioTest;

TEST_F(RelayLimitsTest, ShortageOfOursIsNotPassedOnFailure) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.config.listeners[0].pass_on_failure = true;
  Begin(options);
  SimMailServer& server = PlayOne();
  relay_->world().RunUntil([this] { return relay_->Sum(Count::kSessionsBegun) == 1; }, seconds(5));
  relay_->world().set_out_of_descriptors(true);
  RunAll();
  relay_->world().set_out_of_descriptors(false);
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 0U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedPassing), 1U);
}

TEST_F(RelayLimitsTest, PassOnFailureMarksTheMessage) {
  WorldOptions options{.scanner = Calm(seconds(1))};
  options.config.listeners[0].pass_on_failure = true;
  options.config.listeners[0].unscanned_header_name = "X-Unscanned";
  options.config.listeners[0].unscanned_header_value = "yes";
  Begin(options);
  relay_->scanner().StopListening();
  milter::MtaScript script = relay_->MakeScript(kOne);
  const std::string id = script.transactions[0].queue_id;
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  ASSERT_EQ(First(server).edits.size(), 1U);
  EXPECT_EQ(First(server).edits[0].name + ":" + First(server).edits[0].value, "X-Unscanned: yes");
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 1U);
  // The ledger's rule "accepted only with the scanner's word" is what -P gives up: say that it has
  // it.
  LedgerEntry& entry = relay_->ledger()[id];
  entry.reply_left = true;
  entry.verdict = ampdp::Verdict::kContinue;
  relay_->set_edit_marker_checked(false);
}

TEST_F(RelayLimitsTest, UnscannedMailLosesWhatItsSenderWroteToLookScanned) {
  WorldOptions options{.scanner = Calm(seconds(1))};
  options.config.listeners[0].pass_on_failure = true;
  options.config.listeners[0].unscanned_header_name = "X-Unscanned";
  options.config.listeners[0].unscanned_header_value = "yes";
  Begin(options);
  relay_->scanner().StopListening();
  milter::MtaScript script = relay_->MakeScript(kOne);
  const std::string id = script.transactions[0].queue_id;
  for (const char* name :
       {"X-Spam-Flag", "x-virus-scanned", "x-spam-FLAG", "X-Spam", "x-unscanned", "X-Spam-Score"}) {
    script.transactions[0].headers.push_back({name, " NO"});
  }
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  std::string edits;
  for (const auto& edit : First(server).edits) {
    edits += std::to_string(edit.index) + " " + edit.name + ":" + edit.value + "\n";
  }
  EXPECT_EQ(edits,
            "1 x-virus-scanned:\n1 x-unscanned:\n1 X-Spam-Score:\n2 x-spam-FLAG:\n1 X-Spam-Flag:\n"
            "0 X-Unscanned: yes\n");
  LedgerEntry& entry = relay_->ledger()[id];
  entry.reply_left = true;
  entry.verdict = ampdp::Verdict::kContinue;
  relay_->set_edit_marker_checked(false);
}

TEST_F(RelayLimitsTest, OverloadIsNotPassedOnFailure) {
  WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(60))};
  options.config.listeners[0].pass_on_failure = true;
  options.config.queue.wait_max = seconds(5);
  Begin(options);
  SimMailServer& first = PlayOne(seconds(2));
  SimMailServer& second = PlayOne(seconds(3));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(second).reply_text.substr(0, 10), "451 4.3.2 ");
  EXPECT_LT(second.longest_answer(), seconds(6));
}

TEST_F(RelayLimitsTest, WhatTheScannerDeliversItselfIsNeverPassedOnFailure) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.config.listeners[0].pass_on_failure = true;
  options.config.listeners[0].delivery_care_of = relay::DeliveryCareOf::kServer;
  options.scanner.half_reply = 1'000'000;
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed) << "it may have been delivered already";
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 0U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedScanFailed), 1U);
}

TEST_F(RelayLimitsTest, ScanCutShortByTheWaitBeforeItIsOverload) {
  WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(100))};
  options.config.listeners[0].pass_on_failure = true;
  options.config.listeners[0].answer_within = seconds(120);
  Begin(options);
  SimMailServer& first = PlayOne(seconds(2));
  SimMailServer& second = PlayOne(seconds(3));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(second).reply_text.substr(0, 10), "451 4.3.2 ");
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 0U);
}

TEST_F(RelayLimitsTest, MessageThatLeavesNoRoomForEditsIsNotPassedOnFailure) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.config.listeners[0].pass_on_failure = true;
  options.scanner.more_edits = 30'000;
  Begin(options);
  milter::MtaScript script = relay_->MakeScript(kOne);
  // A recipient takes a chunk of 64 KiB of the 32 MiB that a message may have.
  for (int i = 0; i < 505; ++i) {
    script.transactions[0].recipients.push_back(
        {.address = "<x@y>", .arguments = {"X=" + std::string(64'000, 'x')}, .macros = {}});
  }
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(relay_->scanner().requests(), 1U);
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 0U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedPassing), 1U);
}

TEST_F(RelayLimitsTest, DeletionsBeyondAllMeasureAreAnAnswerNotTheEndOfTheSession) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  // As much as both limits of a header allow: a deletion takes a few octets more than its field.
  const std::string name = "X-" + std::string(203, 'a');
  options.scanner.deletes = name;
  Begin(options);
  milter::MtaScript script = relay_->MakeScript(kOne);
  script.transactions[0].headers.assign(relay::Message::kHeaderFieldsMax, {name, " "});
  std::string& content = relay_->ledger()[script.transactions[0].queue_id].content;
  content.clear();
  for (std::uint32_t i = 0; i < relay::Message::kHeaderFieldsMax; ++i)
    content += name + ": \n";
  content += "\n";
  script.transactions[0].body.clear();
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(relay_->scanner().requests(), 1U);
  EXPECT_FALSE(server.lost());
  EXPECT_EQ(First(server).reply_text, "552 5.3.4 Message header is too large");
  relay_->set_rejects_by_us(true);
}

// However short of memory: a rejection for good would be a lost message.
TEST_F(RelayLimitsTest, MemoryThatIsShortIsNeverARejection) {
  for (std::size_t kib = 1; kib <= 48; ++kib) {
    WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
    options.block_bytes_max = kib * engine::kKiB;
    Begin(options);
    milter::MtaScript script = relay_->MakeScript(kOne);
    for (int i = 0; i < 50; ++i) {
      script.transactions[0].recipients.push_back(
          {.address = "<" + std::string(200, 'x') + "@lab.test>", .arguments = {}, .macros = {}});
    }
    SimMailServer& server = Play(std::move(script));
    RunAll();
    if (server.session().results().size() == 1) {
      EXPECT_NE(First(server).outcome, Outcome::kRejected)
          << kib << " KiB: " << First(server).reply_text;
    }
    relay_->scanner().StopListening();
    for (const std::string& what : relay_->Finish())
      ADD_FAILURE() << kib << " KiB: " << what;
  }
  Begin({});
}

TEST_F(RelayLimitsTest, TooManyRecipientsAreRefusedAtData) {
  WorldOptions options;
  options.config.listeners[0].recipients_max = 3;
  Begin(options);
  milter::MtaScript script = relay_->MakeScript(kOne);
  for (int i = 0; i < 3; ++i) {
    script.transactions[0].recipients.push_back(
        {.address = "<x@y>", .arguments = {}, .macros = {}});
  }
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kRejected);
  EXPECT_EQ(First(server).decided_at, milter::Command::kData);
  EXPECT_EQ(First(server).reply_text, "550 5.5.3 Too many recipients");
  EXPECT_EQ(relay_->scanner().requests(), 0U);
  relay_->set_rejects_by_us(true);
}

TEST_F(RelayLimitsTest, HugeHeaderIsRefusedAtTheEnd) {
  WorldOptions options;
  options.config.listeners[0].header_bytes_max = 64 * 1024;
  Begin(options);
  milter::MtaScript script = relay_->MakeScript(kOne);
  for (int i = 0; i < 3; ++i) {
    script.transactions[0].headers.push_back({"X-Big", " " + std::string(30000, 'x')});
  }
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kRejected);
  EXPECT_EQ(First(server).decided_at, milter::Command::kEndOfMessage);
  EXPECT_EQ(First(server).reply_text, "552 5.3.4 Message header is too large");
  EXPECT_EQ(relay_->scanner().requests(), 0U);
  EXPECT_EQ(relay_->shard(0).spool().taken() + relay_->shard(1).spool().taken(), 0U);
  relay_->set_rejects_by_us(true);
}

TEST_F(RelayLimitsTest, SpoolWithoutRoomIsToldAtData) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(20))};
  options.messages_max = 1;
  Begin(options);
  SimMailServer& first = PlayOne(seconds(2));
  SimMailServer& second = PlayOne(seconds(3));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(second).decided_at, milter::Command::kData);
  EXPECT_EQ(First(second).reply_text.substr(0, 10), "452 4.3.1 ");
}

TEST_F(RelayLimitsTest, DiskFullInTheMiddleIsATemporaryFailure) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  Begin(options);
  relay_->world().files().bytes_max = 20000;
  const SessionMix mix{
      .messages_max = 1, .recipients_max = 1, .body_bytes_max = 100, .sendmail = 0};
  milter::MtaScript script = relay_->MakeScript(mix);
  script.transactions[0].body.assign(200000, 'x');
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).reply_text.substr(0, 10), "452 4.3.1 ");
  EXPECT_FALSE(server.lost());
  relay_->world().files().bytes_max = sim::SimFiles::kBytesUnlimited;
}

TEST_F(RelayLimitsTest, SessionsOverTheLimitAreTold421) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(30))};
  options.sessions_max = 2;
  Begin(options);
  SimMailServer& first = PlayOne(seconds(2));
  SimMailServer& second = PlayOne(seconds(2));
  SimMailServer& third = PlayOne(seconds(4));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kAccepted);
  ASSERT_EQ(third.session().session_replies().size(), 1U);
  EXPECT_EQ(third.session().session_replies()[0].text.substr(0, 4), "421 ");
  EXPECT_EQ(relay_->Sum(Count::kSessionsRefused), 1U);
}

TEST_F(RelayLimitsTest, SessionsThatAreRefusedHaveALimitOfTheirOwn) {
  WorldOptions options{.shards = 4, .scanner = Calm(seconds(1))};
  options.sessions_max = 100;
  Begin(options);
  milter::MtaOptions idle;
  idle.paced = true;
  for (int i = 0; i < 300; ++i) {
    SimMailServer& server = relay_->AddServer(idle, relay_->MakeScript(kOne), seconds(100));
    relay_->ConnectAt(server, seconds(2));
  }
  relay_->world().Run(seconds(10));
  std::uint32_t sessions = 0;
  for (std::size_t i = 0; i < 4; ++i)
    sessions += relay_->shard(i).sessions();
  EXPECT_EQ(sessions, options.sessions_max + relay::ShardApp::kRefusingSessionsMax);
  EXPECT_EQ(relay_->Sum(Count::kSessionsRefused), 200U);
  for (const auto& server : relay_->servers())
    server->Drop();
}

TEST_F(RelayLimitsTest, HeaderOfVeryManyFieldsIsRefused) {
  Begin({.shards = 1, .scanner = Calm(seconds(1))});
  milter::MtaScript script = relay_->MakeScript(kOne);
  auto& headers = script.transactions[0].headers;
  headers.resize(relay::Message::kHeaderFieldsMax + 1, {"X", " y"});
  SimMailServer& server = Play(std::move(script));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kRejected);
  EXPECT_EQ(First(server).reply_text, "552 5.3.4 Message header is too large");
  relay_->set_rejects_by_us(true);
}

TEST_F(RelayLimitsTest, WantOfDescriptorsPausesAcceptingAlone) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(30))};
  options.faults.accept_delay_max = seconds(1);
  Begin(options);
  SimMailServer& first = PlayOne(seconds(2));
  SimMailServer& second = PlayOne(seconds(7));
  // Connected, and nobody could accept it for three seconds.
  relay_->world().Run(seconds(7));
  relay_->world().set_out_of_descriptors(true);
  relay_->world().At(seconds(10), [this] { relay_->world().set_out_of_descriptors(false); });
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kAccepted);
  EXPECT_GT(relay_->Sum(Count::kAcceptPauses), 0U);
}

TEST_F(RelayLimitsTest, NothingOfAMessageIsLeftAfterTenSeconds) {
  Begin({.shards = 1, .scanner = Calm(seconds(1))});
  PlayOne();
  RunAll();
  relay_->world().Run(relay_->world().now() + seconds(12));
  EXPECT_TRUE(relay_->world().files().FilesWith("Q0").empty());
}

TEST_F(RelayLimitsTest, ShutdownWaitsForShortScansAndAnswersLongOnes) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(3))};
  options.scanner.delay_max = seconds(60);
  Begin(options);
  for (int i = 0; i < 30; ++i)
    PlayOne(seconds(2));
  relay_->world().Run(seconds(4));
  const Time stop = relay_->world().now();
  relay_->shard(0).Stop(stop + seconds(7));
  ASSERT_TRUE(
      relay_->world().RunUntil([this] { return relay_->shard(0).done(); }, stop + seconds(8)));
  RunAll();
  int accepted = 0;
  for (const auto& server : relay_->servers()) {
    const Outcome outcome = First(*server).outcome;
    EXPECT_TRUE(outcome == Outcome::kAccepted || outcome == Outcome::kTempfailed);
    accepted += outcome == Outcome::kAccepted ? 1 : 0;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 30);
}

TEST_F(RelayLimitsTest, NewFilesForEachMessageWhereReuseIsOff) {
  WorldOptions options{.shards = 1, .scanner = Calm(milliseconds(10))};
  options.spool_reuse = false;
  options.spool_writes = engine::FileWork::kAuto;  // no spare slots
  Begin(options);
  for (int i = 0; i < 5; ++i)
    PlayOne(seconds(2 + i));
  RunAll();
  EXPECT_EQ(relay_->Sum(Count::kAnsweredContinue), 5U);
  EXPECT_EQ(relay_->shard(0).spool().counters().made, 5U);
  EXPECT_EQ(relay_->shard(0).spool().counters().reused, 0U);
}

TEST_F(RelayLimitsTest, OneFileServesManyMessagesWhereReuseIsOn) {
  WorldOptions options{.shards = 1, .scanner = Calm(milliseconds(10))};
  options.spool_writes = engine::FileWork::kAuto;  // no spare slots
  Begin(options);
  for (int i = 0; i < 5; ++i)
    PlayOne(seconds(2 + i));
  RunAll();
  EXPECT_EQ(relay_->shard(0).spool().counters().made, 1U);
  EXPECT_EQ(relay_->shard(0).spool().counters().reused, 4U);
}

}  // namespace
}  // namespace relay_sim
