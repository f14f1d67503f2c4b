// The null milter against the player, in virtual time.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/tools/player_world.h"
#include "tools/replay/null_milter.h"

namespace replay {
namespace {

class NullMilterTest : public testing::TestWithParam<milter::MtaKind> {
 protected:
  NullMilterTest() { null_.Listen(listener_); }
  ~NullMilterTest() override { loop_.StopListening(listener_); }

  sim::SimWorld world_{3};
  sim::SimLoop& loop_ = world_.AddLoop("null", "/null");
  int listener_ = world_.Listen("/run/null.sock");
  NullMilter null_{loop_, 50};
  sim::SimLoop& player_loop_ = world_.AddLoop("player", "/player");
};

INSTANTIATE_TEST_SUITE_P(Kinds,
                         NullMilterTest,
                         testing::Values(milter::MtaKind::kPostfix, milter::MtaKind::kSendmail));

TEST_P(NullMilterTest, AcceptsEveryMessageAtItsEnd) {
  const auto source =
      SetOf({"<ok@x>", "<reject@x>"}, {.kind = GetParam(), .messages_per_session = 3});
  PlayerConfig config{.sessions = 4,
                      .messages = 120,
                      .abort_share = 0.2,
                      .clock = [](const engine::Loop& of) noexcept { return of.now(); }};
  config.address = *engine::ParseAddress("/run/null.sock");
  ResultsRecorder recorder({}, player_loop_.now());
  Player player(player_loop_, config, source.get(), recorder);
  player.Start();
  ASSERT_TRUE(
      world_.RunUntil([&] { return player.done(); }, world_.now() + std::chrono::minutes(1)));
  const RunResults& results = recorder.results();
  EXPECT_EQ(results.finished + results.aborted, 120U);
  EXPECT_EQ(results.outcomes[static_cast<std::size_t>(milter::Outcome::kAccepted)],
            results.finished);
  EXPECT_TRUE(results.errors.empty());
  EXPECT_GE(null_.messages(), results.finished);
  EXPECT_EQ(null_.broken(), 0U);
}

TEST_P(NullMilterTest, ClosesWhatIsTooMuch) {
  const auto source = SetOf({"<ok@x>"});
  PlayerConfig config{.mode = RunMode::kIdle,
                      .idle = 60,
                      .clock = [](const engine::Loop& of) noexcept { return of.now(); }};
  config.address = *engine::ParseAddress("/run/null.sock");
  ResultsRecorder recorder({}, player_loop_.now());
  Player player(player_loop_, config, source.get(), recorder);
  player.Start();
  world_.Run(world_.now() + std::chrono::seconds(2));
  EXPECT_EQ(recorder.results().idle_standing, 50U);
  EXPECT_EQ(null_.open(), 50U);
}

}  // namespace
}  // namespace replay
