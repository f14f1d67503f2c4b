// The player in a closed loop against a scripted milter, in virtual time.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/player_world.h"

namespace replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PlayerTest : public testing::TestWithParam<milter::MtaKind> {
 protected:
  const RunResults& Play(PlayerConfig config,
                         const std::vector<std::string>& recipients,
                         SetOptions set = {}) {
    source_ = SetOf(recipients, Options(set));
    return world_.Play(std::move(config), source_.get());
  }
  static SetOptions Options(SetOptions set) {
    set.kind = GetParam();
    return set;
  }

  PlayerWorld world_;
  std::unique_ptr<SetSource> source_;
};

INSTANTIATE_TEST_SUITE_P(Kinds,
                         PlayerTest,
                         testing::Values(milter::MtaKind::kPostfix, milter::MtaKind::kSendmail),
                         [](const testing::TestParamInfo<milter::MtaKind>& kind) {
                           return kind.param == milter::MtaKind::kPostfix ? "Postfix" : "Sendmail";
                         });

TEST_P(PlayerTest, OnceTellsWhatHappenedToEach) {
  const RunResults& results = Play({.mode = RunMode::kOnce},
                                   {"<ok@x>", "<reject@x>", "<tempfail@x>", "<discard@x>"},
                                   {.rounds = 1});
  ASSERT_EQ(results.played.size(), 4U);
  EXPECT_EQ(results.played[0].name, "ok");
  EXPECT_EQ(results.played[0].result.outcome, milter::Outcome::kAccepted);
  ASSERT_EQ(results.played[0].result.edits.size(), 1U);
  EXPECT_EQ(results.played[0].result.edits[0].name, "X-Seen");
  EXPECT_EQ(results.played[1].result.outcome, milter::Outcome::kRejected);
  EXPECT_EQ(results.played[1].result.reply_text, "554 5.7.0 No");
  EXPECT_EQ(results.played[2].result.outcome, milter::Outcome::kTempfailed);
  EXPECT_EQ(results.played[3].result.outcome, milter::Outcome::kDiscarded);
  EXPECT_EQ(results.finished, 4U);
  EXPECT_EQ(results.scheduled, 4U);
  EXPECT_EQ(results.end_of_message.count(), 4U);
  EXPECT_EQ(results.connect.count(), 4U);
  EXPECT_TRUE(results.errors.empty());
}

TEST_P(PlayerTest, PlaysAllMessagesOverItsSessions) {
  const RunResults& results =
      Play({.sessions = 5, .messages = 200}, {"<ok@x>", "<reject@x>"}, {.messages_per_session = 4});
  EXPECT_EQ(results.finished, 200U);
  EXPECT_EQ(results.sessions_finished, 50U);
  EXPECT_EQ(results.in_flight, 0U);
  EXPECT_EQ(world_.Count(milter::Outcome::kAccepted), 100U);
  EXPECT_EQ(world_.Count(milter::Outcome::kRejected), 100U);
  for (const SeriesPoint& point : results.series)
    EXPECT_LE(point.in_flight_max, 5U);
  EXPECT_EQ(world_.milter.ends_of_message, 200U);
}

TEST_P(PlayerTest, PlaysNoMoreThanAskedFor) {
  const RunResults& results =
      Play({.sessions = 3, .messages = 10}, {"<ok@x>"}, {.messages_per_session = 4});
  EXPECT_EQ(results.finished, 10U);
}

TEST_P(PlayerTest, OneSessionAtATimeDoesNotWaitForTicks) {
  const RunResults& results = Play({.messages = 1000}, {"<ok@x>"});
  EXPECT_EQ(results.finished, 1000U);
  EXPECT_LT(results.elapsed, milliseconds(900));  // a tick of the timers is a millisecond
}

TEST_P(PlayerTest, QueueIdsDoNotComeTwice) {
  Play({.sessions = 4, .messages = 300}, {"<ok@x>", "<reject@x>"}, {.messages_per_session = 3});
  const std::vector<std::string>& ids = world_.milter.queue_ids;
  EXPECT_EQ(ids.size(), 300U);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 300U);
}

TEST_P(PlayerTest, SomeSessionsLeaveInTheirLastMessage) {
  const RunResults& results =
      Play({.sessions = 4, .messages = 300, .abort_share = 0.5}, {"<ok@x>"});
  EXPECT_EQ(results.finished + results.aborted, 300U);
  EXPECT_GT(results.aborted, 100U);
  EXPECT_LT(results.aborted, 200U);
  EXPECT_TRUE(results.errors.empty());
}

