// Replies: amavisd's words, rules applied, edits in order.
#include <array>

#include <gtest/gtest.h>

#include "tools/scanner/answer.h"

namespace scanner {
namespace {

using ampdp::EditKind;
using ampdp::Verdict;

constexpr std::array<std::string_view, 2> kRecipients = {"<bob@lab.test>", "<tag@lab.test>"};

ampdp::Request TwoRecipients() {
  return {.sender = "<alice@example.net>", .recipients = kRecipients};
}

Findings Found(Finding finding) {
  return {.eicar = finding == Finding::kEicar,
          .gtube = finding == Finding::kGtube,
          .subject = "buy now"};
}

Answer Answered(Finding finding, std::string_view rule_text) {
  const absl::StatusOr<Rule> rule = ParseRule(rule_text);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return MakeAnswer(TwoRecipients(), Found(finding), &*rule, "00007-01");
}

TEST(AnswerTest, RejectsEicarInAmavisdsWords) {
  std::string wire;
  WriteAnswer(MakeAnswer(TwoRecipients(), Found(Finding::kEicar), nullptr, "19707-06"), &wire);
  EXPECT_EQ(wire,
            "version_server=2\r\nlog_id=19707-06\r\n"
            "setreply=554 5.7.0 Reject,%20id=19707-06%20-%20INFECTED:%20Eicar-Signature\r\n"
            "return_value=reject\r\nexit_code=69\r\n\r\n");
}

TEST(AnswerTest, RejectsGtubeAsSpam) {
  const Answer answer = MakeAnswer(TwoRecipients(), Found(Finding::kGtube), nullptr, "1-1");
  EXPECT_EQ(answer.verdict, Verdict::kReject);
  EXPECT_EQ(answer.setreply.text, "Reject, id=1-1 - spam");
  EXPECT_TRUE(answer.edits.empty());
}

TEST(AnswerTest, CleanGoesOnWithItsHeaderFieldsTopmostLast) {
  const Answer answer = MakeAnswer(TwoRecipients(), Found(Finding::kClean), nullptr, "1-1");
  EXPECT_EQ(answer.verdict, Verdict::kContinue);
  EXPECT_EQ(answer.setreply.code, 250);
  EXPECT_EQ(answer.setreply.text, "Ok, id=1-1, continue delivery");
  ASSERT_EQ(answer.edits.size(), 5U);
  EXPECT_EQ(answer.edits.front().name, "X-Spam-Status");
  EXPECT_EQ(answer.edits.back().name, "X-Virus-Scanned");
  for (const OwnedEdit& edit : answer.edits)
    EXPECT_EQ(edit.kind, EditKind::kInsHeader);
}

TEST(AnswerTest, TagsSubjectAndExtendsTheMatchingRecipient) {
  const Answer answer =
      Answered(Finding::kGtube, "rcpt=tag@* tag=\"***SPAM*** \" extension=spam addheader=\"Z: z\"");
  EXPECT_EQ(answer.verdict, Verdict::kContinue);
  ASSERT_EQ(answer.edits.size(), 9U);
  EXPECT_EQ(answer.edits[0].kind, EditKind::kDelRcpt);
  EXPECT_EQ(answer.edits[0].value, "<tag@lab.test>");
  EXPECT_EQ(answer.edits[1].kind, EditKind::kAddRcpt);
  EXPECT_EQ(answer.edits[1].value, "<tag+spam@lab.test>");
  EXPECT_EQ(answer.edits[2].kind, EditKind::kChgHeader);
  EXPECT_EQ(answer.edits[2].name, "subject");
  EXPECT_EQ(answer.edits[2].value, "***SPAM*** buy now");
  EXPECT_EQ(answer.edits[3].value.substr(0, 4), "Yes,");
  EXPECT_EQ(answer.edits[8].kind, EditKind::kAddHeader);
}

TEST(AnswerTest, TagWithoutASubjectInsertsOne) {
  const absl::StatusOr<Rule> rule = ParseRule("tag=X");
  const Answer answer = MakeAnswer(TwoRecipients(), Findings{}, &*rule, "1-1");
  EXPECT_EQ(answer.edits[0].kind, EditKind::kInsHeader);
  EXPECT_EQ(answer.edits[0].name, "Subject");
  EXPECT_EQ(answer.edits[0].value, "X");
}

TEST(AnswerTest, DeletesSomeRecipientsAndSaysSo) {
  const Answer answer = Answered(Finding::kGtube, "rcpt=bob@* delrcpt");
  EXPECT_EQ(answer.verdict, Verdict::kContinue);
  EXPECT_EQ(answer.edits[0].value, "<bob@lab.test>");
  EXPECT_EQ(answer.setreply.text, "Ok, id=00007-01, continue delivery, but 1 REJECT");
}

TEST(AnswerTest, DeletingAllRecipientsDiscards) {
  const Answer answer = Answered(Finding::kEicar, "delrcpt");
  EXPECT_EQ(answer.verdict, Verdict::kDiscard);
  EXPECT_TRUE(answer.edits.empty());
  EXPECT_EQ(answer.setreply.text, "Ok, discarded, id=00007-01 - INFECTED: Eicar-Signature");
}

TEST(AnswerTest, RuleVerdictWins) {
  EXPECT_EQ(Answered(Finding::kEicar, "verdict=continue").verdict, Verdict::kContinue);
  EXPECT_EQ(Answered(Finding::kClean, "verdict=accept").setreply.code, 250);
  EXPECT_EQ(Answered(Finding::kClean, "verdict=tempfail").setreply.code, 450);
  const Answer reject = Answered(Finding::kClean, "verdict=reject tag=x delrcpt=<a>");
  EXPECT_EQ(reject.verdict, Verdict::kReject);
  EXPECT_TRUE(reject.edits.empty());
}

TEST(AnswerTest, RuleReplyMayNameTheLogId) {
  const Answer answer = Answered(Finding::kClean, "verdict=reject setreply=\"550 5.1.1 no {id}\"");
  EXPECT_EQ(answer.setreply.code, 550);
  EXPECT_EQ(answer.setreply.text, "no 00007-01");
}

TEST(AnswerTest, DelayAloneLeavesTheContentVerdict) {
  EXPECT_EQ(Answered(Finding::kEicar, "delay=1s").verdict, Verdict::kReject);
  EXPECT_EQ(Answered(Finding::kClean, "delay=1s").verdict, Verdict::kContinue);
}

TEST(AnswerTest, RulesApplyByEnvelopeSubjectAndFinding) {
  const auto applies = [](std::string_view text, Finding finding) {
    return Applies(*ParseRule(text), TwoRecipients(), Found(finding));
  };
  EXPECT_TRUE(applies("rcpt=TAG@lab.test", Finding::kClean));
  EXPECT_FALSE(applies("rcpt=<tag@lab.test>", Finding::kClean));
  EXPECT_FALSE(applies("rcpt=eve@*", Finding::kClean));
  EXPECT_TRUE(applies("sender=alice@*", Finding::kClean));
  EXPECT_FALSE(applies("sender=\"\"", Finding::kClean));
  EXPECT_TRUE(applies("subject=buy*", Finding::kClean));
  EXPECT_FALSE(applies("subject=sell*", Finding::kClean));
  EXPECT_TRUE(applies("found=eicar rcpt=bob@*", Finding::kEicar));
  EXPECT_FALSE(applies("found=eicar", Finding::kGtube));
}

TEST(AnswerTest, FailureIsAmavisds) {
  std::string wire;
  WriteAnswer(MakeFailure("1-1", "File x does not exist"), &wire);
  EXPECT_EQ(wire,
            "version_server=2\r\nlog_id=1-1\r\n"
            "setreply=450 4.5.0 Failure:%20File%20x%20does%20not%20exist\r\n"
            "return_value=tempfail\r\nexit_code=75\r\n\r\n");
}

}  // namespace
}  // namespace scanner
