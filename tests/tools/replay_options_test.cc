// The command line of millrace-replay.
#include "tools/replay/replay_options.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace replay {
namespace {

using std::chrono::seconds;

absl::StatusOr<ReplayOptions> Parse(const std::vector<std::string>& arguments) {
  return ParseReplayOptions(arguments);
}

TEST(ReplayOptionsTest, ReadsAClosedLoop) {
  const auto options = Parse({"--milter=/m",
                              "--transactions",
                              "dir",
                              "--only=a,b",
                              "--only",
                              "c",
                              "--as=sendmail",
                              "--messages=1000",
                              "--sessions=20",
                              "--messages-per-session=5",
                              "--abort-fraction=0.25",
                              "--idle=7",
                              "--duration=2s",
                              "--timeout=9s",
                              "--seed=3",
                              "--json=-",
                              "--io=epoll"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->milter, "/m");
  EXPECT_EQ(options->transactions, "dir");
  EXPECT_EQ(options->only, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(options->kind, milter::MtaKind::kSendmail);
  EXPECT_EQ(options->messages_per_session, 5U);
  EXPECT_EQ(options->player.mode, RunMode::kClosed);
  EXPECT_EQ(options->player.messages, 1000U);
  EXPECT_EQ(options->player.sessions, 20U);
  EXPECT_EQ(options->player.abort_share, 0.25);
  EXPECT_EQ(options->player.idle, 7U);
  EXPECT_EQ(options->player.timeout, seconds(9));
  EXPECT_EQ(options->player.seed, 3U);
  EXPECT_EQ(options->duration, seconds(2));
  EXPECT_EQ(options->json_file, "-");
  EXPECT_EQ(options->io, engine::IoChoice::kEpoll);
  EXPECT_EQ(Parse({"--milter=/m", "--transactions=d", "--once"})->player.mode, RunMode::kOnce);
  EXPECT_EQ(Parse({"--milter=/m", "--idle=5", "--duration=1s"})->player.mode, RunMode::kIdle);
}

TEST(ReplayOptionsTest, ReadsAnOpenLoop) {
  const auto recorded = Parse({"--milter=/m", "--trace=t"});
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(recorded->player.mode, RunMode::kOpen);
  EXPECT_TRUE(recorded->player.recorded_times);
  EXPECT_EQ(recorded->player.speed, 1);
  EXPECT_EQ(recorded->rounds, 1U);

  const auto fast = Parse({"--milter=/m", "--trace=t", "--speed=0.5", "--pace=recorded"});
  ASSERT_TRUE(fast.ok()) << fast.status();
  EXPECT_EQ(fast->player.speed, 0.5);
  EXPECT_TRUE(fast->player.recorded_pace);

  const auto rate = Parse({"--smtp=/m",
                           "--trace=t",
                           "--rate=250",
                           "--burst=20@5s",
                           "--xclient=off",
                           "--arrivals=even",
                           "--max-sessions=9",
                           "--slow-fraction=0.1"});
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_EQ(rate->player.mode, RunMode::kOpen);
  EXPECT_FALSE(rate->player.recorded_times);
  EXPECT_EQ(rate->player.target, RunTarget::kSmtp);
  EXPECT_EQ(rate->player.arrivals.rate, 250);
  EXPECT_EQ(rate->player.arrivals.burst, 20U);
  EXPECT_EQ(rate->player.arrivals.burst_every, seconds(5));
  EXPECT_EQ(rate->player.arrivals.kind, ArrivalKind::kEven);
  EXPECT_FALSE(rate->player.smtp.xclient);
  EXPECT_TRUE(rate->player.smtp.pipelining);
  EXPECT_EQ(rate->sessions_max, 9U);
  ASSERT_EQ(rate->described.size(), 6U);
  EXPECT_EQ(rate->described[0], (std::pair<std::string, std::string>("rate", "250")));

  const auto ramp = Parse({"--milter=/m", "--transactions=d", "--ramp=10:200:60s", "--messages=9"});
  ASSERT_TRUE(ramp.ok()) << ramp.status();
  EXPECT_EQ(ramp->player.arrivals.rate, 10);
  EXPECT_EQ(ramp->player.arrivals.rate_to, 200);
  EXPECT_EQ(ramp->player.arrivals.ramp, seconds(60));
}

TEST(ReplayOptionsTest, ATraceCanBePlayedInAClosedLoop) {
  const auto sessions = Parse({"--milter=/m", "--trace=t", "--sessions=3"});
  ASSERT_TRUE(sessions.ok()) << sessions.status();
  EXPECT_EQ(sessions->player.mode, RunMode::kClosed);
  EXPECT_EQ(sessions->messages_per_session, 0U);
  const auto fastest = Parse({"--milter=/m", "--trace=t", "--speed=max"});
  ASSERT_TRUE(fastest.ok()) << fastest.status();
  EXPECT_EQ(fastest->player.mode, RunMode::kClosed);
  EXPECT_GT(fastest->player.sessions, 1U);
  EXPECT_EQ(Parse({"--milter=/m", "--trace=t", "--speed=max", "--sessions=5"})->player.sessions,
            5U);
}

TEST(ReplayOptionsTest, IdleSessionsStandBesideWhatIsPlayed) {
  const auto options = Parse({"--milter=/m", "--transactions=d", "--idle=5", "--duration=1s"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->player.mode, RunMode::kClosed);
  EXPECT_EQ(options->player.sessions, 1U);
  EXPECT_TRUE(Parse({"--milter=/m", "--trace=t", "--rate=0", "--burst=5@1s"}).ok());
}

TEST(ReplayOptionsTest, NamesWhatIsWrong) {
  const std::vector<std::string> good = {"--milter=/m", "--transactions=d", "--messages=1"};
  ASSERT_TRUE(Parse(good).ok());
  for (const char* extra : {"--bogus=1",
                            "word",
                            "--once",
                            "--as=exim",
                            "--sessions=0",
                            "--messages=many",
                            "--messages-per-session=0",
                            "--abort-fraction=1.5",
                            "--slow-fraction=x",
                            "--speed=2",
                            "--rate=-1",
                            "--ramp=1:2",
                            "--burst=5",
                            "--burst=0@5s",
                            "--pace=slow",
                            "--io=magic",
                            "--timeout=soon",
                            "--timeout=0s",
                            "--xclient=off",
                            "--pipelining=auto",
                            "--loop",
                            "--trace=t",
                            "--smtp=/s",
                            "--diff",
                            "--diff-text",
                            "--expect-same",
                            "--pid=0"}) {
    std::vector<std::string> arguments = good;
    arguments.emplace_back(extra);
    const auto options = Parse(arguments);
    EXPECT_FALSE(options.ok()) << extra;
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << extra;
  }
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {"--milter=/m"},
           {"--transactions=d", "--once"},
           {"--milter=/m", "--transactions=d"},
           {"--milter=/m", "--idle=5"},
           {"--milter=/m", "--idle=5", "--duration=1s", "--rate=5"},
           {"--milter=/m", "--idle=5", "--duration=1s", "--sessions=2"},
           {"--milter=/m", "--trace=t", "--once", "--messages-per-session=3"},
           {"--milter=/m", "--trace=t", "--rate=0"},
           {"--milter=/m", "--trace=t", "--ramp=0:0:10s"},
           {"--milter=/m", "--trace=t", "--arrivals=even"},
           {"--milter=/m", "--trace=t", "--sessions=5", "--max-sessions=9"},
           {"--milter=/m", "--trace=t", "--json=-", "--html=-"},
           {"--milter=/m", "--trace=t", "--speed=2000"},
           {"--milter=/m", "--trace=t", "--loop"},
           {"--milter=/m", "--trace=t", "--loop", "--limit=5"},
           {"--milter=/m", "--transactions=d", "--sessions=5", "--limit=5"},
           {"--milter=/m", "--trace=t", "--rate=5", "--sessions=5"},
           {"--milter=/m", "--trace=t", "--shuffle"},
           {"--milter=/m", "--trace=t", "--messages-per-session=2"}}) {
    EXPECT_FALSE(Parse(bad).ok()) << bad.back();
  }
}

TEST(ReplayOptionsTest, ReadsTheNullMiltersLine) {
  EXPECT_EQ(ParseNullOptions(std::vector<std::string>{"--listen=/n"})->listen, "/n");
  EXPECT_FALSE(ParseNullOptions(std::vector<std::string>{}).ok());
}

}  // namespace
}  // namespace replay
