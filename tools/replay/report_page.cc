// Puts the page together: see the header for its parts.
#include "tools/replay/report_page.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/absl_text.h"
#include "tools/replay/report_figures.h"
#include "tools/replay/report_page_files.h"

namespace replay {
namespace {

const char* BetterText(Better better) {
  switch (better) {
    case Better::kNeither: return "neither";
    case Better::kLower: return "lower";
    case Better::kHigher: return "higher";
  }
  return "";
}

// Keys, names, groups and units are ours: plain ASCII without quotes.
std::string FigureJson(const ComparedFigure& figure) {
  std::string values;
  std::string ratios;
  for (std::size_t run = 0; run < figure.values.size(); ++run) {
    const char* comma = run == 0 ? "" : ",";
    const std::optional<double> ratio = RatioOf(figure, run);
    const std::string value = FigureText(figure.values[run], figure.whole);
    absl::StrAppend(&values, comma, "\"", value, "\"");
    absl::StrAppend(&ratios, comma, ratio ? absl::StrCat(*ratio) : "null");
  }
  return absl::StrCat("{\"key\":\"",
                      figure.key,
                      "\",\"group\":\"",
                      figure.group,
                      "\",\"name\":\"",
                      figure.name,
                      "\",\"unit\":\"",
                      figure.unit,
                      "\",\"better\":\"",
                      BetterText(figure.better),
                      figure.whole ? "\",\"whole\":true" : "\",\"whole\":false",
                      absl::StrCat(",\"values\":[", values, "],\"ratios\":[", ratios, "]}"));
}

std::string PageData(std::span<const Report> reports) {
  std::string runs;
  for (const Report& report : reports)
    absl::StrAppend(&runs, runs.empty() ? "" : ",\n", report.data);
  std::string figures;
  for (const ComparedFigure& figure : FiguresOf(reports))
    absl::StrAppend(&figures, figures.empty() ? "" : ",\n", FigureJson(figure));
  return absl::StrCat("{\"runs\":[\n", runs, "],\n\"figures\":[\n", figures, "]}");
}

}  // namespace

std::string EscapedForScript(std::string_view json) {
  return absl::StrReplaceAll(engine::ToAbsl(json),
                             {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}});
}

std::string ReportPage(std::span<const Report> reports) {
  const std::string data = EscapedForScript(PageData(reports));
  const std::array<std::pair<std::string_view, std::vector<std::string_view>>, 3> parts = {{
      {"@STYLE@", {kPageStyle}},
      {"@DATA@", {data}},
      {"@SCRIPT@", {kPlotScript, kPageScript}},
  }};
  std::string page;
  std::string_view rest = kPageHtml;
  for (const auto& [mark, texts] : parts) {  // in this order, so that data is never searched
    const std::size_t at = rest.find(mark);
    absl::StrAppend(&page, engine::ToAbsl(rest.substr(0, at)));
    for (const std::string_view text : texts)
      absl::StrAppend(&page, engine::ToAbsl(text));
    rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + mark.size());
  }
  return absl::StrCat(page, engine::ToAbsl(rest));
}

}  // namespace replay
