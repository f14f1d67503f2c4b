// The queue for scanner slots in virtual time: order and limit with thousands at once, shares of
// senders, bounds, overload.
#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>
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

// One message's way through the queue, as the log at debug level 2 tells it.
struct Passage {
  std::size_t joined = 0;  // lines: their order is the order of the inbox
  Time granted{};
  std::string sender;
};

std::string FieldOf(const std::string& line, const std::string& key) {
  const std::size_t at = line.find(" " + key + "=");
  if (at == std::string::npos) return {};
  const std::size_t from = at + key.size() + 2;
  return line.substr(from, line.find(' ', from) - from);
}

class RelayQueueTest : public RelayScenarioTest {
 protected:
  // A session with one message after the other, of a client with this address.
  SimMailServer& PlayFrom(const std::string& address, int messages, Time at) {
    milter::MtaScript script = relay_->MakeScript(kOne);
    for (int i = 1; i < messages; ++i)
      script.transactions.push_back(relay_->MakeTransaction(kOne));
    script.client_address = address;
    return Play(std::move(script), milter::MtaKind::kPostfix, at);
  }
  // As RunServers(), for thousands of them.
  bool RunMany(Time limit) {
    const auto& servers = relay_->servers();
    std::size_t done = 0;
    return relay_->world().RunUntil(
        [&servers, &done] {
          while (done < servers.size() && servers[done]->done())
            ++done;
          return done == servers.size();
        },
        limit);
  }
  // Of all that waited, by the log.
  std::vector<Passage> Passages() const {
    std::vector<Passage> all;
    std::map<std::string, Passage> under_way;  // by shard and slot
    for (std::size_t i = 0; i < relay_->log_lines().size(); ++i) {
      const std::string& line = relay_->log_lines()[i];
      const std::string place = FieldOf(line, "shard") + "/" + FieldOf(line, "slot");
      const std::string state = FieldOf(line, "state");
      if (state == "waiting") under_way[place].joined = i;
      if (state == "connecting" && under_way.count(place) > 0)
        under_way[place].granted = relay_->log_times()[i];
      if (line.find(": message ") == std::string::npos || under_way.count(place) == 0) continue;
      all.push_back(under_way[place]);
      all.back().sender = FieldOf(line, "addr");
      under_way.erase(place);
    }
    return all;
  }
  std::uint64_t Outcomes(Outcome outcome) const {
    std::uint64_t count = 0;
    for (const auto& server : relay_->servers()) {
      for (const auto& result : server->session().results())
        count += result.outcome == outcome ? 1 : 0;
    }
    return count;
  }
};

// 2,000 messages, four slots, about 200 ms a scan, three shards, ten networks.
TEST_F(RelayQueueTest, ServesTwoThousandAtOnceInTheirOrderAndNeverMoreThanFour) {
  WorldOptions options{.keep_log = true, .shards = 3, .scanner_slots = 4};
  options.scanner = Calm(milliseconds(200));
  options.scanner.delay_min = milliseconds(190);
  options.scanner.delay_max = milliseconds(210);
  options.sessions_max = options.messages_max = 2500;
  Begin(options);
  relay_->log().set_debug_level(2);
  for (int i = 0; i < 2000; ++i)
    PlayFrom("192.0." + std::to_string(i % 10) + ".1", 1, {});
  ASSERT_TRUE(RunMany(std::chrono::hours(1)));
  EXPECT_EQ(relay_->scanner().inside_most(), 4U);
  EXPECT_EQ(Outcomes(Outcome::kAccepted), 2000U);
  EXPECT_LT(relay_->world().now(), seconds(102)) << "no slot was idle while somebody waited";

  std::vector<Passage> passages = Passages();
  EXPECT_GE(passages.size(), 1990U);
  std::sort(passages.begin(), passages.end(), [](const Passage& a, const Passage& b) {
    return a.joined < b.joined;
  });
  std::map<std::string, Time> last;
  for (const Passage& passage : passages) {
    EXPECT_GE(passage.granted, last[passage.sender]) << "overtaken within " << passage.sender;
    last[passage.sender] = passage.granted;
  }
  EXPECT_EQ(last.size(), 10U);
}

