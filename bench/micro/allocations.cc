// The counting allocator: in front of glibc's, by the names that glibc gives its own.
#include "bench/micro/allocations.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

constinit std::atomic<std::uint64_t> allocation_count{0};

void Count() noexcept {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  Count();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  Count();
  return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) noexcept {
  Count();
  return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  Count();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  Count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** to, std::size_t alignment, std::size_t size) noexcept {
  Count();
  *to = __libc_memalign(alignment, size);
  return *to == nullptr ? ENOMEM : 0;
}

}  // extern "C"

namespace bench {

std::uint64_t AllocationCount() noexcept {
  return allocation_count.load(std::memory_order_relaxed);
}

void NoAllocations::Finish() {
  const std::uint64_t made = AllocationCount() - before_;
  state_.counters["allocs/msg"] =
      static_cast<double>(made) / static_cast<double>(state_.iterations());
  if (made != 0) state_.SkipWithError("allocates");
}

}  // namespace bench
