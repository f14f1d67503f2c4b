// The documents; nlohmann's library, without exceptions.
#define JSON_NOEXCEPTION
#include "relay/control_answer.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace relay {
namespace {

using nlohmann::ordered_json;

constexpr double kMicrosecondsPerSecond = 1e6;

double Seconds(engine::Time time) noexcept {
  return std::chrono::duration<double>(time).count();
}

double MicrosecondsAsSeconds(std::uint64_t microseconds) noexcept {
  return static_cast<double>(microseconds) / kMicrosecondsPerSecond;
}

std::string Line(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

ordered_json Begin(std::string_view command) {
  ordered_json document;
  document["format"] = "millrace-control";
  document["version"] = kControlVersion;
  if (!command.empty()) document["command"] = command;
  return document;
}

ordered_json TimesJson(const engine::HistogramSums& sums) {
  const std::uint64_t count = sums.count();
  ordered_json times;
  times["count"] = count;
  const double mean = count == 0 ? 0 : static_cast<double>(sums.sum) / static_cast<double>(count);
  times["mean_s"] = mean / kMicrosecondsPerSecond;
  times["p50_s"] = sums.Quantile(0.5) / kMicrosecondsPerSecond;
  times["p90_s"] = sums.Quantile(0.9) / kMicrosecondsPerSecond;
  times["p99_s"] = sums.Quantile(0.99) / kMicrosecondsPerSecond;
  return times;
}

ordered_json ProblemsJson(const Snapshot& now) {
  ordered_json problems = ordered_json::array();
  for (const Problem& problem : ProblemsOf(now)) {
    problems.push_back(
        {{"severity", problem.critical ? "critical" : "warning"}, {"text", problem.text}});
  }
  return problems;
}

ordered_json ProgramJson(const Snapshot& now) {
  return {{"version", now.version},
          {"state", now.stopping ? "stopping" : "serving"},
          {"started_s", Seconds(now.started_at)},
          {"uptime_s", Seconds(now.taken_at - now.started_at)},
          {"shards", now.shards},
          {"io_source", now.io_source},
          {"io_reason", now.io_reason},
          {"reloads", now.reloads},
          {"reloads_failed", now.reloads_failed},
          {"config_s", Seconds(now.reloaded_at)},
          {"cpu_s", Seconds(now.process.cpu)},
          {"resident_bytes", now.process.resident_bytes},
          {"block_bytes", now.block_bytes},
          {"block_bytes_limit", now.block_bytes_max},
          {"descriptors", now.process.open_descriptors},
          {"descriptors_limit", now.process.descriptors_max},
          {"log_lines_dropped", now.log_lines_dropped}};
}

// Of a count's label: class="overload".
std::string_view LabelValue(std::string_view label) noexcept {
  label.remove_prefix(label.find('"') + 1);
  return label.substr(0, label.find('"'));
}

ordered_json RefusalsJson(const Snapshot& now) {
  ordered_json refusals;
  for (const CountRow& row : kCountRows) {
    if (row.metric != "millrace_refusals") continue;
    refusals[std::string(LabelValue(row.label))] = now.count(row.count);
  }
  return refusals;
}

ordered_json SpoolJson(const SpoolSnapshot& spool) {
  ordered_json document = {{"directory", spool.directory},
                           {"slots_taken", spool.slots_taken},
                           {"slots_free", spool.slots_free},
                           {"slots_retired", spool.slots_retired},
                           {"made", spool.made},
                           {"reused", spool.reused},
                           {"reuse", spool.reuse},
                           {"kept_bytes", spool.kept_bytes},
                           {"stalled", spool.stalled},
                           {"stalls", spool.stalls},
                           {"stalled_s", Seconds(spool.stalled_for)},
                           {"floor_bytes", spool.bytes_free_min},
                           {"floor_inodes", spool.inodes_free_min}};
  if (spool.looked) document["free_bytes"] = spool.bytes_free;
  if (spool.looked && spool.inodes_free != UINT64_MAX) document["free_inodes"] = spool.inodes_free;
  return document;
}

ordered_json GroupsJson(const Snapshot& now) {
  ordered_json groups = ordered_json::array();
  for (const SlotsSnapshot& slots : now.slots) {
    groups.push_back({{"group", slots.group},
                      {"limit", slots.pool.limit},
                      {"free", slots.pool.free},
                      {"orphans", slots.pool.orphans},
                      {"waiting", slots.pool.waiting},
                      {"keys", slots.pool.keys},
                      {"oldest_s", Seconds(slots.pool.oldest_age)},
                      {"wait_estimate_s", Seconds(slots.pool.wait_estimate)},
                      {"hold_s", Seconds(slots.pool.hold_mean)},
                      {"granted", slots.pool.granted_waiters},
                      {"refused_full", slots.pool.refused_full},
                      {"refused_key", slots.pool.refused_key},
                      {"shared_key", slots.pool.shared_key_joins},
                      {"estimate_error_p50_s", MicrosecondsAsSeconds(slots.error_quantiles[0])},
                      {"estimate_error_p90_s", MicrosecondsAsSeconds(slots.error_quantiles[1])}});
  }
  return groups;
}

ordered_json ScannersJson(const Snapshot& now) {
  ordered_json scanners = ordered_json::array();
  for (const ScannerFigures& each : now.scanners) {
    ordered_json counts;
    for (std::size_t i = 0; i < kScannerCountNames.size(); ++i)
      counts[std::string(kScannerCountNames[i])] = each.now.counts[i];
    scanners.push_back({{"name", each.name},
                        {"address", each.now.address},
                        {"group", each.now.group},
                        {"breaker", BreakerStateName(each.now.state)},
                        {"draining", each.now.draining},
                        {"removed", each.removed},
                        {"weight", each.now.weight},
                        {"limit", each.now.limit},
                        {"limit_learnt", each.now.learns},
                        {"limit_now", each.now.limit_now},
                        {"requests_now", each.now.outstanding},
                        {"since_start", std::move(counts)},
                        {"times", {{"scan", TimesJson(each.now.scan_times)}}}});
  }
  return scanners;
}

ordered_json ListenersJson(const Snapshot& now) {
  ordered_json listeners = ordered_json::array();
  for (const ListenerSnapshot& each : now.listeners) {
    listeners.push_back({{"name", each.name},
                         {"address", each.address},
                         {"sessions", each.sessions()},
                         {"begun", each.count(ListenerCount::kSessionsBegun)},
                         {"refused", each.count(ListenerCount::kRefused)},
                         {"times",
                          {{"wait", TimesJson(each.wait)},
                           {"scan", TimesJson(each.scan)},
                           {"answer", TimesJson(each.total)}}}});
  }
  return listeners;
}

void Status(const Snapshot& now, ordered_json& document) {
  document["problems"] = ProblemsJson(now);
  document["program"] = ProgramJson(now);
  document["sessions"] = {{"now", now.sessions},
                          {"limit", now.sessions_max},
                          {"begun", now.count(Count::kSessionsBegun)},
                          {"refused", now.count(Count::kSessionsRefused)},
                          {"broken", now.count(Count::kSessionsBroken)},
                          {"timed_out", now.count(Count::kSessionsTimedOut)}};
  document["listeners"] = ListenersJson(now);
  document["messages"] = {{"now", now.messages},
                          {"limit", now.messages_max},
                          {"begun", now.count(Count::kMessagesBegun)},
                          {"aborted", now.count(Count::kMessagesAborted)},
                          {"passed_unscanned", now.count(Count::kPassedUnscanned)},
                          {"quarantined_unscanned", now.count(Count::kQuarantinedUnscanned)},
                          {"refused_at_data", now.count(Count::kRefusedAtData)},
                          {"orphans", now.orphans()}};
  document["groups"] = GroupsJson(now);
  document["scanners"] = ScannersJson(now);
  document["verdicts"] = {{"continue", now.count(Count::kAnsweredContinue)},
                          {"accept", now.count(Count::kAnsweredAccept)},
                          {"reject", now.count(Count::kAnsweredReject)},
                          {"discard", now.count(Count::kAnsweredDiscard)},
                          {"tempfail", now.count(Count::kAnsweredTempfail)}};
  document["refusals"] = RefusalsJson(now);
  ordered_json reasons = ordered_json::array();
  for (const ReasonSnapshot& each : now.reasons) {
    reasons.push_back({{"class", FailureClassName(each.failure)},
                       {"reason", each.reason},
                       {"count", each.count}});
  }
  document["refusal_reasons"] = std::move(reasons);
  document["times"] = {{"wait", TimesJson(now.wait)},
                       {"scan", TimesJson(now.scan)},
                       {"answer", TimesJson(now.total)},
                       {"turn", TimesJson(now.turns)}};
  document["spool"] = SpoolJson(now.spool);
}

void Queue(const Snapshot& now, ordered_json& document) {
  document["groups"] = GroupsJson(now);
  document["orphans"] = now.orphans();
  document["times"] = {{"wait", TimesJson(now.wait)}};
}

void Scanners(const Snapshot& now, ordered_json& document) {
  document["scanners"] = ScannersJson(now);
  document["busy"] = now.count(Count::kScannerBusy);
  document["errors"] = now.count(Count::kScannerErrors);
  document["broken_replies"] = now.count(Count::kBrokenReplies);
  document["times"] = {{"scan", TimesJson(now.scan)}};
}

void AddLimit(std::string name, std::uint64_t used, std::uint64_t limit, ordered_json* limits) {
  if (limit != 0) limits->push_back({{"name", std::move(name)}, {"now", used}, {"limit", limit}});
}

ordered_json LimitsJson(const Snapshot& now) {
  ordered_json limits = ordered_json::array();
  AddLimit("sessions", now.sessions, now.sessions_max, &limits);
  AddLimit("messages", now.messages, now.messages_max, &limits);
  for (const ListenerSnapshot& each : now.listeners) {
    AddLimit("sessions of " + each.name, each.sessions(), each.sessions_max, &limits);
    AddLimit("messages of " + each.name, each.messages, each.messages_max, &limits);
  }
  AddLimit("block bytes", now.block_bytes, now.block_bytes_max, &limits);
  AddLimit("spool bytes", now.spool.bytes_used, now.spool.bytes_used_max, &limits);
  AddLimit("descriptors", now.process.open_descriptors, now.process.descriptors_max, &limits);
  return limits;
}

ordered_json ClientTableJson(const Snapshot& now) {
  const ClientTableSnapshot& table = now.client_table;
  return {{"used", table.used},
          {"keys", table.totals.keys},
          {"keys_limit", table.capacity},
          {"sessions", table.totals.connections},
          {"messages", table.totals.in_flight},
          {"full_refused", now.count(Count::kQuotaTableFull)},
          {"full_uncounted", now.count(Count::kQuotaUncounted)},
          {"client_sessions_max", table.client_sessions_max},
          {"client_messages_max", table.client_messages_max},
          {"network_sessions_max", table.network_sessions_max},
          {"network_messages_max", table.network_messages_max},
          {"client_message_rate", table.client_message_rate}};
}

void Quota(const Snapshot& now, ordered_json& document) {
  document["limits"] = LimitsJson(now);
  document["client_table"] = ClientTableJson(now);
  ordered_json clients = ordered_json::array();
  for (const ClientFigures& each : now.clients) {
    clients.push_back({{"client", each.client},
                       {"kind", each.is_network ? "network" : "address"},
                       {"sessions", each.sessions},
                       {"messages", each.messages}});
  }
  document["clients"] = std::move(clients);
  ordered_json refusals;
  for (const CountRow& row : kCountRows) {
    if (row.metric == "millrace_quota_refusals")
      refusals[std::string(LabelValue(row.label))] = now.count(row.count);
  }
  document["refusals"] = std::move(refusals);
}

struct Command {
  std::string_view name;
  void (*fill)(const Snapshot& now, ordered_json& document);
};
constexpr std::array<Command, 4> kCommands = {
    {{"status", &Status}, {"queue", &Queue}, {"scanners", &Scanners}, {"quota", &Quota}}};

constexpr std::string_view kQuota = "quota";

// "quota 5": 5; "quota": kClientsShown; nullopt: no such thing, or not of `quota`.
std::optional<std::size_t> ClientsWanted(std::string_view command) noexcept {
  if (!command.starts_with(kQuota)) return std::nullopt;
  command.remove_prefix(kQuota.size());
  if (command.empty()) return kClientsShown;
  if (command[0] != ' ') return std::nullopt;
  command.remove_prefix(1);
  std::size_t wanted = 0;
  const auto [end, error] =
      std::from_chars(command.data(), command.data() + command.size(), wanted);
  if (error != std::errc() || end != command.data() + command.size()) return std::nullopt;
  return wanted <= kClientsShownMax ? std::optional(wanted) : std::nullopt;
}

}  // namespace

std::size_t ClientsAsked(std::string_view command) noexcept {
  return ClientsWanted(command).value_or(0);
}

std::string ControlAnswer(std::string_view command, const Snapshot& snapshot) {
  const std::string_view name = ClientsWanted(command) ? kQuota : command;
  std::string names;
  for (const Command& each : kCommands) {
    if (each.name == name) {
      ordered_json document = Begin(name);
      each.fill(snapshot, document);
      return Line(document);
    }
    names += (names.empty() ? "" : ", ") + std::string(each.name);
  }
  constexpr std::size_t kShownMax = 64;
  return ControlError("unknown command '" + std::string(command.substr(0, kShownMax)) +
                      "': " + names + " [N], N up to " + std::to_string(kClientsShownMax));
}

std::string ControlError(std::string_view error) {
  ordered_json document = Begin("");
  document["error"] = error;
  return Line(document);
}

}  // namespace relay
