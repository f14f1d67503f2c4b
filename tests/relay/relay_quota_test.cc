// A relay whose quotas are met, in virtual time: what is told, what is counted, and that all of it
// is given back.
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using milter::Outcome;
using relay::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RelayQuotaTest : public RelayScenarioTest {
 protected:
  // One message from `address`, `at` so long after the world began.
  SimMailServer& PlayFrom(const std::string& address, Time at = {}) {
    milter::MtaScript script = relay_->MakeScript(kOne);
    script.client_address = address;
    return PlayAt(std::move(script), at);
  }
  SimMailServer& PlayAt(milter::MtaScript script, Time at) {
    return Play(std::move(script), milter::MtaKind::kPostfix, relay_->world().now() + at);
  }
  static std::string ConnectReply(const SimMailServer& server) {
    for (const milter::StageReply& reply : server.session().session_replies())
      if (reply.command == milter::Command::kConnect) return reply.text;
    return "none";
  }
  relay::Config config_;  // of the last reload

  static WorldOptions Options(Time scan = seconds(1)) {
    return {.shards = 2, .scanner = Calm(scan)};
  }
};

TEST_F(RelayQuotaTest, SessionsOfAnAddressOverItsLimitAreTold421) {
  WorldOptions options = Options();
  options.keep_log = true;
  options.config.quota.client_sessions_max = 2;
  Begin(options);
  SimMailServer* servers[4];
  for (int i = 0; i < 4; ++i)
    servers[i] = &PlayFrom(i < 3 ? "192.0.2.7" : "192.0.2.8", milliseconds(10 * i));
  SimMailServer& later = PlayFrom("192.0.2.7", seconds(60));
  RunAll();
  EXPECT_EQ(First(*servers[0]).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(*servers[1]).outcome, Outcome::kAccepted);
  EXPECT_EQ(ConnectReply(*servers[2]).substr(0, 3), "421");
  EXPECT_EQ(First(*servers[3]).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(later).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kQuotaClientSessions), 1U);
  bool told = false;
  for (const std::string& line : relay_->log_lines())
    told = told || (line.find("too many sessions of a client") != std::string::npos &&
                    line.find("client=192.0.2.7") != std::string::npos);
  EXPECT_TRUE(told);
}

TEST_F(RelayQuotaTest, NetworksAreLimitedToo) {
  WorldOptions options = Options();
  options.config.quota.network_sessions_max = 1;
  Begin(options);
  SimMailServer& first = PlayFrom("192.0.2.7");
  SimMailServer& second = PlayFrom("192.0.2.8", milliseconds(10));
  SimMailServer& other = PlayFrom("192.0.3.7", milliseconds(20));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(ConnectReply(second).substr(0, 3), "421");
  EXPECT_EQ(First(other).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kQuotaNetworkSessions), 1U);
}

TEST_F(RelayQuotaTest, WithoutALimitNobodyWaitsForAReplyToConnect) {
  Begin(Options());
  SimMailServer& server = PlayFrom("192.0.2.7");
  RunAll();
  EXPECT_TRUE(server.session().session_replies().empty());
  EXPECT_EQ(relay_->shared().clients.Totals().keys, 0U);
}

// A reply to CONNECT is a round trip: only while it may have to be a 421.
TEST_F(RelayQuotaTest, NobodyWaitsForAReplyToConnectWhileNobodyIsNearALimit) {
  WorldOptions options = Options(seconds(5));
  options.config.quota.client_sessions_max = 4;
  Begin(options);
  SimMailServer& first = PlayFrom("192.0.2.7");
  SimMailServer& other = PlayFrom("192.0.2.8", seconds(1));
  SimMailServer& second = PlayFrom("192.0.2.7", seconds(2));  // half of the limit, from now on
  SimMailServer& third = PlayFrom("192.0.2.7", seconds(3));
  SimMailServer& stranger = PlayFrom("192.0.2.9", seconds(40));
  SimMailServer& later = PlayFrom("192.0.2.7", seconds(120));
  RunAll();
  for (SimMailServer* server : {&first, &other, &second, &later})
    EXPECT_EQ(ConnectReply(*server), "none");
  for (SimMailServer* server : {&third, &stranger}) {
    EXPECT_NE(ConnectReply(*server), "none");
    EXPECT_EQ(First(*server).outcome, Outcome::kAccepted);
  }
}

