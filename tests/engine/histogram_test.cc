// Bucket borders of the histogram, its percentiles, and merging.
#include "engine/base/histogram.h"

#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(HistogramTest, BucketsCoverAllValuesWithoutGapOrOverlap) {
  EXPECT_EQ(Histogram::LowestOf(0), 0U);
  for (std::size_t i = 0; i + 1 < Histogram::kBucketCount; ++i) {
    ASSERT_EQ(Histogram::HighestOf(i) + 1, Histogram::LowestOf(i + 1)) << i;
  }
  EXPECT_EQ(Histogram::HighestOf(Histogram::kBucketCount - 1), UINT64_MAX);
}

TEST(HistogramTest, BordersOfEachBucketFallIntoIt) {
  for (std::size_t i = 0; i < Histogram::kBucketCount; ++i) {
    ASSERT_EQ(Histogram::BucketOf(Histogram::LowestOf(i)), i);
    ASSERT_EQ(Histogram::BucketOf(Histogram::HighestOf(i)), i);
  }
}

TEST(HistogramTest, BucketIsAtMostASixteenthWide) {
  for (std::size_t i = 0; i < Histogram::kBucketCount; ++i) {
    const std::uint64_t low = Histogram::LowestOf(i);
    ASSERT_LE(Histogram::HighestOf(i) - low, low / Histogram::kPerPower) << i;
  }
}

TEST(HistogramTest, AnswersZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0U);
  EXPECT_EQ(histogram.count(), 0U);
}

TEST(HistogramTest, FindsPercentilesOfSmallValuesExactly) {
  Histogram histogram;
  for (std::uint64_t v = 1; v <= 10; ++v)
    histogram.Record(v);
  EXPECT_EQ(histogram.Percentile(0.0), 1U);
  EXPECT_EQ(histogram.Percentile(0.5), 5U);
  EXPECT_EQ(histogram.Percentile(0.9), 9U);
  EXPECT_EQ(histogram.Percentile(1.0), 10U);
  EXPECT_EQ(histogram.sum(), 55U);
  EXPECT_EQ(histogram.max(), 10U);
}

TEST(HistogramTest, NeverAnswersMoreThanTheLargestValue) {
  Histogram histogram;
  histogram.Record(1'000'001);
  EXPECT_EQ(histogram.Percentile(0.99), 1'000'001U);
}

TEST(HistogramTest, PercentileIsWithinASixteenthAboveTheTrueOne) {
  constexpr unsigned kSeed = 4711;
  std::mt19937_64 random(kSeed);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(random() >> (random() % 64));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(quantile * 10'000);
    const std::uint64_t exact = values[rank - 1];
    const std::uint64_t answer = histogram.Percentile(quantile);
    EXPECT_GE(answer, exact) << quantile;
    EXPECT_LE(answer - exact, exact / 16) << quantile;
  }
}

TEST(HistogramTest, MergedAnswersAsIfAllWereRecordedInOne) {
  Histogram one;
  Histogram two;
  Histogram both;
  for (std::uint64_t v = 0; v < 1000; ++v) {
    (v % 3 == 0 ? one : two).Record(v * v);
    both.Record(v * v);
  }
  one.Merge(two);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.sum(), both.sum());
  EXPECT_EQ(one.max(), both.max());
  for (std::size_t i = 0; i < Histogram::kBucketCount; ++i) {
    ASSERT_EQ(one.BucketCount(i), both.BucketCount(i));
  }
}

TEST(HistogramTest, MergeFromARecordingThreadAgreesWithItself) {
  const auto source = std::make_unique<Histogram>();
  std::thread owner([&] {
    for (std::uint64_t i = 0; i < 50'000; ++i)
      source->Record(i);
  });
  for (int i = 0; i < 50; ++i) {
    Histogram copy;
    copy.Merge(*source);
    std::uint64_t cells = 0;
    for (std::size_t b = 0; b < Histogram::kBucketCount; ++b)
      cells += copy.BucketCount(b);
    ASSERT_EQ(cells, copy.count());
  }
  owner.join();
  EXPECT_EQ(source->count(), 50'000U);
}

}  // namespace
}  // namespace engine
