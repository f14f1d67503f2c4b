// Mail that is shed at DATA where the operator lets overload pass, or holds it: its content still
// comes, and its end is answered as that of a message which failed there.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "relay/failure_policy.h"
#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using milter::Outcome;
using relay::Count;
using relay::FailureAction;
using relay::FailureClass;
using std::chrono::seconds;

class RelayShedTest : public RelayScenarioTest {
 protected:
  // One message a second to a scanner that takes five for each.
  void Overload(FailureAction action) {
    WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(5))};
    relay::ListenerConfig& listener = options.config.listeners[0];
    listener.answer_within = seconds(20);
    listener.header_bytes_max = 64 * 1024;
    listener.unscanned_header_name = "X-Unscanned";
    listener.unscanned_header_value = "yes";
    listener.failure_rules.of(FailureClass::kOverload).action = action;
    Begin(options);
    SessionMix mix = kOne;
    mix.odd_space = false;  // some of the servers cannot carry it
    for (int i = 0; i < kMessages; ++i) {
      milter::MtaScript script = relay_->MakeScript(mix);
      script.transactions[0].headers.push_back({"X-Spam-Flag", " NO"});
      std::string& content = relay_->ledger()[script.transactions[0].queue_id].content;
      content.insert(content.find("\n\n") + 1, "X-Spam-Flag: NO\n");
      Change(i, script);
      milter::MtaOptions server;
      if (i % 3 == 1) server.kind = milter::MtaKind::kSendmail;
      if (i % 3 == 2) server.offer = {2, 0x3F, 0x7F};  // without DATA: decided at the first field
      relay_->ConnectAt(relay_->AddServer(server, std::move(script)), seconds(2 + i));
    }
    RunAll();
    ASSERT_GT(relay_->Sum(Count::kShedAtData), static_cast<std::uint64_t>(kMessages / 3));
  }
  virtual void Change(int, milter::MtaScript&) {}

  static constexpr int kMessages = 60;
};

TEST_F(RelayShedTest, AcceptedMailIsMarkedAndLosesWhatItsSenderWrote) {
  Overload(FailureAction::kAccept);
  std::uint64_t passed = 0;
  for (const auto& server : relay_->servers()) {
    EXPECT_EQ(First(*server).outcome, Outcome::kAccepted);
    EXPECT_EQ(First(*server).decided_at, milter::Command::kEndOfMessage);
    const auto& edits = First(*server).edits;
    if (edits.size() != 2) continue;  // scanned
    ++passed;
    EXPECT_EQ(edits[0].name, "X-Spam-Flag");
    EXPECT_EQ(edits[1].name, "X-Unscanned");
  }
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), passed);
  EXPECT_GE(passed, relay_->Sum(Count::kShedAtData));
  EXPECT_EQ(relay_->Sum(Count::kRefusedAtData), 0U);
}

TEST_F(RelayShedTest, QuarantinedMailIsHeld) {
  Overload(FailureAction::kQuarantine);
  std::uint64_t held = 0;
  for (const auto& server : relay_->servers()) {
    EXPECT_EQ(First(*server).outcome, Outcome::kAccepted);
    for (const milter::Edit& edit : First(*server).edits)
      held += edit.kind == milter::Reply::kQuarantine ? 1U : 0U;
  }
  EXPECT_EQ(relay_->Sum(Count::kQuarantinedUnscanned), held);
  EXPECT_GE(held, relay_->Sum(Count::kShedAtData));
}

TEST_F(RelayShedTest, RefusedMailIsRefusedBeforeItsContent) {
  Overload(FailureAction::kReject);
  relay_->set_rejects_by_us(true);
  std::uint64_t at_data = 0;
  for (const auto& server : relay_->servers()) {
    if (First(*server).outcome != Outcome::kRejected) continue;
    EXPECT_EQ(First(*server).reply_text, "554 5.3.2 Content scanner is busy");
    at_data += First(*server).decided_at == milter::Command::kData ? 1U : 0U;
  }
  EXPECT_EQ(relay_->Sum(Count::kRefusedAtData), at_data);
  EXPECT_GT(at_data, 0U);
}

// What would be refused as it is does not pass because the queue is long.
class RelayShedLimitTest : public RelayShedTest {
 protected:
  void Change(int i, milter::MtaScript& script) override {
    if (i < kMessages / 2) return;
    for (int field = 0; field < 2; ++field)
      script.transactions[0].headers.push_back({"X-Big", " " + std::string(60000, 'x')});
  }
};

TEST_F(RelayShedLimitTest, LimitsHoldForMailThatWouldPass) {
  Overload(FailureAction::kAccept);
  relay_->set_rejects_by_us(true);
  for (std::size_t i = kMessages / 2; i < kMessages; ++i) {
    EXPECT_EQ(First(*relay_->servers()[i]).outcome, Outcome::kRejected);
    EXPECT_EQ(First(*relay_->servers()[i]).reply_text, "552 5.3.4 Message header is too large");
  }
}

}  // namespace
}  // namespace relay_sim
