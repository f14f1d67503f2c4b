// The relay while the spool's disk stalls, in virtual time: what the mail server is told, and when.
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using engine::FileWork;
using engine::kNever;
using engine::Time;
using milter::Command;
using milter::Outcome;
using relay::Count;
using sim::DiskCall;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RelayStallTest : public RelayScenarioTest {
 protected:
  static WorldOptions Options(FileWork writes, Time scan = milliseconds(50)) {
    WorldOptions options{.shards = 1, .scanner = Calm(scan)};
    options.spool_writes = writes;
    return options;
  }
  static SessionMix Large(std::uint32_t messages = 1) {
    return {
        .messages_max = messages, .recipients_max = 1, .body_bytes_max = 2'000'000, .sendmail = 0};
  }
  // Of a server that is played from 2 s on: DATA has been answered, the content comes at 7 s.
  static constexpr Time kInContent = milliseconds(6500);

  // Connects at `at`; HELO, MAIL, RCPT, DATA and the content follow, a second each.
  SimMailServer& PlayPaced(milter::MtaScript script, Time at) {
    milter::MtaOptions options;
    options.paced = true;
    SimMailServer& server = relay_->AddServer(options, std::move(script), seconds(1));
    relay_->ConnectAt(server, at);
    return server;
  }
  milter::MtaScript LargeScript() { return ScriptOf(Large(), 2'000'000); }
  // Longer than kOne, and no large file.
  milter::MtaScript LongerScript() { return ScriptOf(kOne, 30'000); }
  milter::MtaScript ScriptOf(const SessionMix& mix, std::size_t body_bytes) {
    milter::MtaScript script = relay_->MakeScript(mix);
    milter::Transaction& t = script.transactions[0];
    while (t.body.size() < body_bytes) {
      t.body += "more of it\r\n";
      relay_->ledger()[t.queue_id].content += "more of it\n";
    }
    return script;
  }
  void FreezeAt(Time at, Time until) {
    relay_->world().At(at, [this, until] { relay_->Freeze(until); });
  }
  void ThawAt(Time at) {
    relay_->world().At(at, [this] { relay_->Thaw(); });
  }
  engine::Spool& spool() { return relay_->shard(0).spool(); }
};

TEST_F(RelayStallTest, DataWaitsForASlotAndIsAnswered) {
  WorldOptions options = Options(FileWork::kAsync);
  Begin(options);
  relay_->Freeze(seconds(5));  // virtual time begins at 1 s
  SimMailServer& server = PlayOne(seconds(2));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kSlotWaits), 1U);
  EXPECT_EQ(relay_->Sum(Count::kMessagesStalled), 0U);
}

TEST_F(RelayStallTest, DataIsRefusedAfterFiveSecondsAndTheSessionLives) {
  Begin(Options(FileWork::kAsync));
  relay_->Freeze(kNever);
  SimMailServer& server = Play(relay_->MakeScript({.messages_max = 1, .recipients_max = 1}));
  Time refused_at{};
  while (server.session().results().empty() || First(server).outcome == Outcome::kNone) {
    ASSERT_TRUE(relay_->world().Step());
    refused_at = relay_->world().now();
  }
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).decided_at, Command::kData);
  EXPECT_EQ(First(server).reply_text, "451 4.3.1 Local storage is slow, please try again later");
  EXPECT_GE(refused_at, seconds(6));
  EXPECT_LT(refused_at, seconds(7));
  EXPECT_FALSE(server.lost());
  relay_->Thaw();
  RunAll();
  SimMailServer& next = PlayOne();
  RunAll();
  EXPECT_EQ(First(next).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kMessagesStalled), 1U);
}

TEST_F(RelayStallTest, AShortStallInTheContentDelaysIt) {
  Begin(Options(FileWork::kAsync));
  SimMailServer& server = PlayPaced(LargeScript(), seconds(2));
  FreezeAt(kInContent, seconds(11));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_GT(relay_->world().now(), seconds(11));
  EXPECT_GT(relay_->Sum(Count::kSessionsPaused), 0U);
  EXPECT_GT(relay_->Sum(Count::kWritesAsync), 1U);
  EXPECT_EQ(relay_->Sum(Count::kMessagesStalled), 0U);
}

