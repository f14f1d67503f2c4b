// What a run says to people at its end: a table of what was played once, and totals.
//
//   clean           accepted    6.1 ms
//                     INSHEADER 0 X-Virus-Scanned: millrace-scanner
//   eicar           rejected    2.0 ms  554 5.7.0 Reject, id=00012-02 - INFECTED: Eicar-Signature
//   ...
//   6 messages in 6 sessions, 0.033 s, 180 messages/s
//                           p50        p90        p99      p99.9        max
//   end of message      1.95 ms    6.01 ms    6.01 ms    6.01 ms    6.01 ms
//   ...
// Texts from outside are kept on one line each and cut. Formats only; rates are all it computes.
#ifndef MILLRACE_TOOLS_REPLAY_REPORT_TEXT_H_
#define MILLRACE_TOOLS_REPLAY_REPORT_TEXT_H_

#include <string>
#include <string_view>

#include "tools/replay/results.h"

namespace replay {

inline constexpr std::size_t kTextBytesMax = 100;  // of a text from outside, in a line
inline constexpr std::size_t kChangesShown = 10;   // of verdict changes, unless all are asked for

// One block per transaction that was played once.
std::string OnceTable(const RunResults& results);

// Messages, latencies, outcomes, errors, verdict changes (`all_changes`: every one that is held,
// for --diff), what the daemon cost.
std::string Totals(const RunResults& results, bool all_changes = false);

// What was not as it should be, on one line, for a run that prints no totals: "20 x connect:
// ECONNREFUSED; 3 messages given up". Empty: nothing.
std::string Troubles(const RunResults& results);

// True if nothing failed, every transaction with an expectation met it, and no verdict changed.
bool AllAsExpected(const RunResults& results);

// `text` on one line: line ends and other controls as \n, \xNN; cut to `bytes_max`.
std::string OneLine(std::string_view text, std::size_t bytes_max);

// "812 us", "1.95 ms", "12.3 s".
std::string LatencyText(std::uint64_t microseconds);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPORT_TEXT_H_
