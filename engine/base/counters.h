// Counters and gauges of one shard: one thread writes, any thread reads and sums over the shards.
//
//   enum class Count { kMessages, kBytes, kEnd };      // kEnd: how many there are
//   Counters<Count> counters;  counters.Add(Count::kMessages);
//
// Relaxed atomics without read-modify-write: as cheap as plain memory for the writer. A reader sees
// each cell whole, but not all cells of one instant. Each block has its cache lines to itself.
// Gauges are the same cells: Add with a negative number (they are summed modulo 2^64, so the sum is
// right).
#ifndef MILLRACE_ENGINE_BASE_COUNTERS_H_
#define MILLRACE_ENGINE_BASE_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace engine {

inline constexpr std::size_t kCacheLineBytes = 64;

template <typename Name>
requires std::is_enum_v<Name>
class alignas(kCacheLineBytes) Counters {
 public:
  static constexpr std::size_t kCellCount = static_cast<std::size_t>(Name::kEnd);

  // The writing thread only.
  void Add(Name name, std::int64_t amount = 1) noexcept {
    auto& cell = cells_[static_cast<std::size_t>(name)];
    cell.store(cell.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(amount),
               std::memory_order_relaxed);
  }

  // Any thread.
  std::uint64_t Read(Name name) const noexcept {
    return cells_[static_cast<std::size_t>(name)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kCellCount> cells_{};
};

// The sum over all shards' blocks. Any thread.
template <typename Name>
std::uint64_t SumOf(std::span<const Counters<Name>* const> blocks, Name name) noexcept {
  std::uint64_t sum = 0;
  for (const Counters<Name>* block : blocks)
    sum += block->Read(name);
  return sum;
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_COUNTERS_H_
