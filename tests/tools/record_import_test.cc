// Messages from outside: addresses, dates, mbox files, tables, folders; friendly and hostile.
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/tools/record_scratch.h"
#include "tools/command_line/files.h"
#include "tools/record/address_list.h"
#include "tools/record/import.h"
#include "tools/record/import_source.h"
#include "tools/record/mail_date.h"
#include "tools/record/marked_text.h"
#include "tools/record/mbox_reader.h"

namespace record {
namespace {

using Texts = std::vector<std::string>;

TEST(AddressListTest, FindsAddressesAmongNamesCommentsAndGroups) {
  EXPECT_EQ(
      AddressesOf(" Erin <erin@lab.test>, \"x, y\"@lab.test (a, comment),\n\tTeam: a@b, c@d;"),
      (Texts{"erin@lab.test", "\"x, y\"@lab.test", "a@b", "c@d"}));
  EXPECT_EQ(AddressesOf("<@relay.test:erin@lab.test>"), Texts{"erin@lab.test"});
  EXPECT_EQ(AddressesOf("\"quoted <not@this>\" <erin@lab.test>"), Texts{"erin@lab.test"});
  EXPECT_EQ(AddressesOf("j\xc3\xb6rg@lab.test"), Texts{"j\xc3\xb6rg@lab.test"});
}

TEST(AddressListTest, LeavesOutWhatIsNone) {
  const std::string nul("a\0b@c", 5);
  for (const std::string& field : Texts{"",
                                        "nobody",
                                        "@",
                                        "a@",
                                        "@b",
                                        "a b@c",
                                        "undisclosed:;",
                                        nul,
                                        "(a@b)",
                                        "<",
                                        "<<a@b",
                                        "\"a@b",
                                        "a@b\x01",
                                        std::string(2000, 'x') + "@y"}) {
    EXPECT_EQ(AddressesOf(field), Texts{}) << field;
  }
  EXPECT_TRUE(IsNullAddress(" <> (bounce)"));
  EXPECT_FALSE(IsNullAddress("<a@b>"));
  std::string many;
  for (std::size_t i = 0; i < kFieldAddressesMax + 10; ++i)
    many += "a@b,";
  EXPECT_EQ(AddressesOf(many).size(), kFieldAddressesMax);
}

TEST(MailDateTest, ReadsTheFormsOfMail) {
  const std::uint64_t expected = *ReadRfc3339("2026-03-03T07:05:09Z");
  EXPECT_EQ(expected, 1'772'521'509'000'000U);
  EXPECT_EQ(ReadMailDate(" Tue, 3 Mar 2026 08:05:09 +0100 (CET)"), expected);
  EXPECT_EQ(ReadMailDate("3 Mar 26 07:05:09 GMT"), expected);
  EXPECT_EQ(ReadMailDate("Tue, 03 Mar 2026 02:05:09 EST"), expected);
  EXPECT_EQ(ReadFromLineDate("From a@b Tue Mar  3 07:05:09 2026"), expected);
  EXPECT_EQ(ReadFromLineDate("From a@b Tue Mar  3 08:05:09 +0100 2026"), expected);
  EXPECT_EQ(ReadRfc3339("2026-03-03T08:05:09.25+01:00"), expected + 250'000);
  EXPECT_EQ(MailDate(expected), "Tue, 3 Mar 2026 07:05:09 +0000");
  EXPECT_EQ(Rfc3339(expected + 1), "2026-03-03T07:05:09.000001Z");
}

TEST(MailDateTest, RefusesNonsense) {
  for (const char* text : {"",
                           "yesterday",
                           "32 Mar 2026 08:05:09 +0000",
                           "3 Mar 2026",
                           "3 Mar 1960 08:05:09 +0000",
                           "3 Mar 2026 25:05:09",
                           "3 Mar 99999 1:1:1"})
    EXPECT_EQ(ReadMailDate(text), std::nullopt) << text;
  for (const char* text : {"",
                           "2026",
                           "2026-13-01",
                           "2026-03-03T",
                           "2026-03-03T08:05:09+1",
                           "2026-03-03 08:05:09 later"})
    EXPECT_EQ(ReadRfc3339(text), std::nullopt) << text;
}

TEST(MarkedTextTest, ComesBackAsItWas) {
  std::string all;
  for (int octet = 0; octet < 256; ++octet)
    all.push_back(static_cast<char>(octet));
  for (const std::string& text : Texts{"", all, "<U+00e9>", "a <U+00", "<U+00zz>", "@EICAR@ @x"}) {
    EXPECT_EQ(WithoutMarks(WithMarks(text)), text);
    EXPECT_EQ(WithoutMarks(WithMessageMarks(text)), text);
  }
  EXPECT_TRUE(IsUtf8WithoutMarks("j\xc3\xb6rg"));
  EXPECT_FALSE(IsUtf8WithoutMarks("j\xf6rg"));
  EXPECT_FALSE(IsUtf8WithoutMarks("<U+00e9>"));
}

struct Mbox {
  Texts from_lines{};
  Texts messages{};
  std::size_t too_large = 0;
  bool not_mbox = false;
};

Mbox Split(std::string_view text,
           std::size_t piece,
           MboxQuoting quoting = MboxQuoting::kMboxrd,
           std::size_t bytes_max = 10'000) {
  Mbox all;
  MboxReader reader(quoting, bytes_max);
  for (;;) {
    MboxMessage message;
    switch (reader.Next(&message)) {
      case MboxResult::kMessage:
        all.from_lines.push_back(message.from_line);
        all.messages.push_back(message.octets);
        break;
      case MboxResult::kTooLarge: ++all.too_large; break;
      case MboxResult::kNotMbox: all.not_mbox = true; return all;
      case MboxResult::kEnd: return all;
      case MboxResult::kNeedMore:
        if (text.empty()) reader.End();
        reader.Feed(text.substr(0, piece));
        text.remove_prefix(std::min(piece, text.size()));
        break;
    }
  }
}

constexpr std::string_view kMbox =
    "From a@b Tue Mar  3 07:05:09 2026\n"
    "Subject: one\nContent-Length: 99999\n\nbody\n>From quoted\n>>From twice\nFrom inside\n\n"
    "From c@d Tue Mar  3 07:05:10 2026\r\n"
    "Subject: two\r\n\r\nbody\r\n\r\n\r\n"
    "From e@f Tue Mar  3 07:05:11 2026\n"
    "Subject: three\n\nno end";

TEST(MboxReaderTest, SplitsAtFromLinesInPiecesOfAnySize) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, kMbox.size()}) {
    const Mbox all = Split(kMbox, piece);
    ASSERT_EQ(all.messages.size(), 3U);
    EXPECT_EQ(
        all.messages[0],
        "Subject: one\nContent-Length: 99999\n\nbody\nFrom quoted\n>From twice\nFrom inside\n");
    EXPECT_EQ(all.messages[1], "Subject: two\r\n\r\nbody\r\n\r\n");
    EXPECT_EQ(all.messages[2], "Subject: three\n\nno end");
    EXPECT_EQ(all.from_lines[1], "From c@d Tue Mar  3 07:05:10 2026");
  }
  EXPECT_NE(Split(kMbox, 100, MboxQuoting::kMboxo).messages[0].find("\n>>From twice\n"),
            std::string::npos);
}

TEST(MboxReaderTest, EveryPrefixEndsInOrder) {
  for (std::size_t bytes = 0; bytes <= kMbox.size(); ++bytes) {
    const Mbox all = Split(kMbox.substr(0, bytes), 16);
    EXPECT_LE(all.messages.size(), 3U);
    EXPECT_EQ(all.not_mbox, bytes > 0 && bytes < 5) << bytes;
  }
}

TEST(MboxReaderTest, HostileFilesAreTold) {
  EXPECT_TRUE(Split("Subject: x\n\nno From line\n", 5).not_mbox);
  EXPECT_TRUE(Split(std::string(5000, 'x'), 100).not_mbox);
  EXPECT_TRUE(Split("From " + std::string(2'000'000, 'x'), 65'536).not_mbox);
  EXPECT_TRUE(Split("", 5).messages.empty());
  EXPECT_TRUE(Split("\n\n\n", 1).messages.empty());
  const std::string nuls("From a\nX: \0\xff\n\n\0\0\n", 18);
  EXPECT_EQ(Split(nuls, 3).messages, Texts{nuls.substr(7)});
  // Too long in lines, and in one line without end; the next message is not lost.
  const std::string next = "\n\nFrom b\nY: 1\n";
  for (const char* filler : {"x\n", "x"}) {
    std::string text = "From a\n";
    for (int i = 0; i < 20'000; ++i)
      text += filler;
    const Mbox all = Split(text + next, 1000);
    EXPECT_EQ(all.too_large, 1U);
    EXPECT_EQ(all.messages, Texts{"Y: 1\n"});
  }
}

class ImportTest : public testing::Test {
 protected:
  // Imports what was written to the scratch folder, and reads the trace.
  Exported Imported(ImportOptions options) {
    return ImportToTrace(scratch_, std::move(options), &result_);
  }
  RecordScratch scratch_;
  ImportResult result_;
};

TEST_F(ImportTest, TakesTheEnvelopeFromTheHeader) {
  scratch_.Write("m.eml",
                 "Return-Path: <bounce@list.test>\nDelivered-To: erin@lab.test\n"
                 "From: Someone <someone@else.test>\nTo: all@lab.test\n"
                 "Date: Tue, 3 Mar 2026 08:05:09 +0100\nSubject: x\n\nhello\n");
  ImportOptions options;
  options.paths = {scratch_.Path("m.eml")};
  options.defaults.drop_delivery_fields = true;
  const Exported all = Imported(options);
  ASSERT_EQ(all.messages.size(), 1U);
  const ImportedMessage& message = all.messages[0].message;
  EXPECT_EQ(message.transaction.sender.address, "<bounce@list.test>");
  ASSERT_EQ(message.transaction.recipients.size(), 1U);
  EXPECT_EQ(message.transaction.recipients[0].address, "<erin@lab.test>");
  ASSERT_EQ(message.transaction.headers.size(), 4U);
  EXPECT_EQ(message.transaction.headers[0].name, "From");
  EXPECT_EQ(message.transaction.body, "hello\r\n");
  EXPECT_FALSE(all.messages[0].recorded.has_verdict);
  EXPECT_EQ(message.transaction.stop.how, milter::StopHow::kPlayOn);
  EXPECT_EQ(*message.time_us / 1'000'000, 1'772'521'509U);
}

TEST_F(ImportTest, RecipientsAreThoseOfToCcAndBccOnce) {
  scratch_.Write("m.eml", "From: a@b\nTo: c@d, e@f\nCc: C <c@d>\nBcc: g@h\n\n");
  ImportOptions options;
  options.paths = {scratch_.Path("m.eml")};
  const Exported all = Imported(options);
  ASSERT_EQ(all.messages.size(), 1U);
  EXPECT_EQ(all.messages[0].message.transaction.recipients.size(), 3U);
}

TEST_F(ImportTest, TakesTheEnvelopeFromATable) {
  scratch_.Write("a.eml", "Message-ID: <1@x>\nFrom: a@b\n\nA\n");
  scratch_.Write("b.eml", "Message-ID: <2@x>\nFrom: a@b\n\nB\n");
  scratch_.Write("csv",
                 "file,sender,recipients,client_address,helo,time\r\n"
                 "a.eml,\"s@t\",u@v w@x,2001:db8::5,mx.test,2026-01-02T03:04:05Z\r\n");
  scratch_.Write("lines",
                 "{\"message_id\": \"<2@x>\", \"sender\": \"\", \"recipients\": [\"p@q\"]}\n");
  ImportOptions options;
  options.paths = {scratch_.Path("a.eml"), scratch_.Path("b.eml")};
  options.envelope_file = scratch_.Path("csv");
  const Exported csv = Imported(options);
  ASSERT_EQ(csv.messages.size(), 2U);
  const ImportedMessage& first = csv.messages[0].message;
  EXPECT_EQ(first.transaction.sender.address, "<s@t>");
  EXPECT_EQ(first.transaction.recipients.size(), 2U);
  EXPECT_EQ(first.session.client_address, "2001:db8::5");
  EXPECT_EQ(first.session.helo, "mx.test");
  EXPECT_EQ(Rfc3339(*first.time_us).substr(0, 16), "2026-01-02T03:04");
  options.envelope_file = scratch_.Path("lines");
  const Exported lines = Imported(options);
  EXPECT_EQ(lines.messages[1].message.transaction.sender.address, "<>");
  EXPECT_EQ(lines.messages[1].message.transaction.recipients[0].address, "<p@q>");
}

TEST_F(ImportTest, TablesThatAreWrongNameTheLine) {
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"file,sender\na.eml\n", "line 2: 1 cells for 2 columns"},
           {"file,sender\na.eml,x\n", "line 2: sender is not one address"},
           {"file,sender\n\"a", "line 2: a quote is not closed"},
           {"sender\na@b\n", "line 2: neither file nor message_id"},
           {"file,time\na,noon\n", "line 2: time is not RFC 3339"},
           {"{\"file\": \"a\"}\n{nonsense\n", "line 2: not a JSON object"}}) {
    EXPECT_EQ(EnvelopeTable::Parse(text).status().message(), error);
  }
}

TEST_F(ImportTest, ReadsMaildirAndMbox) {
  std::filesystem::create_directories(scratch_.Path("md/cur"));
  std::filesystem::create_directories(scratch_.Path("md/new"));
  scratch_.Write("md/cur/1:2,S", "From: a@b\nTo: c@d\n\none\n");
  scratch_.Write("md/new/2", "From: a@b\nTo: c@d\n\ntwo\n");
  scratch_.Write("box", kMbox);
  ImportOptions options;
  options.paths = {scratch_.Path("md"), scratch_.Path("box")};
  const Exported all = Imported(options);
  EXPECT_EQ(all.messages.size(), 5U);
  EXPECT_EQ(result_.imported, 5U);
  EXPECT_EQ(all.messages[0].message.transaction.body, "two\r\n");
  EXPECT_EQ(*all.messages[3].message.time_us / 1'000'000, 1'772'521'510U);
}

TEST_F(ImportTest, HostileMessagesDoNotEndTheImport) {
  scratch_.Write("1.eml", "");
  scratch_.Write("2.eml", std::string("\0\xff\0", 3));
  scratch_.Write("3.eml", "X: " + std::string(300'000, 'y') + "\r\nMixed: a\n\tb\r\n\nbody\r\nend");
  scratch_.Write("4.eml", "no header at all");
  scratch_.Write("5.eml", "From: a@b\nTo: c@d\n\nfine\n");
  scratch_.Write("6.eml", "From: a@b\n\nx\n");
  scratch_.Write("6.json", "{\"recipients\": \"not a list\"}");
  scratch_.Write("7.mbox", "no From line\n");
  ImportOptions options;
  options.paths = {scratch_.Path(""), scratch_.Path("7.mbox"), scratch_.Path("nothing")};
  const Exported all = Imported(options);
  EXPECT_EQ(all.messages.size(), 4U);
  EXPECT_EQ(result_.left_out, 4U);
  EXPECT_NE(result_.reasons[0].find("1.eml: empty"), std::string::npos);
  EXPECT_NE(result_.reasons[1].find("6.eml: \"recipients\" is not a list"), std::string::npos);
}

TEST_F(ImportTest, ARateReplacesTheMessagesTimes) {
  for (int i = 0; i < 50; ++i)
    scratch_.Write(absl::StrCat(100 + i, ".eml"), "From: a@b\nTo: c@d\n\nx\n");
  ImportOptions options;
  options.paths = {scratch_.Path("")};
  options.rate = 100;
  const Exported all = Imported(options);
  ASSERT_EQ(all.messages.size(), 50U);
  std::uint64_t before = 0;
  for (const ExportedTransaction& each : all.messages) {
    EXPECT_GE(*each.message.time_us, before);
    before = *each.message.time_us;
  }
  const double seconds = static_cast<double>(before - kGenerateStartUs) / 1e6;
  EXPECT_GT(seconds, 0.2);
  EXPECT_LT(seconds, 1.0);
}

TEST_F(ImportTest, TheBundledTransactionsAreImportedWhole) {
  ImportOptions options;
  options.paths = {"tools/replay/transactions"};
  const Exported all = Imported(options);
  ASSERT_EQ(all.messages.size(), 6U);
  EXPECT_EQ(result_.left_out, 0U);
  const std::uint64_t large = 5U * 1024 * 1024;
  bool found = false;
  for (const ExportedTransaction& each : all.messages)
    found |= each.message.transaction.body.size() == large;
  EXPECT_TRUE(found);
  EXPECT_EQ(all.messages[0].message.session.client_address, "192.0.2.25");
}

}  // namespace
}  // namespace record
