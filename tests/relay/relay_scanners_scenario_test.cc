// Scanners that fail under load, in virtual time: what the mail server is told, what the breakers
// do, and how it ends without an operator.
//
// Each story runs messages in sessions of three through the whole of it. In all of them no session
// is closed, every change of a breaker is one that is drawn in relay/scanner_health.h, and after
// the last repair mail flows as before.
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using milter::Outcome;
using relay::BreakerState;
using relay::Count;
using relay::ScannerCount;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SessionMix kThree{
    .messages_max = 3, .recipients_max = 2, .body_bytes_max = 3000, .sendmail = 0};

class RelayScannersTest : public RelayScenarioTest {
 protected:
  // Two scanners with four slots each, unless said otherwise; `one`: the first of them alone.
  static WorldOptions Scanners(bool one = false) {
    WorldOptions options{.keep_log = true, .shards = 2, .scanner_slots = 4};
    options.scanner = Calm(milliseconds(200));
    if (!one) options.more_scanners = {{.plan = Calm(milliseconds(200)), .slots = 4}};
    options.config.scanners[0].scan_timeout = seconds(4);
    return options;
  }
  // A session every 100 ms for `lasts`: up to three messages each.
  void Load(Time lasts) {
    for (Time at = seconds(1); at < lasts; at += milliseconds(100))
      Play(relay_->MakeScript(kThree), milter::MtaKind::kPostfix, at);
  }
  template <typename What>
  void At(Time at, What what) {
    relay_->world().At(at, std::move(what));
  }
  struct Tally {
    int accepted = 0;
    int tempfailed = 0;
    int other = 0;
  };
  // Of messages of sessions that came from `from` on.
  Tally Told(std::size_t from = 0) {
    Tally tally;
    for (std::size_t i = from; i < relay_->servers().size(); ++i) {
      const SimMailServer& server = *relay_->servers()[i];
      EXPECT_FALSE(server.lost()) << i;
      EXPECT_EQ(server.session().results().size(), server.script().transactions.size()) << i;
      for (const milter::TransactionResult& result : server.session().results()) {
        if (result.outcome == Outcome::kAccepted) {
          ++tally.accepted;
        } else if (result.outcome == Outcome::kTempfailed) {
          ++tally.tempfailed;
          EXPECT_TRUE(result.reply_text.starts_with("451 ")) << result.reply_text;
        } else {
          ++tally.other;
        }
      }
    }
    EXPECT_EQ(tally.other, 0);
    return tally;
  }
  // "closed>open" and so on, of all scanners, in order.
  std::vector<std::string> Changes() const {
    static const std::set<std::string> kDrawn = {"closed>open",
                                                 "slow-start>open",
                                                 "slow-start>closed",
                                                 "open>half-open",
                                                 "open>slow-start",
                                                 "half-open>slow-start",
                                                 "half-open>open"};
    std::vector<std::string> changes;
    for (const std::string& line : relay_->log_lines()) {
      const std::size_t from = line.find(" from=");
      const std::size_t to = line.find(" to=");
      if (line.find("scanner breaker") == std::string::npos) continue;
      const std::string change = line.substr(from + 6, to - from - 6) + ">" +
                                 line.substr(to + 4, line.find(' ', to + 1) - to - 4);
      EXPECT_TRUE(kDrawn.count(change)) << line;
      changes.push_back(change);
    }
    return changes;
  }
  relay::ScannerSnapshot Of(std::size_t index) { return relay_->groups().at(0).Snapshot()[index]; }
  std::uint64_t Counted(std::size_t index, ScannerCount count) {
    return Of(index).counts[static_cast<std::size_t>(count)];
  }
  // Time for slow start after the last message.
  void Settle() { relay_->world().Run(relay_->world().now() + seconds(20)); }
  void ExpectClosed(std::size_t index) {
    const relay::ScannerSnapshot scanner = Of(index);
    EXPECT_EQ(scanner.state, BreakerState::kClosed);
    EXPECT_EQ(scanner.outstanding, 0U);
    EXPECT_EQ(scanner.limit_now, scanner.limit);
  }
};

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

TEST_F(RelayScannersTest, WhereNoScannerIsInServiceMessagesFailAtOnce) {
  WorldOptions options = Scanners(true);
  options.scanner = Calm(seconds(3));
  Begin(options);
  Load(seconds(4));
  At(seconds(5),
     [this] { relay_->groups().Drain("unix:/run/scanner.sock", true, relay_->world().now()); });
  RunAll();
  EXPECT_GT(Told().tempfailed, 20);
  EXPECT_LE(relay_->world().now(), seconds(12));
  EXPECT_GT(relay_->Sum(Count::kRefusedUnreachable), 20U);
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
