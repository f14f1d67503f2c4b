// One imported or made-up session on its way into a trace: a mail server plays it to a filter that
// takes everything, and the octets of both go where those of a recorded connection go.
//
//   MtaScript --> milter::MtaSession <--> "take everything" --both streams--> SessionObserver -->
//   sink
//
// Times are the caller's for the session and for each message; between the steps of a client lie
// kStepUs, and content takes its size over kContentBytesPerSecond, or messages would begin and end
// in the same instant. What the filter answered is not a verdict: TraceSink takes it back.
// No sockets, no clock; one thread.
#ifndef MILLRACE_TOOLS_RECORD_PLAYED_SESSION_H_
#define MILLRACE_TOOLS_RECORD_PLAYED_SESSION_H_

#include <cstdint>
#include <vector>

#include "milter/mta_session.h"
#include "tools/trace/session_observer.h"

namespace record {

inline constexpr std::uint64_t kStepUs = 1000;
inline constexpr std::uint64_t kContentBytesPerSecond = 50'000'000;

struct PlayedSession {
  milter::MtaKind kind = milter::MtaKind::kPostfix;
  milter::MtaScript script{};
  std::uint64_t connect_us = 0;             // since 1970 UTC
  std::vector<std::uint64_t> message_us{};  // when each transaction begins, at the earliest
};

// False: the session could not be played to its end (its text does not fit the protocol's packets);
// what was played until there has gone to the sink all the same. `end_us`: when it ended; may be
// nullptr.
bool PlaySession(const PlayedSession& played,
                 std::uint64_t number,
                 trace::RecordSink& sink,
                 std::uint64_t* end_us);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_PLAYED_SESSION_H_
