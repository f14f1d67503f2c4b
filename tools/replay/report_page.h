// One HTML page with plots for one run or several: what was played, key figures, latencies, rates,
// costs, verdict changes.
//
//   report_page.html   the frame, with @STYLE@, @SCRIPT@, @DATA@ where the rest goes
//   report_page.css    light and dark, wide and narrow
//   report_plot.js     axes, lines, legends, tables: knows numbers only
//   report_page.js     which plots there are and what is in them
//
// The files become bytes of the program at build time (cmake/embed.cmake). The page needs nothing
// from outside and forbids it to itself (Content-Security-Policy). Data is JSON in a script element
// that is never run; in it every "<", ">" and "&" is an escape, so no text can end the element. The
// script writes texts as text nodes alone.
#ifndef MILLRACE_TOOLS_REPLAY_REPORT_PAGE_H_
#define MILLRACE_TOOLS_REPLAY_REPORT_PAGE_H_

#include <span>
#include <string>
#include <string_view>

#include "tools/replay/report_json.h"

namespace replay {

// At least one report; several are compared with the first.
std::string ReportPage(std::span<const Report> reports);

// `json` (pure ASCII) for a script element: nothing in it can be taken for markup.
std::string EscapedForScript(std::string_view json);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPORT_PAGE_H_
