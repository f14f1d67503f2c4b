// What of a snapshot an operator has to know first.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "relay/control_answer.h"

namespace relay {
namespace {

using Problems = std::vector<Problem>;

constexpr std::uint64_t kNearlyFullPercent = 90;

bool NearlyFull(std::uint64_t used, std::uint64_t limit) noexcept {
  return limit != 0 && used >= limit - limit * (100 - kNearlyFullPercent) / 100;
}

std::string Mebibytes(std::uint64_t bytes) {
  return absl::StrCat(bytes / engine::kMiB, " MiB");
}

// `what`: "connections". Full: `then`, in a verb of its own.
void CheckLimit(std::string_view what,
                std::uint64_t used,
                std::uint64_t limit,
                std::string_view then,
                Problems* problems) {
  if (!NearlyFull(used, limit)) return;
  const bool full = used >= limit;
  problems->push_back({full,
                       absl::StrCat(std::string(what),
                                    full ? " at their limit: " : " near their limit: ",
                                    used,
                                    " of ",
                                    limit,
                                    full ? std::string(then) : "")});
}

void CheckSpool(const SpoolSnapshot& spool, Problems* problems) {
  if (spool.stalled) {
    problems->push_back({true,
                         absl::StrCat("the disk of ",
                                      spool.directory,
                                      " stalls: messages that wait longer than 5 s get 451")});
  }
  if (spool.looked && spool.bytes_free < 2 * spool.bytes_free_min) {
    const bool low = spool.bytes_free < spool.bytes_free_min;
    problems->push_back({low,
                         absl::StrCat(spool.directory,
                                      low ? " is full: " : " is nearly full: ",
                                      Mebibytes(spool.bytes_free),
                                      " free; below ",
                                      Mebibytes(spool.bytes_free_min),
                                      " messages get 452")});
  }
  if (spool.looked && spool.inodes_free < 2 * spool.inodes_free_min) {
    const bool low = spool.inodes_free < spool.inodes_free_min;
    problems->push_back({low,
                         absl::StrCat(spool.directory,
                                      low ? " is out of inodes: " : " is nearly out of inodes: ",
                                      spool.inodes_free,
                                      " free; below ",
                                      spool.inodes_free_min,
                                      " messages get 452")});
  }
  if (spool.slots_retired != 0) {
    problems->push_back({false,
                         absl::StrCat(spool.slots_retired,
                                      " directories in ",
                                      spool.directory,
                                      " could not be removed yet")});
  }
}

void CheckSlots(const Snapshot& now, Problems* problems) {
  std::int64_t limit = 0;
  for (const SlotsSnapshot& slots : now.slots) {
    limit += slots.pool.limit;
    if (slots.pool.waiting == 0 || slots.pool.free > 0) continue;
    problems->push_back(
        {false,
         absl::StrCat(
             slots.pool.waiting,
             slots.pool.waiting == 1 ? " message waits" : " messages wait",
             " for a scanner",
             slots.group.empty() ? "" : absl::StrCat(" of group ", slots.group),
             ": all ",
             slots.pool.limit,
             " slots are in use, the oldest waits for ",
             std::chrono::duration_cast<std::chrono::seconds>(slots.pool.oldest_age).count(),
             " s")});
  }
  if (now.orphans() != 0 && 2 * now.orphans() >= static_cast<std::uint64_t>(limit)) {
    problems->push_back({true,
                         absl::StrCat(now.orphans(),
                                      " of ",
                                      limit,
                                      " slots are held by requests that nobody waits for any more: "
                                      "the scanners do not keep up")});
  }
}

// "scanner far", "scanner far of group two".
std::string NameOf(const ScannerFigures& scanner) {
  return absl::StrCat(
      "scanner ",
      scanner.name,
      scanner.now.group.empty() ? "" : absl::StrCat(" of group ", scanner.now.group));
}

void CheckScanner(const ScannerFigures& scanner, Problems* problems) {
  const ScannerSnapshot& now = scanner.now;
  switch (now.state) {
    case BreakerState::kClosed: return;
    case BreakerState::kSlowStart:
      problems->push_back({false,
                           absl::StrCat(NameOf(scanner),
                                        " works again and gets more by and by: ",
                                        now.limit_now,
                                        " requests at once of ",
                                        now.limit)});
      return;
    case BreakerState::kOpen:
      problems->push_back({false, absl::StrCat(NameOf(scanner), " fails and gets no messages")});
      return;
    case BreakerState::kHalfOpen:
      problems->push_back(
          {false,
           absl::StrCat(NameOf(scanner), " has failed and is being tried with one message")});
      return;
  }
}

// A group none of whose scanners takes messages: what is for it fails as its listener says.
void CheckGroup(const Snapshot& now, const std::string& group, Problems* problems) {
  std::size_t scanners = 0;
  std::size_t draining = 0;
  for (const ScannerFigures& each : now.scanners) {
    if (each.now.group != group || each.removed) continue;
    const BreakerState state = each.now.state;
    const bool works = state == BreakerState::kClosed || state == BreakerState::kSlowStart;
    if (works && !each.now.draining) return;
    ++scanners;
    draining += each.now.draining ? 1 : 0;
  }
  // Without any: no longer configured.
  if (scanners == 0) return;
  problems->push_back(
      {true,
       absl::StrCat(group.empty() ? "" : absl::StrCat("group ", group, ": "),
                    draining == scanners ? "every scanner is drained" : "no scanner works",
                    ": messages are not scanned")});
}

void CheckScanners(const Snapshot& now, Problems* problems) {
  for (const SlotsSnapshot& slots : now.slots)
    CheckGroup(now, slots.group, problems);
  for (const ScannerFigures& each : now.scanners) {
    if (!each.removed) CheckScanner(each, problems);
  }
}

}  // namespace

std::vector<Problem> ProblemsOf(const Snapshot& now) {
  Problems problems;
  if (now.stopping) problems.push_back({true, "the daemon is stopping"});
  CheckScanners(now, &problems);
  CheckLimit(
      "connections", now.sessions, now.sessions_max, "; more get 421 (--max-sessions)", &problems);
  CheckLimit("messages in work",
             now.messages,
             now.messages_max,
             "; more get 452 at DATA (--max-messages)",
             &problems);
  CheckLimit("open descriptors",
             now.process.open_descriptors,
             now.process.descriptors_max,
             "; raise the limit of open files",
             &problems);
  CheckLimit("memory for texts and replies",
             now.block_bytes,
             now.block_bytes_max,
             " octets; more is refused",
             &problems);
  CheckLimit("entries of the table of clients",
             now.client_table.totals.keys,
             now.client_table.capacity,
             "; more clients are not counted, or refused (table_entries)",
             &problems);
  CheckSpool(now.spool, &problems);
  CheckSlots(now, &problems);
  if (now.last_reload_failed) {
    problems.push_back(
        {false, "the last reload was refused, the configuration before it holds; see the log"});
  }
  if (now.log_lines_dropped != 0) {
    problems.push_back({false, absl::StrCat(now.log_lines_dropped, " log lines were lost")});
  }
  std::stable_partition(
      problems.begin(), problems.end(), [](const Problem& problem) { return problem.critical; });
  return problems;
}

}  // namespace relay
