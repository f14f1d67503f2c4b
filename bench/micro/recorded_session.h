// One SMTP session as a filter receives it from Postfix, recorded from the mail server's end of
// milter/, cut where the mail server waits for a reply.
//
//   OPTNEG | macros CONNECT HELO MAIL RCPT DATA | headers body end-of-message | ABORT QUIT
//
// With the daemon's default negotiation: replies are due at OPTNEG, DATA and end of message alone.
#ifndef MILLRACE_BENCH_MICRO_RECORDED_SESSION_H_
#define MILLRACE_BENCH_MICRO_RECORDED_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct RecordedSession {
  std::vector<std::string> flights;  // what comes before the next reply, as one receive each
  std::size_t bytes = 0;
  std::uint32_t packets = 0;
};

// A session with one message of 14 header fields and `body_bytes` of text lines. Allocates; a
// session that does not end well is a failed check.
RecordedSession RecordSession(std::size_t body_bytes);

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_RECORDED_SESSION_H_
