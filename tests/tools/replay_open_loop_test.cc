// The open loop in virtual time: arrivals kept, latencies from when messages were due.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/player_world.h"

namespace replay {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr engine::Time kTick = milliseconds(2);  // the loop's, and the way to the milter

std::uint64_t Us(engine::Time time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<microseconds>(time).count());
}

PlayerConfig Recorded(std::uint32_t sessions = 100) {
  return {.mode = RunMode::kOpen, .sessions = sessions, .recorded_times = true};
}

PlayerConfig AtRate(double rate, std::uint64_t messages) {
  return {.mode = RunMode::kOpen,
          .sessions = 1000,
          .messages = messages,
          .arrivals = {.rate = rate, .kind = ArrivalKind::kEven}};
}

std::vector<PlannedSource::Session> OneMessageEach(const std::vector<engine::Time>& times) {
  std::vector<PlannedSource::Session> sessions;
  for (const engine::Time at : times)
    sessions.push_back({.at = at, .messages = {{.at = at}}});
  return sessions;
}

TEST(OpenLoopTest, SessionsBeginAtTheirRecordedTimes) {
  const std::vector<engine::Time> times = {
      seconds(0), milliseconds(1500), milliseconds(1501), seconds(9), seconds(60)};
  PlannedSource source(OneMessageEach(times));
  PlayerWorld world;
  const RunResults& results = world.Play(Recorded(), &source);
  const std::vector<engine::Time> seen = world.milter.TimesOf('O');
  ASSERT_EQ(seen.size(), times.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_GE(world.SinceStart(seen[i]), times[i]);
    EXPECT_LT(world.SinceStart(seen[i]), times[i] + kTick);
  }
  EXPECT_EQ(results.scheduled, 5U);
  EXPECT_EQ(results.finished, 5U);
  EXPECT_LT(results.lateness.max(), Us(kTick));
}

TEST(OpenLoopTest, SpeedDividesTheTimes) {
  PlannedSource source(OneMessageEach({seconds(0), seconds(10), seconds(20)}));
  PlayerWorld world;
  PlayerConfig config = Recorded();
  config.speed = 4;
  world.Play(config, &source);
  const std::vector<engine::Time> seen = world.milter.TimesOf('O');
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_LT(world.SinceStart(seen[1]) - milliseconds(2500), kTick);
  EXPECT_LT(world.SinceStart(seen[2]) - milliseconds(5000), kTick);
  EXPECT_GE(world.SinceStart(seen[2]), milliseconds(5000));
}

TEST(OpenLoopTest, ARecordedSessionStaysOne) {
  PlannedSource source(
      {{.at = seconds(0), .messages = {{.at = seconds(0)}, {.at = seconds(5)}, {.at = seconds(6)}}},
       {.at = seconds(1), .messages = {{.at = seconds(1)}}}});
  PlayerWorld world;
  const RunResults& results = world.Play(Recorded(), &source);
  EXPECT_EQ(world.milter.TimesOf('O').size(), 2U);
  const std::vector<engine::Time> seen = world.milter.TimesOf('M');
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_GE(world.SinceStart(seen[2]), seconds(5));
  EXPECT_LT(world.SinceStart(seen[2]), seconds(5) + kTick);
  EXPECT_GE(world.SinceStart(seen[3]), seconds(6));
  EXPECT_EQ(results.sessions_finished, 2U);
}

TEST(OpenLoopTest, AMessageWaitsForTheOneBeforeItAndThatCounts) {
  PlannedSource source({{.at = seconds(0), .messages = {{.at = seconds(0)}, {.at = seconds(1)}}}});
  PlayerWorld world;
  world.milter.stalls_until = world.loop.now() + seconds(10);
  const RunResults& results = world.Play(Recorded(), &source);
  ASSERT_EQ(results.finished, 2U);
  EXPECT_GE(world.SinceStart(world.milter.TimesOf('M')[1]), seconds(10));
  EXPECT_GE(results.lateness.max(), Us(seconds(9)));
  EXPECT_EQ(results.late_starts, 1U);
  EXPECT_GE(results.transaction.Percentile(0.1), Us(seconds(9)));  // both waited
}

TEST(OpenLoopTest, RateIsKeptWhateverTheMilterDoes) {
  const auto source = SetOf({"<ok@x>"});
  PlayerWorld world;
  const RunResults& results = world.Play(AtRate(100, 500), source.get());
  const std::vector<engine::Time> seen = world.milter.TimesOf('O');
  ASSERT_EQ(seen.size(), 500U);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const engine::Time due = milliseconds(10) * static_cast<int>(i + 1);
    EXPECT_GE(world.SinceStart(seen[i]), due);
    EXPECT_LT(world.SinceStart(seen[i]), due + kTick);
  }
  EXPECT_EQ(results.finished, 500U);
}