TEST_F(RelayQueueTest, RefusesOneSenderAboveItsBoundAndOthersNot) {
  WorldOptions options{.scanner_slots = 1, .scanner = Calm(seconds(1))};
  options.config.queue.per_key_max = 2;
  Begin(options);
  for (int i = 0; i < 10; ++i)
    PlayFrom("192.0.2.1", 1, {});
  SimMailServer& other = PlayFrom("198.51.100.1", 1, relay_->world().now() + milliseconds(500));
  RunAll();
  EXPECT_EQ(Outcomes(Outcome::kAccepted), 4U);
  EXPECT_EQ(relay_->Sum(Count::kQueueKeyFull), 7U);
  EXPECT_EQ(First(other).outcome, Outcome::kAccepted);
}

TEST_F(RelayQueueTest, LetsClientsWithoutAnAddressShareOneKey) {
  WorldOptions options{.scanner_slots = 1, .scanner = Calm(seconds(1))};
  options.config.queue.per_key_max = 1;
  Begin(options);
  PlayFrom("192.0.2.1", 1, {});
  for (int i = 0; i < 2; ++i) {
    milter::MtaScript script = relay_->MakeScript(kOne);
    script.client_family = 'U';
    Play(std::move(script), milter::MtaKind::kPostfix, relay_->world().now() + milliseconds(100));
  }
  RunAll();
  EXPECT_EQ(Outcomes(Outcome::kAccepted), 2U);
  EXPECT_EQ(relay_->Sum(Count::kQueueNoAddress), 2U);
  EXPECT_EQ(relay_->Sum(Count::kQueueKeyFull), 1U);
}

TEST_F(RelayQueueTest, RefusesWhatFindsTheQueueFullAndGoesOn) {
  WorldOptions options{.scanner_slots = 1, .scanner = Calm(seconds(1))};
  options.config.queue.length_max = 3;
  Begin(options);
  for (int i = 0; i < 10; ++i)
    PlayFrom("192.0.2.1", 1, {});
  RunAll();
  EXPECT_EQ(Outcomes(Outcome::kAccepted), 4U);
  EXPECT_EQ(Outcomes(Outcome::kTempfailed), 6U);
  EXPECT_EQ(relay_->Sum(Count::kQueueFull), 6U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedOverload), 6U);
  SimMailServer& later = PlayFrom("192.0.2.1", 1, {});
  RunAll();
  EXPECT_EQ(First(later).outcome, Outcome::kAccepted);
}

TEST_F(RelayQueueTest, KeepsAMessageByTheSettingsItBeganWith) {
  WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(60))};
  options.config.queue.per_key_max = 1;
  Begin(options);
  PlayFrom("192.0.2.1", 1, {});
  for (const char* address : {"198.51.100.1", "203.0.113.1"}) {
    milter::MtaScript script = relay_->MakeScript(kOne);
    script.client_address = address;
    milter::MtaOptions slow;
    slow.paced = true;
    relay_->ConnectAt(relay_->AddServer(slow, std::move(script), seconds(1)),
                      relay_->world().now());
  }
  const auto all_at_data = [this] { return relay_->shard(0).messages() == 3; };
  ASSERT_TRUE(relay_->world().RunUntil(all_at_data, seconds(60)));
  ASSERT_EQ(relay_->slots().waiting(), 0U);
  options.config.queue.key = relay::QueueKey::kNone;
  relay_->Reload(options.config);
  RunAll();
  EXPECT_EQ(Outcomes(Outcome::kAccepted), 3U);
  EXPECT_EQ(relay_->Sum(Count::kQueueKeyFull), 0U);
}

// One sender with 500 sessions beside 20 with one each, for 200 s: what each got, the many first.
class RelayQueueSharesTest : public RelayQueueTest {
 protected:
  std::vector<std::uint64_t> Shares(relay::QueueKey key) {
    WorldOptions options{.shards = 2, .scanner_slots = 4, .scanner = Calm(milliseconds(200))};
    options.scanner.delay_min = milliseconds(180);
    options.scanner.delay_max = milliseconds(220);
    options.sessions_max = options.messages_max = 1000;
    options.config.queue.key = key;
    options.config.queue.wait_max = relay::kTimeoutMax;
    options.config.listeners[0].answer_within = relay::kTimeoutMax;
    Begin(options);
    std::vector<std::vector<SimMailServer*>> senders(21);
    for (int i = 0; i < 500; ++i)
      senders[0].push_back(&PlayFrom("192.0.2.1", 12, milliseconds(i)));
    for (std::size_t i = 1; i < senders.size(); ++i)
      senders[i].push_back(&PlayFrom("198.51." + std::to_string(i) + ".1", 260, milliseconds(i)));
    EXPECT_FALSE(relay_->world().RunUntil([] { return false; }, seconds(200)));
    std::vector<std::uint64_t> shares(senders.size(), 0);
    for (std::size_t i = 0; i < senders.size(); ++i) {
      for (SimMailServer* server : senders[i]) {
        for (const auto& result : server->session().results())
          shares[i] += result.outcome == Outcome::kAccepted ? 1 : 0;
        server->Drop();
      }
    }
    return shares;
  }
};

