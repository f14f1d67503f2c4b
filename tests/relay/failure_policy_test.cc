// Failure rules and the policy made of them: every class with every action, delivery, stage and
// mail server, against the table of the design.
#include "relay/failure_policy.h"

#include <algorithm>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

namespace relay {
namespace {

constexpr FailureStage kStages[] = {
    FailureStage::kData, FailureStage::kContent, FailureStage::kEnd, FailureStage::kScanned};

// One of each that failure.h makes.
std::vector<Refusal> AllRefusals() {
  return {UnreachableRefusal("r"),
          ScanFailedRefusal("r"),
          OverloadRefusal("r"),
          SpoolFullRefusal("r"),
          InternalRefusal("r"),
          StalledRefusal("r"),
          TooManyRecipientsRefusal(),
          HeaderTooLargeRefusal(),
          EnvelopeTooLargeRefusal()};
}

FailureOptions Options(FailureClass failure, FailureAction action) {
  FailureOptions options;
  options.rules.of(failure).action = action;
  return options;
}

// The design's table: which class may be set to what.
bool MayBeSet(FailureClass failure, FailureAction action, bool server_delivers) {
  switch (failure) {
    case FailureClass::kUnreachable:
    case FailureClass::kOverload: return true;
    case FailureClass::kScanFailed: return !server_delivers || action == FailureAction::kTempfail;
    case FailureClass::kPassing:
    case FailureClass::kMessageLimit:
      return action == FailureAction::kTempfail || action == FailureAction::kReject;
  }
  return false;
}

FailureAction WithoutARule(FailureClass failure, bool pass, bool server_delivers) {
  if (failure == FailureClass::kMessageLimit) return FailureAction::kReject;
  const bool covered = failure == FailureClass::kUnreachable ||
                       (failure == FailureClass::kScanFailed && !server_delivers);
  return pass && covered ? FailureAction::kAccept : FailureAction::kTempfail;
}

void ExpectTold(const Refusal& told, int reply_class) {
  EXPECT_EQ(told.code / 100, reply_class) << told.text;
  EXPECT_EQ(told.enhanced.front(), '0' + reply_class) << told.text;
  EXPECT_NE(told.code, 421);
  EXPECT_NE(told.code, 521);
  EXPECT_FALSE(told.text.empty());
  if (reply_class == 5) {
    EXPECT_EQ(told.text.find("try again"), std::string_view::npos);
  }
}

void ExpectDecision(const FailurePolicy& policy,
                    const Refusal& refusal,
                    FailureAction action,
                    FailureStage stage,
                    bool can_quarantine) {
  const FailureDecision decision = policy.Decide(refusal, stage, can_quarantine);
  const bool at_end = stage == FailureStage::kEnd || stage == FailureStage::kScanned;
  switch (action) {
    case FailureAction::kTempfail:
    case FailureAction::kReject:
      EXPECT_EQ(decision.step, FailureStep::kRefuse);
      EXPECT_FALSE(decision.not_offered);
      ExpectTold(decision.refusal, action == FailureAction::kReject ? 5 : 4);
      break;
    case FailureAction::kAccept:
      EXPECT_EQ(decision.step, at_end ? FailureStep::kPass : FailureStep::kGoOn);
      break;
    case FailureAction::kQuarantine:
      EXPECT_EQ(decision.not_offered, !can_quarantine);
      EXPECT_EQ(decision.step,
                !can_quarantine ? FailureStep::kRefuse
                : at_end        ? FailureStep::kQuarantine
                                : FailureStep::kGoOn);
      if (!can_quarantine) ExpectTold(decision.refusal, 4);
      break;
  }
  EXPECT_EQ(decision.refusal.failure, refusal.failure);
  EXPECT_EQ(decision.refusal.reason, refusal.reason);
}

void ExpectEverywhere(const FailureOptions& options, FailureClass failure, FailureAction action) {
  const FailurePolicy policy(options);
  EXPECT_EQ(policy.ActionOf(failure), action);
  for (const Refusal& refusal : AllRefusals()) {
    if (refusal.failure != failure) continue;
    for (const FailureStage stage : kStages) {
      const bool delivered = options.server_delivers && stage == FailureStage::kScanned;
      const FailureAction taken = delivered ? FailureAction::kTempfail : action;
      ExpectDecision(policy, refusal, taken, stage, true);
      ExpectDecision(policy, refusal, taken, stage, false);
    }
    ExpectTold(policy.Tempfail(refusal), 4);
  }
}

using Row = std::tuple<FailureClass, FailureAction, bool, bool>;
class FailurePolicyTable : public testing::TestWithParam<Row> {};

TEST_P(FailurePolicyTable, SetsWhatTheDesignAllowsAndNothingElse) {
  const auto [failure, action, pass, server_delivers] = GetParam();
  FailureOptions options = Options(failure, action);
  options.pass_on_failure = pass;
  options.server_delivers = server_delivers;
  const bool allowed = MayBeSet(failure, action, server_delivers);
  EXPECT_EQ(CheckFailureRule(failure, options.rules.of(failure), server_delivers).empty(), allowed);
  // A rule that got past the check by mistake is the safe one.
  ExpectEverywhere(options, failure, allowed ? action : FailureAction::kTempfail);
  for (const FailureClass other : kFailureClasses) {
    if (other == failure) continue;
    ExpectEverywhere(options, other, WithoutARule(other, pass, server_delivers));
  }
}

INSTANTIATE_TEST_SUITE_P(AllClassesAndActions,
                         FailurePolicyTable,
                         testing::Combine(testing::ValuesIn(kFailureClasses),
                                          testing::ValuesIn(kFailureActions),
                                          testing::Bool(),
                                          testing::Bool()));

TEST(FailurePolicyTest, WithoutRulesTheTextsAreTheDesigns) {
  const FailurePolicy policy;
  for (const Refusal& refusal : AllRefusals()) {
    const Refusal told = policy.Decide(refusal, FailureStage::kEnd, true).refusal;
    EXPECT_EQ(told.code, refusal.code);
    EXPECT_EQ(told.enhanced, refusal.enhanced);
    EXPECT_EQ(told.text, refusal.text);
  }
}

TEST(FailurePolicyTest, EndOfTheDaemonIsNeverTheEndOfAMessage) {
  const FailurePolicy policy(Options(FailureClass::kPassing, FailureAction::kReject));
  for (const FailureStage stage : kStages)
    EXPECT_EQ(policy.Decide(ShuttingDownRefusal(), stage, true).refusal.code, 451);
}

TEST(FailurePolicyTest, MessageLimitsMayBeTemporary) {
  const FailurePolicy policy(Options(FailureClass::kMessageLimit, FailureAction::kTempfail));
  const Refusal recipients =
      policy.Decide(TooManyRecipientsRefusal(), FailureStage::kData, true).refusal;
  EXPECT_EQ(recipients.code, 452);
  EXPECT_EQ(recipients.enhanced, "4.5.3");
  EXPECT_EQ(policy.Decide(HeaderTooLargeRefusal(), FailureStage::kEnd, true).refusal.enhanced,
            "4.3.4");
}

TEST(FailurePolicyTest, ConfiguredReplyIsTold) {
  FailureOptions options = Options(FailureClass::kOverload, FailureAction::kReject);
  std::string error;
  options.rules.of(FailureClass::kOverload).reply =
      ParseFailureReply("550 5.7.0 Not today, thank you", &error);
  const FailurePolicy policy(options);
  const Refusal told = policy.Decide(OverloadRefusal("r"), FailureStage::kData, true).refusal;
  EXPECT_EQ(told.code, 550);
  EXPECT_EQ(told.enhanced, "5.7.0");
  EXPECT_EQ(told.text, "Not today, thank you");
  // Where the class is told as temporary nevertheless, its own words stay.
  EXPECT_EQ(policy.Tempfail(OverloadRefusal("r")).enhanced, "4.3.2");
}

TEST(FailurePolicyTest, QuarantineFallsBackToTheConfiguredReply) {
  FailureOptions options = Options(FailureClass::kUnreachable, FailureAction::kQuarantine);
  std::string error;
  options.rules.of(FailureClass::kUnreachable).reply =
      ParseFailureReply("450 4.7.0 The scanner sleeps", &error);
  const FailurePolicy policy(options);
  const Refusal told = policy.Decide(UnreachableRefusal("r"), FailureStage::kEnd, false).refusal;
  EXPECT_EQ(told.code, 450);
  EXPECT_EQ(told.text, "The scanner sleeps");
}

TEST(FailureReplyTest, ReadsWhatAMailServerTakes) {
  std::string error;
  const auto reply = ParseFailureReply("451 4.123.0 Please wait, 5% are in front of you", &error);
  ASSERT_TRUE(reply.has_value()) << error;
  EXPECT_EQ(reply->code, 451);
  EXPECT_EQ(reply->enhanced, "4.123.0");
  EXPECT_EQ(reply->text, "Please wait, 5% are in front of you");
  EXPECT_TRUE(ParseFailureReply("599 5.0.0 " + std::string(480, 'x'), &error).has_value());
}

TEST(FailureReplyTest, RefusesWhatWouldBreakASession) {
  const std::pair<std::string, std::string> faults[] = {
      {"", "form"},
      {"451", "form"},
      {"250 2.0.0 OK", "400 to 599"},
      {"600 5.0.0 x", "400 to 599"},
      {"4511 4.0.0 x", "400 to 599"},
      {"45a 4.0.0 x", "400 to 599"},
      {" 451 4.0.0 x", "400 to 599"},
      {"421 4.3.2 x", "use 451"},
      {"521 5.3.2 x", "use 554"},
      {"451 Please wait", "no enhanced status code"},
      {"451 4.7 x", "no enhanced status code"},
      {"451 4..1 x", "no enhanced status code"},
      {"451 4.7. x", "no enhanced status code"},
      {"451 4.7.1234 x", "no enhanced status code"},
      {"451 4.7.1.1 x", "no enhanced status code"},
      {"451  4.7.1 x", "no enhanced status code"},
      {"451 2.7.1 x", "no enhanced status code"},
      {"451 5.7.1 x", "one class"},
      {"550 4.7.1 x", "one class"},
      {"451 4.7.1", "no text"},
      {"451 4.7.1 ", "no text"},
      {"451 4.7.1 a\r\nb", "not ASCII"},
      {"451 4.7.1 a\tb", "not ASCII"},
      {"451 4.7.1 \xc3\xa4", "not ASCII"},
      {"451 4.7.1 " + std::string(481, 'x'), "at most 480"},
  };
  for (const auto& [text, fault] : faults) {
    std::string error;
    EXPECT_FALSE(ParseFailureReply(text, &error).has_value()) << text;
    EXPECT_NE(error.find(fault), std::string::npos) << text << ": " << error;
  }
}

TEST(FailureRuleTest, ReplyFitsItsAction) {
  std::string error;
  const auto four = ParseFailureReply("451 4.7.1 x", &error);
  const auto five = ParseFailureReply("550 5.7.1 x", &error);
  for (const FailureAction action : kFailureActions) {
    const bool rejects = action == FailureAction::kReject;
    const FailureClass failure = FailureClass::kOverload;
    EXPECT_EQ(CheckFailureRule(failure, {action, four}, false).empty(), !rejects);
    EXPECT_EQ(CheckFailureRule(failure, {action, five}, false).empty(), rejects);
  }
  // Without an action it is the default's that counts.
  EXPECT_TRUE(CheckFailureRule(FailureClass::kMessageLimit, {{}, five}, false).empty());
  EXPECT_EQ(CheckFailureRule(FailureClass::kUnreachable, {{}, five}, false),
            "reply 550 does not fit tempfail, which needs a code from 400 to 499");
}

TEST(FailureRuleTest, ErrorsSayWhatIsAllowed) {
  EXPECT_EQ(CheckFailureRule(FailureClass::kPassing, {FailureAction::kAccept, {}}, false),
            "accept is not allowed for internal; allowed: tempfail, reject");
  EXPECT_NE(CheckFailureRule(FailureClass::kScanFailed, {FailureAction::kAccept, {}}, true)
                .find("allowed: tempfail"),
            std::string::npos);
}

TEST(FailureRuleTest, NamesAreReadBack) {
  for (const FailureAction action : kFailureActions)
    EXPECT_EQ(ParseFailureAction(FailureActionName(action)), action);
  EXPECT_EQ(ParseFailureAction("Accept"), std::nullopt);
  EXPECT_EQ(ParseFailureAction(""), std::nullopt);
}

bool Warns(const FailureOptions& options, std::string_view words) {
  const std::vector<std::string> warnings = FailureWarnings(options);
  return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
    return warning.find(words) != std::string::npos;
  });
}