// Ten sessions, and a milter that says nothing from second 5 to 15: the messages that were due then
// have to show it, though hardly any of them could be sent.
TEST(OpenLoopTest, NothingThatWaitedIsLeftOut) {
  const auto source = SetOf({"<ok@x>"});
  PlayerWorld world;
  PlayerConfig config = AtRate(100, 3000);
  config.sessions = 10;
  world.Start(config, source.get());
  const engine::Time start = world.loop.now();
  world.world.At(start + seconds(5), [&] { world.milter.stalls_until = start + seconds(15); });
  world.world.Run(start + seconds(14));
  // All that is due, not only what was begun; counted each second at least.
  EXPECT_NEAR(static_cast<double>(world.results().scheduled), 1400, 101);
  EXPECT_LT(world.results().started, 520U);
  ASSERT_TRUE(world.world.RunUntil([&] { return world.player->done(); }, start + seconds(100)));
  const RunResults& results = world.results();
  EXPECT_EQ(results.finished, 3000U);
  for (const LatencyHistogram* latency :
       {&results.transaction, &results.end_of_message, &results.connect, &results.lateness}) {
    EXPECT_EQ(latency->count(), 3000U);
    EXPECT_GE(latency->max(), Us(milliseconds(9800)));
    EXPECT_LE(latency->max(), Us(milliseconds(10'200)));
    // Messages of ten seconds out of thirty waited, from nothing to ten seconds each.
    EXPECT_LT(latency->Percentile(0.60), Us(milliseconds(10)));
    EXPECT_GT(latency->Percentile(0.70), Us(milliseconds(500)));
    EXPECT_GT(latency->Percentile(0.84), Us(milliseconds(4500)));
    EXPECT_LT(latency->Percentile(0.82), Us(milliseconds(5500)));
  }
}

// Behind the milter's standstill messages begin late; what their verdicts take stays visible.
TEST(OpenLoopTest, VerdictTimesCountFromTheEndOfMessageAlone) {
  const auto source = SetOf({"<ok@x>"});
  PlayerWorld world;
  world.milter.stalls_until = world.loop.now() + seconds(3);
  PlayerConfig config = AtRate(1000, 2000);
  config.sessions = 7;
  const RunResults& results = world.Play(config, source.get());
  EXPECT_EQ(results.verdict.count(), 2000U);
  EXPECT_LT(results.verdict.Percentile(0.99), Us(milliseconds(100)));
  EXPECT_GT(results.end_of_message.Percentile(0.99), Us(milliseconds(1000)));
}

TEST(OpenLoopTest, NoMoreSessionsThanAllowed) {
  const auto source = SetOf({"<ok@x>"});
  PlayerWorld world;
  world.milter.stalls_until = world.loop.now() + seconds(3);
  PlayerConfig config = AtRate(1000, 2000);
  config.sessions = 7;
  const RunResults& results = world.Play(config, source.get());
  for (const SeriesPoint& point : results.series)
    EXPECT_LE(point.in_flight_max, 7U);
  EXPECT_EQ(results.finished, 2000U);
}

TEST(OpenLoopTest, MessagesOfASessionKeepTheirArrivals) {
  const auto source = SetOf({"<ok@x>"}, {.messages_per_session = 5});
  PlayerWorld world;
  world.Play(AtRate(10, 20), source.get());
  EXPECT_EQ(world.milter.TimesOf('O').size(), 4U);
  const std::vector<engine::Time> seen = world.milter.TimesOf('M');
  ASSERT_EQ(seen.size(), 20U);
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_LT(world.SinceStart(seen[i]) - milliseconds(100) * static_cast<int>(i + 1), 2 * kTick);
}

TEST(OpenLoopTest, BurstsComeOnTop) {
  const auto source = SetOf({"<ok@x>"});
  PlayerWorld world;
  PlayerConfig config = AtRate(1, 24);
  config.arrivals.burst = 10;
  config.arrivals.burst_every = milliseconds(1500);
  world.Play(config, source.get());
  std::vector<engine::Time> seen = world.milter.TimesOf('O');
  const auto within = [&](engine::Time from, engine::Time to) {
    return std::count_if(seen.begin(), seen.end(), [&](engine::Time at) {
      return world.SinceStart(at) >= from && world.SinceStart(at) < to;
    });
  };
  EXPECT_EQ(within(milliseconds(1400), milliseconds(1600)), 10);
  EXPECT_EQ(within(milliseconds(2900), milliseconds(3100)), 11);
  EXPECT_EQ(within(seconds(0), milliseconds(1400)), 1);
}

TEST(OpenLoopTest, TheClientsStepsKeepTheirRecordedTimes) {
  const PlannedSource::Message message{.at = seconds(2),
                                       .rcpt_us = {1'000'000, 3'000'000},
                                       .data_us = 4'000'000,
                                       .content_us = 8'000'000};
  PlannedSource source(
      {{.at = seconds(0), .messages = {message}, .helo_offset = milliseconds(500)}}, false);
  PlayerWorld world;
  PlayerConfig config = Recorded();
  config.recorded_pace = true;
  config.speed = 2;
  const RunResults& results = world.Play(config, &source);
  const auto near = [&](char command, std::size_t index, engine::Time expected) {
    const engine::Time at = world.SinceStart(world.milter.TimesOf(command).at(index));
    EXPECT_GE(at, expected) << command;
    EXPECT_LT(at, expected + kTick) << command;
  };
  near('H', 0, milliseconds(250));
  near('M', 0, milliseconds(1000));
  near('R', 0, milliseconds(1500));
  near('R', 1, milliseconds(2500));
  near('T', 0, milliseconds(3000));
  near('E', 0, milliseconds(5000));
  EXPECT_EQ(results.finished, 1U);
  EXPECT_LT(results.end_of_message.max(), Us(kTick));    // not the client's own time
  EXPECT_GE(results.transaction.max(), Us(seconds(4)));  // from MAIL on
}

TEST(OpenLoopTest, AMessageThatCannotBeReadCostsItselfAlone) {
  PlannedSource source(
      {{.at = seconds(0), .messages = {{.at = seconds(0)}, {.at = seconds(1)}, {.at = seconds(2)}}},
       {.at = seconds(1), .messages = {{.at = seconds(1)}}}});
  source.fails_to_load = true;
  PlayerWorld world;
  const RunResults& results = world.Play(Recorded(), &source);
  EXPECT_EQ(results.finished, 2U);
  ASSERT_EQ(results.errors.size(), 1U);
  EXPECT_EQ(results.errors.begin()->first, "trace: damaged record");
  EXPECT_EQ(results.errors.begin()->second, 2U);
  EXPECT_EQ(world.milter.ends_of_message, 2U);
}

TEST(OpenLoopTest, StopEndsSessionsThatWaitForAMessage) {
  PlannedSource source(
      {{.at = seconds(0), .messages = {{.at = seconds(0)}, {.at = seconds(5000)}}}});
  PlayerWorld world;
  world.Start(Recorded(), &source);
  world.world.Run(world.world.now() + seconds(10));
  EXPECT_FALSE(world.player->done());
  world.player->Stop();
  EXPECT_TRUE(
      world.world.RunUntil([&] { return world.player->done(); }, world.world.now() + seconds(1)));
  EXPECT_EQ(world.results().finished, 1U);
  EXPECT_EQ(world.results().failed, 0U);
}

TEST(ArrivalsTest, TheRateIsRight) {
  for (const ArrivalKind kind : {ArrivalKind::kEven, ArrivalKind::kPoisson}) {
    Arrivals arrivals({.rate = 200, .kind = kind}, 1);
    int count = 0;
    for (; arrivals.Peek() < seconds(100); arrivals.Pop())
      ++count;
    EXPECT_NEAR(count, 20'000, 500);
  }
}

TEST(ArrivalsTest, PoissonDistancesAreExponential) {
  Arrivals arrivals({.rate = 1000}, 7);
  engine::Time before{};
  int above_mean = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i, arrivals.Pop()) {
    if (arrivals.Peek() - before > milliseconds(1)) ++above_mean;
    before = arrivals.Peek();
  }
  EXPECT_NEAR(static_cast<double>(above_mean) / kCount, 0.3679, 0.01);  // 1/e
}

TEST(ArrivalsTest, ARampGoesFromOneRateToTheOther) {
  Arrivals arrivals({.rate = 10, .rate_to = 110, .ramp = seconds(100), .kind = ArrivalKind::kEven},
                    1);
  std::vector<int> counts(150);
  for (; arrivals.Peek() < seconds(150); arrivals.Pop())
    ++counts[static_cast<std::size_t>(arrivals.Peek() / seconds(1))];
  EXPECT_NEAR(counts[0], 10, 1);
  EXPECT_NEAR(counts[50], 60, 1);
  EXPECT_NEAR(counts[120], 110, 1);
  Arrivals ending({.rate = 100, .rate_to = 0, .ramp = seconds(10), .kind = ArrivalKind::kEven}, 1);
  int all = 0;
  for (; ending.Peek() != engine::kNever; ending.Pop())
    ++all;
  EXPECT_NEAR(all, 500, 1);
}

TEST(ArrivalsTest, TheSameSeedDrawsTheSame) {
  Arrivals first({.rate = 50}, 3);
  Arrivals second({.rate = 50}, 3);
  Arrivals other({.rate = 50}, 4);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(first.Peek(), second.Peek());
    differs = differs || first.Peek() != other.Peek();
    first.Pop();
    second.Pop();
    other.Pop();
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace replay
