// Replies byte for byte: cleaning, splitting, refusing, counting.
#include "milter/replies.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "milter/mta_reply.h"
#include "tests/milter/session_probe.h"

namespace milter {
namespace {

class ReplyWriterTest : public ::testing::Test {
 protected:
  ReplyWriter Make(bool leading_space, Actions actions = kActionsAll) {
    buffer_.assign(std::size_t{1} << 18, std::byte{0});
    return {buffer_, leading_space, actions};
  }
  std::string Bytes(const ReplyWriter& writer) const {
    EXPECT_FALSE(writer.full());
    EXPECT_EQ(writer.written(), writer.needed());
    return {reinterpret_cast<const char*>(buffer_.data()), writer.written()};
  }
  // The payload of the single packet written.
  std::string Payload(const ReplyWriter& writer) const {
    return Escape(Bytes(writer).substr(kPacketHeadBytes));
  }
  std::string Code(std::uint16_t code, std::string_view enhanced, std::string_view text) {
    ReplyWriter writer = Make(true);
    if (!writer.ReplyCode({code, enhanced, text})) {
      EXPECT_EQ(writer.needed(), 0U);
      return "refused";
    }
    const std::string bytes = Bytes(writer);
    EXPECT_TRUE(IsSoundReplyText(std::string_view(bytes).substr(5, bytes.size() - 6))) << bytes;
    return Payload(writer);
  }
  std::string Added(std::string_view value, bool leading_space) {
    ReplyWriter writer = Make(leading_space);
    EXPECT_TRUE(writer.AddHeader("X-A", value));
    return Payload(writer);
  }
  std::vector<std::byte> buffer_;
};

TEST_F(ReplyWriterTest, WritesPlainRepliesWithoutPayload) {
  ReplyWriter writer = Make(true);
  writer.Continue();
  writer.Accept();
  writer.Reject();
  writer.Tempfail();
  writer.Discard();
  writer.Progress();
  writer.Skip();
  EXPECT_EQ(Bytes(writer),
            Pack('c') + Pack('a') + Pack('r') + Pack('t') + Pack('d') + Pack('p') + Pack('s'));
}

TEST_F(ReplyWriterTest, WritesTheReplyCodeWithAndWithoutEnhancedCode) {
  EXPECT_EQ(Code(554, "5.7.1", "Rejected"), "554 5.7.1 Rejected\\0");
  EXPECT_EQ(Code(451, "", "Later"), "451 Later\\0");
  EXPECT_EQ(Code(550, "", ""), "550 \\0");
  EXPECT_EQ(Code(550, "5.7.1", ""), "550 5.7.1\\0");
}

TEST_F(ReplyWriterTest, DoublesEveryPercent) {
  EXPECT_EQ(Code(554, "5.7.1", "100% spam %n"), "554 5.7.1 100%% spam %%n\\0");
}

TEST_F(ReplyWriterTest, TakesAnyLineEndAsALineBreak) {
  EXPECT_EQ(Code(554, "5.7.1", "a\nb\r\nc\rd\n"),
            "554-5.7.1 a\\x0d\\x0a554-5.7.1 b\\x0d\\x0a554-5.7.1 c\\x0d\\x0a554 5.7.1 d\\0");
  EXPECT_EQ(Code(554, "5.7.1", "a\n\nb"), "554-5.7.1 a\\x0d\\x0a554-5.7.1\\x0d\\x0a554 5.7.1 b\\0");
}

TEST_F(ReplyWriterTest, ReplacesWhatIsNotPrintable) {
  EXPECT_EQ(Code(554, "5.7.1", Raw("a\0b\x1b\xC3\xA4\tc\x7F")), "554 5.7.1 a?b??? c?\\0");
}

TEST_F(ReplyWriterTest, RefusesCodesOutsideTheirRange) {
  for (const std::uint16_t code : std::initializer_list<std::uint16_t>{0, 250, 399, 600, 1554})
    EXPECT_EQ(Code(code, "", "x"), "refused");
  EXPECT_EQ(Code(400, "", "x"), "400 x\\0");
  EXPECT_EQ(Code(599, "", "x"), "599 x\\0");
}

TEST_F(ReplyWriterTest, RefusesAnEnhancedCodeThatDoesNotFit) {
  for (const char* enhanced :
       {"4.7.1", "2.0.0", "5.7", "5.7.1234", "5..1", "x", "5.7.1 ", "5.7.1 x"}) {
    EXPECT_EQ(Code(554, enhanced, "x"), "refused") << enhanced;
  }
  EXPECT_EQ(Code(554, std::string(2000, '5'), "x"), "refused");
}

TEST_F(ReplyWriterTest, RefusesTextThatBeginsWithACodeOfAnotherClass) {
  EXPECT_EQ(Code(554, "", "4.7.1 x"), "refused");
  EXPECT_EQ(Code(554, "", "fine\n2.0.0"), "refused");
  EXPECT_EQ(Code(554, "", "4.7.1\tx"), "refused");
  EXPECT_EQ(Code(554, "", "5.7.1 x"), "554 5.7.1 x\\0");
  EXPECT_EQ(Code(554, "", "4.7.1x"), "554 4.7.1x\\0");
}

TEST_F(ReplyWriterTest, SplitsLongLinesAtTheLimitAndNeverInAPair) {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    const std::string text = std::string(shift, 'a') + std::string(1000, '%');
    ReplyWriter writer = Make(true);
    ASSERT_TRUE(writer.ReplyCode({554, "5.7.1", text}));
    const std::string bytes = Bytes(writer);
    const std::string_view reply = std::string_view(bytes).substr(5, bytes.size() - 6);
    EXPECT_TRUE(IsSoundReplyText(reply));
    EXPECT_EQ(std::count(reply.begin(), reply.end(), '%'), 2000);
    EXPECT_LE(reply.find("\r\n"), kReplyLineMaxBytes);
    EXPECT_GE(reply.find("\r\n"), kReplyLineMaxBytes - 1);
  }
}

TEST_F(ReplyWriterTest, CutsAfterThirtyTwoLines) {
  ReplyWriter writer = Make(true);
  ASSERT_TRUE(writer.ReplyCode({554, "", std::string(100, '\n') + "x"}));
  const std::string bytes = Bytes(writer);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\n'), 31);
  EXPECT_TRUE(IsSoundReplyText(std::string_view(bytes).substr(5, bytes.size() - 6)));
}

TEST_F(ReplyWriterTest, PutsExactlyOneBlankBeforeValuesUnderLeadingSpace) {
  EXPECT_EQ(Added("x", true), "X-A\\0 x\\0");
  EXPECT_EQ(Added("", true), "X-A\\0 \\0");
  EXPECT_EQ(Added("\tx", true), "X-A\\0 \\x09x\\0");
  EXPECT_EQ(Added("\n x", true), "X-A\\0 \\x0a x\\0");
}

TEST_F(ReplyWriterTest, AddsNothingBeforeValuesWithoutLeadingSpace) {
  EXPECT_EQ(Added("x", false), "X-A\\0x\\0");
  EXPECT_EQ(Added("", false), "X-A\\0\\0");
  EXPECT_EQ(Added(" x", false), "X-A\\0 x\\0");
}

TEST_F(ReplyWriterTest, CleansValuesSoThatNoneBeginsAField) {
  EXPECT_EQ(Added("a\nb", true), "X-A\\0 a\\x0a\\x09b\\0");
  EXPECT_EQ(Added("a\r\n b", true), "X-A\\0 a\\x0a b\\0");
  EXPECT_EQ(Added("a\n\tb", true), "X-A\\0 a\\x0a\\x09b\\0");
  EXPECT_EQ(Added(Raw("a\0b\rc"), true), "X-A\\0 abc\\0");
  EXPECT_EQ(Added("a\n\r b", true), "X-A\\0 a\\x0a b\\0");
  EXPECT_EQ(Added("a\n\nb", true), "X-A\\0 a\\x0a\\x09\\x0a\\x09b\\0");
  EXPECT_EQ(Added("a\r\n", true), "X-A\\0 a\\0");
}

TEST_F(ReplyWriterTest, CleansEveryOctetAtEveryPlaceOfAValue) {
  for (std::size_t length = 3; length <= 20; ++length) {
    for (std::size_t at = 1; at + 1 < length; ++at) {
      for (int octet = 0; octet < 256; ++octet) {
        const char c = static_cast<char>(octet);
        const std::string before(at, 'a');
        const std::string after(length - at - 1, 'z');
        ReplyWriter writer = Make(false);
        ASSERT_TRUE(writer.AddHeader("X-A", before + c + after));
        const bool dropped = c == '\0' || c == '\r';
        const std::string kept = dropped ? "" : c == '\n' ? "\n\t" : std::string(1, c);
        const std::string wanted = "X-A" + Raw("\0") + before + kept + after + Raw("\0");
        ASSERT_EQ(Bytes(writer).substr(kPacketHeadBytes), wanted) << length << ' ' << at;
      }
    }
  }
}

TEST_F(ReplyWriterTest, WritesHeaderEditsWithTheirIndex) {
  ReplyWriter writer = Make(true);
  EXPECT_TRUE(writer.InsertHeader(0, "X-B", "v"));
  EXPECT_TRUE(writer.ChangeHeader(2, "Subject", "v"));
  EXPECT_TRUE(writer.DeleteHeader(3, "X-C"));
  EXPECT_EQ(Escape(Bytes(writer)),
            Escape(Pack('i', Raw("\0\0\0\0X-B\0 v\0")) + Pack('m', Raw("\0\0\0\x02Subject\0 v\0")) +
                   Pack('m', Raw("\0\0\0\x03X-C\0\0"))));
}

TEST_F(ReplyWriterTest, SendsNothingButNothingForADeletion) {
  for (const bool leading_space : {false, true}) {
    ReplyWriter writer = Make(leading_space);
    EXPECT_TRUE(writer.ChangeHeader(1, "A", "\r\n"));
    EXPECT_EQ(Payload(writer), "\\0\\0\\0\\x01A\\0\\0");
  }
}

TEST_F(ReplyWriterTest, RefusesBadHeaderNamesAndIndexes) {
  ReplyWriter writer = Make(true);
  for (const std::string& name :
       {Raw(""), Raw("A:"), Raw("A B"), Raw("A\0"), Raw("\xC3"), Raw("A\n")}) {
    EXPECT_FALSE(writer.AddHeader(name, "v")) << Escape(name);
    EXPECT_FALSE(writer.InsertHeader(0, name, "v")) << Escape(name);
    EXPECT_FALSE(writer.ChangeHeader(1, name, "v")) << Escape(name);
    EXPECT_FALSE(writer.DeleteHeader(1, name)) << Escape(name);
  }
  EXPECT_FALSE(writer.ChangeHeader(0, "A", "v"));
  EXPECT_FALSE(writer.DeleteHeader(0, "A"));
  EXPECT_FALSE(writer.InsertHeader(0x80000000, "A", "v"));
  EXPECT_EQ(writer.needed(), 0U);
}

TEST_F(ReplyWriterTest, RefusesAHeaderOverThePacketLimit) {
  ReplyWriter writer = Make(true);
  EXPECT_FALSE(writer.AddHeader("A", std::string(65535, 'x')));
  EXPECT_EQ(writer.needed(), 0U);
  EXPECT_TRUE(writer.AddHeader("A", std::string(65531, 'x')));
}

TEST_F(ReplyWriterTest, WritesAddresses) {
  ReplyWriter writer = Make(true);
  EXPECT_TRUE(writer.AddRcpt("<a@b>"));
  EXPECT_TRUE(writer.AddRcptPar("<a@b>", "NOTIFY=NEVER"));
  EXPECT_TRUE(writer.AddRcptPar("<a@b>", ""));
  EXPECT_TRUE(writer.DelRcpt("<\xC3\xA4@b>"));
  EXPECT_TRUE(writer.ChangeFrom("<>", ""));
  EXPECT_EQ(Escape(Bytes(writer)),
            Escape(Pack('+', Raw("<a@b>\0")) + Pack('2', Raw("<a@b>\0NOTIFY=NEVER\0")) +
                   Pack('2', Raw("<a@b>\0")) + Pack('-', Raw("<\xC3\xA4@b>\0")) +
                   Pack('e', Raw("<>\0"))));
}

TEST_F(ReplyWriterTest, RefusesAddressesThatAreNone) {
  ReplyWriter writer = Make(true);
  for (const std::string& address :
       {Raw(""), Raw("a\0b"), Raw("a\rb"), Raw("a\nb"), Raw("a\x7F")}) {
    EXPECT_FALSE(writer.AddRcpt(address));
    EXPECT_FALSE(writer.DelRcpt(address));
    EXPECT_FALSE(writer.AddRcptPar(address, "X=y"));
    EXPECT_FALSE(writer.ChangeFrom(address, ""));
  }
  EXPECT_FALSE(writer.AddRcptPar("a", Raw("X\0Y")));
  EXPECT_EQ(writer.needed(), 0U);
}

TEST_F(ReplyWriterTest, CleansTheQuarantineReasonAndRefusesNone) {
  ReplyWriter writer = Make(true);
  EXPECT_FALSE(writer.Quarantine(""));
  EXPECT_TRUE(writer.Quarantine("a\r\nb"));
  EXPECT_EQ(Payload(writer), "a  b\\0");
}

TEST_F(ReplyWriterTest, RefusesEveryEditThatWasNotNegotiated) {
  ReplyWriter writer = Make(true, 0);
  EXPECT_FALSE(writer.AddHeader("A", "v"));
  EXPECT_FALSE(writer.InsertHeader(0, "A", "v"));
  EXPECT_FALSE(writer.ChangeHeader(1, "A", "v"));
  EXPECT_FALSE(writer.AddRcpt("a"));
  EXPECT_FALSE(writer.AddRcptPar("a", ""));
  EXPECT_FALSE(writer.DelRcpt("a"));
  EXPECT_FALSE(writer.ChangeFrom("a", ""));
  EXPECT_FALSE(writer.Quarantine("r"));
  EXPECT_FALSE(writer.ReplaceBody({}));
  EXPECT_EQ(writer.needed(), 0U);
}

TEST_F(ReplyWriterTest, SplitsANewBodyAndSendsAnEmptyOne) {
  ReplyWriter writer = Make(true);
  EXPECT_TRUE(writer.ReplaceBody({}));
  EXPECT_EQ(Bytes(writer), Pack('b'));
  const std::vector<std::byte> body(65536, std::byte{'x'});
  ReplyWriter large = Make(true);
  EXPECT_TRUE(large.ReplaceBody(body));
  EXPECT_EQ(Bytes(large), Pack('b', std::string(65535, 'x')) + Pack('b', "x"));
}

TEST_F(ReplyWriterTest, CountsWithAnEmptyBufferAndFitsExactly) {
  const auto write = [](ReplyWriter* writer) {
    EXPECT_TRUE(writer->AddHeader("A", "v"));
    EXPECT_TRUE(writer->ReplyCode({554, "5.7.1", "a\nb"}));
    writer->Accept();
  };
  ReplyWriter counter({}, true);
  write(&counter);
  EXPECT_TRUE(counter.full());
  EXPECT_EQ(counter.written(), 0U);
  buffer_.assign(counter.needed(), std::byte{0});
  ReplyWriter exact(buffer_, true);
  write(&exact);
  EXPECT_FALSE(exact.full());
  EXPECT_EQ(exact.written(), counter.needed());
}

TEST_F(ReplyWriterTest, SendsBothEndListsWhenOneIsMissing) {
  MacroLists lists{};
  lists[static_cast<std::size_t>(MacroStage::kEndOfMessage)] = "i";
  ReplyWriter writer = Make(true);
  writer.Negotiate({.version = 6, .actions = 0x100, .protocol = 1, .macro_lists = &lists});
  EXPECT_EQ(Payload(writer),
            "\\0\\0\\0\\x06\\0\\0\\x01\\0\\0\\0\\0\\x01\\0\\0\\0\\x05i\\0\\0\\0\\0\\x06i\\0");
}

TEST_F(ReplyWriterTest, SendsTwelveBytesWithoutLists) {
  ReplyWriter writer = Make(true);
  writer.Negotiate({.version = 2, .actions = 0x1D, .protocol = 0, .macro_lists = nullptr});
  EXPECT_EQ(Payload(writer), "\\0\\0\\0\\x02\\0\\0\\0\\x1d\\0\\0\\0\\0");
}

}  // namespace
}  // namespace milter
