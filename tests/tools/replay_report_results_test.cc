// What the recorder makes of a player's calls: counts, points of the series, limits.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tools/replay/results.h"

namespace replay {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr engine::Time kBegin = std::chrono::hours(5);  // the player's clock has no meaning

MessageEnd Accepted(engine::Time end_of_message, engine::Time transaction) {
  return {.outcome = milter::Outcome::kAccepted,
          .end_of_message = end_of_message,
          .transaction = transaction};
}

class ResultsTest : public testing::Test {
 protected:
  // A message that is due, starts at once and is accepted.
  void PlayOne(engine::Time end_of_message = milliseconds(2)) {
    recorder_->Scheduled();
    recorder_->Started(engine::Time{});
    recorder_->Finished(Accepted(end_of_message, 2 * end_of_message));
  }
  const RunResults& results() const { return recorder_->results(); }

  std::unique_ptr<ResultsRecorder> recorder_ =
      std::make_unique<ResultsRecorder>(RunDescription{.source = "set"}, kBegin);
};

TEST_F(ResultsTest, CountsMessagesByHowTheyEnd) {
  recorder_->Scheduled(6);
  for (int i = 0; i < 5; ++i)
    recorder_->Started(milliseconds(i * 5));
  EXPECT_EQ(results().in_flight, 5U);
  recorder_->Finished(Accepted(milliseconds(1), milliseconds(3)));
  recorder_->Finished({.outcome = milter::Outcome::kNone, .transaction = milliseconds(1)});
  recorder_->Aborted();
  recorder_->Failed("timeout", 1);
  recorder_->Failed("connection refused");
  recorder_->Slow();
  EXPECT_EQ(results().scheduled, 6U);
  EXPECT_EQ(results().started, 5U);
  EXPECT_EQ(results().finished, 2U);
  EXPECT_EQ(results().aborted, 1U);
  EXPECT_EQ(results().failed, 1U);
  EXPECT_EQ(results().slow, 1U);
  EXPECT_EQ(results().in_flight, 1U);
  EXPECT_EQ(results().late_starts, 2U);  // 15 and 20 ms; 10 ms are not late
  EXPECT_EQ(results().outcomes[static_cast<std::size_t>(milter::Outcome::kAccepted)], 1U);
  EXPECT_EQ(results().outcomes[static_cast<std::size_t>(milter::Outcome::kNone)], 1U);
  EXPECT_EQ(results().errors_count, 2U);
  EXPECT_EQ(results().errors.at("timeout"), 1U);
  // A message that was decided before its end has no latency at its end.
  EXPECT_EQ(results().end_of_message.count(), 1U);
  EXPECT_EQ(results().transaction.count(), 2U);
}

TEST_F(ResultsTest, LatenciesAreMicrosecondsWithinOnePercent) {
  PlayOne(microseconds(123'457));
  const std::uint64_t p50 = results().end_of_message.Percentile(0.5);
  EXPECT_EQ(p50, 123'457U);  // the largest of all is exact
  PlayOne(microseconds(1'000'000));
  EXPECT_GE(results().end_of_message.Percentile(0.5), 123'457U);
  EXPECT_LE(results().end_of_message.Percentile(0.5), 124'457U);
  EXPECT_EQ(results().transaction.max(), 2'000'000U);
}

TEST_F(ResultsTest, NegativeTimesCountAsZero) {
  recorder_->Connected(-seconds(1));
  recorder_->Started(-seconds(1));
  EXPECT_EQ(results().connect.max(), 0U);
  EXPECT_EQ(results().lateness.max(), 0U);
  EXPECT_EQ(results().late_starts, 0U);
}

TEST_F(ResultsTest, ClosesAPointPerSecond) {
  EXPECT_FALSE(recorder_->Tick(kBegin));
  PlayOne(milliseconds(2));
  EXPECT_FALSE(recorder_->Tick(kBegin + milliseconds(999)));
  EXPECT_TRUE(recorder_->Tick(kBegin + milliseconds(1003)));
  PlayOne(milliseconds(8));
  PlayOne(milliseconds(8));
  recorder_->Failed("timeout");
  EXPECT_TRUE(recorder_->Tick(kBegin + milliseconds(2000)));
  ASSERT_EQ(results().series.size(), 2U);
  const SeriesPoint& first = results().series[0];
  EXPECT_EQ(first.at, engine::Time{});
  EXPECT_EQ(first.length, seconds(1));  // not 1.003: points do not drift
  EXPECT_EQ(first.finished, 1U);
  EXPECT_EQ(first.end_of_message.max, 2000U);
  const SeriesPoint& second = results().series[1];
  EXPECT_EQ(second.at, seconds(1));
  EXPECT_EQ(second.scheduled, 2U);
  EXPECT_EQ(second.started, 2U);
  EXPECT_EQ(second.finished, 2U);
  EXPECT_EQ(second.errors, 1U);
  EXPECT_EQ(second.in_flight_max, 1U);
  EXPECT_EQ(second.end_of_message.count, 2U);
  EXPECT_EQ(second.end_of_message.p50, 8000U);  // the first second's are forgotten
  EXPECT_EQ(second.transaction.p99, 16'000U);
  EXPECT_FALSE(second.process.has_value());
}

TEST_F(ResultsTest, APlayerThatStalledGetsOneLongPoint) {
  PlayOne();
  EXPECT_TRUE(recorder_->Tick(kBegin + milliseconds(4700)));
  ASSERT_EQ(results().series.size(), 1U);
  EXPECT_EQ(results().series[0].length, seconds(4));
  EXPECT_TRUE(recorder_->Tick(kBegin + seconds(5)));
  EXPECT_EQ(results().series[1].at, seconds(4));
}

TEST_F(ResultsTest, FinishClosesTheLastPointAsItIs) {
  recorder_->Tick(kBegin + seconds(1));
  PlayOne();
  recorder_->Finish(kBegin + milliseconds(1250));
  ASSERT_EQ(results().series.size(), 2U);
  EXPECT_EQ(results().series[1].length, milliseconds(250));
  EXPECT_EQ(results().series[1].finished, 1U);
  EXPECT_EQ(results().elapsed, milliseconds(1250));
}

TEST_F(ResultsTest, FinishOnAPointsBorderAddsNoEmptyPoint) {
  recorder_->Tick(kBegin + seconds(1));
  recorder_->Finish(kBegin + seconds(1));
  EXPECT_EQ(results().series.size(), 1U);
}

TEST_F(ResultsTest, FinishWithoutTicksStillEndsOnItsTime) {
  PlayOne();
  recorder_->Finish(kBegin + milliseconds(2250));
  ASSERT_EQ(results().series.size(), 2U);
  EXPECT_EQ(results().series[0].length, seconds(2));
  EXPECT_EQ(results().series[1].length, milliseconds(250));
}

TEST_F(ResultsTest, ARunOfNoTimeHasOnePoint) {
  recorder_->Finish(kBegin);
  ASSERT_EQ(results().series.size(), 1U);
  EXPECT_EQ(results().series[0].length, engine::Time{});
}

TEST_F(ResultsTest, LongRunsMergeTheirPoints) {
  constexpr int kSeconds = 3 * static_cast<int>(kPointsMax);
  for (int second = 0; second < kSeconds; ++second) {
    recorder_->Tick(kBegin + seconds(second));
    PlayOne(milliseconds(1 + second % 4));
  }
  recorder_->Finish(kBegin + seconds(kSeconds));
  EXPECT_LE(results().series.size(), kPointsMax);
  EXPECT_GT(results().series.size(), kPointsMax / 2);
  std::uint64_t finished = 0;
  engine::Time at{};
  for (const SeriesPoint& point : results().series) {
    ASSERT_EQ(point.at, at);
    ASSERT_EQ(point.finished, static_cast<std::uint64_t>(point.length / seconds(1)));
    ASSERT_EQ(point.end_of_message.count, point.finished);
    at += point.length;
    finished += point.finished;
  }
  EXPECT_EQ(at, seconds(kSeconds));
  EXPECT_EQ(finished, static_cast<std::uint64_t>(kSeconds));
  EXPECT_EQ(results().series[0].length, seconds(4));
  EXPECT_EQ(results().series[0].end_of_message.p50, 4000U);  // the highest of its parts
}

TEST_F(ResultsTest, KindsOfErrorsAreBounded) {
  for (std::size_t i = 0; i < kErrorKindsMax + 50; ++i)
    recorder_->Failed("kind " + std::to_string(i));
  EXPECT_EQ(results().errors.size(), kErrorKindsMax + 1);
  EXPECT_EQ(results().errors.at(std::string(kOtherErrors)), 50U);
  EXPECT_EQ(results().errors_count, kErrorKindsMax + 50);
}

TEST_F(ResultsTest, TextsOfErrorsAreCut) {
  recorder_->Failed(std::string(10'000, 'x'));
  EXPECT_EQ(results().errors.begin()->first.size(), kErrorKindBytesMax);
}

TEST_F(ResultsTest, VerdictChangesAreBoundedButAllCounted) {
  EXPECT_FALSE(results().compared);
  recorder_->SameVerdict();
  for (std::size_t i = 0; i < kVerdictChangesMax + 5; ++i)
    recorder_->Changed({.session = i, .recorded = "accepted", .played = "rejected"});
  EXPECT_TRUE(results().compared);
  EXPECT_EQ(results().verdicts_same, 1U);
  EXPECT_EQ(results().verdicts_changed, kVerdictChangesMax + 5);
  EXPECT_EQ(results().changes.size(), kVerdictChangesMax);
  EXPECT_EQ(results().changes.back().session, kVerdictChangesMax - 1);
}

TEST_F(ResultsTest, InFlightNeverGoesBelowNothing) {
  recorder_->Aborted();
  recorder_->Failed("timeout", 3);
  recorder_->IdleClosed();
  EXPECT_EQ(results().in_flight, 0U);
  EXPECT_EQ(results().idle_standing, 0U);
}

}  // namespace
}  // namespace replay
