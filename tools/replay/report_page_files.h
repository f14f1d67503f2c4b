// The page's files as bytes of the program; the definitions are made by cmake/embed.cmake.
#ifndef MILLRACE_TOOLS_REPLAY_REPORT_PAGE_FILES_H_
#define MILLRACE_TOOLS_REPLAY_REPORT_PAGE_FILES_H_

#include <string_view>

namespace replay {

extern const std::string_view kPageHtml;    // report_page.html
extern const std::string_view kPageStyle;   // report_page.css
extern const std::string_view kPlotScript;  // report_plot.js
extern const std::string_view kPageScript;  // report_page.js

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPORT_PAGE_FILES_H_
