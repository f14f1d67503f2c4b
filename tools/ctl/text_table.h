// Text for people: columns that line up, numbers with their units.
//
//   TextTable table;                        connections      1,234     50,000
//   table.Row({"connections", "1,234"});    messages            12      2,000
//
// The first column is left-aligned, all others right-aligned but for the last where it is a
// remark (Row's `remark`). No limits; for answers of the control socket, which are bounded.
#ifndef MILLRACE_TOOLS_CTL_TEXT_TABLE_H_
#define MILLRACE_TOOLS_CTL_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace ctl {

std::string CountText(double count);      // "1,234,567"
std::string SizeText(double bytes);       // "512 B", "1.5 KiB", "12 MiB", "1.2 GiB"
std::string SecondsText(double seconds);  // "0.25 ms", "12 ms", "1.5 s", "3 min 20 s", "3 d 4 h"

class TextTable {
 public:
  explicit TextTable(std::size_t indent = 2) : indent_(indent) {}

  void Row(std::vector<std::string> cells, std::string remark = "");
  // Every line ends in a newline; no trailing spaces.
  std::string Text() const;

 private:
  struct Line {
    std::vector<std::string> cells;
    std::string remark;
  };
  std::size_t indent_;
  std::vector<Line> lines_;
};

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_TEXT_TABLE_H_
