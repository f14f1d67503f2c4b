// What the control socket answers: one JSON document for each command.
//
//   {"format":"millrace-control","version":1,"command":"status",...}
//
// A reader takes what it knows and ignores the rest; `version` goes up when what was there changes
// its meaning. Times are seconds, sizes octets, counts whole numbers. An unknown command, or one
// that is too long, is answered with "error" beside what there is.
//
//   status     problems first, then the program, what is in use, times, counts, the spool
//   queue      slots, free, waiting, by group
//   scanners   each scanner
//   quota [N]  what is limited, and how much of it is in use; the N busiest clients
#ifndef MILLRACE_RELAY_CONTROL_ANSWER_H_
#define MILLRACE_RELAY_CONTROL_ANSWER_H_

#include <string>
#include <string_view>
#include <vector>

#include "relay/snapshot.h"

namespace relay {

inline constexpr int kControlVersion = 1;

// A finding of `status`: what is wrong, in words for people.
struct Problem {
  bool critical = false;  // mail is refused or waits for want of it; else: it soon may be
  std::string text{};
};

// The worst first.
std::vector<Problem> ProblemsOf(const Snapshot& snapshot);

// How many clients an answer to `command` lists.
std::size_t ClientsAsked(std::string_view command) noexcept;

// One line of JSON. `command` is what the client sent, without the line's end.
std::string ControlAnswer(std::string_view command, const Snapshot& snapshot);
std::string ControlError(std::string_view error);

}  // namespace relay

#endif  // MILLRACE_RELAY_CONTROL_ANSWER_H_
