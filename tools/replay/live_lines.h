// What the live display says, as plain text lines.
//
//   [##########..........]  50 %  6000 of 12000 messages  30 s, 30 s left
//   rate 199/s, mean 200/s   in flight 12   sessions 64   idle 50
//   end of message   p50 3.85 ms   p90 12.54 ms   p99 618.50 ms   max 1.88 s
//   transaction      p50 4.67 ms   p90 13.31 ms   p99 618.50 ms   max 1.88 s
//   errors 37: connection refused (25), timeout (12)
//   millrace (4711): CPU 18 % of a core   memory 32.1 MiB   descriptors 62   threads 3
//
// The rate is the last point's of the series, percentiles are the whole run's. ASCII alone, each
// line at most as wide as the terminal. Pure.
#ifndef MILLRACE_TOOLS_REPLAY_LIVE_LINES_H_
#define MILLRACE_TOOLS_REPLAY_LIVE_LINES_H_

#include <string>
#include <vector>

#include "tools/replay/results.h"

namespace replay {

// Four to six lines of at most `width` characters.
std::vector<std::string> LiveLines(const RunResults& results, std::size_t width);

// All in one line, for logs: "30 s, 6000 messages, 199/s, ...". No line end.
std::string LiveLine(const RunResults& results);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_LIVE_LINES_H_
