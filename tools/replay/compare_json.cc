// A comparison as JSON: the rows of the table with full precision.
#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tools/replay/compare.h"

namespace replay {
namespace {

using json = nlohmann::ordered_json;

json OrNull(std::optional<double> value) {
  return value ? json(*value) : json(nullptr);
}

json OfFigure(const ComparedFigure& figure) {
  json values = json::array();
  json ratios = json::array();
  for (std::size_t run = 0; run < figure.values.size(); ++run) {
    values.push_back(OrNull(figure.values[run]));
    ratios.push_back(OrNull(RatioOf(figure, run)));
  }
  return {{"key", figure.key},
          {"unit", figure.unit},
          {"values", std::move(values)},
          {"ratios", std::move(ratios)}};
}

}  // namespace

std::string CompareJson(std::span<const Report> reports) {
  json runs = json::array();
  for (std::size_t run = 0; run < reports.size(); ++run)
    runs.push_back({{"run", RunLetter(run)}, {"label", reports[run].label}});
  json figures = json::array();
  for (const ComparedFigure& figure : FiguresOf(reports))
    figures.push_back(OfFigure(figure));
  const json comparison = {{"format", kComparisonFormat},
                           {"version", kComparisonVersion},
                           {"runs", std::move(runs)},
                           {"figures", std::move(figures)}};
  return comparison.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace replay
