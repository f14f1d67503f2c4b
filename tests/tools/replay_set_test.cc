// Transactions from files: the bundled ones, marks, envelopes, and what is wrong with wrong ones.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tools/replay/transaction_set.h"
#include "tools/scanner/message_scan.h"
#include "tools/scanner/signatures.h"

namespace replay {
namespace {

constexpr const char* kBundled = "tools/replay/transactions";

std::string WholeText(const milter::Transaction& transaction) {
  std::string text;
  for (const milter::HeaderField& field : transaction.headers)
    text += field.name + ":" + field.value + "\n";
  return text + "\n" + transaction.body;
}

absl::Status Read(std::string_view json, NamedTransaction* named) {
  std::size_t body_bytes = 0;
  return ReadEnvelope(json, named, &body_bytes);
}

TEST(TransactionSetTest, BundledOnesAreWhatTheirNamesSay) {
  const auto all = LoadTransactions(kBundled, {});
  ASSERT_TRUE(all.ok()) << all.status();
  std::vector<std::string> names;
  for (const NamedTransaction& named : *all) {
    names.push_back(named.name);
    EXPECT_TRUE(named.expected.has_value()) << named.name;
    const scanner::Findings findings = scanner::MessageScan().Run(WholeText(named.transaction));
    EXPECT_EQ(findings.eicar, named.name == "eicar") << named.name;
    EXPECT_EQ(findings.gtube, named.name == "gtube") << named.name;
  }
  EXPECT_EQ(
      names,
      (std::vector<std::string>{"8bit", "clean", "eicar", "gtube", "large", "multi-recipient"}));
}

TEST(TransactionSetTest, BundledOnesHaveTheirOctetsAndSizes) {
  const auto all = LoadTransactions(kBundled, {"8bit", "large", "multi-recipient"});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].transaction.body,
            "Sm\xf8rrebr\xf8"
            "d, caf\xe9, \xff\x80.\r\n");
  EXPECT_EQ((*all)[0].transaction.headers[1].value, "bob@lab.test");
  EXPECT_EQ((*all)[1].transaction.body.size(), 5'242'880U);
  EXPECT_TRUE((*all)[1].transaction.body.ends_with("\r\n"));
  EXPECT_EQ((*all)[2].transaction.recipients.size(), 5U);
}

TEST(TransactionSetTest, MarksBecomeWhatTheyStandFor) {
  EXPECT_EQ(ExpandMarks("a@EICAR@b"), "a" + scanner::EicarSignature() + "b");
  EXPECT_EQ(ExpandMarks("@GTUBE@@GTUBE@"), scanner::GtubeSignature() + scanner::GtubeSignature());
  EXPECT_EQ(ExpandMarks("<U+00e9><U+00FF><U+003c>U+0041>"), "\xe9\xff<U+0041>");
  for (const char* kept : {"<U+00", "<U+00e", "<U+00zz>", "<U+00e9", "<U+0100>", "@eicar@"})
    EXPECT_EQ(ExpandMarks(kept), kept);
}

TEST(TransactionSetTest, FillsABodyToItsExactSize) {
  for (const std::size_t bytes : {0U, 1U, 2U, 3U, 62U, 63U, 64U, 65U, 66U, 1000U, 100'000U}) {
    std::string body;
    FillBody(bytes, &body);
    EXPECT_EQ(body.size(), bytes);
    EXPECT_TRUE(bytes == 0 || body.ends_with('\n')) << bytes;
  }
  std::string body = "longer already";
  FillBody(3, &body);
  EXPECT_EQ(body, "longer already");
}

TEST(TransactionSetTest, ReadsAWholeEnvelope) {
  NamedTransaction named;
  std::size_t body_bytes = 0;
  const absl::Status status = ReadEnvelope(
      R"({"client": {"name": "n", "address": "2001:db8::1", "port": 7, "helo": "h"},
          "sender": "<s@x>", "sender_arguments": ["SIZE=1"], "recipients": ["<a@x>", "<b@x>"],
          "macros": {"auth_type": "PLAIN"}, "body_bytes": 12, "expect": "discarded"})",
      &named,
      &body_bytes);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(named.client.name, "n");
  EXPECT_EQ(named.client.address, "2001:db8::1");
  EXPECT_EQ(named.client.port, 7);
  EXPECT_EQ(named.client.helo, "h");
  EXPECT_EQ(named.transaction.sender.address, "<s@x>");
  EXPECT_EQ(named.transaction.sender.arguments, std::vector<std::string>{"SIZE=1"});
  EXPECT_EQ(named.transaction.recipients[1].address, "<b@x>");
  EXPECT_EQ(named.transaction.macros[0].name, "auth_type");
  EXPECT_EQ(body_bytes, 12U);
  EXPECT_EQ(named.expected, milter::Outcome::kDiscarded);
}

TEST(TransactionSetTest, SenderIsNullUnlessGiven) {
  NamedTransaction named;
  ASSERT_TRUE(Read(R"({"recipients": ["<a@x>"]})", &named).ok());
  EXPECT_EQ(named.transaction.sender.address, "<>");
  EXPECT_FALSE(named.expected.has_value());
}

TEST(TransactionSetTest, NamesWhatIsWrong) {
  for (const char* wrong : {"",
                            "[]",
                            "{",
                            "{}",
                            R"({"recipients": []})",
                            R"({"recipients": "x"})",
                            R"({"recipients": [1]})",
                            R"({"recipients": ["a"], "sender": 1})",
                            R"({"recipients": ["a"], "client": []})",
                            R"({"recipients": ["a"], "client": {"port": 65536}})",
                            R"({"recipients": ["a"], "client": {"port": -1}})",
                            R"({"recipients": ["a"], "macros": {"a": 1}})",
                            R"({"recipients": ["a"], "body_bytes": 1e30})",
                            R"({"recipients": ["a"], "expect": "maybe"})"}) {
    NamedTransaction named;
    EXPECT_TRUE(absl::IsInvalidArgument(Read(wrong, &named))) << wrong;
  }
  EXPECT_TRUE(absl::IsNotFound(LoadTransactions("/nonexistent", {}).status()));
  EXPECT_TRUE(absl::IsNotFound(LoadTransactions(kBundled, {"none-such"}).status()));
}

}  // namespace
}  // namespace replay
