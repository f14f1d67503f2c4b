// What one shard counts: read by the metrics, the exit line, and the invariants of the simulation.
//
// One row of kCountRows for each count: its name in the log, the metric that shows it, and its help
// text. Rows of one metric stand together and differ in their label; the first has the help.
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
  kPassedUnscanned,       // ... or by failure: let through, as the operator says
  kQuarantinedUnscanned,  // ... or into the mail server's hold queue
  kQuarantineNotOffered,  // ... or refused, as the mail server holds nothing
  kRefusedUnreachable,    // by class of failure
  kRefusedScanFailed,
  kRefusedOverload,
  kRefusedPassing,
  kRefusedMessageLimit,
  kRefusedAtData,   // of the refusals: before any content was sent ...
  kShedAtData,      // ... and because the wait for a scanner would have been too long
  kQueueFull,       // messages that found no room in the queue for a scanner: in total ...
  kQueueKeyFull,    // ... or for their key
  kQueueNoAddress,  // waited, and their client has no address
  kBodiesSpliced,   // bodies that went through a pipe, at least in part
  kBytesSpliced,
  kSplicesRefused,  // that would have, and found no pipe
  kSplicingEnded,   // 0 or 1: the spool's file system cannot
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
  kWritesAsync,            // while the spool's disk stalls
  kSessionsPaused,         // ... times that reading, or the reply to DATA, waited for it
  kSlotWaits,              // ... of those: replies to DATA
  kMessagesStalled,        // ... messages given up for it
  kQuotaListenerSessions,  // sessions and messages refused, by the limit
  kQuotaListenerMessages,
  kQuotaClientSessions,
  kQuotaClientMessages,
  kQuotaNetworkSessions,
  kQuotaNetworkMessages,
  kQuotaClientRate,
  kQuotaTableFull,
  kQuotaUncounted,  // sessions let pass because the table was full
  kEnd,
};

struct CountRow {
  Count count;
  std::string_view log_name;  // of a field in the log: never changes
  std::string_view metric;    // OpenMetrics family: a counter, without "_total"
  std::string_view label;     // name="value"; empty: none
  std::string_view help;      // empty: the row before has it
};

