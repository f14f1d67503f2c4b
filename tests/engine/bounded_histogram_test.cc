// Bounds belong to the bucket below them, sums add up over shards, quantiles lie on the line.
#include "engine/base/bounded_histogram.h"

#include <array>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace {

constexpr std::array<std::uint64_t, 3> kBounds = {100, 250, 500};

TEST(BoundedHistogramTest, ABoundBelongsToTheBucketBelowIt) {
  engine::BoundedHistogram histogram(kBounds);
  for (const std::uint64_t value : {0U, 100U, 101U, 250U, 251U, 500U, 501U, 1U << 30})
    histogram.Record(value);
  EXPECT_EQ(histogram.BucketCount(0), 2U);
  EXPECT_EQ(histogram.BucketCount(1), 2U);
  EXPECT_EQ(histogram.BucketCount(2), 2U);
  EXPECT_EQ(histogram.BucketCount(3), 2U);
  EXPECT_EQ(histogram.sum(), 100U + 101 + 250 + 251 + 500 + 501 + (1U << 30));
}

TEST(BoundedHistogramTest, AnyNumberOfBounds) {
  std::array<std::uint64_t, engine::kHistogramBoundsMax> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i)
    bounds[i] = 10 * (i + 1);
  for (std::size_t used = 0; used <= bounds.size(); ++used) {
    engine::BoundedHistogram histogram(engine::HistogramBounds(bounds).first(used));
    for (std::size_t i = 0; i <= used; ++i)
      histogram.Record(10 * i + 5);
    for (std::size_t i = 0; i <= used; ++i)
      EXPECT_EQ(histogram.BucketCount(i), 1U) << used << " bounds, bucket " << i;
  }
}

TEST(BoundedHistogramTest, SumsAddUp) {
  engine::BoundedHistogram one(kBounds);
  engine::BoundedHistogram other(kBounds);
  one.Record(50);
  one.Record(300);
  other.Record(60);
  other.Record(9000);
  engine::HistogramSums sums;
  sums.Add(one);
  sums.Add(other);
  EXPECT_EQ(sums.counts[0], 2U);
  EXPECT_EQ(sums.counts[1], 0U);
  EXPECT_EQ(sums.counts[2], 1U);
  EXPECT_EQ(sums.counts[3], 1U);
  EXPECT_EQ(sums.count(), 4U);
  EXPECT_EQ(sums.sum, 9410U);
}

TEST(BoundedHistogramTest, QuantilesLieOnTheLineWithinABucket) {
  engine::BoundedHistogram histogram(kBounds);
  engine::HistogramSums empty;
  EXPECT_EQ(empty.Quantile(0.5), 0);
  for (int i = 0; i < 50; ++i)
    histogram.Record(200);
  for (int i = 0; i < 50; ++i)
    histogram.Record(400);
  engine::HistogramSums sums;
  sums.Add(histogram);
  EXPECT_DOUBLE_EQ(sums.Quantile(0.25), 175);
  EXPECT_DOUBLE_EQ(sums.Quantile(0.5), 250);
  EXPECT_DOUBLE_EQ(sums.Quantile(1), 500);
  histogram.Record(100'000);
  engine::HistogramSums more;
  more.Add(histogram);
  EXPECT_DOUBLE_EQ(more.Quantile(1), 500);
}

// Under the thread sanitizer: a reader beside the one who records.
TEST(BoundedHistogramTest, AnotherThreadMayRead) {
  engine::BoundedHistogram histogram(kBounds);
  constexpr std::uint64_t kValues = 20'000;
  std::thread writer([&histogram] {
    for (std::uint64_t i = 0; i < kValues; ++i)
      histogram.Record(i % 600);
  });
  std::uint64_t seen = 0;
  while (seen < kValues) {
    engine::HistogramSums sums;
    sums.Add(histogram);
    EXPECT_GE(sums.count(), seen);
    seen = sums.count();
    std::this_thread::yield();
  }
  writer.join();
}

}  // namespace
