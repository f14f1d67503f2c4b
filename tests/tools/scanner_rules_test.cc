// The rule language: every word, and what is wrong in a wrong rule.
#include <gtest/gtest.h>

#include "tools/scanner/rules.h"

namespace scanner {
namespace {

using ampdp::EditKind;
using std::chrono::milliseconds;

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<Rule> rule = ParseRule(text);
  return rule.ok() ? "" : std::string(rule.status().message());
}

TEST(RulesTest, ReadsMatchesAndTimes) {
  const absl::StatusOr<Rule> rule = ParseRule(
      " rcpt=a@* sender=\"\" subject=\"*a b*\" found=gtube every=3 delay=1.5s jitter=20ms");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->recipient, "a@*");
  EXPECT_EQ(rule->sender, "");
  EXPECT_EQ(rule->subject, "*a b*");
  EXPECT_EQ(rule->found, Finding::kGtube);
  EXPECT_EQ(rule->every, 3U);
  EXPECT_EQ(rule->delay, milliseconds(1500));
  EXPECT_EQ(rule->jitter, milliseconds(20));
  EXPECT_FALSE(rule->verdict.has_value());
}

TEST(RulesTest, ReadsReplies) {
  const absl::StatusOr<Rule> rule = ParseRule(
      "verdict=tempfail setreply=\"451 4.7.1 Wait, id={id}\" tag=\"***SPAM*** \" extension=spam "
      "delrcpt");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->verdict, ampdp::Verdict::kTempfail);
  EXPECT_EQ(rule->setreply->code, 451);
  EXPECT_EQ(rule->setreply->enhanced, "4.7.1");
  EXPECT_EQ(rule->setreply->text, "Wait, id={id}");
  EXPECT_EQ(rule->tag, "***SPAM*** ");
  EXPECT_EQ(rule->extension, "spam");
  EXPECT_TRUE(rule->delete_recipients);
}

TEST(RulesTest, ReadsEdits) {
  const absl::StatusOr<Rule> rule = ParseRule(
      R"(delrcpt=<a@b> addrcpt=<c@d> quarantine="a \"b\"\\" delheader=X-A delheader="2 X-B" )"
      R"(chgheader="3 Subject: new\n line" insheader="X-C:  d" addheader="1 E: f")");
  ASSERT_TRUE(rule.ok()) << rule.status();
  ASSERT_EQ(rule->edits.size(), 8U);
  EXPECT_EQ(rule->edits[0].value, "<a@b>");
  EXPECT_EQ(rule->edits[1].kind, EditKind::kAddRcpt);
  EXPECT_EQ(rule->edits[2].value, "a \"b\"\\");
  EXPECT_EQ(rule->edits[3].index, 1U);
  EXPECT_EQ(rule->edits[3].name, "X-A");
  EXPECT_EQ(rule->edits[4].index, 2U);
  EXPECT_EQ(rule->edits[4].name, "X-B");
  EXPECT_EQ(rule->edits[5].index, 3U);
  EXPECT_EQ(rule->edits[5].value, "new\n line");
  EXPECT_EQ(rule->edits[6].index, 0U);
  EXPECT_EQ(rule->edits[6].value, " d");
  EXPECT_EQ(rule->edits[7].name, "1 E");
}

TEST(RulesTest, ReadsEveryFaultByItsName) {
  for (int i = 0; i <= static_cast<int>(Fault::kHalfLateRead); ++i) {
    const auto fault = static_cast<Fault>(i);
    const absl::StatusOr<Rule> rule = ParseRule(std::string("hold=2 fault=") + FaultText(fault));
    ASSERT_TRUE(rule.ok()) << FaultText(fault);
    EXPECT_EQ(rule->fault, fault);
    EXPECT_EQ(rule->hold, milliseconds(2000));
  }
}

TEST(RulesTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf(""), "empty rule");
  EXPECT_EQ(ErrorOf("colour=blue"), "unknown word \"colour\"");
  EXPECT_EQ(ErrorOf("rcpt=\"x"), "quote without end");
  EXPECT_EQ(ErrorOf("delay=fast"), "bad value of delay: \"fast\"");
  EXPECT_EQ(ErrorOf(std::string(kRuleBytesMax + 1, 'x')), "rule too long");
  for (const char* rule :
       {"verdict=maybe", "found=x",       "every=0",      "every=x",    "fault=x",
        "setreply=55",   "setreply=554x", "setreply=099", "extension=", "tag",
        "addrcpt",       "addrcpt=",      "quarantine=",  "delheader=", "delheader=X:",
        "chgheader=X",   "insheader=:x",  "delay=-1s",    "delay=1w",   "jitter="}) {
    EXPECT_TRUE(ErrorOf(rule).starts_with("bad value of ")) << rule << ": " << ErrorOf(rule);
  }
}

TEST(RulesTest, LateReadsCannotMatchByContent) {
  EXPECT_NE(ErrorOf("fault=late-read subject=x"), "");
  EXPECT_NE(ErrorOf("fault=half-late-read found=clean"), "");
  EXPECT_EQ(ErrorOf("fault=late-read rcpt=x sender=y hold=1s"), "");
}

TEST(RulesTest, ReadsAFileWithCommentsAndNamesTheLine) {
  const absl::StatusOr<std::vector<Rule>> rules =
      ParseRules("# comment\n\n  \t\r\nrcpt=a delay=1s\r\n  # x\nsubject=b verdict=reject");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->size(), 2U);
  EXPECT_EQ((*rules)[0].recipient, "a");
  EXPECT_EQ((*rules)[1].verdict, ampdp::Verdict::kReject);
  EXPECT_EQ(ParseRules("rcpt=a delrcpt\nx=1\n").status().message(), "line 2: unknown word \"x\"");
}

TEST(RulesTest, FilesHaveALimit) {
  std::string text;
  for (std::size_t i = 0; i < kRulesMax; ++i)
    text += "delrcpt\n";
  EXPECT_TRUE(ParseRules(text).ok());
  EXPECT_FALSE(ParseRules(text + "delrcpt\n").ok());
}

TEST(RulesTest, DurationsHaveUnits) {
  engine::Time time{};
  EXPECT_TRUE(ParseDuration("2", &time) && time == milliseconds(2000));
  EXPECT_TRUE(ParseDuration("0.5s", &time) && time == milliseconds(500));
  EXPECT_TRUE(ParseDuration("250us", &time) && time == std::chrono::microseconds(250));
  EXPECT_TRUE(ParseDuration("2m", &time) && time == std::chrono::minutes(2));
  for (const char* wrong : {"", "s", "-1", "nan", "inf", "1e9", "1 s", "0x10"})
    EXPECT_FALSE(ParseDuration(wrong, &time)) << wrong;
}

TEST(RulesTest, PatternsCoverTheWholeText) {
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("", ""));
  EXPECT_TRUE(MatchesPattern("TAG@*", "tag@Lab.test"));
  EXPECT_TRUE(MatchesPattern("*a*b?", "xxaYYbbz"));
  EXPECT_TRUE(MatchesPattern("**x**", "x"));
  EXPECT_FALSE(MatchesPattern("", "x"));
  EXPECT_FALSE(MatchesPattern("?", ""));
  EXPECT_FALSE(MatchesPattern("a*b", "ab c"));
  EXPECT_FALSE(MatchesPattern("lab.test", "xlab.test"));
}

}  // namespace
}  // namespace scanner
