// Made-up runs for the tests of reports: the same each time.
#ifndef MILLRACE_TESTS_TOOLS_REPLAY_REPORT_RUNS_H_
#define MILLRACE_TESTS_TOOLS_REPLAY_REPORT_RUNS_H_

#include <memory>

#include "tools/replay/results.h"

namespace replay {

// What a made-up run is like.
struct MadeUpRun {
  std::uint64_t seed = 1;
  int seconds = 60;
  int messages_per_second = 200;
  double slowness = 1;     // of all latencies
  bool with_spike = true;  // the daemon stands still for two seconds
  bool with_process = true;
  bool with_errors = true;
  bool with_verdicts = true;
};

std::unique_ptr<RunResults> MakeRun(const MadeUpRun& run);

// Two messages, one error, one changed verdict, one point: all kinds of keys, with texts that are
// hostile to JSON and to HTML.
std::unique_ptr<ResultsRecorder> RecordSmallRun();

}  // namespace replay

#endif  // MILLRACE_TESTS_TOOLS_REPLAY_REPORT_RUNS_H_
