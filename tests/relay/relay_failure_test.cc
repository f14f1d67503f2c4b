// What the operator set for each class of failure, as mail servers see it, in virtual time.
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "relay/failure_policy.h"
#include "tests/relay/scenario.h"

namespace relay_sim {
namespace {

using milter::Outcome;
using relay::Count;
using relay::FailureAction;
using relay::FailureClass;
using relay::FailureRule;
using std::chrono::milliseconds;
using std::chrono::seconds;

FailureRule& RuleOf(WorldOptions& options, FailureClass failure) {
  return options.config.listeners[0].failure_rules.of(failure);
}

relay::FailureReply Reply(std::string_view text) {
  std::string error;
  return relay::ParseFailureReply(text, &error).value_or(relay::FailureReply{});
}

std::string EditsOf(const milter::TransactionResult& result) {
  std::string text;
  for (const milter::Edit& edit : result.edits) {
    text += static_cast<char>(edit.kind);
    text += " " + edit.name + ":" + edit.value + "\n";
  }
  return text;
}

class RelayFailureTest : public RelayScenarioTest {
 protected:
  // A mail server whose one message meets a failure of that class.
  SimMailServer& PlayInto(FailureClass failure, WorldOptions options) {
    options.shards = 1;
    options.config.listeners[0].unscanned_header_name = "X-Unscanned";
    options.config.listeners[0].unscanned_header_value = "yes";
    options.config.listeners[0].header_bytes_max = 64 * 1024;
    options.scanner = Calm(seconds(60));
    if (failure == FailureClass::kScanFailed) options.scanner.half_reply = 1'000'000;
    if (failure == FailureClass::kOverload) {
      options.scanner_slots = 1;
      options.config.queue.wait_max = seconds(5);
    }
    if (failure == FailureClass::kPassing) options.messages_max = 1;
    Begin(options);
    if (failure == FailureClass::kUnreachable) relay_->scanner().StopListening();
    const bool behind_another =
        failure == FailureClass::kOverload || failure == FailureClass::kPassing;
    if (behind_another) PlayOne(seconds(2));
    milter::MtaScript script = relay_->MakeScript(kOne);
    script.transactions[0].headers.push_back({"X-Spam-Flag", " NO"});
    std::string& content = relay_->ledger()[script.transactions[0].queue_id].content;
    content.insert(content.find("\n\n") + 1, "X-Spam-Flag: NO\n");
    if (failure == FailureClass::kMessageLimit) {
      script.transactions[0].headers.push_back({"X-Big", " " + std::string(60000, 'x')});
      script.transactions[0].headers.push_back({"X-Big", " " + std::string(60000, 'x')});
    }
    relay_->set_rejects_by_us(true);
    milter::MtaOptions server = mail_server_;
    SimMailServer& peer = relay_->AddServer(server, std::move(script));
    relay_->ConnectAt(peer, relay_->world().now() + seconds(3));
    RunAll();
    EXPECT_FALSE(peer.lost());
    return peer;
  }

  milter::MtaOptions mail_server_;
};

struct ClassRow {
  FailureClass failure;
  std::string_view tempfail;
  std::string_view reject;
  std::string_view reason;  // of a quarantine
};

constexpr ClassRow kRows[] = {
    {FailureClass::kUnreachable,
     "451 4.6.0 Content scanner malfunction",
     "554 5.6.0 Content scanner malfunction",
     "not scanned: scanner-unreachable, scanner refused the connection"},
    {FailureClass::kScanFailed,
     "451 4.6.0 Content scanner malfunction",
     "554 5.6.0 Content scanner malfunction",
     "not scanned: scan-failed, scanner closed without a whole reply"},
    {FailureClass::kOverload,
     "451 4.3.2 Content scanner is busy, please try again later",
     "554 5.3.2 Content scanner is busy",
     "not scanned: overload, no scanner slot in time"},
    {FailureClass::kPassing,
     "452 4.3.1 Insufficient system storage, please try again later",
     "554 5.3.1 Insufficient system storage",
     ""},
    {FailureClass::kMessageLimit,
     "452 4.3.4 Message header is too large",
     "552 5.3.4 Message header is too large",
     ""},
};

using Row = std::tuple<ClassRow, FailureAction, milter::MtaKind>;
class RelayFailureTable : public RelayFailureTest, public testing::WithParamInterface<Row> {};

TEST_P(RelayFailureTable, MailServerIsToldWhatTheOperatorSaid) {
  const auto& [row, action, kind] = GetParam();
  mail_server_.kind = kind;
  WorldOptions options;
  RuleOf(options, row.failure).action = action;
  SimMailServer& server = PlayInto(row.failure, options);
  const milter::TransactionResult& result = First(server);
  const std::string unmarked = "m X-Spam-Flag:\ni X-Unscanned: yes\n";
  switch (action) {
    case FailureAction::kTempfail:
      EXPECT_EQ(result.outcome, Outcome::kTempfailed);
      EXPECT_EQ(result.reply_text, row.tempfail);
      EXPECT_EQ(EditsOf(result), "");
      break;
    case FailureAction::kReject:
      EXPECT_EQ(result.outcome, Outcome::kRejected);
      EXPECT_EQ(result.reply_text, row.reject);
      EXPECT_EQ(EditsOf(result), "");
      break;
    case FailureAction::kAccept:
      EXPECT_EQ(result.outcome, Outcome::kAccepted);
      EXPECT_EQ(EditsOf(result), unmarked);
      EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 1U);
      break;
    case FailureAction::kQuarantine:
      EXPECT_EQ(result.outcome, Outcome::kAccepted);
      EXPECT_EQ(EditsOf(result), unmarked + "q :" + std::string(row.reason) + "\n");
      EXPECT_EQ(relay_->Sum(Count::kQuarantinedUnscanned), 1U);
      EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 0U);
      break;
  }
}

