// Reading the reports, and the table; the JSON is in compare_json.cc, the page in report_page.cc.
#include "tools/replay/compare.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/command_line/files.h"
#include "tools/command_line/option_table.h"
#include "tools/command_line/program.h"
#include "tools/replay/report_page.h"
#include "tools/replay/report_text.h"

namespace replay {
namespace {

using command_line::Exit;

constexpr const char* kProgram = "millrace-replay compare";
constexpr const char* kStandardOutput = "-";
constexpr int kNameWidth = 32;
constexpr int kValueWidth = 11;
constexpr int kRatioWidth = 8;
constexpr std::size_t kLabelBytesMax = 100;

struct CompareOptions {
  std::vector<std::string> files{};
  std::string html_file{};
  std::string json_file{};
};

std::string RatioText(std::optional<double> ratio) {
  return ratio ? absl::StrFormat("%.2f", *ratio) : "-";
}

std::string HeadLine(std::size_t runs) {
  std::string line = absl::StrFormat("%-*s", kNameWidth, "");
  for (std::size_t run = 0; run < runs; ++run) {
    absl::StrAppendFormat(&line, "%*s", kValueWidth, RunLetter(run));
    if (run > 0) absl::StrAppendFormat(&line, "%*s", kRatioWidth, RunLetter(run) + "/A");
  }
  return line + "\n";
}

std::string FigureLine(const ComparedFigure& figure) {
  const std::string unit = figure.unit.empty() ? "" : absl::StrCat(", ", figure.unit);
  std::string line = absl::StrFormat("  %-*s", kNameWidth - 2, figure.name + unit);
  for (std::size_t run = 0; run < figure.values.size(); ++run) {
    const std::string value = FigureText(figure.values[run], figure.whole);
    absl::StrAppendFormat(&line, "%*s", kValueWidth, value);
    if (run > 0) absl::StrAppendFormat(&line, "%*s", kRatioWidth, RatioText(RatioOf(figure, run)));
  }
  return line + "\n";
}

absl::StatusOr<std::vector<Report>> ReadReports(const std::vector<std::string>& files) {
  std::vector<Report> reports;
  for (const std::string& file : files) {
    const absl::StatusOr<std::string> text = command_line::ReadFile(file, kReportBytesMax);
    if (!text.ok()) return text.status();
    absl::StatusOr<Report> report = ReadReport(*text, file);
    if (!report.ok()) return report.status();
    reports.push_back(*std::move(report));
  }
  return reports;
}

absl::Status Write(const CompareOptions& options, std::span<const Report> reports) {
  if (options.json_file != kStandardOutput && options.html_file != kStandardOutput) {
    absl::Status status = command_line::WriteFile(kStandardOutput, CompareText(reports), true);
    if (!status.ok()) return status;
  }
  if (!options.json_file.empty()) {
    absl::Status status = command_line::WriteFile(options.json_file, CompareJson(reports), true);
    if (!status.ok()) return status;
  }
  if (options.html_file.empty()) return absl::OkStatus();
  return command_line::WriteFile(options.html_file, ReportPage(reports), true);
}

absl::Status CheckFiles(const CompareOptions& options) {
  if (options.files.empty() || options.files.size() > kComparedMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "compare takes 1 to ", kComparedMax, " reports, files made by millrace-replay --json"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string CompareText(std::span<const Report> reports) {
  std::string text;
  for (std::size_t run = 0; run < reports.size(); ++run)
    absl::StrAppend(&text, RunLetter(run), "  ", OneLine(reports[run].label, kLabelBytesMax), "\n");
  text += HeadLine(reports.size());
  std::string group;
  for (const ComparedFigure& figure : FiguresOf(reports)) {
    if (figure.group != group) absl::StrAppend(&text, figure.group, "\n");
    group = figure.group;
    text += FigureLine(figure);
  }
  return text;
}

int RunCompare(std::span<const std::string> arguments, const char* version) {
  CompareOptions options;
  command_line::OptionTable table(
      {.name = kProgram,
       .synopsis = {"A.json [B.json ...] [--html FILE] [--json FILE]"},
       .purpose = "Shows reports of millrace-replay side by side, with ratios to the first.",
       .ending = "Exit status: 0; 64 wrong command line; 66 a report cannot be read, or is none; "
                 "73 a file cannot be written."});
  table.Positional("REPORT", &options.files, "made by millrace-replay --json; at most 8");
  table.Text("--html FILE", &options.html_file, "a page with plots; - is standard output, alone");
  table.Text("--json FILE", &options.json_file, "the table as JSON; - is standard output, alone");
  table.HelpAndVersion();
  absl::Status status = table.Parse(arguments);
  if (!status.ok()) return command_line::FailUsage(kProgram, status);
  if (command_line::AnsweredHelp(table, kProgram, version)) return Code(Exit::kOk);
  status = CheckFiles(options);
  if (!status.ok()) return command_line::FailUsage(kProgram, status);
  const absl::StatusOr<std::vector<Report>> reports = ReadReports(options.files);
  if (!reports.ok()) return command_line::Fail(kProgram, reports.status(), Exit::kInput);
  status = Write(options, *reports);
  if (!status.ok()) return command_line::Fail(kProgram, status, Exit::kOutput);
  return Code(Exit::kOk);
}

}  // namespace replay