TEST(FailureWarningsTest, ToldOfWhatPassesAndOfWhatIsReturned) {
  EXPECT_TRUE(FailureWarnings({}).empty());
  for (const FailureClass failure :
       {FailureClass::kUnreachable, FailureClass::kScanFailed, FailureClass::kOverload}) {
    EXPECT_TRUE(Warns(Options(failure, FailureAction::kAccept), "unscanned"));
    EXPECT_TRUE(FailureWarnings(Options(failure, FailureAction::kQuarantine)).empty());
  }
  EXPECT_TRUE(Warns(Options(FailureClass::kScanFailed, FailureAction::kAccept), "dies of"));
  EXPECT_TRUE(Warns(Options(FailureClass::kOverload, FailureAction::kAccept), "can cause that"));
  EXPECT_TRUE(Warns(Options(FailureClass::kPassing, FailureAction::kReject), "returned"));
  EXPECT_TRUE(
      FailureWarnings(Options(FailureClass::kMessageLimit, FailureAction::kReject)).empty());
}

TEST(FailureWarningsTest, PassOnFailureIsWarnedOf) {
  FailureOptions options;
  options.pass_on_failure = true;
  EXPECT_EQ(FailureWarnings(options).size(), 1U);
  options.server_delivers = true;
  EXPECT_TRUE(Warns(options, "-P with -D server"));
}

}  // namespace
}  // namespace relay
