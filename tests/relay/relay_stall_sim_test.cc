// The whole relay under seeded stalls of its disk: it freezes and thaws at random, operations fail,
// mail servers go away meanwhile. Whatever happens, the invariants of RelayWorld hold.
//
// MILLRACE_SIM_SEEDS: how many seeds (default 150); MILLRACE_SIM_SEED: that one alone, to repeat a
// failure.
#include <array>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/relay/relay_world.h"

namespace relay_sim {
namespace {

using engine::FileWork;
using engine::Time;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests have one thread here
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

WorldOptions StallOptions(std::uint64_t seed) {
  WorldOptions options;
  options.shards = 1 + static_cast<std::uint32_t>(seed % 3);
  options.spool_writes = seed % 4 == 0 ? FileWork::kAsync : FileWork::kAuto;
  if (seed % 5 != 0) options.faults = sim::SimFaults::Rough();
  options.faults.disk_stall = 20'000;
  options.faults.stall_max = milliseconds(seed % 2 == 0 ? 100 : 3000);
  if (seed % 7 == 0) options.faults.disk_error = options.faults.disk_full = 30'000;
  if (seed % 11 == 0) options.block_bytes_max = (64 + seed % 512) * engine::kKiB;
  if (seed % 13 == 0) options.messages_max = 4;
  options.spool_reuse = seed % 6 != 0;
  options.scanner.delay_max = seconds(seed % 3 == 0 ? 60 : 2);
  options.scanner.late_read = 100'000;
  options.scanner.keeps_link = 50'000;
  options.scanner.keeps_open = 50'000;
  options.scanner.half_reply = 20'000;
  options.config.listeners[0].pass_on_failure = seed % 10 == 9;
  if (seed % 3 == 2) {  // bodies are spliced until the disk stalls
    options.config.scanners[0].kind = relay::ScannerKind::kOther;
    options.config.spool.newlines = relay::Newlines::kCrlf;
    options.config.spool.splice = relay::SpliceChoice::kOn;
  }
  if (seed % 9 == 0) options.config.listeners[0].answer_within = seconds(20);
  return options;
}

void PlanFreezes(RelayWorld& relay, bool for_ever) {
  sim::SimRandom& random = relay.world().random();
  for (int i = 0; i < 6; ++i) {
    const Time at = random.Between(relay.world().now(), seconds(60));
    const Time lasts = random.Below(2) == 0 ? random.Between(milliseconds(10), seconds(2))
                                            : random.Between(seconds(4), seconds(20));
    relay.world().At(at, [&relay, at, lasts, for_ever] {
      relay.Freeze(for_ever ? engine::kNever : at + lasts);
    });
    if (for_ever) relay.world().At(at + lasts, [&relay] { relay.Thaw(); });
  }
}

using Sums = std::array<std::uint64_t, static_cast<std::size_t>(relay::Count::kEnd)>;

void RunSeed(std::uint64_t seed, std::string* broken, Sums* sums = nullptr) {
  RelayWorld relay(seed, StallOptions(seed));
  const SessionMix mix{.body_bytes_max = seed % 2 == 0 ? 20'000U : 600'000U,
                       .stops = seed % 5 == 0 ? 0U : 150'000U};
  for (int i = 0; i < 20; ++i) {
    const Time at = relay.world().random().Between(relay.world().now(), seconds(60));
    relay.ConnectAt(relay.AddRandomServer(mix), at);
  }
  PlanFreezes(relay, seed % 8 == 4);  // asynchronous: for ever, until somebody thaws it
  if (seed % 10 == 0) {
    const Time at = relay.world().random().Between(seconds(5), seconds(70));
    relay.world().At(at, [&relay] {
      relay.world().faults().disk_error = 0;
      relay.StopShards();
    });
  }
  if (!relay.RunServers(std::chrono::hours(3))) *broken += "a session does not end\n";
  relay.Thaw();
  for (std::size_t i = 0; sums != nullptr && i < sums->size(); ++i)
    (*sums)[i] += relay.Sum(static_cast<relay::Count>(i));
  for (const std::string& what : relay.Finish())
    *broken += what + "\n";
}

TEST(RelayStallSimTest, InvariantsHoldWhileTheDiskStalls) {
  const std::uint64_t only = FromEnvironment("MILLRACE_SIM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t count = only != 0 ? 1 : FromEnvironment("MILLRACE_SIM_SEEDS", 150);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    std::string broken;
    RunSeed(seed, &broken);
    ASSERT_EQ(broken, "") << "repeat with MILLRACE_SIM_SEED=" << seed;
  }
}

// A simulation that never meets a path proves nothing about it.
TEST(RelayStallSimTest, SeedsReachEveryPath) {
  Sums sums{};
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    std::string broken;
    RunSeed(seed, &broken, &sums);
  }
  for (const relay::Count count : {relay::Count::kWritesAsync,
                                   relay::Count::kSessionsPaused,
                                   relay::Count::kSlotWaits,
                                   relay::Count::kMessagesStalled,
                                   relay::Count::kBodiesSpliced,
                                   relay::Count::kAnsweredContinue,
                                   relay::Count::kMessagesAborted}) {
    EXPECT_GT(sums[static_cast<std::size_t>(count)], 0U) << relay::CountName(count);
  }
}

}  // namespace
}  // namespace relay_sim
