// One count that all shards share, on a cache line of its own: taken up to a limit, given back.
//
// One atomic operation each way. The limit is the caller's, at each call: it may change while the
// count is in use, and what was taken is given back all the same. Never above the limit; where
// several take at once just below it, one may be refused that would have fitted a moment later.
// Relaxed: it guards nothing but itself.
#ifndef MILLRACE_ENGINE_QUOTA_SHARED_COUNT_H_
#define MILLRACE_ENGINE_QUOTA_SHARED_COUNT_H_

#include <atomic>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/counters.h"

namespace engine {

class alignas(kCacheLineBytes) SharedCount {
 public:
  // Any thread. False: `limit` are taken already, and nothing was.
  [[nodiscard]] bool Take(std::uint32_t limit) noexcept {
    if (value_.fetch_add(1, std::memory_order_relaxed) < limit) return true;
    value_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  // Any thread: takes one whatever the limit, and answers how many there were before.
  std::uint32_t Add() noexcept { return value_.fetch_add(1, std::memory_order_relaxed); }
  // Any thread, once for each Add(), and each Take() that answered true.
  void Give() noexcept { ENGINE_CHECK(value_.fetch_sub(1, std::memory_order_relaxed) > 0); }
  // A snapshot, for metrics and invariants.
  std::uint32_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> value_{0};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_SHARED_COUNT_H_