TEST_F(RelayStallTest, ALongStallInTheContentDoomsTheMessageAlone) {
  Begin(Options(FileWork::kAsync));
  milter::MtaScript script = LargeScript();
  script.transactions.push_back(relay_->MakeTransaction(kOne));
  SimMailServer& server = PlayPaced(std::move(script), seconds(2));
  FreezeAt(kInContent, kNever);
  Time answered_at{};
  while (server.session().results().empty() || First(server).outcome == Outcome::kNone) {
    ASSERT_TRUE(relay_->world().Step());
    answered_at = relay_->world().now();
  }
  // The content has been read to its end although nothing could be written.
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).decided_at, Command::kEndOfMessage);
  EXPECT_EQ(First(server).reply_text, "451 4.3.1 Local storage is slow, please try again later");
  EXPECT_GT(answered_at, seconds(12));
  EXPECT_LT(answered_at, seconds(13));
  EXPECT_EQ(spool().taken(), 1U);  // drains
  relay_->Thaw();
  RunAll();
  EXPECT_FALSE(server.lost());
  EXPECT_EQ(server.session().results().at(1).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kMessagesStalled), 1U);
  EXPECT_EQ(spool().taken(), 0U);
  EXPECT_EQ(spool().counters().retired_doubt, 1U);
}

TEST_F(RelayStallTest, TheEndOfAMessageWaitsAsLongAsItsAnswerMay) {
  Begin(Options(FileWork::kAsync));
  SimMailServer& server = PlayPaced(relay_->MakeScript(kOne), seconds(2));
  FreezeAt(kInContent, seconds(60));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_GE(First(server).progress_count, 9U);
  EXPECT_GT(server.longest_answer(), seconds(50));
}

TEST_F(RelayStallTest, TheEndOfAMessageIsAnsweredWithinItsLimit) {
  WorldOptions options = Options(FileWork::kAsync);
  options.config.listeners[0].answer_within = seconds(30);
  Begin(options);
  SimMailServer& server = PlayPaced(relay_->MakeScript(kOne), seconds(2));
  FreezeAt(kInContent, kNever);
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).reply_text, "451 4.3.1 Local storage is slow, please try again later");
  EXPECT_LT(server.longest_answer(), seconds(31));
  EXPECT_EQ(relay_->scanner().requests(), 0U);
}

TEST_F(RelayStallTest, OthersAreAnsweredWhileOneWaits) {
  Begin(Options(FileWork::kAsync, seconds(3)));
  SimMailServer& scanned = PlayOne(seconds(6));  // its verdict is due at 9 s
  SimMailServer& stuck = PlayPaced(LargeScript(), seconds(2));
  FreezeAt(kInContent, kNever);
  while (!scanned.done())
    ASSERT_TRUE(relay_->world().Step());
  EXPECT_LT(relay_->world().now(), seconds(10));
  EXPECT_EQ(First(scanned).outcome, Outcome::kAccepted);
  RunAll();
  EXPECT_EQ(First(stuck).outcome, Outcome::kTempfailed);
}

TEST_F(RelayStallTest, AClientThatGoesMeanwhileLosesNoSlot) {
  Begin(Options(FileWork::kAsync));
  SimMailServer& waits = PlayOne(milliseconds(6600));
  SimMailServer& writes = PlayPaced(LargeScript(), seconds(2));
  SimMailServer& seals = PlayPaced(relay_->MakeScript(kOne), seconds(2));
  FreezeAt(kInContent, seconds(30));
  relay_->world().At(seconds(9), [&] {
    for (SimMailServer* server : {&waits, &writes, &seals})
      server->Drop();
  });
  RunAll();
  relay_->world().Run(seconds(40));
  EXPECT_EQ(spool().taken(), 0U);
  EXPECT_EQ(relay_->shard(0).messages(), 0U);
  EXPECT_EQ(relay_->shard(0).sessions(), 0U);
}

