// Line ends: CR LF to LF in place, by kernel, line length and alignment; memcpy beside them.
//
// Converting shortens the text, so each iteration begins with a copy of it, which is part of the
// time; BM_Newlines_Copy is that part alone: the floor.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "engine/spool/newlines.h"

namespace {

constexpr std::size_t kSpareBytes = 64;

// `bytes` of lines of `line` octets each, CR LF included.
std::string TextLines(std::size_t bytes, std::size_t line) {
  std::string text(bytes, 'x');
  for (std::size_t end = line; end <= bytes; end += line) {
    text[end - 2] = '\r';
    text[end - 1] = '\n';
  }
  return text;
}

void Compact(benchmark::State& state, std::size_t (*kernel)(char*, std::size_t)) {
  const std::string text =
      TextLines(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  std::vector<char> buffer(text.size() + 2 * kSpareBytes);
  const std::size_t odd = reinterpret_cast<std::uintptr_t>(buffer.data()) % kSpareBytes;
  char* const begin = buffer.data() + (kSpareBytes - odd) + state.range(2);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    std::memcpy(begin, text.data(), text.size());
    benchmark::ClobberMemory();
    std::size_t left = kernel(begin, text.size());
    benchmark::DoNotOptimize(left);
    benchmark::ClobberMemory();
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

// Sizes: a usual message, a body packet, a turn's scratch. Lines: short replies, text, base64 and
// the longest allowed. `offset`: of the first octet from a cache line.
void Shapes(benchmark::internal::Benchmark* one) {
  one->ArgNames({"bytes", "line", "offset"});
  for (const std::int64_t bytes : {11'100, 65'535, 262'144})
    one->Args({bytes, 75, 0});
  for (const std::int64_t line : {2, 20, 1000})
    one->Args({65'535, line, 0});
  for (const std::int64_t offset : {1, 15, 33})
    one->Args({65'535, 75, offset});
}

void BM_Newlines_Copy(benchmark::State& state) {
  Compact(state, [](char*, std::size_t size) { return size; });
}
BENCHMARK(BM_Newlines_Copy)->Apply(Shapes);

void BM_Newlines_Portable(benchmark::State& state) {
  Compact(state, engine::CompactPortable);
}
BENCHMARK(BM_Newlines_Portable)->Apply(Shapes);

// Only where the processor has it.
[[maybe_unused]] const bool ssse3_registered =
    engine::HasSsse3() &&
    benchmark::RegisterBenchmark("BM_Newlines_Ssse3", [](benchmark::State& state) {
      Compact(state, engine::CompactSsse3);
    })->Apply(Shapes) != nullptr;

[[maybe_unused]] const bool vbmi2_registered =
    engine::HasVbmi2() &&
    benchmark::RegisterBenchmark("BM_Newlines_Vbmi2", [](benchmark::State& state) {
      Compact(state, engine::CompactVbmi2);
    })->Apply(Shapes) != nullptr;

}  // namespace
