// What counts as another verdict, and how it is told.
#include <string>

#include <gtest/gtest.h>

#include "tools/replay/verdict_diff.h"

namespace replay {
namespace {

milter::TransactionResult Refused(const std::string& text,
                                  milter::Outcome outcome = milter::Outcome::kRejected) {
  milter::TransactionResult result;
  result.outcome = outcome;
  result.reply_text = text;
  return result;
}

milter::TransactionResult Accepted(std::vector<milter::Edit> edits = {}) {
  milter::TransactionResult result;
  result.outcome = milter::Outcome::kAccepted;
  result.edits = std::move(edits);
  return result;
}

std::string Diff(const milter::TransactionResult& recorded,
                 const milter::TransactionResult& played,
                 const DiffOptions& options = {}) {
  return VerdictDifference({recorded, "4AB1"}, {played, "4AB1R0000001"}, options);
}

TEST(VerdictDiffTest, OutcomesAndCodes) {
  EXPECT_EQ(Diff(Accepted(), Accepted()), "");
  EXPECT_EQ(Diff(Accepted(), Refused("")), "outcome");
  EXPECT_EQ(Diff(Refused("554 5.7.0 one"), Refused("554 5.7.0 other")), "");
  EXPECT_EQ(Diff(Refused("554 5.7.0 one"), Refused("550 5.7.0 one")),
            "reply 554 5.7.0 / 550 5.7.0");
  EXPECT_EQ(Diff(Refused("554 5.7.0 one"), Refused("554 5.7.1 one")),
            "reply 554 5.7.0 / 554 5.7.1");
  EXPECT_EQ(Diff(Refused("554 one"), Refused("554 5.7.1 one")), "reply 554 / 554 5.7.1");
  EXPECT_EQ(Diff(Refused("550 5.7.1 Command rejected"), Refused("")), "");  // a bare REJECT
  EXPECT_EQ(Diff(Refused("451 4.7.1 x", milter::Outcome::kTempfailed),
                 Refused("", milter::Outcome::kTempfailed)),
            "");
}

TEST(VerdictDiffTest, RefusedRecipients) {
  milter::TransactionResult some = Accepted();
  some.recipients_accepted = {true, false, true, false};
  milter::TransactionResult all_taken = Accepted();
  all_taken.recipients_accepted = {true, true, true, true};
  EXPECT_EQ(Diff(some, all_taken), "recipients refused: 2,4 / none");
  EXPECT_EQ(Diff(all_taken, some, {.over_smtp = true}), "recipients refused: none / 2,4");
  EXPECT_EQ(Diff(some, some), "");
  EXPECT_EQ(Diff(all_taken, Accepted()), "");
  some.recipients_accepted.assign(20, false);
  EXPECT_EQ(Diff(all_taken, some), "recipients refused: none / 1,2,3,4,5,6,7,8,9,10,...");
}

TEST(VerdictDiffTest, TextsWhenAskedForWithoutNumbersAndQueueIds) {
  const DiffOptions texts{.texts = true};
  EXPECT_EQ(Diff(Refused("554 5.7.0 id=00012-02 4AB1 No"),
                 Refused("554 5.7.0 id=7-199 4AB1R0000001 No"),
                 texts),
            "");
  EXPECT_EQ(Diff(Refused("554 5.7.0 one"), Refused("554 5.7.0 other"), texts), "reply text");
}

TEST(VerdictDiffTest, EditsByKindAndName) {
  const milter::Edit score{milter::Reply::kAddHeader, 0, "X-Score", " 1.5"};
  const milter::Edit other_score{milter::Reply::kAddHeader, 0, "X-Score", " high"};
  const milter::Edit rcpt{milter::Reply::kAddRcpt, 0, "<q@x>", ""};
  EXPECT_EQ(Diff(Accepted({score}), Accepted({other_score})), "");
  EXPECT_EQ(Diff(Accepted({score}), Accepted({other_score}), {.texts = true}),
            "edits: missing ADDHEADER X-Score= #.#, new ADDHEADER X-Score= high");
  EXPECT_EQ(Diff(Accepted({score}), Accepted()), "edits: missing ADDHEADER X-Score");
  EXPECT_EQ(Diff(Accepted(), Accepted({rcpt, rcpt})),
            "edits: new ADDRCPT <q@x>, new ADDRCPT <q@x>");
  EXPECT_EQ(Diff(Accepted({score, rcpt}), Accepted({rcpt, score})), "edits: in another order");
  EXPECT_EQ(Diff(Accepted({score}), Refused("554 x")), "outcome; edits: missing ADDHEADER X-Score");
}

TEST(VerdictDiffTest, OverSmtpEditsAndDiscardsAreNotSeen) {
  const DiffOptions over_smtp{.over_smtp = true};
  const milter::Edit score{milter::Reply::kAddHeader, 0, "X-Score", " 1.5"};
  milter::TransactionResult discarded = Accepted({score});
  discarded.outcome = milter::Outcome::kDiscarded;
  EXPECT_EQ(Diff(discarded, Accepted(), over_smtp), "");
  EXPECT_EQ(Diff(discarded, Accepted()), "outcome; edits: missing ADDHEADER X-Score");
}

TEST(VerdictDiffTest, TextOfAVerdict) {
  EXPECT_EQ(VerdictText(Accepted()), "accepted");
  EXPECT_EQ(VerdictText(Refused("554 5.7.0 No")), "rejected 554 5.7.0 No");
  EXPECT_EQ(NormalText("a1b22 4AB1", "4AB1"), "a#b# <id>");
}

}  // namespace
}  // namespace replay
