// The families, by subject.
#include "relay/metrics_text.h"

#include <array>
#include <string_view>

#include "relay/metrics_families.h"

namespace relay {
namespace {

using Type = MetricType;

void WriteProgram(const Snapshot& now, MetricsWriter& writer) {
  writer.Family({"millrace_build", Type::kInfo, "", "The program that runs"});
  writer.Sample({{"version", now.version}}, std::uint64_t{1});
  writer.Family({"millrace_io", Type::kInfo, "", "How shards wait for input, and why not better"});
  writer.Sample({{"source", now.io_source}, {"reason", now.io_reason}}, std::uint64_t{1});
  writer.Family({"millrace_start_time_seconds",
                 Type::kGauge,
                 "seconds",
                 "When the daemon began to serve, since 1970"});
  writer.Sample({}, now.started_at);
  writer.Family({"millrace_stopping", Type::kGauge, "", "1 once the daemon has been told to end"});
  writer.Sample({}, std::uint64_t{now.stopping});
  writer.Family({"millrace_shards", Type::kGauge, "", "Threads that serve"});
  writer.Sample({}, std::uint64_t{now.shards});
  writer.Family({"millrace_reloads", Type::kCounter, "", "Configurations taken while running"});
  writer.Sample({}, now.reloads);
  writer.Family(
      {"millrace_reloads_failed", Type::kCounter, "", "Configurations refused while running"});
  writer.Sample({}, now.reloads_failed);
  writer.Family({"millrace_config_time_seconds",
                 Type::kGauge,
                 "seconds",
                 "When the present configuration was taken, since 1970"});
  writer.Sample({}, now.reloaded_at);
  writer.Family({"millrace_log_lines_dropped",
                 Type::kCounter,
                 "",
                 "Log lines lost because the log did not take them in time"});
  writer.Sample({}, now.log_lines_dropped);
}

void WriteProcess(const ProcessFigures& process, MetricsWriter& writer) {
  writer.Family({"process_cpu_seconds", Type::kCounter, "seconds", "CPU time, user and system"});
  writer.Sample({}, process.cpu);
  writer.Family({"process_resident_memory_bytes", Type::kGauge, "bytes", "Memory in use"});
  writer.Sample({}, process.resident_bytes);
  writer.Family({"process_open_fds", Type::kGauge, "", "Open descriptors"});
  writer.Sample({}, process.open_descriptors);
  writer.Family({"process_max_fds", Type::kGauge, "", "Descriptors that may be open"});
  writer.Sample({}, process.descriptors_max);
}

void WriteCounts(const Snapshot& now, MetricsWriter& writer) {
  for (const CountRow& row : kCountRows) {
    if (!row.help.empty()) {
      const std::string_view unit = row.metric.ends_with("_bytes") ? "bytes" : "";
      writer.Family({row.metric, Type::kCounter, unit, row.help});
    }
    writer.SampleOf(row.label, now.count(row.count));
  }
  if (now.reasons.empty()) return;
  writer.Family({"millrace_refusal_reasons",
                 Type::kCounter,
                 "",
                 "The same refusals, by the reason that the log names"});
  for (const ReasonSnapshot& reason : now.reasons) {
    writer.Sample({{"class", FailureClassName(reason.failure)}, {"reason", reason.reason}},
                  reason.count);
  }
}

void WriteInUse(const Snapshot& now, MetricsWriter& writer) {
  writer.Family({"millrace_sessions", Type::kGauge, "", "Connections of mail servers, now"});
  writer.Sample({}, now.sessions);
  writer.Family({"millrace_sessions_limit", Type::kGauge, "", "Connections that there may be"});
  writer.Sample({}, now.sessions_max);
  writer.Family({"millrace_messages",
                 Type::kGauge,
                 "",
                 "Messages from DATA until their scan has ended, now"});
  writer.Sample({}, now.messages);
  writer.Family({"millrace_messages_limit", Type::kGauge, "", "Messages that there may be"});
  writer.Sample({}, now.messages_max);
  writer.Family({"millrace_orphans",
                 Type::kGauge,
                 "",
                 "Requests with a scanner that nobody waits for any more, now"});
  writer.Sample({}, now.orphans());
  writer.Family({"millrace_block_bytes", Type::kGauge, "bytes", "Memory for texts and replies"});
  writer.Sample({}, now.block_bytes);
  writer.Family(
      {"millrace_block_limit_bytes", Type::kGauge, "bytes", "Memory for texts that there may be"});
  writer.Sample({}, now.block_bytes_max);
}

// A gauge of every group.
template <typename Value>
void WriteGroups(const Snapshot& now,
                 const MetricFamily& family,
                 Value value,
                 MetricsWriter& writer) {
  writer.Family(family);
  for (const SlotsSnapshot& slots : now.slots)
    writer.Sample({{"group", slots.group}}, value(slots.pool));
}

void WriteSlots(const Snapshot& now, MetricsWriter& writer) {
  using Pool = engine::SlotPoolFigures;
  const auto number = [](auto count) { return static_cast<std::int64_t>(count); };
  WriteGroups(
      now,
      {"millrace_slots_limit",
       Type::kGauge,
       "",
       "Requests that the scanners of a group may have at once"},
      [&](const Pool& pool) { return number(pool.limit); },
      writer);
  WriteGroups(
      now,
      {"millrace_slots_free", Type::kGauge, "", "Of these, not in use"},
      [&](const Pool& pool) { return number(pool.free); },
      writer);
  WriteGroups(
      now,
      {"millrace_slots_orphaned", Type::kGauge, "", "Of these, taken for nobody any more"},
      [&](const Pool& pool) { return number(pool.orphans); },
      writer);
  WriteGroups(
      now,
      {"millrace_slot_hold_seconds", Type::kGauge, "seconds", "How long a slot is held"},
      [](const Pool& pool) { return pool.hold_mean; },
      writer);
}

void WriteQueue(const Snapshot& now, MetricsWriter& writer) {
  using Pool = engine::SlotPoolFigures;
  const auto number = [](auto count) { return static_cast<std::int64_t>(count); };
  WriteGroups(
      now,
      {"millrace_queue_length", Type::kGauge, "", "Messages that wait for a scanner"},
      [&](const Pool& pool) { return number(pool.waiting); },
      writer);
  WriteGroups(
      now,
      {"millrace_queue_keys", Type::kGauge, "", "Senders, by the queue's key, that wait"},
      [&](const Pool& pool) { return number(pool.keys); },
      writer);
  WriteGroups(
      now,
      {"millrace_queue_oldest_seconds",
       Type::kGauge,
       "seconds",
       "For how long the oldest message waits"},
      [](const Pool& pool) { return pool.oldest_age; },
      writer);
  WriteGroups(
      now,
      {"millrace_queue_wait_estimate_seconds",
       Type::kGauge,
       "seconds",
       "How long a message would wait that came now"},
      [](const Pool& pool) { return pool.wait_estimate; },
      writer);
  WriteGroups(
      now,
      {"millrace_queue_grants", Type::kCounter, "", "Messages that waited and were served"},
      [](const Pool& pool) { return pool.granted_waiters; },
      writer);
  WriteGroups(
      now,
      {"millrace_queue_shared_key_joins",
       Type::kCounter,
       "",
       "Messages whose sender had to share a key, as the table of keys was full"},
      [](const Pool& pool) { return pool.shared_key_joins; },
      writer);
  writer.Family({"millrace_queue_estimate_error_seconds",
                 Type::kSummary,
                 "seconds",
                 "By how much the estimate was wrong, of messages that waited"});
  for (const SlotsSnapshot& slots : now.slots) {
    writer.Summary({"group", slots.group},
                   {.quantiles = kErrorQuantiles,
                    .values = slots.error_quantiles,
                    .sum = slots.error_sum,
                    .count = slots.error_count});
  }
}

// Without addresses: who asks here need not know who sends mail.
void WriteClientTable(const ClientTableSnapshot& table, MetricsWriter& writer) {
  writer.Family({"millrace_quota_keys",
                 Type::kGauge,
                 "",
                 "Client addresses and networks that are counted under limits, now"});
  writer.Sample({}, std::uint64_t{table.totals.keys});
  writer.Family({"millrace_quota_keys_limit",
                 Type::kGauge,
                 "",
                 "Entries of the table of clients: so many can be counted"});
  writer.Sample({}, std::uint64_t{table.capacity});
  writer.Family({"millrace_quota_sessions",
                 Type::kGauge,
                 "",
                 "Counts of connections there: one for the address, one for the network"});
  writer.Sample({}, table.totals.connections);
  writer.Family({"millrace_quota_messages",
                 Type::kGauge,
                 "",
                 "Counts of messages there, from DATA until their scan has ended"});
  writer.Sample({}, table.totals.in_flight);
}

void WriteTimes(const Snapshot& now, MetricsWriter& writer) {
  constexpr HistogramUnit kTime = HistogramUnit::kMicroseconds;
  writer.Family(
      {"millrace_wait_seconds", Type::kHistogram, "seconds", "Wait of a message for a scanner"});
  writer.Histogram({}, now.wait, kTime);
  writer.Family({"millrace_scan_seconds",
                 Type::kHistogram,
                 "seconds",
                 "From the request sent whole to the end of the reply"});
  writer.Histogram({}, now.scan, kTime);
  writer.Family({"millrace_answer_seconds",
                 Type::kHistogram,
                 "seconds",
                 "From the end of a message to its answer"});
  writer.Histogram({}, now.total, kTime);
  writer.Family({"millrace_message_size_bytes",
                 Type::kHistogram,
                 "bytes",
                 "Header and body of a message, as they came"});
  writer.Histogram({}, now.bytes, HistogramUnit::kOctets);
  writer.Family({"millrace_loop_turn_seconds",
                 Type::kHistogram,
                 "seconds",
                 "Work of a shard between two waits: how long others are kept waiting"});
  writer.Histogram({}, now.turns, kTime);
}

void WriteSpool(const SpoolSnapshot& spool, MetricsWriter& writer) {
  writer.Family({"millrace_spool_slots", Type::kGauge, "", "Message files, by what they are for"});
  writer.Sample({{"state", "taken"}}, spool.slots_taken);
  writer.Sample({{"state", "free"}}, spool.slots_free);
  writer.Sample({{"state", "retired"}}, spool.slots_retired);
  writer.Family({"millrace_spool_slots_made", Type::kCounter, "", "Message files made"});
  writer.Sample({}, spool.made);
  writer.Family({"millrace_spool_slots_reused", Type::kCounter, "", "Message files used again"});
  writer.Sample({}, spool.reused);
  writer.Family({"millrace_spool_removals_failed",
                 Type::kCounter,
                 "",
                 "Removals of directories of the spool that failed"});
  writer.Sample({}, spool.removals_failed);
  writer.Family({"millrace_spool_kept_bytes", Type::kGauge, "bytes", "Blocks of free files"});
  writer.Sample({}, spool.kept_bytes);
  if (spool.looked) {
    writer.Family({"millrace_spool_free_bytes",
                   Type::kGauge,
                   "bytes",
                   "Room on the spool's file system, at most 10 s ago"});
    writer.Sample({}, spool.bytes_free);
  }
  if (spool.looked && spool.inodes_free != UINT64_MAX) {
    writer.Family({"millrace_spool_free_inodes", Type::kGauge, "", "Inodes free there"});
    writer.Sample({}, spool.inodes_free);
  }
  writer.Family({"millrace_spool_floor_bytes",
                 Type::kGauge,
                 "bytes",
                 "Below this much room messages are refused at DATA"});
  writer.Sample({}, spool.bytes_free_min);
  writer.Family({"millrace_spool_floor_inodes",
                 Type::kGauge,
                 "",
                 "Below so many free inodes messages are refused at DATA"});
  writer.Sample({}, spool.inodes_free_min);
  writer.Family({"millrace_spool_reuse", Type::kGauge, "", "1 while files are used again"});
  writer.Sample({}, std::uint64_t{spool.reuse});
  writer.Family({"millrace_spool_stalled",
                 Type::kGauge,
                 "",
                 "1 while file work is done beside the shards, as the disk stalls"});
  writer.Sample({}, std::uint64_t{spool.stalled});
  writer.Family({"millrace_spool_stalls", Type::kCounter, "", "Times that the disk stalled"});
  writer.Sample({}, spool.stalls);
  writer.Family(
      {"millrace_spool_stalled_seconds", Type::kCounter, "seconds", "For how long, in all"});
  writer.Sample({}, spool.stalled_for);
}

}  // namespace

std::string MetricsText(const Snapshot& snapshot, MetricsForm form) {
  MetricsWriter writer(form);
  WriteProgram(snapshot, writer);
  WriteInUse(snapshot, writer);
  WriteListeners(snapshot, writer);
  WriteSlots(snapshot, writer);
  WriteQueue(snapshot, writer);
  WriteScanners(snapshot, writer);
  WriteClientTable(snapshot.client_table, writer);
  WriteTimes(snapshot, writer);
  WriteCounts(snapshot, writer);
  WriteSpool(snapshot.spool, writer);
  WriteProcess(snapshot.process, writer);
  return writer.Finish();
}

}  // namespace relay
