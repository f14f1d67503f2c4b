// Counts every heap allocation of the process, so that a benchmark can prove that it makes none.
//
// malloc, calloc, realloc, memalign and their relatives are replaced by ones that count and go on
// to glibc's own (operator new ends there too). Any thread. Not for programs that link another
// allocator.
#ifndef MILLRACE_BENCH_MICRO_ALLOCATIONS_H_
#define MILLRACE_BENCH_MICRO_ALLOCATIONS_H_

#include <cstdint>

#include <benchmark/benchmark.h>

namespace bench {

// Since the process began.
std::uint64_t AllocationCount() noexcept;

// Made before the measured loop. Finish() after it sets the counter "allocs/msg" (one iteration is
// one message); where it is not zero, the benchmark fails.
class NoAllocations {
 public:
  explicit NoAllocations(benchmark::State& state) noexcept
      : state_(state), before_(AllocationCount()) {}
  NoAllocations(const NoAllocations&) = delete;
  NoAllocations& operator=(const NoAllocations&) = delete;

  void Finish();

 private:
  benchmark::State& state_;
  std::uint64_t before_;
};

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_ALLOCATIONS_H_
