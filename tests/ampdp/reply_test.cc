// Typed verdict, SMTP reply and edits of good replies.
#include "ampdp/reply.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "ampdp/reply_reader.h"
#include "tests/ampdp/wire_fixture.h"

namespace ampdp {
namespace {

constexpr std::string_view kTagged =
    "version_server=2\r\n"
    "log_id=12438-02\r\n"
    "setreply=250 2.5.0 Ok,%20id=12438-02\r\n"
    "delrcpt=<tag@lab.test>\r\n"
    "addrcpt=<tag+spam@lab.test>\r\n"
    "delheader=1 x-old\r\n"
    "chgheader=2 subject ***SPAM***%20buy%0a%20now\r\n"
    "insheader=0 X-Spam-Level \r\n"
    "addheader=X-Last two%20words\r\n"
    "quarantine=held%20back\r\n"
    "return_value=continue\r\n"
    "exit_code=0\r\n"
    "\r\n";

TEST(ReplyTest, ReadsEveryAttribute) {
  const ParsedReply parsed(kTagged);
  ASSERT_TRUE(parsed.error.ok());
  const Reply& reply = parsed.reply;
  EXPECT_EQ(reply.verdict, Verdict::kContinue);
  EXPECT_EQ(reply.version_server, 2U);
  EXPECT_EQ(reply.log_id, "12438-02");
  EXPECT_TRUE(reply.setreply.present);
  EXPECT_EQ(reply.setreply.code, 250);
  EXPECT_EQ(reply.setreply.enhanced, "2.5.0");
  EXPECT_EQ(reply.setreply.text, "Ok, id=12438-02");
  EXPECT_EQ(reply.unknown_attributes, 0U);
  ASSERT_EQ(reply.edits.size(), 7U);
}

TEST(ReplyTest, KeepsTheEditsInOrder) {
  const ParsedReply parsed(kTagged);
  ASSERT_EQ(parsed.reply.edits.size(), 7U);
  const std::vector<Edit> expected = {
      {.kind = EditKind::kDelRcpt, .value = "<tag@lab.test>"},
      {.kind = EditKind::kAddRcpt, .value = "<tag+spam@lab.test>"},
      {.kind = EditKind::kDelHeader, .index = 1, .name = "x-old"},
      {.kind = EditKind::kChgHeader,
       .index = 2,
       .name = "subject",
       .value = "***SPAM*** buy\n now"},
      {.kind = EditKind::kInsHeader, .index = 0, .name = "X-Spam-Level"},
      {.kind = EditKind::kAddHeader, .name = "X-Last", .value = "two words"},
      {.kind = EditKind::kQuarantine, .value = "held back"},
  };
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(parsed.reply.edits[i].kind, expected[i].kind) << i;
    EXPECT_EQ(parsed.reply.edits[i].index, expected[i].index) << i;
    EXPECT_EQ(parsed.reply.edits[i].name, expected[i].name) << i;
    EXPECT_EQ(parsed.reply.edits[i].value, expected[i].value) << i;
  }
}

TEST(ReplyTest, EveryPrefixIsBroken) {
  for (std::size_t size = 0; size < kTagged.size(); ++size) {
    const ParsedReply parsed(kTagged.substr(0, size));
    EXPECT_EQ(parsed.error.fault, ReplyFault::kNoEmptyLine) << size;
    EXPECT_TRUE(parsed.reply.edits.empty()) << size;
    EXPECT_EQ(parsed.reply.verdict, Verdict::kTempfail) << size;
  }
}

TEST(ReplyTest, ReadsTheFiveVerdicts) {
  for (const Verdict verdict : {Verdict::kContinue,
                                Verdict::kAccept,
                                Verdict::kReject,
                                Verdict::kDiscard,
                                Verdict::kTempfail}) {
    const ParsedReply parsed("return_value=" + std::string(VerdictText(verdict)) + "\n\n");
    ASSERT_TRUE(parsed.error.ok()) << VerdictText(verdict);
    EXPECT_EQ(parsed.reply.verdict, verdict);
  }
}

TEST(ReplyTest, AcceptsBareLineFeedsAndAnyOrder) {
  const ParsedReply parsed("exit_code=0\nreturn_value=reject\nsetreply=554 5.7.0 No\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.verdict, Verdict::kReject);
  EXPECT_EQ(parsed.reply.setreply.code, 554);
}

TEST(ReplyTest, CountsUnknownAttributesAndNamesTheFirst) {
  const ParsedReply parsed("foo=%zz\nreturn_value=accept\nb%61r=2\nRETURN_VALUE=reject\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.verdict, Verdict::kAccept);
  EXPECT_EQ(parsed.reply.unknown_attributes, 3U);
  EXPECT_EQ(parsed.reply.first_unknown, "foo");
}

TEST(ReplyTest, DecodesEscapedNames) {
  const ParsedReply parsed("return%5Fvalue=accept\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.verdict, Verdict::kAccept);
}

TEST(ReplyTest, PassesHostileOctetsOn) {
  const ParsedReply parsed("insheader=4294967295 X%0a%00Y a%0d%0a%00%ff\nreturn_value=accept\n\n");
  ASSERT_TRUE(parsed.error.ok());
  ASSERT_EQ(parsed.reply.edits.size(), 1U);
  EXPECT_EQ(parsed.reply.edits[0].index, UINT32_MAX);
  EXPECT_EQ(parsed.reply.edits[0].name, std::string_view("X\n\0Y", 4));
  EXPECT_EQ(parsed.reply.edits[0].value, std::string_view("a\r\n\0\xff", 5));
}

TEST(ReplyTest, PassesIndexZeroOn) {
  const ParsedReply parsed("delheader=0 a\nchgheader=0 b c\nreturn_value=continue\n\n");
  ASSERT_TRUE(parsed.error.ok());
  ASSERT_EQ(parsed.reply.edits.size(), 2U);
  EXPECT_EQ(parsed.reply.edits[0].index, 0U);
  EXPECT_EQ(parsed.reply.edits[1].index, 0U);
}

TEST(ReplyTest, BareSpacesBelongToTheLastField) {
  const ParsedReply parsed(
      "setreply=450 4.7.1 try  it later\ninsheader=1 X  a b\ndelheader=1 a b\naddheader=Y\n"
      "return_value=continue\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.setreply.text, "try  it later");
  ASSERT_EQ(parsed.reply.edits.size(), 3U);
  EXPECT_EQ(parsed.reply.edits[0].value, " a b");
  EXPECT_EQ(parsed.reply.edits[1].name, "a b");
  EXPECT_EQ(parsed.reply.edits[2].value, "");
}

TEST(ReplyTest, KeepsSetreplyRaw) {
  const ParsedReply parsed(
      "setreply=250 2.0.0 first\nsetreply=554 4.7.0 Two%0alines\nreturn_value=reject\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.setreply.code, 554);
  EXPECT_EQ(parsed.reply.setreply.enhanced, "4.7.0");
  EXPECT_EQ(parsed.reply.setreply.text, "Two\nlines");
}

TEST(ReplyTest, SetreplyMayEndAfterItsCode) {
  const ParsedReply parsed("setreply=554\nreturn_value=reject\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.setreply.code, 554);
  EXPECT_EQ(parsed.reply.setreply.enhanced, "");
  EXPECT_EQ(parsed.reply.setreply.text, "");
}

TEST(ReplyTest, WithoutSetreplyItIsAbsent) {
  const ParsedReply parsed("return_value=reject\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_FALSE(parsed.reply.setreply.present);
  EXPECT_EQ(parsed.reply.version_server, 0U);
}

TEST(ReplyTest, AcceptMayHaveEdits) {
  const ParsedReply parsed("return_value=accept\naddheader=X y\n\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.edits.size(), 1U);
}

TEST(ReplyTest, TakesAsManyEditsAsTheFramingAllows) {
  std::string wire;
  for (std::uint32_t i = 0; i < kAttributesMax - 1; ++i)
    wire += "delrcpt=<a@b.test>\n";
  wire += "return_value=continue\n\n";
  ReplyReader reader;
  ASSERT_EQ(reader.Scan(wire), BlockStatus::kComplete);
  const ParsedReply parsed(wire);
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.reply.edits.size(), kAttributesMax - 1);
}

TEST(ReplyTest, EveryEditKindHasItsProtocolName) {
  EXPECT_STREQ(EditKindText(EditKind::kDelRcpt), "delrcpt");
  EXPECT_STREQ(EditKindText(EditKind::kAddRcpt), "addrcpt");
  EXPECT_STREQ(EditKindText(EditKind::kDelHeader), "delheader");
  EXPECT_STREQ(EditKindText(EditKind::kChgHeader), "chgheader");
  EXPECT_STREQ(EditKindText(EditKind::kInsHeader), "insheader");
  EXPECT_STREQ(EditKindText(EditKind::kAddHeader), "addheader");
  EXPECT_STREQ(EditKindText(EditKind::kQuarantine), "quarantine");
}

}  // namespace
}  // namespace ampdp