TEST_P(RelayFailureTable, ConfiguredWordsAreTold) {
  const auto& [row, action, kind] = GetParam();
  const bool rejects = action == FailureAction::kReject;
  const bool refuses = rejects || action == FailureAction::kTempfail;
  mail_server_.kind = kind;
  WorldOptions options;
  const std::string text = rejects ? "550 5.7.1 No, for good" : "450 4.7.1 Not now";
  RuleOf(options, row.failure) = {action, Reply(text)};
  SimMailServer& server = PlayInto(row.failure, options);
  EXPECT_EQ(First(server).reply_text, refuses ? text : "");
}

// All that the design allows: five classes, sixteen pairs, two mail servers.
std::vector<Row> AllowedRows() {
  std::vector<Row> rows;
  for (const ClassRow& row : kRows) {
    for (const FailureAction action : relay::kFailureActions) {
      if (!relay::Allows(row.failure, action)) continue;
      rows.emplace_back(row, action, milter::MtaKind::kPostfix);
      rows.emplace_back(row, action, milter::MtaKind::kSendmail);
    }
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(AllClassesAndActions, RelayFailureTable, testing::ValuesIn(AllowedRows()));

TEST_F(RelayFailureTest, QuarantineThatIsNotOfferedIsATemporaryFailure) {
  mail_server_.offer.actions &= ~milter::kActQuarantine;
  WorldOptions options{.keep_log = true};
  RuleOf(options, FailureClass::kUnreachable) = {FailureAction::kQuarantine,
                                                 Reply("451 4.7.0 The scanner sleeps")};
  SimMailServer& server = PlayInto(FailureClass::kUnreachable, options);
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).reply_text, "451 4.7.0 The scanner sleeps");
  EXPECT_EQ(relay_->Sum(Count::kQuarantineNotOffered), 1U);
  EXPECT_EQ(relay_->Sum(Count::kRefusedUnreachable), 1U);
  const auto& lines = relay_->log_lines();
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("not offered by the mail server") != std::string::npos;
  }));
}

TEST_F(RelayFailureTest, RuleOfAClassIsStrongerThanPassOnFailure) {
  WorldOptions options;
  options.config.listeners[0].pass_on_failure = true;
  RuleOf(options, FailureClass::kScanFailed).action = FailureAction::kTempfail;
  SimMailServer& server = PlayInto(FailureClass::kScanFailed, options);
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
}

// What the scanner has had whole, it may have delivered: passed on, it would come twice.
TEST_F(RelayFailureTest, DeliveryOfTheServersIsNeverDoubledByOverload) {
  for (const FailureAction action :
       {FailureAction::kAccept, FailureAction::kQuarantine, FailureAction::kReject}) {
    WorldOptions options{.shards = 1, .scanner_slots = 1, .scanner = Calm(seconds(100))};
    options.config.listeners[0].delivery_care_of = relay::DeliveryCareOf::kServer;
    options.config.listeners[0].answer_within = seconds(120);
    RuleOf(options, FailureClass::kOverload).action = action;
    Begin(options);
    PlayOne(seconds(2));
    SimMailServer& second = PlayOne(seconds(3));
    RunAll();
    EXPECT_EQ(First(second).outcome, Outcome::kTempfailed);
    EXPECT_EQ(First(second).reply_text.substr(0, 10), "451 4.3.2 ");
    EXPECT_EQ(relay_->Sum(Count::kRefusedOverload), 1U);
    for (const std::string& what : relay_->Finish())
      ADD_FAILURE() << what;
  }
  Begin({});
}

TEST_F(RelayFailureTest, ScannersLocalFailureIsToldInTheWordsOfTheClass) {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.scanner.local_failure = true;
  RuleOf(options, FailureClass::kScanFailed).reply = Reply("450 4.7.0 The scanner is unwell");
  Begin(options);
  SimMailServer& server = PlayOne();
  RunAll();
  EXPECT_EQ(First(server).outcome, Outcome::kTempfailed);
  EXPECT_EQ(First(server).reply_text, "450 4.7.0 The scanner is unwell");
}

}  // namespace
}  // namespace relay_sim
