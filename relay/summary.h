// The one line that is written for every message.
//
//   message shard=0 qid=4CC63A76085 client=host[192.0.2.1] from=<a@b> to=<c@d> nrcpt=2 size=1234
//   verdict=continue log_id=18785-02 slot=s00003 wait_ms=0.0 scan_ms=78.1 total_ms=78.9
//   edits=ins:5,del:0 reply=... (one line)
//
// Addresses as LogAddresses says: full as mail servers log them, the domain alone, or none.
#ifndef MILLRACE_RELAY_SUMMARY_H_
#define MILLRACE_RELAY_SUMMARY_H_

#include <string_view>

#include "ampdp/reply.h"
#include "engine/base/log.h"
#include "relay/config.h"
#include "relay/message.h"
#include "relay/scan_job.h"
#include "relay/verdict_map.h"

namespace relay {

// Views need to live through the call only.
struct SummaryFacts {
  const Message& message;
  std::string_view queue_id;
  std::string_view client_host;
  std::string_view client_address;
  std::string_view verdict;
  std::string_view
      scanner{};  // the last one that it went to; empty: there is only one, or none yet
  engine::Time now;
  const ScanTimes& times;
  const ampdp::Reply* reply;  // nullptr: no whole reply
  const EditCounts& counts;
};

void WriteSummary(const SummaryFacts& facts,
                  LogAddresses addresses,
                  engine::LogLine& line) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_SUMMARY_H_
