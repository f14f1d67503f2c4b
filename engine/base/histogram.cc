// Bucket arithmetic of the log-linear histogram: see the header for the layout.
#include "engine/base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/base/check.h"

namespace engine {

template <unsigned kBits>
std::size_t BasicHistogram<kBits>::BucketOf(std::uint64_t value) noexcept {
  if (value < kPerPower) return static_cast<std::size_t>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - kPrecisionBits - 1;
  return (shift + 1) * kPerPower + static_cast<std::size_t>((value >> shift) - kPerPower);
}

template <unsigned kBits>
std::uint64_t BasicHistogram<kBits>::LowestOf(std::size_t bucket) noexcept {
  ENGINE_CHECK(bucket < kBucketCount);
  if (bucket < kPerPower) return bucket;
  const std::size_t shift = bucket / kPerPower - 1;
  return (std::uint64_t{kPerPower} + bucket % kPerPower) << shift;
}

template <unsigned kBits>
std::uint64_t BasicHistogram<kBits>::HighestOf(std::size_t bucket) noexcept {
  if (bucket + 1 == kBucketCount) return UINT64_MAX;
  return LowestOf(bucket + 1) - 1;
}

template <unsigned kBits>
void BasicHistogram<kBits>::Record(std::uint64_t value) noexcept {
  AddTo(buckets_[BucketOf(value)], 1);
  AddTo(count_, 1);
  AddTo(sum_, value);
  if (value > max()) max_.store(value, std::memory_order_relaxed);
}

template <unsigned kBits>
void BasicHistogram<kBits>::Merge(const BasicHistogram& other) noexcept {
  // The count is summed from the cells, so that it agrees with them even while the other side
  // records.
  std::uint64_t merged = 0;
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    const std::uint64_t amount = other.BucketCount(i);
    if (amount == 0) continue;
    AddTo(buckets_[i], amount);
    merged += amount;
  }
  AddTo(count_, merged);
  AddTo(sum_, other.sum());
  max_.store(std::max(max(), other.max()), std::memory_order_relaxed);
}

template <unsigned kBits>
void BasicHistogram<kBits>::Clear() noexcept {
  for (Cell& cell : buckets_)
    cell.store(0, std::memory_order_relaxed);
  count_.store(0, std::memory_order_relaxed);
  sum_.store(0, std::memory_order_relaxed);
  max_.store(0, std::memory_order_relaxed);
}

template <unsigned kBits>
std::uint64_t BasicHistogram<kBits>::Percentile(double quantile) const noexcept {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  const double share = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(total);
  const auto rank = std::max(std::uint64_t{1}, static_cast<std::uint64_t>(std::ceil(share)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    seen += BucketCount(i);
    if (seen >= rank) return std::min(HighestOf(i), max());
  }
  return max();
}

template class BasicHistogram<4>;
template class BasicHistogram<7>;

}  // namespace engine
