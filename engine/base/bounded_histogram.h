// How many values were at most this, at most that: counts by a few given bounds, for figures that
// others read with exactly these bounds.
//
//   bounds      100   250   500          counts of values   <= 100 | <= 250 | <= 500 | above
//
//   BoundedHistogram   one thread records; any thread adds it to a HistogramSums
//   HistogramSums      plain numbers: the sum over several, for one reader
//
// Relaxed atomics without read-modify-write, as engine/base/counters.h: a reader sees each cell
// whole, but not all cells of one instant. The count of all values is the sum of the cells, so it
// always fits them. A value costs a search over the bounds and two cells; engine/base/histogram.h
// is finer and thirty times as large. Values have no unit here. No heap.
#ifndef MILLRACE_ENGINE_BASE_BOUNDED_HISTOGRAM_H_
#define MILLRACE_ENGINE_BASE_BOUNDED_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/check.h"

namespace engine {

inline constexpr std::size_t kHistogramBoundsMax = 23;

// Ascending, at most kHistogramBoundsMax of them, and they outlive who uses them.
using HistogramBounds = std::span<const std::uint64_t>;

class BoundedHistogram {
 public:
  explicit BoundedHistogram(HistogramBounds bounds) noexcept : bounds_(bounds) {
    ENGINE_CHECK(bounds.size() <= kHistogramBoundsMax);
  }

  // The recording thread only.
  void Record(std::uint64_t value) noexcept {
    AddTo(cells_[BucketOf(value)], 1);
    AddTo(sum_, value);
  }

  // Any thread.
  HistogramBounds bounds() const noexcept { return bounds_; }
  std::uint64_t sum() const noexcept { return sum_.load(std::memory_order_relaxed); }
  // `bucket`: up to bounds().size(), which counts what is above the last bound.
  std::uint64_t BucketCount(std::size_t bucket) const noexcept {
    return cells_[bucket].load(std::memory_order_relaxed);
  }

 private:
  using Cell = std::atomic<std::uint64_t>;
  static void AddTo(Cell& cell, std::uint64_t amount) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  // The first bound that is not below `value`.
  std::size_t BucketOf(std::uint64_t value) const noexcept {
    std::size_t first = 0;
    std::size_t left = bounds_.size();
    while (left > 0) {
      const std::size_t half = left / 2;
      const bool above = bounds_[first + half] < value;
      first += above ? half + 1 : 0;
      left = above ? left - half - 1 : half;
    }
    return first;
  }

  HistogramBounds bounds_;
  Cell sum_{0};
  std::array<Cell, kHistogramBoundsMax + 1> cells_{};
};

struct HistogramSums {
  HistogramBounds bounds{};
  std::array<std::uint64_t, kHistogramBoundsMax + 1> counts{};  // bounds.size() + 1 of them
  std::uint64_t sum = 0;

  // All that are added have the same bounds.
  void Add(const BoundedHistogram& one) noexcept {
    ENGINE_CHECK(bounds.empty() || bounds.data() == one.bounds().data());
    bounds = one.bounds();
    for (std::size_t i = 0; i <= bounds.size(); ++i)
      counts[i] += one.BucketCount(i);
    sum += one.sum();
  }

  std::uint64_t count() const noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t each : counts)
      all += each;
    return all;
  }

  // The value below which the share `quantile` (0..1) of all lies, as far as the bounds can tell:
  // on a straight line within its bucket; what is above the last bound counts as that. 0 where
  // nothing was recorded.
  double Quantile(double quantile) const noexcept {
    const double rank = quantile * static_cast<double>(count());
    double below = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const auto here = static_cast<double>(counts[i]);
      if (here > 0 && below + here >= rank) {
        const double low = i == 0 ? 0 : static_cast<double>(bounds[i - 1]);
        return low + (static_cast<double>(bounds[i]) - low) * (rank - below) / here;
      }
      below += here;
    }
    return count() == 0 || bounds.empty() ? 0 : static_cast<double>(bounds.back());
  }
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_BOUNDED_HISTOGRAM_H_
