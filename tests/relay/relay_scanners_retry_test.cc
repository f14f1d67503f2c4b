// Where a message goes when its scanner fails it, and where it never goes: to another scanner of
// its group once, as a copy; to no other group; not past the scanners.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/scanners_scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using milter::Outcome;
using relay::BreakerState;
using relay::Count;
using relay::ScannerCount;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Delivery by the scanner: it may have delivered before it died, so what it had is not repeated.
TEST_F(RelayScannersTest, WhatAKilledScannerDeliversItselfIsNotRepeated) {
  WorldOptions options = Scanners();
  options.config.listeners[0].delivery_care_of = relay::DeliveryCareOf::kServer;
  Begin(options);
  Load(seconds(20));
  At(seconds(10), [this] { relay_->scanner(0).Kill(); });
  RunAll();
  EXPECT_EQ(static_cast<std::uint64_t>(Told().tempfailed), Counted(0, ScannerCount::kBrokeOff));
  EXPECT_GT(Told().tempfailed, 0);
}

TEST_F(RelayScannersTest, AMessageThatBrokeTwoScannersIsNotTriedOnAThird) {
  WorldOptions options = Scanners();
  options.scanner.hang = 1'000'000;
  options.scanner.hang_for = milliseconds(50);
  options.more_scanners = {{.plan = options.scanner, .slots = 4}, {.plan = options.scanner}};
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_TRUE(First(server).reply_text.starts_with("451 4.6.0"));
  std::size_t requests = 0;
  for (std::size_t i = 0; i < 3; ++i)
    requests += relay_->scanner(i).requests();
  EXPECT_EQ(requests, 2U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedScanFailed), 1U);
}

// -P passes what no scanner could be asked about, not what has just killed one.
TEST_F(RelayScannersTest, AMessageThatKilledItsScannerStaysSuspect) {
  WorldOptions options = Scanners();
  options.scanner.hang = 1'000'000;
  options.scanner.hang_for = milliseconds(50);
  Begin(options);
  for (std::size_t i = 0; i < 20; ++i) {
    SimMailServer& server = PlayOne();
    // The other one goes as the first has it.
    relay_->scanner(1).ListenAgain();
    At(relay_->world().now() + milliseconds(10), [this] { relay_->scanner(1).StopListening(); });
    ASSERT_TRUE(relay_->RunServers(relay_->world().now() + seconds(100)));
    if (relay_->scanner(0).requests() == 0) continue;
    EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
    EXPECT_EQ(relay_->Sum(Count::kRefusedScanFailed), 1U);
    EXPECT_EQ(relay_->Sum(Count::kRefusedUnreachable), 0U);
    return;
  }
  FAIL() << "the first scanner was never chosen";
}

// Of several turns: large ones are copied piece by piece.
TEST_F(RelayScannersTest, ALargeMessageIsCopiedWhole) {
  WorldOptions options = Scanners();
  options.scanner.hang = 1'000'000;
  options.scanner.hang_for = milliseconds(50);
  options.more_scanners[0].weight = 1;
  Begin(options);
  milter::MtaScript script = relay_->MakeScript(kOne);
  for (int i = 0; i < 8; ++i) {
    milter::MtaScript one = relay_->MakeScript(kOne);
    milter::Transaction& t = one.transactions[0];
    std::string more;
    while (more.size() < 3'300'000)
      more += "a line of a large message\r\n";
    t.body += more;
    std::string in_file;
    for (const char c : more) {
      if (c != '\r') in_file += c;
    }
    relay_->ledger()[t.queue_id].content += in_file;
    Play(std::move(one));
  }
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_GT(Counted(0, ScannerCount::kRetries), 0U);
}

// -P passes what no scanner could be asked about. Nobody is in service here because scans failed,
// which a sender can bring about.
TEST_F(RelayScannersTest, WhatFailedScansLeftWithoutAScannerIsAFailedScan) {
  WorldOptions options = Scanners();
  options.scanner.hang = 1'000'000;
  options.scanner.hang_for = milliseconds(50);
  Begin(options);
  Load(seconds(20));
  std::uint64_t unreachable = 0;
  std::uint64_t failed = 0;
  At(seconds(10), [this, &unreachable, &failed] {
    EXPECT_NE(Of(0).state, BreakerState::kClosed);
    unreachable = relay_->Sum(Count::kRefusedUnreachable);
    failed = relay_->Sum(Count::kRefusedScanFailed);
    relay_->groups().Drain("unix:/run/scanner1.sock", true, relay_->world().now());
  });
  RunAll();
  EXPECT_EQ(relay_->Sum(Count::kRefusedUnreachable), unreachable);
  EXPECT_GT(relay_->Sum(Count::kRefusedScanFailed), failed + 50);
  EXPECT_GT(Told().tempfailed, 50);
}

TEST_F(RelayScannersTest, GroupsAreQueuesAndBreakersOfTheirOwn) {
  WorldOptions options = Scanners();
  options.more_scanners[0].group = "other";
  options.config.scanner_groups = {
      {.name = "other", .policy_banks = {}, .client_networks = {"192.0.2.2/32"}}};
  Begin(options);
  ASSERT_EQ(relay_->groups().size(), 2U);
  SessionMix mix = kThree;
  mix.clients = 4;
  for (Time at = seconds(1); at < seconds(40); at += milliseconds(200))
    Play(relay_->MakeScript(mix), milter::MtaKind::kPostfix, at);
  At(seconds(10), [this] { relay_->scanner(1).Kill(); });
  RunAll();
  // Nothing crosses to the group that has a scanner left.
  std::map<std::string, Tally> by_client;
  for (const auto& server : relay_->servers()) {
    Tally& tally = by_client[server->script().client_address];
    for (const milter::TransactionResult& result : server->session().results())
      ++(result.outcome == Outcome::kAccepted ? tally.accepted : tally.tempfailed);
  }
  ASSERT_EQ(by_client.size(), 4U);
  for (const auto& [client, tally] : by_client) {
    EXPECT_GT(tally.accepted, 5) << client;
    if (client == "192.0.2.2") {
      EXPECT_GT(tally.tempfailed, 20);
    } else {
      EXPECT_EQ(tally.tempfailed, 0) << client;
    }
  }
}

TEST_F(RelayScannersTest, WithReuseOffACopyIsMadeByName) {
  WorldOptions options = Scanners();
  options.spool_reuse = false;
  Begin(options);
  Load(seconds(20));
  At(seconds(10), [this] { relay_->scanner(0).Kill(); });
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
  EXPECT_GT(Counted(0, ScannerCount::kRetries), 0U);
}

}  // namespace
}  // namespace relay_sim
