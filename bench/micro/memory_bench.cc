// Where records and text of a session or message live: block pool, arena, slab; what each message
// takes and gives back. Beside them malloc and free, as the floor or the price that is saved.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "engine/base/arena.h"
#include "engine/base/block_pool.h"
#include "engine/base/check.h"
#include "engine/base/slab.h"

namespace {

constexpr std::size_t kPoolBytes = 64 * engine::kMiB;

void BM_Malloc_Free(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    void* made = std::malloc(bytes);
    benchmark::DoNotOptimize(made);
    std::free(made);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Malloc_Free)->ArgName("bytes")->Arg(200)->Arg(4096)->Arg(1 << 20);

void BM_BlockPool_TakeGive(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  engine::BlockPool pool(kPoolBytes);
  pool.Give(pool.Take(bytes));
  bench::NoAllocations none(state);
  for (auto _ : state) {
    const engine::Bytes block = pool.Take(bytes);
    benchmark::DoNotOptimize(block.data());
    pool.Give(block);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_BlockPool_TakeGive)->ArgName("bytes")->Arg(200)->Arg(4096)->Arg(1 << 20);

// As many texts of 32 octets as a message with that many recipients keeps.
void BM_Arena_Texts(benchmark::State& state) {
  constexpr std::string_view kText = "<bob.of.the.long.name@lab.test>";
  engine::BlockPool pool(kPoolBytes);
  engine::Arena arena(pool, kPoolBytes);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::string_view copy = arena.Copy(kText);
      benchmark::DoNotOptimize(copy);
    }
    arena.Reset();
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) *
                          static_cast<std::int64_t>(kText.size()));
}
BENCHMARK(BM_Arena_Texts)->ArgName("texts")->Arg(4)->Arg(1000);

struct Record {
  std::array<std::byte, 600> bytes;  // about a session
};

// A record made and freed while as many others live.
void BM_Slab_MakeFree(benchmark::State& state) {
  const auto others = static_cast<std::uint32_t>(state.range(0));
  engine::Slab<Record> slab(others + 1);
  for (std::uint32_t i = 0; i < others; ++i)
    ENGINE_CHECK(slab.Make() != nullptr);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    Record* made = slab.Make();
    benchmark::DoNotOptimize(made);
    slab.Free(*made);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
  slab.ForEach([&](Record& record) { slab.Free(record); });
}
BENCHMARK(BM_Slab_MakeFree)->ArgName("others")->Arg(0)->Arg(10'000);

void BM_Slab_Find(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  engine::Slab<Record> slab(count);
  for (std::uint32_t i = 0; i < count; ++i)
    ENGINE_CHECK(slab.Make() != nullptr);
  std::uint32_t next = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    Record* found = slab.Find({next, 1});
    benchmark::DoNotOptimize(found);
    next = next + 7919 < count ? next + 7919 : next + 7919 - count;
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
  slab.ForEach([&](Record& record) { slab.Free(record); });
}
BENCHMARK(BM_Slab_Find)->ArgName("records")->Arg(10'000);

}  // namespace
