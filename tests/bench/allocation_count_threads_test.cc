// The counter sees every way to the heap, those of shared libraries too, and no other.
#include <dirent.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "bench/micro/allocation_count.h"

namespace {

// By the calling thread, in `act`.
template <typename Act>
std::uint64_t Made(const Act& act) {
  const std::uint64_t before = bench::ThreadAllocations();
  act();
  return bench::ThreadAllocations() - before;
}

// Keeps the compiler from leaving an allocation out.
void* volatile kept = nullptr;

template <typename Allocate>
std::uint64_t MadeAndFreed(const Allocate& allocate) {
  return Made([&] {
    kept = allocate();
    std::free(kept);
  });
}

TEST(AllocationCount, EveryNameOfTheCLibrary) {
  EXPECT_EQ(MadeAndFreed([] { return std::malloc(100); }), 1U);
  EXPECT_EQ(MadeAndFreed([] { return std::calloc(10, 10); }), 1U);
  EXPECT_EQ(MadeAndFreed([] { return std::realloc(nullptr, 100); }), 1U);
  EXPECT_EQ(MadeAndFreed([] { return reallocarray(nullptr, 10, 10); }), 1U);
}

TEST(AllocationCount, AlignedOnes) {
  constexpr std::uint64_t kCounted = bench::kAlignedCounted ? 1 : 0;
  EXPECT_EQ(MadeAndFreed([] { return memalign(64, 100); }), kCounted);
  EXPECT_EQ(MadeAndFreed([] { return std::aligned_alloc(64, 128); }), kCounted);
  EXPECT_EQ(MadeAndFreed([] { return valloc(100); }), kCounted);
  EXPECT_EQ(MadeAndFreed([] { return pvalloc(100); }), kCounted);
  EXPECT_EQ(MadeAndFreed([] {
              void* made = nullptr;
              EXPECT_EQ(posix_memalign(&made, 64, 100), 0);
              return made;
            }),
            kCounted);
}

TEST(AllocationCount, GrowingIsOne) {
  void* made = std::malloc(100);
  EXPECT_EQ(Made([&] { made = std::realloc(made, 100'000); }), 1U);
  std::free(made);
}

TEST(AllocationCount, EveryNew) {
  struct alignas(256) Aligned {
    char bytes[256];
  };
  EXPECT_EQ(Made([] { ::operator delete(::operator new(100)); }), 1U);
  EXPECT_EQ(Made([] { ::operator delete[](::operator new[](100)); }), 1U);
  EXPECT_EQ(Made([] { ::operator delete(::operator new(100, std::nothrow)); }), 1U);
  EXPECT_EQ(Made([] {
              Aligned* const made = new Aligned;
              kept = made;
              delete made;
            }),
            1U);
  EXPECT_EQ(Made([] { EXPECT_EQ(std::string(100, 'x').size(), 100U); }), 1U);
}

TEST(AllocationCount, SharedLibrariesToo) {
  EXPECT_EQ(MadeAndFreed([] { return strdup("copied by the C library"); }), 1U);
  EXPECT_GE(Made([] {
              DIR* const folder = opendir("/");
              ASSERT_NE(folder, nullptr);
              closedir(folder);
            }),
            1U);
}

TEST(AllocationCount, WhatIsNoAllocationCountsNothing) {
  EXPECT_EQ(Made([] {
              char buffer[64];
              std::memset(buffer, 1, sizeof buffer);
              kept = buffer;
              const std::string small("short");
              EXPECT_EQ(small.size(), 5U);
            }),
            0U);
}

TEST(AllocationCount, ThreadsAreToldApart) {
  const std::uint64_t all_before = bench::AllAllocations();
  std::uint64_t of_other = 0;
  std::thread other([&] {
    of_other = Made([] {
      for (int i = 0; i < 1000; ++i) {
        kept = std::malloc(100);
        std::free(kept);
      }
    });
  });
  const std::uint64_t of_this = Made([&] { other.join(); });
  EXPECT_EQ(of_other, 1000U);
  EXPECT_EQ(of_this, 0U);
  EXPECT_GE(bench::AllAllocations() - all_before, 1000U);
}

}  // namespace
