// Runs side by side: figures, ratios, the table, the page, and the command.
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/temp_dir.h"
#include "tests/tools/replay_report_runs.h"
#include "tools/replay/compare.h"
#include "tools/replay/report_page.h"

namespace replay {
namespace {

Report Read(const std::string& json) {
  auto report = ReadReport(json, "x.json");
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *std::move(report) : Report{};
}

Report ReportOf(const MadeUpRun& run) {
  return Read(JsonReport(*MakeRun(run)));
}

const ComparedFigure* Find(const std::vector<ComparedFigure>& figures, const std::string& key) {
  for (const ComparedFigure& figure : figures) {
    if (figure.key == key) return &figure;
  }
  return nullptr;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class CompareTest : public testing::Test {
 protected:
  CompareTest() {
    std::ofstream(directory_ / "a.json") << JsonReport(*MakeRun({.seconds = 2}));
    std::ofstream(directory_ / "b.json")
        << JsonReport(*MakeRun({.seconds = 2, .slowness = 2, .with_process = false}));
  }
  // What it prints, and its exit status.
  std::string Run(const std::vector<std::string>& arguments, int expected) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(RunCompare(arguments, "1.2.3"), expected);
    error_ = testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout();
  }

  engine::TempDir directory_;
  std::string error_;
};

TEST(FiguresTest, RatiosAreToTheFirstRun) {
  const std::vector<Report> reports = {ReportOf({}), ReportOf({.slowness = 2})};
  const std::vector<ComparedFigure> figures = FiguresOf(reports);
  const ComparedFigure* rate = Find(figures, "messages_per_second");
  ASSERT_NE(rate, nullptr);
  EXPECT_EQ(RatioOf(*rate, 0), 1);
  EXPECT_EQ(RatioOf(*rate, 1), 1);
  const ComparedFigure* cpu = Find(figures, "process_cpu_us_per_message");
  ASSERT_NE(cpu, nullptr);
  EXPECT_NEAR(*RatioOf(*cpu, 1), 2, 0.01);
  EXPECT_NEAR(*cpu->values[0], 900, 1);
  const ComparedFigure* p50 = Find(figures, "end_of_message_p50_ms");
  ASSERT_NE(p50, nullptr);
  EXPECT_NEAR(*RatioOf(*p50, 1), 2, 0.1);
}

TEST(FiguresTest, WhatWasNotMeasuredHasNoValueAndNoRatio) {
  const std::vector<Report> reports = {ReportOf({.with_process = false}), ReportOf({})};
  const std::vector<ComparedFigure> figures = FiguresOf(reports);
  const ComparedFigure* cpu = Find(figures, "process_cpu_us_per_message");
  ASSERT_NE(cpu, nullptr);
  EXPECT_FALSE(cpu->values[0].has_value());
  EXPECT_TRUE(cpu->values[1].has_value());
  EXPECT_FALSE(RatioOf(*cpu, 1).has_value());
  const std::vector<ComparedFigure> without = FiguresOf(std::span(reports).first(1));
  EXPECT_EQ(Find(without, "process_cpu_us_per_message"), nullptr);
}

TEST(FiguresTest, NothingHasNoRatio) {
  const std::vector<Report> reports = {ReportOf({.with_errors = false}), ReportOf({})};
  const std::vector<ComparedFigure> figures = FiguresOf(reports);
  const ComparedFigure* errors = Find(figures, "errors");
  ASSERT_NE(errors, nullptr);
  EXPECT_EQ(errors->values[1], 37);
  EXPECT_FALSE(RatioOf(*errors, 1).has_value());
}

TEST(FiguresTest, TextHasThreeOrFourDigitsThatCount) {
  EXPECT_EQ(FigureText(std::nullopt, false), "-");
  EXPECT_EQ(FigureText(0, false), "0");
  EXPECT_EQ(FigureText(0.0123, false), "0.012");
  EXPECT_EQ(FigureText(9.4067, false), "9.41");
  EXPECT_EQ(FigureText(812.34, false), "812.3");
  EXPECT_EQ(FigureText(12345.6, false), "12346");
  EXPECT_EQ(FigureText(7, true), "7");
}

TEST_F(CompareTest, PrintsRunsSideBySide) {
  const std::string text = Run({directory_ / "a.json", directory_ / "b.json"}, 0);
  EXPECT_EQ(text.substr(0, text.find('\n')), "A  shop week, slowness 1");
  EXPECT_NE(text.find("\nB  shop week, slowness 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("          A          B     B/A\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  CPU per message, us                 900.0          -       -\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(error_, "");
}

TEST_F(CompareTest, WritesThePageAndTheJson) {
  Run({directory_ / "a.json",
       directory_ / "b.json",
       "--html",
       directory_ / "out.html",
       "--json=" + (directory_ / "out.json")},
      0);
  const std::string page = Contents(directory_ / "out.html");
  EXPECT_EQ(page.substr(0, 15), "<!DOCTYPE html>");
  EXPECT_EQ(page.substr(page.size() - 8), "</html>\n");
  const std::string json = Contents(directory_ / "out.json");
  EXPECT_NE(json.find("\"format\": \"millrace-replay-comparison\",\n  \"version\": 1,"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find("\"key\": \"end_of_message_p99_ms\""), std::string::npos);
}

TEST_F(CompareTest, StandardOutputIsForTheJsonAlone) {
  const std::string text = Run({directory_ / "a.json", "--json=-"}, 0);
  EXPECT_EQ(text.substr(0, 2), "{\n");
}

TEST_F(CompareTest, SaysWhatIsWrongAndWhere) {
  std::ofstream(directory_ / "bad.json") << "{\"format\": \"other\"}";
  Run({}, 64);
  EXPECT_NE(error_.find("1 to 8 reports"), std::string::npos) << error_;
  Run(std::vector<std::string>(9, directory_ / "a.json"), 64);
  Run({directory_ / "a.json", "--htm", "x"}, 64);
  EXPECT_NE(error_.find("--html"), std::string::npos) << error_;
  Run({directory_ / "gone.json"}, 66);
  EXPECT_NE(error_.find("gone.json"), std::string::npos) << error_;
  Run({directory_ / "a.json", directory_ / "bad.json"}, 66);
  EXPECT_NE(error_.find("bad.json: is no report of millrace-replay"), std::string::npos) << error_;
  Run({directory_ / "a.json", "--html", directory_ / "no/such/folder.html"}, 73);
  EXPECT_NE(error_.find("folder.html"), std::string::npos) << error_;
}

TEST_F(CompareTest, HelpAndVersion) {
  EXPECT_NE(Run({"--help"}, 0).find("--html FILE"), std::string::npos);
  EXPECT_EQ(Run({"--version"}, 0), "millrace-replay compare 1.2.3\n");
}

TEST(PageTest, NothingFromOutsideCanBecomeMarkup) {
  const std::vector<Report> reports = {Read(JsonReport(RecordSmallRun()->results()))};
  const std::string page = ReportPage(reports);
  const std::string mark = "<script type=\"application/json\" id=\"report-data\">";
  const std::size_t begin = page.find(mark);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = page.find("</script>", begin);
  ASSERT_NE(end, std::string::npos);
  const std::string data = page.substr(begin + mark.size(), end - begin - mark.size());
  EXPECT_EQ(data.find_first_of("<>&"), std::string::npos);
  EXPECT_NE(data.find("\\u003c/script\\u003e\\u003c!--"), std::string::npos);
  EXPECT_NE(data.find("\"figures\":["), std::string::npos) << data;
  EXPECT_EQ(data.substr(data.size() - 3), "]}\n");  // the data's own end, not a text's
  EXPECT_EQ(page.find("onerror=alert(1)>"), std::string::npos);
}

TEST(PageTest, NeedsNothingFromOutside) {
  const std::vector<Report> reports = {ReportOf({}), ReportOf({.seed = 2})};
  const std::string page = ReportPage(reports);
  for (const char* word :
       {"http:", "https:", "//cdn", "@import", "url(", "src=", "href=", "@DATA@"})
    EXPECT_EQ(page.find(word), std::string::npos) << word;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(PageTest, MarksInTheDataStayAsTheyAre) {
  RunDescription description;
  description.label = "@SCRIPT@ @DATA@ @STYLE@";
  const auto recorder = std::make_unique<ResultsRecorder>(description, engine::Time{});
  const std::vector<Report> reports = {Read(JsonReport(recorder->results()))};
  EXPECT_NE(ReportPage(reports).find("\"label\":\"@SCRIPT@ @DATA@ @STYLE@\""), std::string::npos);
}

}  // namespace
}  // namespace replay
