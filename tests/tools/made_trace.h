// Traces for tests of the player: sessions that are played to a filter in memory and observed.
//
// The filter does what FakeMilter does: reject@ gets 554, tempfail@ TEMPFAIL, others a header
// field; refused@ is refused at RCPT.
#ifndef MILLRACE_TESTS_TOOLS_MADE_TRACE_H_
#define MILLRACE_TESTS_TOOLS_MADE_TRACE_H_

#include <string>
#include <vector>

#include "engine/base/units.h"
#include "milter/mta_session.h"

namespace replay {

struct MadeMessage {
  engine::Time at{};  // since the trace's beginning
  std::string recipient = "<ok@x>";
  std::string queue_id{};
  std::string body = "body\r\n";
  milter::Stop stop{};
};

struct MadeSession {
  engine::Time at{};
  std::vector<MadeMessage> messages{};
  milter::MtaKind kind = milter::MtaKind::kPostfix;
};

// Replaces the file.
void MakeTrace(const std::string& path, const std::vector<MadeSession>& sessions);

}  // namespace replay

#endif  // MILLRACE_TESTS_TOOLS_MADE_TRACE_H_
