// The whole relay under seeded faults: whatever strikes, the invariants of RelayWorld hold.
//
// MILLRACE_SIM_SEEDS: how many seeds (default 300); MILLRACE_SIM_SEED: that one alone, to repeat a
// failure.
#include <array>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/relay_world.h"

namespace relay_sim {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests have one thread here
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Limits that 25 sessions from eight addresses meet now and then.
void SetQuotas(std::uint64_t seed, relay::Config* config) {
  relay::QuotaConfig& quota = config->quota;
  quota.ipv4_prefix = 30;
  switch (seed % 6) {
    case 1: config->listeners[0].sessions_max = 2; break;
    case 3: quota.client_sessions_max = 1; break;
    default: quota.network_sessions_max = 1;
  }
  if (seed % 10 == 1) config->listeners[0].messages_max = 1;
  if (seed % 10 == 3) quota.client_messages_max = 1;
  if (seed % 10 == 5) quota.network_messages_max = 1;
  if (seed % 10 == 7) quota.client_message_rate = 2;
  if (seed % 16 == 9) {
    quota.table_entries = 2;
    quota.table_full = seed % 32 == 9 ? relay::TableFull::kRefuse : relay::TableFull::kPass;
  }
  if (seed % 16 == 13) config->spool.bytes_used_max = 30'000;
}

void SetFailureRules(std::uint64_t seed, relay::FailureRules* rules) {
  if (seed % 4 == 1) {
    rules->of(relay::FailureClass::kUnreachable).action = relay::FailureAction::kQuarantine;
    rules->of(relay::FailureClass::kOverload).action = relay::FailureAction::kQuarantine;
  }
  if (seed % 4 == 2)
    rules->of(relay::FailureClass::kOverload).action = relay::FailureAction::kAccept;
}

WorldOptions RoughOptions(std::uint64_t seed) {
  WorldOptions options;
  options.shards = 1 + static_cast<std::uint32_t>(seed % 4);
  options.scanner_slots = seed % 3 == 0 ? 2 : (seed % 3 == 1 ? 8 : relay::ScannerSpec::kLimitMax);
  if (seed % 5 != 0) options.faults = sim::SimFaults::Rough();
  if (seed % 7 == 0) options.faults.cut = 0;
  options.spool_reuse = seed % 6 != 0;
  options.scanner_backlog = seed % 4 == 0 ? 2 : 4096;
  if (seed % 11 == 0) options.faults.disk_error = options.faults.disk_full = 30'000;
  if (seed % 13 == 0) options.block_bytes_max = (64 + seed % 512) * engine::kKiB;
  if (seed % 17 == 0) options.sessions_max = 10;
  if (seed % 23 == 0) options.messages_max = 4;
  if (seed % 21 == 0) options.config.queue.length_max = 6;
  if (seed % 21 == 1) options.config.queue.per_key_max = 2;
  if (seed % 19 == 0) options.scanner.drip_every = std::chrono::milliseconds(seed % 200);
  options.scanner.half_reply = 30'000;
  options.scanner.broken_reply = 30'000;
  options.scanner.hang = 20'000;
  options.scanner.late_read = 100'000;
  options.scanner.keeps_link = 50'000;
  options.scanner.keeps_open = 50'000;
  options.config.listeners[0].pass_on_failure = seed % 10 >= 8;
  if (seed % 10 == 9) options.config.listeners[0].delivery_care_of = relay::DeliveryCareOf::kServer;
  options.config.scanners[0].scan_timeout = std::chrono::seconds(seed % 2 == 0 ? 600 : 5);
  options.config.queue.wait_max = std::chrono::seconds(seed % 2 == 0 ? 300 : 10);
  SetFailureRules(seed, &options.config.listeners[0].failure_rules);
  if (seed % 3 == 1) {
    options.config.scanners[0].kind = relay::ScannerKind::kOther;
    options.config.spool.newlines = relay::Newlines::kCrlf;
    if (seed % 2 == 1) options.config.spool.splice = relay::SpliceChoice::kOn;
  }
  if (seed % 4 == 1) SetQuotas(seed, &options.config);
  return options;
}

// Now and then nobody gets a descriptor, for a moment.
void PlanShortages(RelayWorld& relay) {
  for (int i = 0; i < 10; ++i) {
    const engine::Time at =
        relay.world().random().Between(relay.world().now(), std::chrono::seconds(30));
    relay.world().At(at, [&relay] { relay.world().set_out_of_descriptors(true); });
    relay.world().At(at + std::chrono::milliseconds(300),
                     [&relay] { relay.world().set_out_of_descriptors(false); });
  }
}

using Sums = std::array<std::uint64_t, static_cast<std::size_t>(relay::Count::kEnd)>;

std::uint64_t RunSeed(std::uint64_t seed, std::string* broken, Sums* sums = nullptr) {
  RelayWorld relay(seed, RoughOptions(seed));
  const SessionMix mix{.stops = seed % 5 == 0 ? 0U : 150'000U, .clients = 8};
  for (int i = 0; i < 25; ++i) {
    const engine::Time at =
        relay.world().random().Between(relay.world().now(), std::chrono::seconds(30));
    relay.ConnectAt(relay.AddRandomServer(mix), at);
  }
  if (seed % 9 == 0) PlanShortages(relay);
  const bool stops = seed % 8 == 0;
  if (stops) {
    const engine::Time at =
        relay.world().random().Between(std::chrono::seconds(5), std::chrono::seconds(40));
    relay.world().At(at, [&relay] {
      // What cannot be removed at the end is left to the next start; here it would look like a
      // leak.
      relay.world().faults().disk_error = 0;
      relay.StopShards();
    });
  }
  if (!relay.RunServers(std::chrono::hours(3))) *broken += "a session does not end\n";
  const std::uint64_t inside = relay.scanner().inside_most();
  const auto limit = static_cast<std::uint64_t>(RoughOptions(seed).scanner_slots);
  // A shard that stops does not wait for its orphans.
  if (!stops && relay.world().faults().cut == 0 && inside > limit)
    *broken += "more inside the scanner than -m allows\n";
  for (std::size_t i = 0; sums != nullptr && i < sums->size(); ++i) {
    (*sums)[i] += relay.Sum(static_cast<relay::Count>(i));
  }
  for (const std::string& what : relay.Finish())
    *broken += what + "\n";
  return relay.world().trace_hash();
}

TEST(RelaySimTest, InvariantsHoldUnderFaults) {
  const std::uint64_t only = FromEnvironment("MILLRACE_SIM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t count = only != 0 ? 1 : FromEnvironment("MILLRACE_SIM_SEEDS", 300);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    std::string broken;
    RunSeed(seed, &broken);
    ASSERT_EQ(broken, "") << "repeat with MILLRACE_SIM_SEED=" << seed;
  }
}

// A simulation that never meets a path proves nothing about it.
TEST(RelaySimTest, SeedsReachEveryPath) {
  Sums sums{};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::string broken;
    RunSeed(seed, &broken, &sums);
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    switch (static_cast<relay::Count>(i)) {
      case relay::Count::kSessionsRefused:  // limits: relay_scenario_test
      case relay::Count::kSessionsTimedOut:
      case relay::Count::kAcceptPauses:  // relay_limits_test
      case relay::Count::kRefusedAtData:
      case relay::Count::kShedAtData:  // relay_queue_test
      case relay::Count::kQueueFull:
      case relay::Count::kQueueKeyFull:
      case relay::Count::kQueueNoAddress:
      case relay::Count::kSessionsBroken:       // the peers speak the protocol well
      case relay::Count::kAnsweredAccept:       // amavisd never says it
      case relay::Count::kRefusedMessageLimit:  // relay_scenario_test
      case relay::Count::kUnknownAttributes:    // verdict_map_test
      case relay::Count::kEditsDropped:
      case relay::Count::kOrphansExpired:   // relay_scenario_test
      case relay::Count::kMessagesStalled:  // relay_stall_sim_test
        continue;
      default: EXPECT_GT(sums[i], 0U) << relay::kCountRows[i].log_name;
    }
  }
}

TEST(RelaySimTest, SameSeedGivesTheSameRun) {
  for (const std::uint64_t seed : {11U, 12U, 13U}) {
    std::string broken;
    EXPECT_EQ(RunSeed(seed, &broken), RunSeed(seed, &broken)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace relay_sim
