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

void AddListener(const ListenerMeters& meters, ListenerSnapshot* listener) noexcept {
  for (std::size_t i = 0; i < listener->counts.size(); ++i)
    listener->counts[i] += meters.counts.Read(static_cast<ListenerCount>(i));
  listener->wait.Add(meters.wait);
  listener->scan.Add(meters.scan);
  listener->total.Add(meters.total);
}

// Of all listeners, those too that are no longer configured.
void AddTimes(const ShardMeters& meters, Snapshot* now) noexcept {
  for (const ListenerMeters& each : meters.listeners) {
    now->wait.Add(each.wait);
    now->scan.Add(each.scan);
    now->total.Add(each.total);
  }
}

// While no scanner is live the pool grants to everybody (scanner_group.h): that is no limit to
// show.
SlotsSnapshot SlotsOf(const ScannerGroup& group) {
  const engine::SlotPool& pool = group.slots();
  SlotsSnapshot slots;
  slots.group = group.name();
  slots.pool = pool.Figures(engine::MonotonicNow());
  if (!group.AnyLive(0) && slots.pool.limit >= ScannerGroup::kFlush) {
    slots.pool.limit -= ScannerGroup::kFlush;
    slots.pool.free -= ScannerGroup::kFlush;
  }
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

void PublishClientLimits(const QuotaConfig& quota, ClientTableSnapshot* to) noexcept {
  to->client_sessions_max = quota.client_sessions_max;
  to->client_messages_max = quota.client_messages_max;
  to->network_sessions_max = quota.network_sessions_max;
  to->network_messages_max = quota.network_messages_max;
  to->client_message_rate = quota.client_message_rate;
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
    AddTimes(meters, now);
    now->bytes.Add(meters.bytes);
    for (ListenerSnapshot& listener : now->listeners)
      AddListener(meters.listeners[listener.index], &listener);
    AddReasons(meters.reasons, &now->reasons);
    AddSpool(meters.gauges, &now->spool);
    now->scans += meters.gauges.Read(Gauge::kScans);
    now->block_bytes += meters.gauges.Read(Gauge::kBlockBytes);
  }
}

// Names are the configuration's; a scanner that it does not have any more is shown by its address
// until its last request has ended.
void Daemon::AddScanners(Snapshot* now) const {
  const std::vector<ScannerFigures> named = std::move(now->scanners);
  now->scanners.clear();
  for (std::size_t i = 0; i < scanners_.size(); ++i)
    now->slots.push_back(SlotsOf(scanners_.at(i)));
  for (ScannerSnapshot& each : scanners_.Snapshot()) {
    ScannerFigures& figures = now->scanners.emplace_back();
    figures.name = each.address;
    figures.removed = true;
    for (const ScannerFigures& known : named) {
      if (known.now.address != each.address || known.now.group != each.group) continue;
      figures.name = known.name;
      figures.removed = false;
    }
    figures.now = std::move(each);
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
  for (const ScannerSettings& scanner : settings_->scanners) {
    ScannerFigures& figures = facts_.scanners.emplace_back();
    figures.name = NameOf(scanner.name, scanner.socket);
    figures.now.group = scanner.group;
    figures.now.address = scanner.address.text;
  }
  facts_.listeners.clear();
  for (const ListenerSettings& listener : settings_->listeners) {
    if (!listener.present) continue;
    facts_.listeners.push_back({.name = NameOf(listener.name, listener.socket),
                                .address = listener.socket,
                                .index = listener.index,
                                .sessions_max = listener.sessions_max,
                                .messages_max = listener.messages_max});
  }
  PublishClientLimits(settings_->config.quota, &facts_.client_table);
  facts_.client_table.used = facts_.client_table.used || settings_->clients.any();
  facts_.client_table.capacity = shared_.clients.entries();
  facts_.spool.directory = settings_->config.spool.directory;
  facts_.spool.bytes_used_max = settings_->config.spool.bytes_used_max;
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
  for (ListenerSnapshot& listener : now.listeners)
    listener.messages = shared_.listeners[listener.index].messages.value();
  if (now.client_table.used) now.client_table.totals = shared_.clients.Totals();
  now.spool.bytes_used = shared_.spool_bytes.load(std::memory_order_relaxed);
  AddScanners(&now);
  AddShards(&now);
  const engine::StallCounts stalls = governor_.counts(engine::MonotonicNow());
  now.spool.stalled = stalls.async && governor_.work() == engine::FileWork::kAuto;
  now.spool.stalls = stalls.onsets;
  now.spool.stalled_for = stalls.time_async;
  now.process = ReadProcessFigures();
  return now;
}

std::vector<ClientFigures> Daemon::TakeClients(std::size_t shown) const {
  if (!Facts().client_table.used) return {};
  return BusiestClients(shared_.clients, shown);
}

}  // namespace relay
