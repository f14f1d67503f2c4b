// No message allocates: whole messages through one shard of the relay on each loop, by the counter
// in front of the allocator. The same as bench/micro/relay_bench, short.
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "bench/micro/relay_driver.h"
#include "bench/micro/relay_scenarios.h"

namespace {

using bench::RelayDriver;
using bench::RelayScenario;

constexpr std::uint64_t kPlays = 5;

// Keeps the compiler from leaving an allocation out.
void* volatile kept = nullptr;

void AllocateOnce() noexcept {
  kept = std::malloc(100);
  std::free(kept);
}

std::string Name(const testing::TestParamInfo<RelayScenario>& info) {
  return info.param.name;
}

class RelayAllocation : public testing::TestWithParam<RelayScenario> {};

TEST_P(RelayAllocation, NonePerMessage) {
  const RelayScenario& scenario = GetParam();
  RelayDriver driver(scenario.options);
  for (std::uint32_t i = 0; i < scenario.warm_up; ++i)
    driver.Play(scenario.script, scenario.sessions);
  driver.StartCounting();
  for (std::uint64_t i = 0; i < kPlays; ++i)
    driver.Play(scenario.script, scenario.sessions);
  EXPECT_EQ(driver.allocations(), 0U);
  EXPECT_TRUE(bench::WentWell(scenario, driver.tally(), scenario.warm_up + kPlays));
}

INSTANTIATE_TEST_SUITE_P(Epoll,
                         RelayAllocation,
                         testing::ValuesIn(bench::RelayScenarios(engine::IoChoice::kEpoll)),
                         Name);
INSTANTIATE_TEST_SUITE_P(Uring,
                         RelayAllocation,
                         testing::ValuesIn(bench::RelayScenarios(engine::IoChoice::kUring)),
                         Name);
INSTANTIATE_TEST_SUITE_P(UringRecv,
                         RelayAllocation,
                         testing::ValuesIn(bench::RelayScenarios(engine::IoChoice::kUringRecv)),
                         Name);

// The shard's ticks come once a second: looks at the disk, slots given up, counters.
TEST(RelayAllocationTicks, NoneInTwoSeconds) {
  const RelayScenario scenario = bench::RelayScenarios(engine::IoChoice::kEpoll).front();
  RelayDriver driver(scenario.options);
  for (std::uint32_t i = 0; i < scenario.warm_up; ++i)
    driver.Play(scenario.script, scenario.sessions);
  driver.StartCounting();
  const engine::Time begun = driver.loop().now();
  while (driver.loop().now() - begun < std::chrono::milliseconds(2100))
    driver.Play(scenario.script, scenario.sessions);
  EXPECT_EQ(driver.allocations(), 0U);
}

// What the tests above rely on: an allocation in the shard's turns is seen, and so is one that
// another thread of the process makes; those of the peers are not.
TEST(RelayAllocationProof, SeesTurnsAndOtherThreads) {
  const RelayScenario scenario = bench::RelayScenarios(engine::IoChoice::kEpoll).front();
  RelayDriver driver(scenario.options);
  for (std::uint32_t i = 0; i < scenario.warm_up; ++i)
    driver.Play(scenario.script, scenario.sessions);
  engine::Mail mail;
  mail.deliver = [](engine::Mail&) noexcept { AllocateOnce(); };
  driver.StartCounting();
  driver.loop().Post(mail);
  driver.Play(scenario.script, scenario.sessions);
  EXPECT_EQ(driver.allocations(), 1U);
  driver.StartCounting();
  std::thread other([] { AllocateOnce(); });
  other.join();
  EXPECT_GE(driver.allocations(), 1U);  // more where a thread's start allocates
}

}  // namespace
