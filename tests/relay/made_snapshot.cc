// The made-up figures, and the golden files that were made from them.
#include "tests/relay/made_snapshot.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "relay/shard_meters.h"

namespace relay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Days since 1970 until the day of the example.
constexpr engine::Time kStarted = hours(24 * 20'000);

void FillHistograms(Snapshot* now) {
  engine::BoundedHistogram wait(kTimeBounds);
  engine::BoundedHistogram scan(kTimeBounds);
  engine::BoundedHistogram total(kTimeBounds);
  engine::BoundedHistogram bytes(kSizeBounds);
  engine::BoundedHistogram turns(kTurnBounds);
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    wait.Record(i * 100);
    scan.Record(i * 2'000);
    total.Record(i * 2'200);
    bytes.Record(i * i * 30);
    turns.Record(i);
  }
  total.Record(700'000'001);  // above the last bound
  now->wait.Add(wait);
  now->scan.Add(scan);
  now->total.Add(total);
  now->bytes.Add(bytes);
  now->turns.Add(turns);
  for (ListenerSnapshot& listener : now->listeners) {
    listener.wait.Add(wait);
    listener.scan.Add(scan);
    listener.total.Add(total);
  }
}

void FillScanners(Snapshot* now) {
  ScannerFigures& scanner = now->scanners.emplace_back();
  scanner.name = "far";
  scanner.now.group = "second";
  scanner.now.address = "inet:10024@192.0.2.7";
  scanner.now.state = BreakerState::kOpen;
  scanner.now.learns = true;
  scanner.now.weight = 3;
  scanner.now.limit = 12;
  scanner.now.outstanding = 4;
  for (std::size_t i = 0; i < scanner.now.counts.size(); ++i)
    scanner.now.counts[i] = 500 + i;
  scanner.now.scan_times = now->scan;
}

void FillSpool(SpoolSnapshot* spool) {
  spool->slots_taken = 200;
  spool->slots_free = 60;
  spool->slots_retired = 2;
  spool->kept_bytes = 3 * engine::kMiB;
  spool->looked = true;
  spool->bytes_free = 20 * engine::kMiB;
  spool->inodes_free = 150'000;
  spool->made = 270;
  spool->reused = 123'456;
  spool->removals_failed = 5;
  spool->stalls = 4;
  spool->stalled_for = milliseconds(61'500);
}

void FillQuota(Snapshot* now) {
  now->client_table = {.used = true,
                       .capacity = 65'536,
                       .totals = {.connections = 77, .in_flight = 13, .keys = 64},
                       .client_sessions_max = 50,
                       .network_sessions_max = 200,
                       .network_messages_max = 100,
                       .client_message_rate = 60};
  now->clients = {{.client = "192.0.2.0", .is_network = true, .sessions = 52, .messages = 11},
                  {.client = "192.0.2.7", .sessions = 48, .messages = 10},
                  {.client = "2001:db8::", .is_network = true, .sessions = 1},
                  {.client = "unknown", .sessions = 1}};
  now->listeners[0].sessions_max = 990;
  now->listeners[0].messages = 21;
  now->listeners[0].messages_max = 180;
  now->spool.bytes_used = 7 * engine::kMiB;
  now->spool.bytes_used_max = 512 * engine::kMiB;
}

}  // namespace

Snapshot QuietSnapshot() {
  Snapshot now;
  now.version = "1.2.3";
  now.io_source = "io_uring poll";
  now.started_at = kStarted;
  now.reloaded_at = kStarted;
  now.taken_at = kStarted + seconds(12);
  now.shards = 2;
  now.sessions_max = 1000;
  now.messages_max = 200;
  now.block_bytes_max = 2048 * engine::kMiB;
  now.slots.emplace_back().pool = {.limit = 10, .free = 10};
  ScannerFigures& scanner = now.scanners.emplace_back();
  scanner.name = "local";
  scanner.now.address = "/run/amavisd/amavisd.sock";
  scanner.now.weight = 1;
  scanner.now.limit = scanner.now.limit_now = 10;
  now.listeners.push_back({.name = "mx", .address = "/run/amavisd/milter.sock"});
  now.spool.directory = "/var/spool/amavisd/tmp";
  now.spool.bytes_free_min = 32 * engine::kMiB;
  now.spool.inodes_free_min = 1000;
  now.process = {.cpu = milliseconds(30),
                 .resident_bytes = 5 * engine::kMiB,
                 .open_descriptors = 40,
                 .descriptors_max = 1024};
  engine::BoundedHistogram empty(kTimeBounds);
  engine::BoundedHistogram no_bytes(kSizeBounds);
  engine::BoundedHistogram no_turns(kTurnBounds);
  now.wait.Add(empty);
  now.scan.Add(empty);
  now.scanners[0].now.scan_times.Add(empty);
  now.listeners[0].wait.Add(empty);
  now.listeners[0].scan.Add(empty);
  now.listeners[0].total.Add(empty);
  now.total.Add(empty);
  now.bytes.Add(no_bytes);
  now.turns.Add(no_turns);
  return now;
}

Snapshot MadeSnapshot() {
  Snapshot now = QuietSnapshot();
  now.io_source = "epoll";
  now.io_reason = "io_uring_setup: \"EPERM\"";
  now.taken_at = kStarted + hours(77) + seconds(5);
  now.reloads = 3;
  now.reloads_failed = 1;
  now.last_reload_failed = true;
  now.reloaded_at = kStarted + hours(2);
  now.log_lines_dropped = 17;
  now.sessions = 950;
  now.messages = 200;
  now.scans = 31;
  now.block_bytes = 123'456'789;
  // A number that stays a count's own when others join it.
  for (const CountRow& row : kCountRows) {
    std::uint64_t number = 1000;
    for (const char c : row.log_name)
      number = 31 * number % 9973 + static_cast<std::uint64_t>(c);
    now.counts[static_cast<std::size_t>(row.count)] = number;
  }
  now.counts[static_cast<std::size_t>(Count::kOrphansBegun)] = 25;
  now.counts[static_cast<std::size_t>(Count::kOrphansEnded)] = 19;
  now.reasons.push_back({FailureClass::kOverload, "no scanner slot in time", 7});
  now.reasons.push_back({FailureClass::kPassing, "spool full", 8});
  FillHistograms(&now);
  for (std::size_t i = 0; i < now.listeners[0].counts.size(); ++i)
    now.listeners[0].counts[i] = 900 - 7 * i;
  now.slots[0].pool = {.limit = 10,
                       .free = 0,
                       .orphans = 6,
                       .waiting = 42,
                       .keys = 5,
                       .oldest_age = milliseconds(31'500),
                       .hold_mean = milliseconds(750),
                       .wait_estimate = seconds(4),
                       .granted_waiters = 4321,
                       .refused_full = 3,
                       .refused_key = 2,
                       .shared_key_joins = 1};
  now.slots[0].error_quantiles = {250'000, 1'500'000, 2'500'000};
  now.slots[0].error_sum = 987'654'321;
  now.slots[0].error_count = 4321;
  now.slots.emplace_back().group = "second";
  FillScanners(&now);
  FillQuota(&now);
  FillSpool(&now.spool);
  now.process = {.cpu = milliseconds(987'654),
                 .resident_bytes = 60 * engine::kMiB,
                 .open_descriptors = 1020,
                 .descriptors_max = 1024};
  return now;
}

std::string GoldenControl(const std::string& name, const std::string& text) {
  const std::string path = "tests/golden/control/" + name;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread here
  if (std::getenv("MILLRACE_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::ostringstream golden;
  golden << file.rdbuf();
  return golden.str();
}

}  // namespace relay
