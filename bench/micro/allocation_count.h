// Counts every heap allocation of a program: what proves that a message makes none.
//
//   malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign valloc pvalloc
//     '-> counted here (by thread, and in all) -> glibc's own
//   operator new, strdup, opendir, std::string, shared libraries: end in one of those
//
// A program that links this has these names before the C library's, so calls from shared libraries
// are counted as well. Under the address and thread sanitizers, which bring an allocator of their
// own, their hook counts instead (the thread sanitizer's does not tell of memalign and its
// relatives: kAlignedCounted). Not for programs that link another allocator (mimalloc).
// Any thread. It does not count what is mapped by mmap(2), nor what is freed.
// Source: glibc manual, "Replacing malloc"; <sanitizer/allocator_interface.h>.
#ifndef MILLRACE_BENCH_MICRO_ALLOCATION_COUNT_H_
#define MILLRACE_BENCH_MICRO_ALLOCATION_COUNT_H_

#include <cstdint>

namespace bench {

#ifdef __SANITIZE_THREAD__
inline constexpr bool kAlignedCounted = false;
#else
inline constexpr bool kAlignedCounted = true;
#endif

// By all threads, since the process began.
std::uint64_t AllAllocations() noexcept;

// By the calling thread, since it began.
std::uint64_t ThreadAllocations() noexcept;

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_ALLOCATION_COUNT_H_