// Of a burst, those that had negotiated before the first of them was counted.
TEST_F(RelayQuotaTest, SessionsThatDoNotWaitAtConnectAreRefusedAtData) {
  WorldOptions options = Options(seconds(5));
  options.shards = 1;
  options.config.quota.client_sessions_max = 4;
  Begin(options);
  std::vector<SimMailServer*> burst;
  for (int i = 0; i < 12; ++i)
    burst.push_back(&PlayFrom("192.0.2.7"));
  RunAll();
  int accepted = 0;
  int refused_at_data = 0;
  for (const SimMailServer* server : burst) {
    if (ConnectReply(*server).starts_with("421")) continue;
    accepted += First(*server).outcome == Outcome::kAccepted ? 1 : 0;
    if (First(*server).outcome != Outcome::kTempfailed) continue;
    EXPECT_EQ(First(*server).decided_at, milter::Command::kData);
    EXPECT_TRUE(First(*server).reply_text.starts_with("451 4.7.1 Too many connections from your"));
    ++refused_at_data;
  }
  EXPECT_EQ(accepted, 4);
  EXPECT_GT(refused_at_data, 0);
  EXPECT_EQ(relay_->Sum(Count::kQuotaClientSessions), 8U + static_cast<unsigned>(refused_at_data));
}

TEST_F(RelayQuotaTest, MessagesInFlightOfAnAddressAreRefusedAtData) {
  WorldOptions options = Options(seconds(5));
  options.config.quota.client_messages_max = 1;
  Begin(options);
  SimMailServer& first = PlayFrom("192.0.2.7");
  SimMailServer& second = PlayFrom("192.0.2.7", seconds(1));
  SimMailServer& other = PlayFrom("192.0.2.8", seconds(1));
  SimMailServer& later = PlayFrom("192.0.2.7", seconds(30));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(second).decided_at, milter::Command::kData);
  EXPECT_EQ(First(second).reply_text,
            "451 4.7.1 Too many messages at once from your address, please try again later");
  EXPECT_FALSE(second.lost());
  EXPECT_EQ(First(other).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(later).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kQuotaClientMessages), 1U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedAtData), 1U);
}

// A message counts until its scanner is done, whoever waits for it.
TEST_F(RelayQuotaTest, AnOrphanCountsUntilItsScanHasEnded) {
  WorldOptions options = Options(seconds(20));
  options.config.quota.client_messages_max = 1;
  Begin(options);
  SimMailServer& gone = PlayFrom("192.0.2.1");
  relay_->world().At(relay_->world().now() + seconds(5), [&gone] { gone.Drop(); });
  SimMailServer& while_it_scans = PlayFrom("192.0.2.1", seconds(10));
  SimMailServer& after = PlayFrom("192.0.2.1", seconds(40));
  RunAll();
  EXPECT_EQ(relay_->Sum(Count::kOrphansBegun), 1U);
  EXPECT_EQ(First(while_it_scans).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(after).outcome, Outcome::kAccepted);
}

TEST_F(RelayQuotaTest, TheMessageRateOfAnAddressIsLimitedInTheOperatorsWords) {
  WorldOptions options = Options(milliseconds(10));
  options.config.quota.client_message_rate = 6;  // one in 10 s
  options.config.quota.client_message_burst = 2;
  options.config.quota.refusal_text = "Slow down, ask postmaster@example.net";
  Begin(options);
  SimMailServer* servers[4];
  for (int i = 0; i < 4; ++i)
    servers[i] = &PlayFrom("192.0.2.7", seconds(i < 3 ? i : 12));
  RunAll();
  EXPECT_EQ(First(*servers[0]).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(*servers[1]).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(*servers[2]).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(*servers[2]).reply_text, "451 4.7.1 Slow down, ask postmaster@example.net");
  EXPECT_EQ(First(*servers[3]).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kQuotaClientRate), 1U);
}

TEST_F(RelayQuotaTest, MessagesOfAListenerAreRefusedAtData) {
  WorldOptions options = Options(seconds(5));
  options.config.listeners[0].messages_max = 1;
  Begin(options);
  SimMailServer& first = PlayFrom("192.0.2.1");
  SimMailServer& second = PlayFrom("192.0.2.2", seconds(1));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(second).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(second).reply_text,
            "451 4.7.1 Too many messages at once, please try again later");
  EXPECT_EQ(relay_->Sum(Count::kQuotaListenerMessages), 1U);
}

TEST_F(RelayQuotaTest, SessionsOverAListenersLimitAreTold421) {
  WorldOptions options = Options(seconds(5));
  options.config.listeners[0].sessions_max = 1;
  Begin(options);
  SimMailServer& first = PlayFrom("192.0.2.1");
  SimMailServer& second = PlayFrom("192.0.2.2", seconds(1));
  SimMailServer& later = PlayFrom("192.0.2.2", seconds(20));
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(ConnectReply(second).substr(0, 3), "421");
  EXPECT_EQ(First(later).outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kQuotaListenerSessions), 1U);
  EXPECT_EQ(relay_->Sum(Count::kSessionsRefused), 1U);
}

