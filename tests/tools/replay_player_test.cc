// The player against a scripted milter, in virtual time.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/fake_milter.h"
#include "tools/replay/player.h"
#include "tools/replay/report.h"

namespace replay {
namespace {

constexpr const char* kSocket = "/run/milter.sock";

NamedTransaction To(const std::string& recipient) {
  NamedTransaction named{.name = recipient.substr(1, recipient.find('@') - 1)};
  named.transaction.sender.address = "<a@b>";
  named.transaction.recipients.emplace_back().address = recipient;
  milter::SplitMessage("Subject: x\n\nbody\n", &named.transaction);
  return named;
}

class PlayerTest : public testing::TestWithParam<milter::MtaKind> {
 protected:
  // Plays until done (and, with `more`, that much longer), at most an hour.
  const PlayResult& Play(PlayerConfig config,
                         const std::vector<std::string>& recipients,
                         engine::Time more = {}) {
    for (const std::string& recipient : recipients)
      transactions_.push_back(To(recipient));
    config.milter = *engine::ParseAddress(kSocket);
    config.kind = GetParam();
    player_ = std::make_unique<Player>(loop_, config, transactions_);
    player_->Start();
    const engine::Time limit = world_.now() + std::chrono::hours(1);
    EXPECT_TRUE(world_.RunUntil([this] { return player_->done(); }, limit));
    if (more > engine::Time{}) world_.Run(world_.now() + more);
    return player_->result();
  }
  std::uint64_t Count(milter::Outcome outcome) const {
    return player_->result().outcomes[static_cast<std::size_t>(outcome)];
  }

  sim::SimWorld world_{11};
  sim::SimLoop& loop_ = world_.AddLoop("player", "/player");
  FakeMilter milter_{world_, kSocket};
  std::vector<NamedTransaction> transactions_;
  std::unique_ptr<Player> player_;
};

INSTANTIATE_TEST_SUITE_P(Kinds,
                         PlayerTest,
                         testing::Values(milter::MtaKind::kPostfix, milter::MtaKind::kSendmail),
                         [](const testing::TestParamInfo<milter::MtaKind>& kind) {
                           return kind.param == milter::MtaKind::kPostfix ? "Postfix" : "Sendmail";
                         });

TEST_P(PlayerTest, OnceTellsWhatHappenedToEach) {
  const PlayResult& result =
      Play({.once = true}, {"<ok@x>", "<reject@x>", "<tempfail@x>", "<discard@x>"});
  ASSERT_EQ(result.once.size(), 4U);
  EXPECT_EQ(result.once[0].result.outcome, milter::Outcome::kAccepted);
  ASSERT_EQ(result.once[0].result.edits.size(), 1U);
  EXPECT_EQ(result.once[0].result.edits[0].name, "X-Seen");
  EXPECT_EQ(result.once[1].result.outcome, milter::Outcome::kRejected);
  EXPECT_EQ(result.once[1].result.reply_text, "554 5.7.0 No");
  EXPECT_EQ(result.once[2].result.outcome, milter::Outcome::kTempfailed);
  EXPECT_EQ(result.once[3].result.outcome, milter::Outcome::kDiscarded);
  EXPECT_EQ(result.messages, 4U);
  EXPECT_EQ(result.end_of_message.count(), 4U);
  EXPECT_TRUE(result.errors.empty());
}

TEST_P(PlayerTest, PlaysAllMessagesOverItsSessions) {
  const PlayResult& result =
      Play({.sessions = 5, .messages = 200, .messages_per_session = 4}, {"<ok@x>", "<reject@x>"});
  EXPECT_EQ(result.messages, 200U);
  EXPECT_EQ(result.sessions, 50U);
  EXPECT_EQ(Count(milter::Outcome::kAccepted), 100U);
  EXPECT_EQ(Count(milter::Outcome::kRejected), 100U);
  EXPECT_LE(milter_.open_most, 6U);  // one may be closing while the next one opens
  EXPECT_EQ(milter_.ends_of_message, 200U);
}

TEST_P(PlayerTest, SomeSessionsLeaveAtEndOfMessage) {
  const PlayResult& result = Play({.sessions = 4, .messages = 300, .abort_share = 0.5}, {"<ok@x>"});
  EXPECT_EQ(result.messages + result.aborted, 300U);
  EXPECT_GT(result.aborted, 100U);
  EXPECT_LT(result.aborted, 200U);
  EXPECT_TRUE(result.errors.empty());
}

TEST_P(PlayerTest, IdleSessionsStandAfterHelo) {
  const PlayResult& result =
      Play({.messages = 1, .idle = 20}, {"<ok@x>"}, std::chrono::seconds(5000));
  EXPECT_EQ(result.idle_open, 20U);
  EXPECT_EQ(milter_.open(), 20U);
  EXPECT_EQ(milter_.helos.size(), 21U);
  EXPECT_EQ(result.messages, 1U);
}

TEST_P(PlayerTest, ErrorsAreCountedByKind) {
  const PlayResult& result = Play({.timeout = std::chrono::seconds(30), .once = true},
                                  {"<silent@x>", "<nonsense@x>", "<drop@x>", "<ok@x>"});
  ASSERT_EQ(result.once.size(), 4U);
  EXPECT_EQ(result.once[0].error, "timeout");
  EXPECT_TRUE(result.once[1].error.starts_with("milter: ")) << result.once[1].error;
  EXPECT_EQ(result.once[2].error, "closed by the milter");
  EXPECT_EQ(result.once[3].error, "");
  EXPECT_EQ(result.errors.size(), 3U);
  EXPECT_FALSE(AllAsExpected(result, transactions_));
}

TEST_P(PlayerTest, NobodyListeningIsAnError) {
  transactions_.push_back(To("<ok@x>"));
  PlayerConfig config{.milter = *engine::ParseAddress("/run/nobody.sock"), .once = true};
  player_ = std::make_unique<Player>(loop_, config, transactions_);
  player_->Start();
  EXPECT_TRUE(
      world_.RunUntil([this] { return player_->done(); }, world_.now() + std::chrono::seconds(10)));
  ASSERT_EQ(player_->result().errors.size(), 1U);
  EXPECT_TRUE(player_->result().errors.begin()->first.starts_with("connect: "));
}

TEST_P(PlayerTest, StopBeginsNothingNew) {
  transactions_.push_back(To("<ok@x>"));
  PlayerConfig config{.milter = *engine::ParseAddress(kSocket),
                      .kind = GetParam(),
                      .sessions = 3,
                      .messages = 1'000'000};
  player_ = std::make_unique<Player>(loop_, config, transactions_);
  player_->Start();
  world_.Run(world_.now() + std::chrono::milliseconds(200));
  player_->Stop();
  EXPECT_TRUE(
      world_.RunUntil([this] { return player_->done(); }, world_.now() + std::chrono::seconds(10)));
  EXPECT_GT(player_->result().messages, 3U);
  EXPECT_LT(player_->result().messages, 1'000'000U);
}

}  // namespace
}  // namespace replay
