// The daemon's figures, gathered from what any thread may read.
#include <algorithm>
#include <string>

#include "engine/base/clock.h"
#include "millrace_build.h"
#include "relay/daemon.h"

namespace relay {
namespace {

// Adds `one` shard's reasons to those of the others.
void AddReasons(const RefusalReasons& one, std::vector<ReasonSnapshot>* all) {
  one.ForEach([all](FailureClass failure, std::string_view reason, std::uint64_t count) {
    for (ReasonSnapshot& known : *all) {
      if (known.failure != failure || known.reason != reason) continue;
      known.count += count;
      return;
    }
    all->push_back({failure, std::string(reason), count});
  });
}

void AddSpool(const ShardGauges& gauges, SpoolSnapshot* spool) noexcept {
  spool->slots_taken += gauges.Read(Gauge::kSpoolTaken);
  spool->slots_free += gauges.Read(Gauge::kSpoolFree);
  spool->slots_retired += gauges.Read(Gauge::kSpoolRetired);
  spool->kept_bytes += gauges.Read(Gauge::kSpoolKeptBytes);
  spool->made += gauges.Read(Gauge::kSpoolMade);
  spool->reused += gauges.Read(Gauge::kSpoolReused);
  spool->removals_failed += gauges.Read(Gauge::kSpoolRemovalsFailed);
  if (gauges.Read(Gauge::kSpoolLooked) == 0) return;
  const std::uint64_t bytes = gauges.Read(Gauge::kSpoolBytesFree);
  const std::uint64_t inodes = gauges.Read(Gauge::kSpoolInodesFree);
  // One file system: who knows of the least knows best.
  spool->bytes_free = spool->looked ? std::min(spool->bytes_free, bytes) : bytes;
  spool->inodes_free = spool->looked ? std::min(spool->inodes_free, inodes) : inodes;
  spool->looked = true;
}

void AddListener(const ListenerCounters& counters, ListenerSnapshot* listener) noexcept {
  for (std::size_t i = 0; i < listener->counts.size(); ++i)
    listener->counts[i] += counters.Read(static_cast<ListenerCount>(i));
}

SlotsSnapshot SlotsOf(const engine::SlotPool& pool) {
  SlotsSnapshot slots;
  slots.pool = pool.Figures(engine::MonotonicNow());
  const engine::Histogram& errors = pool.estimate_errors_us();
  for (std::size_t i = 0; i < kErrorQuantiles.size(); ++i)
    slots.error_quantiles[i] = errors.Percentile(kErrorQuantiles[i]);
  slots.error_sum = errors.sum();
  slots.error_count = errors.count();
  return slots;
}

std::string NameOf(const std::string& name, const std::string& socket) {
  return name.empty() ? socket : name;
}

}  // namespace

void Daemon::AddShards(Snapshot* now) const {
  for (const auto& shard : figures_) {
    now->turns.Add(shard->turns);
    const ShardApp* app = shard->app.load(std::memory_order_acquire);
    if (app == nullptr) continue;
    for (const CountRow& row : kCountRows)
      now->counts[static_cast<std::size_t>(row.count)] += app->counters().Read(row.count);
    const ShardMeters& meters = app->meters();
    now->wait.Add(meters.wait);
    now->scan.Add(meters.scan);
    now->total.Add(meters.total);
    now->bytes.Add(meters.bytes);
    for (ListenerSnapshot& listener : now->listeners)
      AddListener(meters.listeners[listener.index], &listener);
    AddReasons(meters.reasons, &now->reasons);
    AddSpool(meters.gauges, &now->spool);
    now->scans += meters.gauges.Read(Gauge::kScans);
    now->block_bytes += meters.gauges.Read(Gauge::kBlockBytes);
  }
}

void Daemon::PublishFacts() {
  const std::lock_guard<std::mutex> lock(facts_mutex_);  // tidy: allowed, no shard takes it
  facts_.version = millrace_build::kVersion;
  facts_.reloaded_at = engine::WallNow();
  facts_.shards = limits_.shards;
  facts_.sessions_max = settings_->sessions_max;
  facts_.messages_max = settings_->messages_max;
  facts_.block_bytes_max = settings_->block_bytes_max * limits_.shards;
  facts_.scanners.clear();
  for (const ScannerSettings& scanner : settings_->scanners)
    facts_.scanners.push_back({NameOf(scanner.name, scanner.socket), scanner.socket});
  facts_.listeners.clear();
  for (const ListenerSettings& listener : settings_->listeners) {
    if (!listener.present) continue;
    facts_.listeners.push_back({.name = NameOf(listener.name, listener.socket),
                                .address = listener.socket,
                                .index = listener.index});
  }
  facts_.spool.directory = settings_->config.spool.directory;
  facts_.spool.reuse = settings_->spool_reuse;
  facts_.spool.bytes_free_min = settings_->spool_limits.floor.bytes_free_min;
  facts_.spool.inodes_free_min = settings_->spool_limits.floor.inodes_free_min;
}

Snapshot Daemon::Facts() const {
  const std::lock_guard<std::mutex> lock(facts_mutex_);  // tidy: allowed, no shard takes it
  return facts_;
}

Snapshot Daemon::TakeSnapshot() const {
  Snapshot now = Facts();
  now.stopping = stopping();
  now.reloads = reloads();
  now.reloads_failed = reloads_failed();
  now.last_reload_failed = last_reload_failed_.load(std::memory_order_relaxed);
  now.taken_at = engine::WallNow();
  now.log_lines_dropped = log_.dropped();
  now.sessions = shared_.sessions.value();
  now.messages = shared_.messages.value();
  for (std::size_t i = 0; i < scanners_.size(); ++i) {
    const ScannerGroup& group = scanners_.at(i);
    now.slots.push_back(SlotsOf(group.slots()));
    now.slots.back().group = group.name();
  }
  AddShards(&now);
  const engine::StallCounts stalls = governor_.counts(engine::MonotonicNow());
  now.spool.stalled = stalls.async && governor_.work() == engine::FileWork::kAuto;
  now.spool.stalls = stalls.onsets;
  now.spool.stalled_for = stalls.time_async;
  now.process = ReadProcessFigures();
  return now;
}

}  // namespace relay