TEST_F(RelayQuotaTest, ADeclaredSizeOverTheLimitIsRefusedAtData) {
  WorldOptions options = Options();
  options.config.listeners[0].message_bytes_max = 10'000;
  Begin(options);
  const auto play = [this](const std::string& argument) -> SimMailServer& {
    milter::MtaScript script = relay_->MakeScript(kOne);
    script.transactions[0].sender.arguments = {"BODY=8BITMIME", argument};
    return Play(std::move(script));
  };
  SimMailServer& over = play("SIZE=10001");
  SimMailServer& lower_case = play("size=99999999999999999999999");
  SimMailServer& at_limit = play("SIZE=10000");
  SimMailServer& nonsense = play("SIZE=many");
  RunAll();
  for (const SimMailServer* server : {&over, &lower_case}) {
    EXPECT_EQ(First(*server).outcome, Outcome::kRejected);
    EXPECT_EQ(First(*server).decided_at, milter::Command::kData);
    EXPECT_EQ(First(*server).reply_text, "552 5.3.4 Message is too large");
  }
  EXPECT_EQ(First(at_limit).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(nonsense).outcome, Outcome::kAccepted);
  relay_->set_rejects_by_us(true);
}

TEST_F(RelayQuotaTest, ABodyOverTheLimitIsRefusedAtItsEndAndTheSessionGoesOn) {
  WorldOptions options = Options();
  options.config.listeners[0].message_bytes_max = 100'000;
  Begin(options);
  SessionMix mix = kOne;
  mix.messages_max = 1;
  milter::MtaScript script = relay_->MakeScript(mix);
  script.transactions.push_back(relay_->MakeTransaction(mix));
  script.transactions[0].body = std::string(400'000, 'x') + "\r\n";
  SimMailServer& server = Play(std::move(script));
  RunAll();
  ASSERT_EQ(server.session().results().size(), 2U);
  EXPECT_EQ(First(server).outcome, Outcome::kRejected);
  EXPECT_EQ(First(server).decided_at, milter::Command::kEndOfMessage);
  EXPECT_EQ(First(server).reply_text, "552 5.3.4 Message is too large");
  EXPECT_EQ(server.session().results()[1].outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kScansBegun), 1U);
  relay_->set_rejects_by_us(true);
}

