// The figures by which runs are compared: one row each, a value per run, ratios to the first run.
//
//   group            name           unit    A       B      B/A
//   rate             messages/s             812     1043   1.28
//   end of message   p99            ms      9.41    7.02   0.75
//
// The same rows go to the text, the JSON and the page of a comparison. A ratio says nothing about
// noise: that takes several runs of each kind. Pure, no input that was not checked (ReadReport).
#ifndef MILLRACE_TOOLS_REPLAY_REPORT_FIGURES_H_
#define MILLRACE_TOOLS_REPLAY_REPORT_FIGURES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/replay/report_json.h"

namespace replay {

enum class Better : std::uint8_t { kNeither, kLower, kHigher };

struct ComparedFigure {
  std::string key{};    // for programs: "end_of_message_p99_ms"
  std::string group{};  // for people
  std::string name{};
  std::string unit{};  // "ms"; empty for counts
  Better better = Better::kNeither;
  bool whole = false;                           // a count
  std::vector<std::optional<double>> values{};  // by run; none: not measured
};

// Rows that no run has a value for are left out.
std::vector<ComparedFigure> FiguresOf(std::span<const Report> reports);

// Value `run` to the first; none when one of them is missing or the first is 0.
std::optional<double> RatioOf(const ComparedFigure& figure, std::size_t run);

// Three or four digits that count: "0.012", "9.41", "812", "1043"; "-" for none.
std::string FigureText(std::optional<double> value, bool whole);

// A, B, ... Z, then 27 and on.
std::string RunLetter(std::size_t run);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPORT_FIGURES_H_
