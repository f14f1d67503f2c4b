// The keys of a [[listener]] that say what is done about failures, from the file to the rules.
#include "relay/failure_keys.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "relay/config_file.h"
#include "relay/failure_policy.h"

namespace relay {
namespace {

using Lines = std::vector<std::string>;

// Of a file with one listener; contradictions come behind the errors.
Lines ErrorsOf(const std::string& keys, Config* config) {
  Lines errors = ParseConfigText("[[listener]]\nsocket = \"/run/in\"\n" + keys + "\n", "f", config);
  const Lines more = Contradictions(*config);
  errors.insert(errors.end(), more.begin(), more.end());
  return errors;
}

TEST(FailureKeysTest, EachClassHasAnActionAndAReply) {
  for (const FailureClass failure : kFailureClasses) {
    Config config;
    const std::string key(ActionKeyName(failure));
    EXPECT_EQ(
        ErrorsOf(key + " = \"reject\"\n" + key.substr(3) + "_reply = \"550 5.7.1 No\"", &config),
        Lines{});
    const FailureRule& rule = config.listeners[0].failure_rules.of(failure);
    EXPECT_EQ(rule.action, FailureAction::kReject);
    ASSERT_TRUE(rule.reply.has_value());
    EXPECT_EQ(rule.reply->text, "No");
    for (const FailureClass other : kFailureClasses)
      EXPECT_EQ(config.listeners[0].failure_rules.of(other).action.has_value(), other == failure);
  }
}

TEST(FailureKeysTest, AcceptIsTakenWhereTheClassAllowsIt) {
  for (const FailureClass failure : kFailureClasses) {
    for (const FailureAction action : kFailureActions) {
      Config config;
      const Lines errors = ErrorsOf(std::string(ActionKeyName(failure)) + " = \"" +
                                        std::string(FailureActionName(action)) + "\"",
                                    &config);
      EXPECT_EQ(errors.empty(), Allows(failure, action)) << errors[0];
    }
  }
}

TEST(FailureKeysTest, DefaultIsWhatIsNotWritten) {
  Config config;
  EXPECT_EQ(ErrorsOf("pass_on_failure = true\non_scan_failed = \"default\"\noverload_reply = \"\"",
                     &config),
            Lines{});
  EXPECT_FALSE(config.listeners[0].failure_rules.of(FailureClass::kScanFailed).action.has_value());
  EXPECT_FALSE(config.listeners[0].failure_rules.of(FailureClass::kOverload).reply.has_value());
  const FailurePolicy policy(FailureOptionsOf(config.listeners[0]));
  EXPECT_EQ(policy.ActionOf(FailureClass::kScanFailed), FailureAction::kAccept);
}

TEST(FailureKeysTest, ErrorsNameTheKeyAndWhatIsAllowed) {
  const std::pair<std::string, std::string> faults[] = {
      {"on_overload = \"pass\"", "\"accept\", \"tempfail\", \"reject\", \"quarantine\""},
      {"on_internal = \"accept\"", "on_internal"},
      {"overload_reply = \"451 nope\"", "overload_reply"},
      {"overload_reply = \"421 4.3.2 Bye\"", "use 451"},
      {"overload_reply = \"550 5.7.1 No\"", "on_overload: reply 550 does not fit tempfail"},
      {"on_scan_failed = \"accept\"\ndelivery_care_of = \"server\"", "on_scan_failed: accept"},
      {"on_overlod = \"reject\"", "on_overload"},
  };
  for (const auto& [keys, fault] : faults) {
    Config config;
    const Lines errors = ErrorsOf(keys, &config);
    ASSERT_EQ(errors.size(), 1U) << keys;
    EXPECT_NE(errors[0].find(fault), std::string::npos) << errors[0];
  }
}

// What a reload compares.
TEST(FailureKeysTest, TextsAreReadBack) {
  Config config;
  const std::string reply = "451 4.7.1 With a \\\" and a \\\\";
  ASSERT_EQ(ErrorsOf("on_overload = \"quarantine\"\noverload_reply = \"" + reply + "\"", &config),
            Lines{});
  std::string keys;
  for (const Key& key : FailureKeys()) {
    const std::string text = key.text(key, StructOf(std::as_const(config), Section::kListener, 0));
    keys += std::string(key.name) + " = " + text + "\n";
  }
  Config again;
  ASSERT_EQ(ErrorsOf(keys, &again), Lines{}) << keys;
  for (const Key& key : FailureKeys())
    EXPECT_EQ(key.text(key, &again.listeners[0]), key.text(key, &config.listeners[0]));
  EXPECT_NE(keys.find("overload_reply = \"" + reply + "\""), std::string::npos) << keys;
}

}  // namespace
}  // namespace relay
