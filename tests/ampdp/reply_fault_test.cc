// Broken replies: each fault with its line, column and attribute.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "ampdp/reply.h"
#include "tests/ampdp/wire_fixture.h"

namespace ampdp {
namespace {

struct BrokenReply {
  const char* name;
  std::string_view wire;
  ReplyFault fault;
  std::uint32_t line;
  std::uint32_t column;
  std::string_view attribute;
};

void PrintTo(const BrokenReply& broken, std::ostream* out) {
  *out << broken.name;
}

class ReplyFaultTest : public testing::TestWithParam<BrokenReply> {};

TEST_P(ReplyFaultTest, NamesFaultAndPlace) {
  const BrokenReply& broken = GetParam();
  const ParsedReply parsed(broken.wire);
  EXPECT_EQ(parsed.error.fault, broken.fault) << ReplyFaultText(parsed.error.fault);
  EXPECT_EQ(parsed.error.line, broken.line);
  EXPECT_EQ(parsed.error.column, broken.column);
  EXPECT_EQ(parsed.error.attribute, broken.attribute);
  EXPECT_TRUE(parsed.reply.edits.empty());
  EXPECT_FALSE(parsed.reply.setreply.present);
}

constexpr BrokenReply kBroken[] = {
    {"Nothing", "", ReplyFault::kNoEmptyLine, 1, 1, ""},
    {"HalfLine", "log_id=1\nreturn_val", ReplyFault::kNoEmptyLine, 2, 11, ""},
    {"NoEmptyLine", "return_value=accept\r\n", ReplyFault::kNoEmptyLine, 2, 1, ""},
    {"HalfLineEnd", "return_value=accept\r\n\r", ReplyFault::kNoEmptyLine, 2, 2, ""},
    {"BytesAfter", "return_value=accept\n\nx", ReplyFault::kBytesAfterEnd, 3, 1, ""},
    {"TwoReplies",
     "return_value=accept\r\n\r\nreturn_value=accept\r\n\r\n",
     ReplyFault::kBytesAfterEnd,
     3,
     1,
     ""},
    {"NoEquals", "log_id=1\r\ngarbage\r\n\r\n", ReplyFault::kNoEquals, 2, 8, ""},
    {"NoName", "=1\n\n", ReplyFault::kNoName, 1, 1, ""},
    {"EscapeInName", "a%4=1\n\n", ReplyFault::kBadEscape, 1, 2, ""},
    {"EscapeInValue", "log_id=ab%4x\n\n", ReplyFault::kBadEscape, 1, 10, "log_id"},
    {"EscapeBehindEscapes",
     "addrcpt=%3ca%40b%3\nreturn_value=accept\n\n",
     ReplyFault::kBadEscape,
     1,
     17,
     "addrcpt"},
    {"EscapeInHeaderBody",
     "insheader=0 X-A b%20%\nreturn_value=accept\n\n",
     ReplyFault::kBadEscape,
     1,
     21,
     "insheader"},
    {"EscapeInSetreply", "setreply=5%5 5.0.0 x\n\n", ReplyFault::kBadEscape, 1, 11, "setreply"},
    {"VersionNoNumber", "version_server=two\n\n", ReplyFault::kBadNumber, 1, 16, "version_server"},
    {"VersionEmpty", "version_server=\n\n", ReplyFault::kBadNumber, 1, 16, "version_server"},
    {"Version3",
     "version_server=3\nreturn_value=continue\n\n",
     ReplyFault::kVersionTooHigh,
     1,
     16,
     "version_server"},
    {"CodeTwoDigits", "setreply=55 5.0.0 x\n\n", ReplyFault::kBadReplyCode, 1, 10, "setreply"},
    {"CodeFourDigits", "setreply=5500 5.0 x\n\n", ReplyFault::kBadReplyCode, 1, 10, "setreply"},
    {"CodeBelow100", "setreply=099 5.0.0 x\n\n", ReplyFault::kBadReplyCode, 1, 10, "setreply"},
    {"CodeEmpty", "setreply=\n\n", ReplyFault::kBadReplyCode, 1, 10, "setreply"},
    {"IndexNegative", "delheader=-1 a\n\n", ReplyFault::kBadIndex, 1, 11, "delheader"},
    {"IndexTooBig", "chgheader=4294967296 a b\n\n", ReplyFault::kBadIndex, 1, 11, "chgheader"},
    {"IndexMissing", "insheader=X-A b\n\n", ReplyFault::kBadIndex, 1, 11, "insheader"},
    {"NameMissing", "delheader=1\n\n", ReplyFault::kFieldMissing, 1, 12, "delheader"},
    {"NameEmpty", "chgheader=1  b\n\n", ReplyFault::kFieldMissing, 1, 13, "chgheader"},
    {"AddHeaderEmpty", "addheader=\n\n", ReplyFault::kFieldMissing, 1, 11, "addheader"},
    {"AddressMissing", "delrcpt=\r\n\r\n", ReplyFault::kFieldMissing, 1, 9, "delrcpt"},
    {"ReasonMissing", "quarantine=\n\n", ReplyFault::kFieldMissing, 1, 12, "quarantine"},
    {"UnknownVerdict", "return_value=pass\n\n", ReplyFault::kUnknownVerdict, 1, 14, "return_value"},
    {"VerdictUpperCase",
     "return_value=Accept\n\n",
     ReplyFault::kUnknownVerdict,
     1,
     14,
     "return_value"},
    {"VerdictEmpty", "return_value=\n\n", ReplyFault::kUnknownVerdict, 1, 14, "return_value"},
    {"RejectThenContinue",
     "return_value=reject\nreturn_value=continue\n\n",
     ReplyFault::kTwoVerdicts,
     2,
     1,
     "return_value"},
    {"SameVerdictTwice",
     "return_value=accept\nlog_id=1\nreturn_value=accept\n\n",
     ReplyFault::kTwoVerdicts,
     3,
     1,
     "return_value"},
    {"OnlyEmptyLine", "\r\n", ReplyFault::kNoVerdict, 1, 1, "return_value"},
    {"ExitCodeAlone", "log_id=1\nexit_code=0\n\n", ReplyFault::kNoVerdict, 3, 1, "return_value"},
    {"RejectWithEdits",
     "addheader=X y\nreturn_value=reject\n\n",
     ReplyFault::kEditsBesideVerdict,
     2,
     14,
     "return_value"},
    {"DiscardWithEdits",
     "return_value=discard\ndelrcpt=<a>\n\n",
     ReplyFault::kEditsBesideVerdict,
     1,
     14,
     "return_value"},
    {"TempfailWithEdits",
     "return_value=tempfail\nquarantine=x\n\n",
     ReplyFault::kEditsBesideVerdict,
     1,
     14,
     "return_value"},
    {"ReplaceBody",
     "replacebody=x\nreturn_value=continue\n\n",
     ReplyFault::kReplaceBody,
     1,
     1,
     "replacebody"},
};

INSTANTIATE_TEST_SUITE_P(Each,
                         ReplyFaultTest,
                         testing::ValuesIn(kBroken),
                         [](const testing::TestParamInfo<BrokenReply>& broken) {
                           return std::string(broken.param.name);
                         });

TEST(ReplyFaultTextTest, EditsBeyondTheArenaAreAFault) {
  const ParsedReply parsed("addheader=X y\nreturn_value=continue\n\n", 16);
  EXPECT_EQ(parsed.error.fault, ReplyFault::kTooManyEdits);
  EXPECT_EQ(parsed.error.line, 1U);
}

TEST(ReplyFaultTextTest, TextIsOneLineWithPlaceAndAttribute) {
  char text[kReplyErrorTextBytes];
  const ParsedReply parsed("log_id=x\nreturn_value=pass\n\n");
  EXPECT_EQ(ReplyErrorText(parsed.error, text),
            "line 2 column 14: unknown return_value (return_value)");
  const ParsedReply nameless("x\n\n");
  EXPECT_EQ(ReplyErrorText(nameless.error, text), "line 1 column 2: line without \"=\"");
}

TEST(ReplyFaultTextTest, LongestTextFits) {
  char text[kReplyErrorTextBytes];
  for (int fault = 0; fault <= static_cast<int>(ReplyFault::kTooManyEdits); ++fault) {
    const ReplyError error{.fault = static_cast<ReplyFault>(fault),
                           .line = UINT32_MAX,
                           .column = UINT32_MAX,
                           .attribute = "version_server"};
    const std::string_view written = ReplyErrorText(error, text);
    EXPECT_TRUE(written.ends_with("(version_server)")) << written;
    EXPECT_STRNE(ReplyFaultText(error.fault), "");
  }
}

TEST(ReplyFaultTextTest, TextIsCutToTheRoom) {
  char text[8];
  const ReplyError error{.fault = ReplyFault::kNoVerdict, .line = 1, .column = 1};
  EXPECT_EQ(ReplyErrorText(error, text), "line 1 ");
  EXPECT_EQ(ReplyErrorText(error, {}), "");
}

}  // namespace
}  // namespace ampdp
