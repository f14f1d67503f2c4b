// The command line and the report of millrace-replay.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tools/replay/replay_options.h"
#include "tools/replay/report.h"

namespace replay {
namespace {

absl::StatusOr<ReplayOptions> Parse(const std::vector<std::string>& arguments) {
  return ParseReplayOptions(arguments);
}

TEST(ReplayOptionsTest, ReadsAll) {
  const auto options = Parse({"--milter=/m",
                              "--transactions",
                              "dir",
                              "--only=a,b",
                              "--only",
                              "c",
                              "--as=sendmail",
                              "--messages=1000",
                              "--sessions=20",
                              "--messages-per-session=5",
                              "--abort-fraction=0.25",
                              "--idle=7",
                              "--duration=2s",
                              "--timeout=9s",
                              "--seed=3",
                              "--json=-",
                              "--io=epoll"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->milter, "/m");
  EXPECT_EQ(options->transactions, "dir");
  EXPECT_EQ(options->only, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(options->player.kind, milter::MtaKind::kSendmail);
  EXPECT_EQ(options->player.messages, 1000U);
  EXPECT_EQ(options->player.sessions, 20U);
  EXPECT_EQ(options->player.messages_per_session, 5U);
  EXPECT_EQ(options->player.abort_share, 0.25);
  EXPECT_EQ(options->player.idle, 7U);
  EXPECT_EQ(options->player.timeout, std::chrono::seconds(9));
  EXPECT_EQ(options->player.seed, 3U);
  EXPECT_EQ(options->duration, std::chrono::seconds(2));
  EXPECT_EQ(options->json_file, "-");
  EXPECT_EQ(options->io, engine::IoChoice::kEpoll);
  EXPECT_TRUE(Parse({"--milter=/m", "--transactions=d", "--once"})->player.once);
}

TEST(ReplayOptionsTest, NamesWhatIsWrong) {
  const std::vector<std::string> good = {"--milter=/m", "--transactions=d", "--messages=1"};
  ASSERT_TRUE(Parse(good).ok());
  for (const char* extra : {"--bogus=1",
                            "word",
                            "--once",
                            "--as=exim",
                            "--sessions=0",
                            "--sessions=x",
                            "--messages-per-session=0",
                            "--abort-fraction=1.5",
                            "--abort-fraction=nan",
                            "--abort-fraction=0.5x",
                            "--timeout=x",
                            "--io=select",
                            "--seed"}) {
    std::vector<std::string> arguments = good;
    arguments.emplace_back(extra);
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(arguments).status())) << extra;
  }
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{},
                                             {"--milter=/m", "--once"},
                                             {"--transactions=d", "--once"},
                                             {"--milter=/m", "--transactions=d"},
                                             {"--milter=/m", "--transactions=d", "--idle=1"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(wrong).status()));
  }
}

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    transactions_.push_back({.name = "bad", .expected = milter::Outcome::kRejected});
    OnceResult once;
    once.result.outcome = milter::Outcome::kRejected;
    once.result.reply_text = "554 5.7.0 \xff no\nreally";
    once.result.edits.push_back(
        {.kind = milter::Reply::kInsertHeader, .index = 1, .name = "X", .value = " y\n z"});
    once.time = std::chrono::milliseconds(12);
    result_.once.push_back(once);
    result_.messages = 10;
    result_.sessions = 2;
    result_.outcomes[static_cast<std::size_t>(milter::Outcome::kRejected)] = 10;
    result_.first = std::chrono::seconds(1);
    result_.last = std::chrono::seconds(3);
    result_.end_of_message.Record(1000);
  }
  std::vector<NamedTransaction> transactions_;
  PlayResult result_;
};

TEST_F(ReportTest, TableShowsReplyAndEditsOnOneLineEach) {
  EXPECT_EQ(OnceTable(result_, transactions_),
            "bad  rejected       12.0 ms  554 5.7.0 \xff no\\nreally\n"
            "    INSHEADER 1 X: y\\n z\n");
}

TEST_F(ReportTest, TableSaysWhatWasExpectedInstead) {
  transactions_[0].expected = milter::Outcome::kAccepted;
  EXPECT_NE(OnceTable(result_, transactions_).find("    expected: accepted\n"), std::string::npos);
  EXPECT_FALSE(AllAsExpected(result_, transactions_));
}

TEST_F(ReportTest, TotalsHaveRateLatencyAndErrors) {
  result_.errors["timeout"] = 3;
  EXPECT_EQ(Totals(result_),
            "10 messages in 2 sessions, 2.000 s, 5 messages/s\n"
            "end of message: p50 1.00 ms, p90 1.00 ms, p99 1.00 ms, max 1.00 ms\n"
            "outcomes: rejected=10\n"
            "error: timeout (3)\n");
  EXPECT_FALSE(AllAsExpected(result_, transactions_));
}

TEST_F(ReportTest, JsonSurvivesInvalidText) {
  const std::string json = JsonReport(result_, transactions_);
  EXPECT_NE(json.find("\"messages_per_second\": 5.0"), std::string::npos) << json;
  EXPECT_NE(json.find("554 5.7.0 \xef\xbf\xbd no\\nreally"), std::string::npos) << json;
  EXPECT_NE(json.find("\"p99\": 1000"), std::string::npos) << json;
  EXPECT_TRUE(AllAsExpected(result_, transactions_));
}

TEST(OneLineTest, CutsAndEscapes) {
  EXPECT_EQ(OneLine("a\tb\nc", 10), "a\\x09b\\nc");
  EXPECT_EQ(OneLine("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace replay
