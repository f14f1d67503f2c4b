// The text at the end of a run.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/tools/replay_report_runs.h"
#include "tools/replay/report_text.h"

namespace replay {
namespace {

using std::chrono::milliseconds;

TEST(ReportTextTest, TableShowsReplyEditsAndExpectationOnOneLineEach) {
  RunResults results;
  PlayedTransaction played{.name = "bad",
                           .expected = milter::Outcome::kAccepted,
                           .error = "timeout",
                           .time = milliseconds(12)};
  played.result.outcome = milter::Outcome::kRejected;
  played.result.reply_text = "554 5.7.0 \xff no\nreally";
  played.result.edits.push_back(
      {.kind = milter::Reply::kInsertHeader, .index = 1, .name = "X", .value = " y\n z"});
  results.played.push_back(played);
  EXPECT_EQ(OnceTable(results),
            "bad  rejected       12.0 ms  554 5.7.0 \xff no\\nreally\n"
            "    INSHEADER 1 X: y\\n z\n"
            "    failed: timeout\n"
            "    expected: accepted\n");
  EXPECT_FALSE(AllAsExpected(results));
}

TEST(ReportTextTest, TotalsHaveAllThatWasMeasured) {
  const auto recorder = std::make_unique<ResultsRecorder>(RunDescription{}, engine::Time{});
  recorder->SessionOpened();
  recorder->Connected(std::chrono::microseconds(90));
  recorder->Scheduled(2);
  recorder->Started(engine::Time{});
  recorder->Finished({.outcome = milter::Outcome::kRejected,
                      .end_of_message = milliseconds(1),
                      .transaction = milliseconds(1500)});
  recorder->Started(engine::Time{});
  recorder->Failed("time\nout", 1);
  recorder->Changed({.session = 4,
                     .message = 2,
                     .queue_id = "4RP",
                     .recorded = "accepted",
                     .played = "rejected",
                     .difference = "outcome"});
  recorder->Finish(std::chrono::seconds(2));
  EXPECT_EQ(Totals(recorder->results()),
            "1 messages in 1 sessions, 2.000 s, 0 messages/s\n"
            "                        p50        p90        p99      p99.9        max\n"
            "end of message      1.00 ms    1.00 ms    1.00 ms    1.00 ms    1.00 ms\n"
            "transaction          1.50 s     1.50 s     1.50 s     1.50 s     1.50 s\n"
            "connect               90 us      90 us      90 us      90 us      90 us\n"
            "outcomes: rejected=1 failed=1\n"
            "error: time\\nout (1)\n"
            "verdicts: 0 as recorded, 1 changed\n"
            "  session 4 message 2 4RP: outcome\n"
            "    recorded: accepted\n"
            "    played:   rejected\n");
  EXPECT_FALSE(AllAsExpected(recorder->results()));
}

TEST(ReportTextTest, TotalsHaveTheDaemonsCost) {
  const std::string text = Totals(*MakeRun({.seconds = 3}));
  EXPECT_NE(text.find("\nprocess 4711 (millrace): CPU "), std::string::npos) << text;
  EXPECT_NE(text.find(" s (900.0 us a message), memory 31.0 MiB, switches "), std::string::npos)
      << text;
  EXPECT_NE(text.find("late start "), std::string::npos) << "an open loop can be late";
}

TEST(ReportTextTest, WhatWasDueAndNotBegunIsTold) {
  const auto recorder = std::make_unique<ResultsRecorder>(RunDescription{}, engine::Time{});
  recorder->Scheduled(5);
  recorder->Started(engine::Time{});
  recorder->Finished({.outcome = milter::Outcome::kAccepted});
  const std::string text = Totals(recorder->results());
  EXPECT_NE(text.find("outcomes: accepted=1 not-begun=4\n"), std::string::npos) << text;
}

TEST(ReportTextTest, AllChangesAreListedWhenAskedFor) {
  const auto recorder = std::make_unique<ResultsRecorder>(RunDescription{}, engine::Time{});
  for (std::uint64_t i = 0; i < kVerdictChangesMax + 1; ++i)
    recorder->Changed({.session = i});
  const std::string few = Totals(recorder->results());
  EXPECT_NE(few.find("  and 991 more\n"), std::string::npos) << few;
  const std::string all = Totals(recorder->results(), true);
  EXPECT_NE(all.find("session 999 "), std::string::npos);
  EXPECT_NE(all.find("  and 1 more\n"), std::string::npos);
}

TEST(ReportTextTest, ARunWithoutTroubleIsAsExpected) {
  const auto recorder = std::make_unique<ResultsRecorder>(RunDescription{}, engine::Time{});
  recorder->SameVerdict();
  EXPECT_TRUE(AllAsExpected(recorder->results()));
  recorder->Failed("x");
  EXPECT_FALSE(AllAsExpected(recorder->results()));
}

TEST(ReportTextTest, TroublesAreOneLine) {
  RunResults results;
  EXPECT_EQ(Troubles(results), "");
  results.errors = {{"connect: ECONNREFUSED", 20}, {"timeout", 1}};
  results.in_flight = 3;
  results.played.push_back({.name = "bad", .expected = milter::Outcome::kRejected});
  results.verdicts_changed = 2;
  EXPECT_EQ(Troubles(results),
            "20 x connect: ECONNREFUSED; 1 x timeout; 3 messages given up; "
            "1 outcomes not as expected; 2 verdicts differ");
}

TEST(ReportTextTest, OneLineCutsAndEscapes) {
  EXPECT_EQ(OneLine("a\tb\nc", 10), "a\\x09b\\nc");
  EXPECT_EQ(OneLine("abcdef", 3), "abc...");
  EXPECT_EQ(OneLine("\x1b[31m", 10), "\\x1b[31m");
  EXPECT_EQ(OneLine("\x9b"
                    "31m",
                    10),
            "\\x9b31m");
  EXPECT_EQ(OneLine("\xc2\x9b"
                    "31m",
                    10),
            "\xc2\\x9b31m");
  EXPECT_EQ(OneLine("\xc3\x9c \xe2\x82\xac", 10), "\xc3\x9c \xe2\x82\xac");
}

TEST(ReportTextTest, LatenciesHaveTheirUnit) {
  EXPECT_EQ(LatencyText(0), "0 us");
  EXPECT_EQ(LatencyText(999), "999 us");
  EXPECT_EQ(LatencyText(1950), "1.95 ms");
  EXPECT_EQ(LatencyText(12'345'678), "12.35 s");
}

}  // namespace
}  // namespace replay