TEST_P(PlayerTest, LeavesAtEveryStage) {
  Play({.sessions = 1, .messages = 200, .abort_share = 1}, {"<ok@x>"});
  std::set<char> stages;
  char last = 0;
  for (const FakeMilter::Seen& seen : world_.milter.seen) {
    if (seen.command == 'O' && last != 0) stages.insert(last);
    if (seen.command != 'D') last = seen.command;
  }
  EXPECT_EQ(stages, (std::set<char>{'M', 'R', 'T', 'B', 'E'}));
  EXPECT_EQ(world_.results().aborted, 200U);
}

TEST_P(PlayerTest, IdleSessionsStandAfterHelo) {
  Play({.messages = 1, .idle = 200}, {"<ok@x>"});
  world_.world.Run(world_.world.now() + seconds(5000));
  EXPECT_EQ(world_.results().idle_standing, 200U);
  EXPECT_EQ(world_.milter.open(), 200U);
  EXPECT_EQ(world_.milter.helos.size(), 201U);
  EXPECT_EQ(world_.results().finished, 1U);
}

TEST_P(PlayerTest, ErrorsAreCountedByKind) {
  const RunResults& results = Play({.mode = RunMode::kOnce, .timeout = seconds(30)},
                                   {"<silent@x>", "<nonsense@x>", "<drop@x>", "<ok@x>"},
                                   {.rounds = 1});
  ASSERT_EQ(results.played.size(), 4U);
  EXPECT_EQ(results.played[0].error, "timeout");
  EXPECT_TRUE(results.played[1].error.starts_with("milter: ")) << results.played[1].error;
  EXPECT_EQ(results.played[2].error, "closed by the milter");
  EXPECT_EQ(results.played[3].error, "");
  EXPECT_EQ(results.errors.size(), 3U);
  EXPECT_EQ(results.failed, 3U);
  EXPECT_EQ(results.in_flight, 0U);
}

TEST_P(PlayerTest, NobodyListeningIsAnError) {
  world_.milter.CloseListener();
  const RunResults& results = Play({.mode = RunMode::kOnce}, {"<ok@x>"}, {.rounds = 1});
  ASSERT_EQ(results.errors.size(), 1U);
  EXPECT_TRUE(results.errors.begin()->first.starts_with("connect: "));
  EXPECT_EQ(results.failed, 1U);
}

TEST_P(PlayerTest, AFullBacklogIsWaitedFor) {
  world_.world.faults().connect_again = 300'000;
  const RunResults& results = Play({.sessions = 3, .messages = 100}, {"<ok@x>"});
  EXPECT_EQ(results.finished, 100U);
  EXPECT_TRUE(results.errors.empty());
}

TEST_P(PlayerTest, SlowSessionsWaitAtEachStep) {
  const RunResults& results =
      Play({.messages = 1, .slow_share = 1, .slow_step = seconds(2)}, {"<ok@x>"});
  EXPECT_EQ(results.slow, 1U);
  world_.world.Run(world_.world.now() + seconds(1));  // QUIT is on its way
  const FakeMilter& milter = world_.milter;
  // Connect, HELO, MAIL, RCPT, DATA, content, QUIT: each two seconds after what came before.
  engine::Time before = milter.TimesOf('O').at(0);
  for (const char command : {'C', 'H', 'M', 'R', 'T', 'E', 'Q'}) {
    const engine::Time at = milter.TimesOf(command).at(0);
    EXPECT_GE(at - before, seconds(2)) << command;
    EXPECT_LT(at - before, milliseconds(2010)) << command;
    before = at;
  }
}

TEST_P(PlayerTest, StopBeginsNothingNew) {
  source_ = SetOf({"<ok@x>"}, Options({.messages_per_session = 1000}));
  world_.Start({.sessions = 3, .messages = 1'000'000}, source_.get());
  world_.world.Run(world_.world.now() + milliseconds(200));
  world_.player->Stop();
  EXPECT_TRUE(world_.world.RunUntil([this] { return world_.player->done(); },
                                    world_.world.now() + seconds(10)));
  EXPECT_GT(world_.results().finished, 3U);
  EXPECT_LT(world_.results().finished, 3000U);
  EXPECT_EQ(world_.results().in_flight, 0U);
}

TEST_P(PlayerTest, TheSameSeedPlaysTheSame) {
  std::vector<std::uint64_t> hashes;
  for (const std::uint64_t seed : {5U, 5U, 6U}) {
    PlayerWorld world;
    const auto source = SetOf({"<ok@x>", "<reject@x>"}, Options({}));
    world.Play({.sessions = 3,
                .messages = 100,
                .abort_share = 0.3,
                .slow_share = 0.2,
                .slow_step = milliseconds(3),
                .seed = seed},
               source.get());
    hashes.push_back(world.world.trace_hash());
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_NE(hashes[0], hashes[2]);
}

}  // namespace
}  // namespace replay
