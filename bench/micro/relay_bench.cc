// Whole messages through one shard of the relay: the proof that none of them allocates, and what
// each costs the shard.
//
//   BM_Relay_<scenario>/<io>: one iteration is one message; the time is the CPU time of the shard's
//   turns, kernel included, without that of its peers (which share the thread)
//
// A message that allocates, or ends otherwise than its scenario says, is a failed benchmark and
// exit status 1.
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "bench/micro/relay_driver.h"
#include "bench/micro/relay_scenarios.h"
#include "engine/io/make_loop.h"
#include "engine/io/posix_disk.h"

namespace {

bool failed = false;

void Fail(benchmark::State& state, const char* what) {
  failed = true;
  state.SkipWithError(what);
}

void PlayScenario(benchmark::State& state, const bench::RelayScenario& scenario) {
  bench::RelayDriver driver(scenario.options);
  std::uint64_t plays = 0;
  for (; plays < scenario.warm_up; ++plays)
    driver.Play(scenario.script, scenario.sessions);
  driver.StartCounting();
  engine::Time before{};
  const auto messages = static_cast<double>(scenario.messages());
  for (auto _ : state) {
    driver.Play(scenario.script, scenario.sessions);
    ++plays;
    const engine::Time spent = driver.cpu_time() - before;
    before = driver.cpu_time();
    state.SetIterationTime(std::chrono::duration<double>(spent).count() / messages);
  }
  const std::uint64_t made = driver.allocations();
  state.counters["allocs"] =
      static_cast<double>(made) / (static_cast<double>(state.iterations()) * messages);
  state.SetItemsProcessed(state.iterations());
  if (made != 0) Fail(state, "allocates");
  if (!bench::WentWell(scenario, driver.tally(), plays)) Fail(state, "another outcome than is due");
}

// Whether the kernel lets us have such a loop here.
bool Works(engine::IoChoice io) {
  const auto disk = engine::PosixDisk::Open({.root = "/tmp"});
  return disk.ok() && engine::MakeLoop(io, {.disk = disk->get(), .sockets_max = 64}).ok();
}

void Register(engine::IoChoice io, const char* io_name) {
  for (const bench::RelayScenario& scenario : bench::RelayScenarios(io)) {
    benchmark::RegisterBenchmark(
        ("BM_Relay_" + scenario.name + "/" + io_name).c_str(),
        [scenario](benchmark::State& state) { PlayScenario(state, scenario); })
        ->UseManualTime();
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  Register(engine::IoChoice::kEpoll, "epoll");
  for (const auto& [io, name] : {std::pair{engine::IoChoice::kUring, "uring"},
                                 std::pair{engine::IoChoice::kUringRecv, "uring-recv"}}) {
    if (Works(io)) {
      Register(io, name);
    } else {
      std::fprintf(stderr, "no %s here: not measured\n", name);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return failed ? 1 : 0;
}
