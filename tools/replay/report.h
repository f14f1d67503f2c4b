// What a run of millrace-replay says at its end: a table for people, JSON for programs.
//
//   clean           accepted    6.1 ms
//                     INSHEADER 0 X-Virus-Scanned: millrace-scanner
//   eicar           rejected    2.0 ms  554 5.7.0 Reject, id=00012-02 - INFECTED: Eicar-Signature
//   ...
//   6 messages in 6 sessions, 0.03 s, 180 messages/s; end of message: p50 1.9 ms ...
#ifndef MILLRACE_TOOLS_REPLAY_REPORT_H_
#define MILLRACE_TOOLS_REPLAY_REPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/player.h"
#include "tools/replay/report_text.h"

namespace replay {

struct Figures {
  double seconds = 0;
  double messages_per_second = 0;
};

// From the first connect to the last session's end.
Figures FiguresOf(const PlayResult& result);

// One block per transaction that was played once.
std::string OnceTable(const PlayResult& result, const std::vector<NamedTransaction>& transactions);

// Some lines of totals.
std::string Totals(const PlayResult& result);

// The whole result as one JSON object.
std::string JsonReport(const PlayResult& result, const std::vector<NamedTransaction>& transactions);

// True if nothing failed and every transaction with an expectation met it.
bool AllAsExpected(const PlayResult& result, const std::vector<NamedTransaction>& transactions);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPORT_H_