TEST_F(RelayQuotaTest, SpoolBytesOfAllMessagesAreLimited) {
  WorldOptions options = Options(seconds(5));
  options.config.spool.bytes_used_max = 50'000;
  Begin(options);
  const auto play = [this](std::size_t bytes, Time at, std::string argument) -> SimMailServer& {
    milter::MtaScript script = relay_->MakeScript(kOne);
    milter::Transaction& transaction = script.transactions[0];
    std::string& content = relay_->ledger()[transaction.queue_id].content;
    transaction.body = std::string(bytes, 'x');
    content = content.substr(0, content.find("\n\n") + 2) + transaction.body;
    if (!argument.empty()) transaction.sender.arguments = {std::move(argument)};
    return PlayAt(std::move(script), at);
  };
  SimMailServer& first = play(30'000, {}, "");
  SimMailServer& declared = play(1000, seconds(1), "SIZE=30000");
  SimMailServer& undeclared = play(30'000, seconds(1), "");
  SimMailServer& small = play(1000, seconds(2), "SIZE=1000");
  SimMailServer& later = play(30'000, seconds(20), "SIZE=31000");
  RunAll();
  EXPECT_EQ(First(first).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(declared).decided_at, milter::Command::kData);
  EXPECT_EQ(First(declared).reply_text.substr(0, 9), "452 4.3.1");
  EXPECT_EQ(First(undeclared).decided_at, milter::Command::kEndOfMessage);
  EXPECT_EQ(First(undeclared).reply_text.substr(0, 9), "452 4.3.1");
  EXPECT_EQ(First(small).outcome, Outcome::kAccepted);
  EXPECT_EQ(First(later).outcome, Outcome::kAccepted);
}

// Limits come, go and change while sessions and messages hold counts.
TEST_F(RelayQuotaTest, WhatWasTakenIsGivenBackWhateverReloadsMakeOfTheLimits) {
  const WorldOptions options = Options(milliseconds(700));
  config_ = options.config;
  Begin(options);
  const SessionMix mix{.messages_max = 6, .body_bytes_max = 3000, .stops = 100'000, .clients = 20};
  for (int i = 0; i < 200; ++i) {
    const Time after = relay_->world().random().Between(Time(0), seconds(20));
    relay_->ConnectAt(relay_->AddRandomServer(mix), relay_->world().now() + after);
  }
  for (std::uint32_t i = 0; i < 45; ++i) {
    relay_->world().At(relay_->world().now() + milliseconds(400 * i), [this, i] {
      relay::QuotaConfig& quota = config_.quota;
      quota.client_sessions_max = i % 3;
      quota.network_sessions_max = i % 4 == 1 ? 20 : 0;
      quota.client_messages_max = i % 5 == 2 ? 1 : 0;
      quota.network_messages_max = i % 2 * 10;
      quota.client_message_rate = i % 7 == 3 ? 100 : 0;
      quota.ipv4_prefix = 20 + i % 13;
      config_.listeners[0].sessions_max = i % 6 == 5 ? 30 : 0;
      config_.listeners[0].messages_max = i % 4 == 2 ? 5 : 0;
      config_.spool.bytes_used_max = i % 9 == 4 ? 20'000 : 0;
      relay_->Reload(config_);
    });
  }
  RunAll();
  EXPECT_GT(relay_->Sum(Count::kQuotaClientSessions), 0U);
  EXPECT_GT(relay_->Sum(Count::kQuotaListenerMessages), 0U);
  EXPECT_GT(relay_->Sum(Count::kAnsweredContinue), 0U);
}

// 10,000 sessions from 3,000 addresses in twelve networks, aborts everywhere, every limit met: with
// room for all of them in the table, and with a table that is much too small.
class RelayQuotaStormTest : public RelayQuotaTest {
 protected:
  static WorldOptions StormOptions() {
    WorldOptions options{.shards = 4, .scanner_slots = 200, .sessions_max = 3000};
    options.scanner = Calm(milliseconds(300));
    options.scanner.hang = 2000;
    options.config.scanners[0].scan_timeout = seconds(20);
    options.config.scanners[0].orphan_limit = seconds(30);
    options.config.quota.table_entries = 8192;
    options.config.quota.client_sessions_max = 2;
    options.config.quota.network_sessions_max = 110;
    options.config.quota.client_messages_max = 1;
    options.config.quota.network_messages_max = 8;
    options.config.quota.client_message_rate = 10;
    options.config.quota.client_message_burst = 2;
    options.config.listeners[0].sessions_max = 1200;
    options.config.listeners[0].messages_max = 60;
    return options;
  }
  // RelayWorld looks at every count at the end.
  void PlayStorm() {
    const SessionMix mix{.messages_max = 2,
                         .recipients_max = 2,
                         .body_bytes_max = 600,
                         .stops = 300'000,
                         .clients = 3000};
    for (int i = 0; i < 10'000; ++i) {
      const Time after = relay_->world().random().Between(Time(0), seconds(4));
      // Every other SMTP client is slow.
      SimMailServer& server =
          i % 2 == 0
              ? relay_->AddRandomServer(mix)
              : relay_->AddServer({.paced = true}, relay_->MakeScript(mix), milliseconds(200));
      relay_->ConnectAt(server, relay_->world().now() + after);
    }
    RunAll();
    EXPECT_GT(relay_->Sum(Count::kAnsweredContinue), 0U);
  }
  void ExpectMet(std::initializer_list<Count> counts) {
    for (const Count count : counts)
      EXPECT_GT(relay_->Sum(count), 0U) << relay::CountName(count);
  }
};

TEST_F(RelayQuotaStormTest, AllThatTenThousandSessionsTookIsGivenBack) {
  Begin(StormOptions());
  PlayStorm();
  ExpectMet({Count::kQuotaListenerSessions,
             Count::kQuotaListenerMessages,
             Count::kQuotaClientSessions,
             Count::kQuotaClientMessages,
             Count::kQuotaNetworkSessions,
             Count::kQuotaNetworkMessages,
             Count::kQuotaClientRate});
  EXPECT_EQ(relay_->Sum(Count::kQuotaUncounted), 0U);
}

TEST_F(RelayQuotaStormTest, SoItIsWhenTheTableIsFullAndLetsPass) {
  WorldOptions options = StormOptions();
  options.config.quota.table_entries = 256;
  Begin(options);
  PlayStorm();
  ExpectMet({Count::kQuotaUncounted, Count::kQuotaClientRate});
}

TEST_F(RelayQuotaStormTest, SoItIsWhenTheTableIsFullAndRefuses) {
  WorldOptions options = StormOptions();
  options.config.quota.table_entries = 256;
  options.config.quota.table_full = relay::TableFull::kRefuse;
  Begin(options);
  PlayStorm();
  ExpectMet({Count::kQuotaTableFull, Count::kQuotaClientRate});
}

}  // namespace
}  // namespace relay_sim
