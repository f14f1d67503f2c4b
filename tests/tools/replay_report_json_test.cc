// Reports as JSON: their shape, and reading what may come from anywhere.
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/replay_report_runs.h"
#include "tools/replay/report_json.h"

namespace replay {
namespace {

std::string SmallReport() {
  return JsonReport(RecordSmallRun()->results());
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string ErrorOf(const std::string& text) {
  const auto report = ReadReport(text, "x.json");
  EXPECT_FALSE(report.ok()) << text;
  return std::string(report.status().message());
}

// The file's name has the version: a report that looks different needs another version, unless all
// that is new is a key; then the file is made again. See docs/replay-report.md.
TEST(ReportJsonTest, ShapeStaysWhileTheVersionDoes) {
  const std::string path = absl::StrCat("tests/golden/replay/report-", kReportVersion, ".json");
  std::ifstream file(path);
  const std::string golden((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  EXPECT_EQ(SmallReport(), golden) << path;
}

TEST(ReportJsonTest, ShapeOfCostsStaysToo) {
  const std::string text = JsonReport(*MakeRun({.seconds = 1}));
  const std::vector<std::string> whole = {"pid",
                                          "name",
                                          "ended",
                                          "cpu_us",
                                          "cpu_user_us",
                                          "cpu_system_us",
                                          "cpu_us_per_message",
                                          "voluntary_switches",
                                          "involuntary_switches",
                                          "rss_bytes_max",
                                          "threads_max",
                                          "descriptors_max"};
  std::size_t at = text.find("\n  \"process\": {");
  for (const std::string& key : whole)
    at = text.find("\"" + key + "\":", at);
  EXPECT_LT(at, text.find("\n  \"series\""));
  at = text.find("\"process\":{\"running\":[true],", at);
  for (const char* key : {"cpu_us",
                          "cpu_user_us",
                          "cpu_system_us",
                          "voluntary_switches",
                          "involuntary_switches",
                          "rss_bytes",
                          "threads",
                          "descriptors"}) {
    at = text.find(absl::StrCat("\"", key, "\":["), at);
  }
  EXPECT_NE(at, std::string::npos);
}

TEST(ReportJsonTest, IsReadBack) {
  const auto report = ReadReport(SmallReport(), "x.json");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->messages, 2);
  EXPECT_EQ(report->messages_per_second, 4);
  EXPECT_EQ(report->seconds, 0.5);
  EXPECT_EQ(report->accepted, 1);
  EXPECT_EQ(report->rejected, 1);
  EXPECT_EQ(report->errors_count, 1);
  EXPECT_EQ(report->late_starts, 1);
  EXPECT_TRUE(report->compared);
  EXPECT_EQ(report->verdicts_changed, 1);
  EXPECT_EQ(report->end_of_message.p50, 250'000);
  EXPECT_EQ(report->transaction.max, 300'000);
  EXPECT_FALSE(report->process.has_value());
  EXPECT_EQ(report->label.substr(0, 9), "</script>");
  for (const char c : report->data) {
    ASSERT_GE(c, ' ');
    ASSERT_LT(c, '\x7f');
  }
}

TEST(ReportJsonTest, CheckedCopyIsAReportToo) {
  const auto report = ReadReport(SmallReport(), "x.json");
  ASSERT_TRUE(report.ok()) << report.status();
  const auto again = ReadReport(report->data, "y.json");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->data, report->data);
}

TEST(ReportJsonTest, LargeRunIsReadBackWithItsCosts) {
  const auto report = ReadReport(JsonReport(*MakeRun({})), "x.json");
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_TRUE(report->process.has_value());
  EXPECT_GT(report->process->cpu_us, 0);
  EXPECT_EQ(report->process->threads_max, 3);
  EXPECT_EQ(report->label, "shop week, slowness 1");
}

TEST(ReportJsonTest, EmptyRunIsReadBackAndNamedByItsFile) {
  const auto recorder = std::make_unique<ResultsRecorder>(RunDescription{}, engine::Time{});
  recorder->Finish(engine::Time{});
  const auto report = ReadReport(JsonReport(recorder->results()), "x.json");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->label, "x.json");
  EXPECT_EQ(report->messages_per_second, 0);
}

TEST(ReportJsonTest, EveryPrefixIsRefused) {
  const std::string text = SmallReport();
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    const auto report = ReadReport(std::string_view(text).substr(0, size), "x.json");
    ASSERT_FALSE(report.ok()) << size;
    ASSERT_EQ(report.status().message(), "x.json: is no JSON, or was cut off");
  }
}

TEST(ReportJsonTest, NamesWhatIsNoReport) {
  const std::string no_report = "x.json: is no report of millrace-replay (made by its --json)";
  EXPECT_EQ(ErrorOf("[]"), no_report);
  EXPECT_EQ(ErrorOf("17"), no_report);
  EXPECT_EQ(ErrorOf("{}"), no_report);
  EXPECT_EQ(ErrorOf(R"({"format": 5, "version": 1})"), no_report);
  EXPECT_EQ(ErrorOf(R"({"format": "another", "version": 1})"), no_report);
  EXPECT_NE(ErrorOf(R"({"format": "millrace-replay-report"})").find("without a version"),
            std::string::npos);
}

TEST(ReportJsonTest, NamesTheVersionThatItCannotRead) {
  const std::string error = ErrorOf(Replaced(SmallReport(), "\"version\": 1", "\"version\": 2"));
  EXPECT_NE(error.find("of version 2; this millrace-replay reads version 1"), std::string::npos);
}

// Each key in turn: gone, and of a wrong type. Only the transactions of --once are not read.
TEST(ReportJsonTest, NamesTheKeyThatIsMissingOrWrong) {
  const std::vector<std::string> lines = absl::StrSplit(SmallReport(), '\n');
  ASSERT_GT(lines.size(), 30U);
  for (std::size_t i = 3; i + 3 < lines.size(); ++i) {  // after format and version
    const std::string key = lines[i].substr(3, lines[i].find('"', 3) - 3);
    if (key == "transactions" || key == "verdict_us") continue;  // not read
    std::string without;
    std::string wrong;
    for (std::size_t other = 0; other < lines.size(); ++other) {
      if (other != i) without += lines[other] + "\n";
      wrong += (other == i ? absl::StrCat("\"", key, "\": true,") : lines[other]) + "\n";
    }
    EXPECT_NE(ErrorOf(without).find(absl::StrCat("\"", key, "\" is missing")), std::string::npos);
    EXPECT_NE(ErrorOf(wrong).find(absl::StrCat("\"", key, "\"")), std::string::npos) << key;
  }
}

TEST(ReportJsonTest, NamesTheInnerKeyThatIsWrong) {
  const std::string text = SmallReport();
  struct Case {
    const char* from;
    const char* to;
    const char* error;
  };
  for (const Case& each : std::vector<Case>{
           {R"("kind":"milter")", R"("kind":1)", R"("target.kind" is not a text)"},
           {R"("options": [[)", R"("options": [17,[)", R"("options" holds something)"},
           {R"("sessions": 1)", R"("sessions": -1)", R"("sessions" is not a number from 0)"},
           {R"("accepted":1)", R"("accepted":"1")", R"("outcomes.accepted" is not a number)"},
           {R"("buckets":[[)", R"("buckets":[[1],[)", R"("end_of_message_us.buckets" holds)"},
           {R"("compared":true)", R"("compared":1)", R"("verdicts.compared" is neither true)"},
           {R"("session":3)", R"("session":[])", R"("verdicts.changes.session" is not)"},
           {R"("at_s":[0.0])", R"("at_s":[0.0,1.0])", R"("series.length_s" is not as long)"},
           {R"("at_s":[0.0])", R"("at_s":["0"])", R"("series.at_s" holds something)"},
           {R"("max":[250000])", R"("max":[])", R"("series.end_of_message_us.max" is not as)"},
           {R"("process": null)", R"("process": {})", R"("process.name" is missing)"}}) {
    EXPECT_NE(ErrorOf(Replaced(text, each.from, each.to)).find(each.error), std::string::npos)
        << each.error << "\n"
        << ErrorOf(Replaced(text, each.from, each.to));
  }
}

TEST(ReportJsonTest, UnknownKeysArePassedOverAndNotCopied) {
  const std::string text = Replaced(SmallReport(), "\"seed\"", "\"future\": {\"a\": 1}, \"seed\"");
  const auto report = ReadReport(text, "x.json");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->data.find("future"), std::string::npos);
}

TEST(ReportJsonTest, DeepAndEndlessInputIsRefused) {
  EXPECT_FALSE(ReadReport(std::string(1'000'000, '['), "x.json").ok());
  EXPECT_FALSE(ReadReport(std::string(500'000, '[') + std::string(500'000, ']'), "x.json").ok());
  const std::string deep = Replaced(
      SmallReport(),
      "\"seed\"",
      absl::StrCat(
          "\"future\": ", std::string(200'000, '['), std::string(200'000, ']'), ", \"seed\""));
  EXPECT_TRUE(ReadReport(deep, "x.json").ok());
  EXPECT_FALSE(ReadReport(Replaced(SmallReport(), "\"seed\": 7", "\"seed\": 1e999"), "x").ok());
  const std::string huge(kReportBytesMax + 1, ' ');
  EXPECT_EQ(ErrorOf(huge), "x.json: is larger than 64 MiB, the limit of a report");
}

TEST(ReportJsonTest, LongTextsAreCut) {
  RunDescription description;
  description.label = std::string(100'000, 'x');
  const auto recorder = std::make_unique<ResultsRecorder>(description, engine::Time{});
  const auto report = ReadReport(JsonReport(recorder->results()), "x.json");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->label.size(), kReportTextBytesMax);
}

}  // namespace
}  // namespace replay