TEST_F(RelayStallTest, ErrorsOfOperationsAreTemporaryFailures) {
  struct Case {
    DiskCall call;
    int error;
    const char* begins;
  };
  for (const Case& c : {Case{DiskCall::kWriteV, ENOSPC, "452 4.3.1"},
                        Case{DiskCall::kWriteV, EIO, "451 4.3.0"},
                        Case{DiskCall::kTruncate, EIO, "451 4.3.0"}}) {
    if (relay_ != nullptr) TearDown();
    Begin(Options(FileWork::kAsync));
    // Its slot is used again, and its file is longer than what follows.
    Play(LongerScript());
    RunAll();
    relay_->disk(0).FailNext(c.call, c.error);
    SimMailServer& server = PlayOne();
    RunAll();
    EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
    EXPECT_EQ(First(server).reply_text.substr(0, 9), c.begins);
    EXPECT_EQ(relay_->scanner().requests(), 1U);
  }
}

TEST_F(RelayStallTest, AutoLeavesTheShardAndComesBack) {
  Begin(Options(FileWork::kAuto));
  SimMailServer& first = PlayOne(seconds(2));
  FreezeAt(milliseconds(1900), milliseconds(4900));
  while (!first.done())
    ASSERT_TRUE(relay_->world().Step());
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);  // its shard was caught in one call
  EXPECT_TRUE(relay_->governor().async());
  const std::uint64_t calls = relay_->disk(0).calls_in_shard();
  SimMailServer& second = PlayOne(seconds(6));
  while (!second.done())
    ASSERT_TRUE(relay_->world().Step());
  EXPECT_EQ(First(second).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->disk(0).calls_in_shard(), calls);
  EXPECT_GT(relay_->Sum(Count::kWritesAsync), 0U);
  relay_->world().Run(seconds(20));
  EXPECT_FALSE(relay_->governor().async());
  SimMailServer& third = PlayOne(seconds(21));
  RunAll();
  EXPECT_EQ(First(third).outcome, Outcome::kAccepted);
  EXPECT_GT(relay_->disk(0).calls_in_shard(), calls);
}

TEST_F(RelayStallTest, InlineBlocksTheShardAndLosesNothing) {
  Begin(Options(FileWork::kInline));
  SimMailServer& server = PlayOne(seconds(2));
  FreezeAt(milliseconds(1900), seconds(20));
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kWritesAsync), 0U);
}

TEST_F(RelayStallTest, CommandsBehindDataAreHeldWhileItWaits) {
  // Old mail servers have no DATA, and send their content without waiting for anything.
  WorldOptions options = Options(FileWork::kAsync);
  Begin(options);
  for (int i = 0; i < 4; ++i) {
    milter::MtaOptions old;
    old.offer = {.version = 2, .actions = 0x3F, .protocol = 0x7F};
    SessionMix mix = kOne;
    mix.odd_space = false;
    SimMailServer& server = relay_->AddServer(old, relay_->MakeScript(mix));
    relay_->ConnectAt(server, seconds(2 + i));
  }
  RunAll();
  for (const auto& server : relay_->servers())
    EXPECT_EQ(First(*server).outcome, Outcome::kAccepted);  // spare slots were at hand
}

TEST_F(RelayStallTest, ShutdownWithAFrozenDiskAnswersAllAndIsBounded) {
  WorldOptions options = Options(FileWork::kAsync);
  options.keep_log = true;
  Begin(options);
  SimMailServer& waits = PlayOne(milliseconds(9000));
  SimMailServer& writes = PlayPaced(LargeScript(), seconds(2));
  FreezeAt(kInContent, kNever);
  relay_->world().At(milliseconds(9500), [this] { relay_->StopShards(); });
  RunAll();
  EXPECT_EQ(First(waits).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(writes).outcome, Outcome::kTempfailed);
  relay_->world().Run(seconds(18));
  EXPECT_EQ(relay_->shard(0).sessions(), 0U);
  EXPECT_FALSE(relay_->shard(0).done());  // the daemon does not wait for it
  const std::string told = "spool directories left behind";
  const auto has = [&told](const std::string& line) { return line.find(told) != line.npos; };
  EXPECT_EQ(std::count_if(relay_->log_lines().begin(), relay_->log_lines().end(), has), 1);
  relay_->Thaw();
  relay_->world().Run(seconds(20));
  EXPECT_TRUE(relay_->shard(0).done());
}

}  // namespace
}  // namespace relay_sim
