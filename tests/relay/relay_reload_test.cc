// Reloads while messages are under way: which settings count, and that old ones go.
#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using milter::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RelayReloadTest : public RelayScenarioTest {
 protected:
  // Until the shards have heard that the mail servers have gone.
  void RunToTheEnd(std::size_t shards) {
    RunAll();
    const auto quiet = [this, shards] {
      for (std::size_t i = 0; i < shards; ++i) {
        if (relay_->shard(i).sessions() > 0) return false;
      }
      return true;
    };
    ASSERT_TRUE(relay_->world().RunUntil(quiet, relay_->world().now() + seconds(60)));
  }
};

TEST_F(RelayReloadTest, AMessageIsDealtWithByTheSettingsItBeganWith) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(10))};
  Begin(options);
  relay_->set_rejects_by_us(true);
  milter::MtaScript script = relay_->MakeScript(kOne);
  const SessionMix three{.messages_max = 1, .recipients_max = 1, .body_bytes_max = 500};
  script.transactions.push_back(relay_->MakeTransaction(three));
  for (milter::Transaction& transaction : script.transactions) {
    transaction.recipients.push_back(
        {.address = "<second@lab.test>", .arguments = {}, .macros = {}});
  }
  SimMailServer& server = Play(std::move(script));
  relay_->world().At(seconds(5), [this, &options] {
    options.config.listeners[0].recipients_max = 1;
    relay_->Reload(options.config);
  });
  RunToTheEnd(1);
  EXPECT_FALSE(server.lost());
  EXPECT_EQ(First(server).outcome, Outcome::kAccepted);
  EXPECT_EQ(server.session().results().at(1).outcome, Outcome::kRejected);
  EXPECT_EQ(relay_->generations_alive(), 1U);
}

TEST_F(RelayReloadTest, SessionsOfARemovedListenerGoOn) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(10))};
  Begin(options);
  milter::MtaScript script = relay_->MakeScript(kOne);
  for (int i = 0; i < 3; ++i)
    script.transactions.push_back(relay_->MakeTransaction(kOne));
  SimMailServer& server = Play(std::move(script));
  for (int i = 0; i < 40; ++i) {
    relay_->world().At(seconds(5) + milliseconds(700 * i), [this, &options, i] {
      options.config.listeners[0].socket = "/run/moved" + std::to_string(i);
      relay_->Reload(options.config);
    });
  }
  RunToTheEnd(1);
  EXPECT_FALSE(server.lost());
  for (const milter::TransactionResult& result : server.session().results())
    EXPECT_EQ(result.outcome, Outcome::kAccepted);
  EXPECT_EQ(relay_->generations_alive(), 1U);
}

TEST_F(RelayReloadTest, AHundredReloadsLoseNothing) {
  WorldOptions options{.shards = 3, .scanner_slots = 8, .scanner = Calm(milliseconds(300))};
  Begin(options);
  const SessionMix mix{.messages_max = 6, .body_bytes_max = 3000};
  for (int i = 0; i < 200; ++i)
    relay_->ConnectAt(relay_->AddRandomServer(mix), milliseconds(100 * i));
  std::uint32_t most = 0;
  for (int i = 0; i < 100; ++i) {
    relay_->world().At(milliseconds(200 * i), [this, &options, &most, i] {
      options.config.listeners[0].answer_within = seconds(100 + i);
      options.config.listeners[0].policy_banks = {"BANK" + std::to_string(i)};
      relay_->Reload(options.config);
      most = std::max(most, relay_->generations_alive());
    });
  }
  RunToTheEnd(3);
  for (const auto& server : relay_->servers())
    EXPECT_FALSE(server->lost());
  EXPECT_GT(most, 1U);  // some sessions did hold on to old ones
  EXPECT_EQ(relay_->generations_alive(), 1U);
}

}  // namespace
}  // namespace relay_sim
