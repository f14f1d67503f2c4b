// What one shard counts: read by the metrics, the exit line, and the invariants of the simulation.
#ifndef MILLRACE_RELAY_COUNTS_H_
#define MILLRACE_RELAY_COUNTS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/counters.h"

namespace relay {

enum class Count : std::uint8_t {
  kSessionsBegun,
  kSessionsEnded,
  kSessionsRefused,  // over the limit: 421 or closed
  kSessionsBroken,   // milter protocol broken by the peer
  kSessionsTimedOut,
  kAcceptPauses,  // out of descriptors
  kMessagesBegun,
  kMessagesEnded,     // with or without an answer
  kMessagesAborted,   // by the mail server, before an answer
  kAnsweredContinue,  // by verdict ...
  kAnsweredAccept,
  kAnsweredReject,
  kAnsweredDiscard,
  kAnsweredTempfail,
  kPassedUnscanned,     // ... or by failure: let through by -P
  kRefusedUnreachable,  // by class of failure
  kRefusedScanFailed,
  kRefusedOverload,
  kRefusedPassing,
  kRefusedMessageLimit,
  kRefusedAtData,  // of the refusals: before any content was sent
  kBodiesSpliced,  // bodies that went through a pipe, at least in part
  kBytesSpliced,
  kSplicesRefused,  // that would have, and found no pipe
  kScansBegun,
  kScansEnded,
  kScannerBusy,  // connects that met a full backlog
  kScannerErrors,
  kBrokenReplies,
  kUnknownAttributes,
  kEditsDropped,
  kOrphansBegun,
  kOrphansReplied,
  kOrphansExpired,
  kOrphansEnded,
  kWritesAsync,      // while the spool's disk stalls
  kSessionsPaused,   // ... times that reading, or the reply to DATA, waited for it
  kSlotWaits,        // ... of those: replies to DATA
  kMessagesStalled,  // ... messages given up for it
  kEnd,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Count::kEnd)> kCountNames = {
    "sessions_begun",      "sessions_ended",     "sessions_refused", "sessions_broken",
    "sessions_timed_out",  "accept_pauses",      "messages_begun",   "messages_ended",
    "messages_aborted",    "answered_continue",  "answered_accept",  "answered_reject",
    "answered_discard",    "answered_tempfail",  "passed_unscanned", "refused_unreachable",
    "refused_scan_failed", "refused_overload",   "refused_passing",  "refused_message_limit",
    "refused_at_data",     "bodies_spliced",     "bytes_spliced",    "splices_refused",
    "scans_begun",         "scans_ended",        "scanner_busy",     "scanner_errors",
    "broken_replies",      "unknown_attributes", "edits_dropped",    "orphans_begun",
    "orphans_replied",     "orphans_expired",    "orphans_ended",    "writes_async",
    "sessions_paused",     "slot_waits",         "messages_stalled"};

using ShardCounters = engine::Counters<Count>;

}  // namespace relay

#endif  // MILLRACE_RELAY_COUNTS_H_
