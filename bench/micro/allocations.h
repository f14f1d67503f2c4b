// A benchmark's proof that it makes no heap allocation.
#ifndef MILLRACE_BENCH_MICRO_ALLOCATIONS_H_
#define MILLRACE_BENCH_MICRO_ALLOCATIONS_H_

#include <cstdint>

#include <benchmark/benchmark.h>

#include "bench/micro/allocation_count.h"

namespace bench {

// Made before the measured loop. Finish() after it sets the counter "allocs" (per iteration); where
// it is not zero, the benchmark fails. A benchmark of one thread counts all threads of the process,
// one of several its own alone (another may still be getting ready).
class NoAllocations {
 public:
  explicit NoAllocations(benchmark::State& state) noexcept : state_(state), before_(Made()) {}
  NoAllocations(const NoAllocations&) = delete;
  NoAllocations& operator=(const NoAllocations&) = delete;

  void Finish() {
    const std::uint64_t made = Made() - before_;
    state_.counters["allocs"] =
        benchmark::Counter(static_cast<double>(made), benchmark::Counter::kAvgIterations);
    if (made != 0) state_.SkipWithError("allocates");
  }

 private:
  std::uint64_t Made() const noexcept {
    return state_.threads() > 1 ? ThreadAllocations() : AllAllocations();
  }

  benchmark::State& state_;
  std::uint64_t before_;
};

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_ALLOCATIONS_H_
