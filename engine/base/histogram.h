// A histogram of fixed log-linear buckets: 16 per power of two, so a value read back is at most
// 1/16 above the true one.
//
//   0 1 2 ... 15 | 16 17 ... 31 | 32 34 ... 62 | 64 68 ... 124 | ...        (lowest value of each
//   bucket)
//
// One thread records; any thread merges from it or asks (each cell is seen whole, not all of one
// instant). Values have no unit here; the daemon records microseconds. 7.7 KiB each, no heap, any
// 64-bit value. The layout is HdrHistogram's with 4 bits of precision.
#ifndef MILLRACE_ENGINE_BASE_HISTOGRAM_H_
#define MILLRACE_ENGINE_BASE_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace engine {

class Histogram {
 public:
  static constexpr unsigned kPrecisionBits = 4;
  static constexpr std::size_t kPerPower = std::size_t{1} << kPrecisionBits;
  static constexpr std::size_t kBucketCount = (64 - kPrecisionBits + 1) * kPerPower;

  // The recording thread only.
  void Record(std::uint64_t value) noexcept;
  // Adds all that `other` holds (which its own thread may be recording into).
  void Merge(const Histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  std::uint64_t sum() const noexcept { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }

  // The highest value of the bucket in which the share `quantile` (0..1, clamped) of all values is
  // reached, at most max(). 0 when nothing was recorded.
  std::uint64_t Percentile(double quantile) const noexcept;

  std::uint64_t BucketCount(std::size_t bucket) const noexcept {
    return buckets_[bucket].load(std::memory_order_relaxed);
  }

  static std::size_t BucketOf(std::uint64_t value) noexcept;
  static std::uint64_t LowestOf(std::size_t bucket) noexcept;
  static std::uint64_t HighestOf(std::size_t bucket) noexcept;

 private:
  using Cell = std::atomic<std::uint64_t>;
  static void AddTo(Cell& cell, std::uint64_t amount) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::array<Cell, kBucketCount> buckets_{};
  Cell count_{0};
  Cell sum_{0};
  Cell max_{0};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_HISTOGRAM_H_
