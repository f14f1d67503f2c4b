// A histogram of fixed log-linear buckets: 2^bits per power of two, so a value read back is at most
// 1/2^bits above the true one. With 4 bits (16 buckets per power):
//
//   0 1 2 ... 15 | 16 17 ... 31 | 32 34 ... 62 | 64 68 ... 124 | ...        (lowest value of each
//   bucket)
//
//   Histogram               4 bits, within 6.25 %,  7.6 KiB     the daemon's counters
//   BasicHistogram<7>       7 bits, within 0.8 %,  58 KiB       tools that report latencies
//
// One thread records; any thread merges from it or asks (each cell is seen whole, not all of one
// instant). Values have no unit here; the daemon records microseconds. No heap, any 64-bit value.
// The layout is HdrHistogram's. Only the two sizes above are compiled (histogram.cc).
#ifndef MILLRACE_ENGINE_BASE_HISTOGRAM_H_
#define MILLRACE_ENGINE_BASE_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace engine {

template <unsigned kBits>
class BasicHistogram {
 public:
  static constexpr unsigned kPrecisionBits = kBits;
  static constexpr std::size_t kPerPower = std::size_t{1} << kPrecisionBits;
  static constexpr std::size_t kBucketCount = (64 - kPrecisionBits + 1) * kPerPower;

  // The recording thread only.
  void Record(std::uint64_t value) noexcept;
  // Adds all that `other` holds (which its own thread may be recording into).
  void Merge(const BasicHistogram& other) noexcept;

  // Forgets everything. The recording thread only; others may see half of it.
  void Clear() noexcept;

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

extern template class BasicHistogram<4>;
extern template class BasicHistogram<7>;

using Histogram = BasicHistogram<4>;

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_HISTOGRAM_H_