TEST_F(RelayQueueSharesTest, GivesSendersWithOneSessionTheirFairShareBesideOneWithFiveHundred) {
  const std::vector<std::uint64_t> shares = Shares(relay::QueueKey::kClientNetwork);
  const std::uint64_t total = std::accumulate(shares.begin(), shares.end(), std::uint64_t{0});
  EXPECT_GE(total, 200U * 20U * 97 / 100) << "no slot is idle for the sake of fairness";
  const std::uint64_t fair = total / shares.size();
  for (std::size_t i = 1; i < shares.size(); ++i) {
    EXPECT_GE(shares[i], fair * 90 / 100) << "sender " << i;
    EXPECT_LE(shares[i], fair * 110 / 100) << "sender " << i;
  }
}

TEST_F(RelayQueueSharesTest, GivesThemNextToNothingWithoutTheRule) {
  const std::vector<std::uint64_t> shares = Shares(relay::QueueKey::kNone);
  const std::uint64_t fair =
      std::accumulate(shares.begin(), shares.end(), std::uint64_t{0}) / shares.size();
  for (std::size_t i = 1; i < shares.size(); ++i)
    EXPECT_LT(shares[i], fair / 10) << "sender " << i;
}

// Three times what four slots can do, for three minutes: what is accepted is answered in time, the
// rest is refused before its content, and nothing piles up.
TEST_F(RelayQueueTest, ShedsEarlyUnderThreefoldLoadAndRecoversAtOnce) {
  constexpr int kArrivals = 3 * 20 * 180;
  WorldOptions options{.shards = 2, .scanner_slots = 4, .scanner = Calm(milliseconds(200))};
  options.config.listeners[0].answer_within = seconds(20);
  options.sessions_max = options.messages_max = 2000;
  Begin(options);
  for (int i = 0; i < kArrivals; ++i)
    PlayFrom("192.0.2.1", 1, milliseconds(1000 * i / 60));
  std::uint32_t spool_most = 0;
  std::uint32_t messages_most = 0;
  for (Time at = seconds(20); at < seconds(180); at += seconds(1)) {
    relay_->world().RunUntil([this, at] { return relay_->world().now() >= at; }, at);
    const std::uint32_t spool =
        relay_->shard(0).spool().directories() + relay_->shard(1).spool().directories();
    spool_most = std::max(spool_most, spool);
    messages_most =
        std::max(messages_most, relay_->shard(0).messages() + relay_->shard(1).messages());
  }
  const std::uint64_t shed = relay_->Sum(Count::kShedAtData);
  ASSERT_TRUE(RunMany(std::chrono::hours(1)));
  const std::uint64_t accepted = Outcomes(Outcome::kAccepted);
  RecordProperty("accepted", static_cast<int>(accepted));
  RecordProperty("spool_most", static_cast<int>(spool_most));
  // 20 a second, and what waits at the end.
  EXPECT_GE(accepted, 20U * 180U * 98 / 100);
  EXPECT_EQ(accepted + Outcomes(Outcome::kTempfailed), static_cast<std::uint64_t>(kArrivals));
  EXPECT_EQ(relay_->Sum(Count::kRefusedOverload), relay_->Sum(Count::kShedAtData))
      << "accepted at DATA, and then not scanned in time";
  EXPECT_GT(shed, 20U * 2U * 140U);
  for (const auto& server : relay_->servers())
    ASSERT_LE(server->longest_answer(), seconds(20));
  // Waits are 13 to 18 s; what was told at their beginning is about right.
  EXPECT_GT(relay_->slots().waits_us().Percentile(0.5), 12'000'000U);
  EXPECT_LT(relay_->slots().estimate_errors_us().Percentile(0.9), 1'500'000U);
  EXPECT_LE(spool_most, 20U * 20U);
  EXPECT_LE(messages_most, 20U * 20U + 100U);
  // It is over: the next one is welcome.
  for (int i = 0; i < 10; ++i) {
    SimMailServer& later = PlayFrom("192.0.2.1", 1, relay_->world().now());
    RunAll();
    EXPECT_EQ(First(later).outcome, Outcome::kAccepted);
  }
}

}  // namespace
}  // namespace relay_sim
