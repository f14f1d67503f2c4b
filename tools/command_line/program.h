// What the main() of every tool needs: exit status, signals, descriptors, the answer to a wrong
// command line.
//
// Signals are flags that the program looks at between turns of its loop; calls that wait are
// interrupted by them (no SA_RESTART). One thread asks; the handlers touch only their flags.
#ifndef MILLRACE_TOOLS_COMMAND_LINE_PROGRAM_H_
#define MILLRACE_TOOLS_COMMAND_LINE_PROGRAM_H_

#include <string>

#include "absl/status/status.h"
#include "tools/command_line/option_table.h"

namespace command_line {

// The numbers of sysexits.h where it has some.
enum class Exit : int {
  kOk = 0,
  kTrouble = 1,  // it ran, and something was not as it should be
  kUsage = 64,
  kInput = 66,   // could not be read, or is not what it should be
  kOutput = 73,  // could not be made or written
};
inline int Code(Exit exit) noexcept {
  return static_cast<int>(exit);
}

// SIGTERM and SIGINT: StopAsked() from then on. SIGPIPE is ignored: writes answer EPIPE.
void CatchSignals();
bool StopAsked() noexcept;
// How many of them have come: a second one means at once.
int StopsAsked() noexcept;
// Another signal (SIGUSR1, SIGHUP); SignalTaken() is true once after it came.
void CatchSignal(int signal);
bool SignalTaken(int signal) noexcept;

// To the hard limit. Answers the limit now.
std::size_t RaiseDescriptorLimit() noexcept;

// "NAME: message" on standard error.
int Fail(const std::string& program, const absl::Status& status, Exit exit);
// A wrong command line: the error, and where to read more.
int FailUsage(const std::string& program, const absl::Status& status);
// After a parse that was in order: prints the usage text or "NAME VERSION" where that was asked
// for, and answers true; the program then ends with Exit::kOk.
bool AnsweredHelp(const OptionTable& table, const std::string& program, const char* version);

}  // namespace command_line

#endif  // MILLRACE_TOOLS_COMMAND_LINE_PROGRAM_H_