// clang-format off
inline constexpr std::array<CountRow, static_cast<std::size_t>(Count::kEnd)> kCountRows = {{
    {Count::kSessionsBegun, "sessions_begun", "millrace_sessions_begun", "",
     "Connections of mail servers that were taken"},
    {Count::kSessionsEnded, "sessions_ended", "millrace_sessions_ended", "",
     "Connections of mail servers that are over"},
    {Count::kSessionsRefused, "sessions_refused", "millrace_sessions_refused", "",
     "Connections over the limit, or while stopping: told 421 or closed"},
    {Count::kSessionsBroken, "sessions_broken", "millrace_sessions_broken", "",
     "Connections closed because the peer broke the milter protocol"},
    {Count::kSessionsTimedOut, "sessions_timed_out", "millrace_sessions_timed_out", "",
     "Connections closed because the peer was silent for too long"},
    {Count::kAcceptPauses, "accept_pauses", "millrace_accept_pauses", "",
     "Times that accepting paused for want of descriptors"},
    {Count::kMessagesBegun, "messages_begun", "millrace_messages_begun", "",
     "Messages begun (MAIL)"},
    {Count::kMessagesEnded, "messages_ended", "millrace_messages_ended", "",
     "Messages ended, with or without an answer"},
    {Count::kMessagesAborted, "messages_aborted", "millrace_messages_aborted", "",
     "Messages that the mail server gave up before their answer"},
    {Count::kAnsweredContinue, "answered_continue", "millrace_verdicts", "verdict=\"continue\"",
     "Messages answered by a verdict of the scanner"},
    {Count::kAnsweredAccept, "answered_accept", "millrace_verdicts", "verdict=\"accept\"", ""},
    {Count::kAnsweredReject, "answered_reject", "millrace_verdicts", "verdict=\"reject\"", ""},
    {Count::kAnsweredDiscard, "answered_discard", "millrace_verdicts", "verdict=\"discard\"", ""},
    {Count::kAnsweredTempfail, "answered_tempfail", "millrace_verdicts", "verdict=\"tempfail\"", ""},
    {Count::kPassedUnscanned, "passed_unscanned", "millrace_messages_passed_unscanned", "",
     "Messages let through without a scan, as configured"},
    {Count::kQuarantinedUnscanned, "quarantined_unscanned", "millrace_messages_quarantined_unscanned", "",
     "Messages put into the mail server's hold queue without a scan, as configured"},
    {Count::kQuarantineNotOffered, "quarantine_not_offered", "millrace_quarantines_not_offered", "",
     "Of the refusals: quarantines that the mail server does not offer"},
    {Count::kRefusedUnreachable, "refused_unreachable", "millrace_refusals", "class=\"scanner-unreachable\"",
     "Messages answered by a failure of ours or of the scanner, by its class"},
    {Count::kRefusedScanFailed, "refused_scan_failed", "millrace_refusals", "class=\"scan-failed\"", ""},
    {Count::kRefusedOverload, "refused_overload", "millrace_refusals", "class=\"overload\"", ""},
    {Count::kRefusedPassing, "refused_passing", "millrace_refusals", "class=\"internal\"", ""},
    {Count::kRefusedMessageLimit, "refused_message_limit", "millrace_refusals", "class=\"message-limit\"", ""},
    {Count::kRefusedAtData, "refused_at_data", "millrace_refusals_at_data", "",
     "Of the refusals: those given at DATA, before any content was sent"},
    {Count::kShedAtData, "shed_at_data", "millrace_shed_at_data", "",
     "Messages whose wait for a scanner would have been too long, by what DATA could tell"},
    {Count::kQueueFull, "queue_full", "millrace_queue_refusals", "bound=\"length\"",
     "Messages for which the queue for a scanner had no room, in total or for their key"},
    {Count::kQueueKeyFull, "queue_key_full", "millrace_queue_refusals", "bound=\"key\"", ""},
    {Count::kQueueNoAddress, "queue_no_address", "millrace_queue_waits_without_address", "",
     "Messages that waited for a scanner and whose client has no address: they share one key"},
    {Count::kBodiesSpliced, "bodies_spliced", "millrace_bodies_spliced", "",
     "Bodies that went through a pipe by splice(2), at least in part"},
    {Count::kBytesSpliced, "bytes_spliced", "millrace_spliced_bytes", "",
     "Octets of bodies moved by splice(2)"},
    {Count::kSplicesRefused, "splices_refused", "millrace_splices_refused", "",
     "Bodies that would have been spliced and found no pipe"},
    {Count::kSplicingEnded, "splicing_ended", "millrace_splicing_ended", "",
     "Times that splicing ended because the spool's file system cannot"},
    {Count::kScansBegun, "scans_begun", "millrace_scans_begun", "",
     "Messages handed on to be scanned"},
    {Count::kScansEnded, "scans_ended", "millrace_scans_ended", "",
     "Scans that are over, whatever came of them"},
    {Count::kScannerBusy, "scanner_busy", "millrace_scanner_busy", "",
     "Connects to a scanner whose backlog was full, tried again later"},
    {Count::kScannerErrors, "scanner_errors", "millrace_scanner_errors", "",
     "Connections to a scanner that failed or broke off"},
    {Count::kBrokenReplies, "broken_replies", "millrace_broken_replies", "",
     "Replies of a scanner that were not understood whole"},
    {Count::kUnknownAttributes, "unknown_attributes", "millrace_unknown_attributes", "",
     "Attributes in a scanner's replies that were ignored"},
    {Count::kEditsDropped, "edits_dropped", "millrace_edits_dropped", "",
     "Changes to messages that the mail server does not allow"},
    {Count::kOrphansBegun, "orphans_begun", "millrace_orphans_begun", "",
     "Requests with a scanner that nobody waits for any more"},
    {Count::kOrphansReplied, "orphans_replied", "millrace_orphans_replied", "",
     "Orphans that the scanner answered"},
    {Count::kOrphansExpired, "orphans_expired", "millrace_orphans_expired", "",
     "Orphans given up at the orphan limit"},
    {Count::kOrphansEnded, "orphans_ended", "millrace_orphans_ended", "",
     "Orphans that are over"},
    {Count::kWritesAsync, "writes_async", "millrace_async_writes", "",
     "Writes of message files beside the shards, while the disk stalls"},
    {Count::kSessionsPaused, "sessions_paused", "millrace_stall_pauses", "",
     "Times that a connection waited for the spool's disk"},
    {Count::kSlotWaits, "slot_waits", "millrace_stall_slot_waits", "",
     "Replies to DATA that waited for the spool's disk"},
    {Count::kMessagesStalled, "messages_stalled", "millrace_stall_messages_given_up", "",
     "Messages given up because the spool's disk stalled"},
    {Count::kQuotaListenerSessions, "quota_listener_sessions", "millrace_quota_refusals", "limit=\"listener-sessions\"",
     "Connections told 421 and messages refused at DATA, by the limit that they met"},
    {Count::kQuotaListenerMessages, "quota_listener_messages", "millrace_quota_refusals", "limit=\"listener-messages\"", ""},
    {Count::kQuotaClientSessions, "quota_client_sessions", "millrace_quota_refusals", "limit=\"client-sessions\"", ""},
    {Count::kQuotaClientMessages, "quota_client_messages", "millrace_quota_refusals", "limit=\"client-messages\"", ""},
    {Count::kQuotaNetworkSessions, "quota_network_sessions", "millrace_quota_refusals", "limit=\"network-sessions\"", ""},
    {Count::kQuotaNetworkMessages, "quota_network_messages", "millrace_quota_refusals", "limit=\"network-messages\"", ""},
    {Count::kQuotaClientRate, "quota_client_rate", "millrace_quota_refusals", "limit=\"client-rate\"", ""},
    {Count::kQuotaTableFull, "quota_table_full", "millrace_quota_refusals", "limit=\"table-full\"", ""},
    {Count::kQuotaUncounted, "quota_uncounted", "millrace_quota_uncounted", "",
     "Connections let pass without being counted because the table of clients was full"},
}};
// clang-format on

// Each row at its count's place, and a metric is described once, where it begins.
constexpr bool CountRowsAreInOrder() noexcept {
  for (std::size_t i = 0; i < kCountRows.size(); ++i) {
    const bool begins = i == 0 || kCountRows[i].metric != kCountRows[i - 1].metric;
    if (static_cast<std::size_t>(kCountRows[i].count) != i) return false;
    if (begins == kCountRows[i].help.empty()) return false;
  }
  return true;
}
static_assert(CountRowsAreInOrder());

constexpr std::string_view CountName(Count count) noexcept {
  return kCountRows[static_cast<std::size_t>(count)].log_name;
}

using ShardCounters = engine::Counters<Count>;

}  // namespace relay

#endif  // MILLRACE_RELAY_COUNTS_H_
