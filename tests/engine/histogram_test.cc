// Bucket borders of the histogram, its percentiles, and merging.
#include "engine/base/histogram.h"

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace engine {
namespace {

template <typename Type>
class HistogramTest : public testing::Test {};
using Precisions = testing::Types<BasicHistogram<4>, BasicHistogram<7>>;
TYPED_TEST_SUITE(HistogramTest, Precisions);

TYPED_TEST(HistogramTest, BucketsCoverAllValuesWithoutGapOrOverlap) {
  EXPECT_EQ(TypeParam::LowestOf(0), 0U);
  for (std::size_t i = 0; i + 1 < TypeParam::kBucketCount; ++i) {
    ASSERT_EQ(TypeParam::HighestOf(i) + 1, TypeParam::LowestOf(i + 1)) << i;
  }
  EXPECT_EQ(TypeParam::HighestOf(TypeParam::kBucketCount - 1), UINT64_MAX);
}

TYPED_TEST(HistogramTest, BordersOfEachBucketFallIntoIt) {
  for (std::size_t i = 0; i < TypeParam::kBucketCount; ++i) {
    ASSERT_EQ(TypeParam::BucketOf(TypeParam::LowestOf(i)), i);
    ASSERT_EQ(TypeParam::BucketOf(TypeParam::HighestOf(i)), i);
  }
}

TYPED_TEST(HistogramTest, BucketsWidthIsWithinThePrecision) {
  for (std::size_t i = 0; i < TypeParam::kBucketCount; ++i) {
    const std::uint64_t low = TypeParam::LowestOf(i);
    ASSERT_LE(TypeParam::HighestOf(i) - low, low / TypeParam::kPerPower) << i;
  }
}

TYPED_TEST(HistogramTest, AnswersZeroWhenEmpty) {
  const TypeParam histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0U);
  EXPECT_EQ(histogram.count(), 0U);
}

TYPED_TEST(HistogramTest, FindsPercentilesOfSmallValuesExactly) {
  TypeParam histogram;
  for (std::uint64_t v = 1; v <= 10; ++v)
    histogram.Record(v);
  EXPECT_EQ(histogram.Percentile(0.0), 1U);
  EXPECT_EQ(histogram.Percentile(0.5), 5U);
  EXPECT_EQ(histogram.Percentile(0.9), 9U);
  EXPECT_EQ(histogram.Percentile(1.0), 10U);
  EXPECT_EQ(histogram.sum(), 55U);
  EXPECT_EQ(histogram.max(), 10U);
}

TYPED_TEST(HistogramTest, NeverAnswersMoreThanTheLargestValue) {
  TypeParam histogram;
  histogram.Record(1'000'001);
  EXPECT_EQ(histogram.Percentile(0.99), 1'000'001U);
}

TYPED_TEST(HistogramTest, PercentileIsWithinThePrecisionAboveTheTrueOne) {
  constexpr unsigned kSeed = 4711;
  std::mt19937_64 random(kSeed);
  TypeParam histogram;
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
    EXPECT_LE(answer - exact, exact / TypeParam::kPerPower) << quantile;
  }
}

TYPED_TEST(HistogramTest, MergedAnswersAsIfAllWereRecordedInOne) {
  TypeParam one;
  TypeParam two;
  TypeParam both;
  for (std::uint64_t v = 0; v < 1000; ++v) {
    (v % 3 == 0 ? one : two).Record(v * v);
    both.Record(v * v);
  }
  one.Merge(two);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.sum(), both.sum());
  EXPECT_EQ(one.max(), both.max());
  for (std::size_t i = 0; i < TypeParam::kBucketCount; ++i) {
    ASSERT_EQ(one.BucketCount(i), both.BucketCount(i));
  }
}

TYPED_TEST(HistogramTest, ForgetsWhenCleared) {
  TypeParam histogram;
  histogram.Record(7);
  histogram.Record(1'000'000);
  histogram.Clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.Percentile(0.5), 0U);
  histogram.Record(3);
  EXPECT_EQ(histogram.sum(), 3U);
  EXPECT_EQ(histogram.Percentile(1.0), 3U);
}

// The daemon's stays small: there is one per counter and shard.
TEST(HistogramSizeTest, IsWhatTheHeaderSays) {
  EXPECT_TRUE((std::is_same_v<Histogram, BasicHistogram<4>>));
  EXPECT_LE(sizeof(Histogram), 7.7 * 1024);
  EXPECT_LE(sizeof(BasicHistogram<7>), 58.1 * 1024);
}

TEST(HistogramThreadsTest, MergeFromARecordingThreadAgreesWithItself) {
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
