// What edits make of a message, with Postfix's semantics; and splitting messages.
#include "milter/mta_edits.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/mta_probe.h"

namespace milter {
namespace {

Transaction Sample() {
  Transaction transaction = SampleTransaction();
  transaction.headers = {{"Received", " old"}, {"A", " 1"}, {"B", " 2"}, {"a", " 3"}};
  return transaction;
}

std::string Headers(const std::vector<Edit>& edits, bool leading_space = true) {
  std::string out;
  for (const HeaderField& field : ApplyEdits(Sample(), edits, leading_space).headers) {
    out += field.name + ":" + Escape(field.value) + ";";
  }
  return out;
}

constexpr std::string_view kOwn = "Received: by the mail server;";

TEST(ApplyEditsTest, AppendsAddedHeaders) {
  EXPECT_EQ(Headers({{Reply::kAddHeader, 0, "X", " v"}}),
            std::string(kOwn) + "Received: old;A: 1;B: 2;a: 3;X: v;");
}

TEST(ApplyEditsTest, PutsABlankBeforeValuesOnlyWithoutLeadingSpace) {
  EXPECT_TRUE(Headers({{Reply::kAddHeader, 0, "X", "v"}}, true).ends_with("X:v;"));
  EXPECT_TRUE(Headers({{Reply::kAddHeader, 0, "X", "v"}}, false).ends_with("X: v;"));
  EXPECT_TRUE(Headers({{Reply::kAddHeader, 0, "X", "\tv"}}, false).ends_with("X: \\x09v;"));
}

TEST(ApplyEditsTest, InsertsOverAllHeadersWithOurOwnReceivedCounted) {
  EXPECT_EQ(Headers({{Reply::kInsertHeader, 0, "I0", ""}, {Reply::kInsertHeader, 1, "I1", ""}}),
            "I0:;I1:;" + std::string(kOwn) + "Received: old;A: 1;B: 2;a: 3;");
  EXPECT_EQ(Headers({{Reply::kInsertHeader, 1, "I", ""}}),
            std::string(kOwn) + "I:;Received: old;A: 1;B: 2;a: 3;");
  EXPECT_TRUE(Headers({{Reply::kInsertHeader, 99, "I", ""}}).ends_with("a: 3;I:;"));
}

TEST(ApplyEditsTest, CountsNamesFromOneWithoutOurOwnReceived) {
  EXPECT_EQ(Headers({{Reply::kChangeHeader, 1, "received", " new"}}),
            std::string(kOwn) + "received: new;A: 1;B: 2;a: 3;");
  EXPECT_EQ(Headers({{Reply::kChangeHeader, 2, "A", " new"}}),
            std::string(kOwn) + "Received: old;A: 1;B: 2;A: new;");
  EXPECT_EQ(Headers({{Reply::kChangeHeader, 0, "A", " new"}}),
            std::string(kOwn) + "Received: old;A: new;B: 2;a: 3;");
}

TEST(ApplyEditsTest, DeletesAndShiftsTheFollowingDown) {
  EXPECT_EQ(Headers({{Reply::kChangeHeader, 1, "A", ""}, {Reply::kChangeHeader, 1, "A", ""}}),
            std::string(kOwn) + "Received: old;B: 2;");
  EXPECT_EQ(Headers({{Reply::kInsertHeader, 0, "A", " 0"},
                     {Reply::kChangeHeader, 1, "A", ""},
                     {Reply::kChangeHeader, 1, "Received", ""}}),
            std::string(kOwn) + "A: 1;B: 2;a: 3;");
}

TEST(ApplyEditsTest, AppendsAChangeOfNothingAndIgnoresADeletionOfNothing) {
  EXPECT_TRUE(Headers({{Reply::kChangeHeader, 3, "A", " v"}}).ends_with("a: 3;A: v;"));
  EXPECT_EQ(Headers({{Reply::kChangeHeader, 3, "A", ""}}), Headers({}));
}

TEST(ApplyEditsTest, NeverLetsAValueBeginAField) {
  EXPECT_TRUE(Headers({{Reply::kAddHeader, 0, "X", " a\nb"}}).ends_with("X: a\\x0a\\x09b;"));
}

TEST(ApplyEditsTest, MatchesRecipientsExactlyAndDropsAllCopies) {
  Transaction transaction = Sample();
  transaction.recipients = {{"<a@b>", {}, {}}, {"<A@b>", {}, {}}, {"<a@b>", {}, {}}};
  const std::vector<Edit> edits = {{Reply::kDeleteRcpt, 0, "a@b", ""},
                                   {Reply::kAddRcpt, 0, "<c@d>", ""},
                                   {Reply::kAddRcptPar, 0, "e@f", "X=1"}};
  EXPECT_EQ(ApplyEdits(transaction, edits, true).recipients,
            (std::vector<std::string>{"A@b", "c@d", "e@f"}));
}

TEST(ApplyEditsTest, ReplacesSenderBodyAndQuarantines) {
  const std::vector<Edit> edits = {{Reply::kChangeFrom, 0, "<>", ""},
                                   {Reply::kReplaceBody, 0, "", "one"},
                                   {Reply::kReplaceBody, 0, "", "two"},
                                   {Reply::kQuarantine, 0, "", "why"}};
  const Delivered out = ApplyEdits(Sample(), edits, true);
  EXPECT_EQ(out.sender, "");
  EXPECT_EQ(out.body, "onetwo");
  EXPECT_TRUE(out.quarantined);
}

std::string Split(std::string_view message) {
  Transaction transaction;
  SplitMessage(message, &transaction);
  std::string out;
  for (const HeaderField& field : transaction.headers) {
    out += field.name + ":" + Escape(field.value) + ";";
  }
  return out + "|" + Escape(transaction.body);
}

TEST(SplitMessageTest, JoinsFoldsAndNormalisesLineEnds) {
  EXPECT_EQ(Split("A: b\r\n c\nD:e\n\nx\r\ny"), "A: b\\x0a c;D:e;|x\\x0d\\x0ay\\x0d\\x0a");
}

TEST(SplitMessageTest, DropsWhiteSpaceBeforeTheColon) {
  EXPECT_EQ(Split("A \t: b\n\n"), "A: b;|");
}

TEST(SplitMessageTest, TakesALineThatIsNoFieldAsTheBodysFirst) {
  EXPECT_EQ(Split("no field here\nA: b\n"), "|no field here\\x0d\\x0aA: b\\x0d\\x0a");
  EXPECT_EQ(Split("A: b\n: c\n"), "A: b;|: c\\x0d\\x0a");
  EXPECT_EQ(Split(" folded\n"), "| folded\\x0d\\x0a");
  EXPECT_EQ(Split("\nbody\n"), "|body\\x0d\\x0a");
  EXPECT_EQ(Split(""), "|");
}

}  // namespace
}  // namespace milter
