// A run of the program, from its options to its exit status; and the built-in null milter's.
//
//   source (folder, trace) --> Player on a loop --> ResultsRecorder --> text, JSON, page
//
// Exit status: 0 all went as expected; 1 a session failed or was given up, an outcome was not the
// expected one, or, with --diff or --expect-same, a verdict differs from the trace's or none was
// compared; 64 wrong command line; 65 the trace is damaged or cut off: what could be read was
// played; 66 nothing to play, no such process; 73 a file could not be written. One thread.
#ifndef MILLRACE_TOOLS_REPLAY_REPLAY_RUN_H_
#define MILLRACE_TOOLS_REPLAY_REPLAY_RUN_H_

#include "tools/replay/replay_options.h"

namespace replay {

inline constexpr const char* kProgramName = "millrace-replay";
inline constexpr int kExitDamaged = 65;  // EX_DATAERR

int RunReplay(const ReplayOptions& options, const char* version);

// Until SIGTERM or SIGINT; then a line with what it has seen.
int RunNull(const NullOptions& options);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_REPLAY_RUN_H_
