// The whole daemon: shards around the listening sockets, from READY to the last exit line.
//
//   Start   probe the loop, one ShardApp per shard in its thread, accept
//   Run     the main thread waits for signals:  SIGUSR1 the counters go to the log
//                                               SIGHUP  the configuration is read again
//                                               SIGTERM, SIGINT  stop
//   Stop    no more accepts; messages in work end within kStopWithin, what is left gets 451
//
// A reload is all or nothing (daemon_reload.cc): the file is read and checked whole, new sockets
// are opened, and only then a new generation of settings goes to every shard by mail. One at a
// time: the next begins when all shards have taken the last.
//
// Init scripts kill after 10 s, hence the bound of 8 s in all. One per process; the main thread.
#ifndef MILLRACE_RELAY_DAEMON_H_
#define MILLRACE_RELAY_DAEMON_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/io/shard.h"
#include "engine/io/stall_governor.h"
#include "engine/io/stall_monitor.h"
#include "engine/net/listener.h"
#include "relay/identity.h"
#include "relay/limits.h"
#include "relay/scanner_groups.h"
#include "relay/settings.h"
#include "relay/shard_app.h"
#include "relay/shard_meters.h"
#include "relay/snapshot.h"

namespace relay {

inline constexpr engine::Time kStopWithin = std::chrono::seconds(7);
// After this the process ends whatever is still going on.
inline constexpr engine::Time kStopAtLatest = std::chrono::milliseconds(7800);
// How often the main thread looks whether all shards have taken a reload.
inline constexpr engine::Time kReloadLookEvery = std::chrono::milliseconds(20);

// A listening descriptor, and its number towards the shards.
struct ListenerFd {
  std::uint32_t slot = 0;
  int fd = -1;
};

// Where the configuration comes from, at each reload.
struct ReloadSource {
  int argc = 0;
  const char* const* argv = nullptr;
  std::string directory;  // that the daemon was started in
  Identity identity;
};

class Daemon final : public SnapshotSource {
 public:
  class Host;

  // All outlive the daemon. `settings` is complete. `shard_roots`: one directory per shard.
  Daemon(const Settings& settings,
         const Limits& limits,
         std::vector<std::string> shard_roots,
         engine::Log& log);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // `listeners`: one per Settings::listeners; reloads open and close some. Outlives the daemon.
  // After engine::BlockSignals().
  absl::Status Start(std::vector<engine::Listener>& listeners, ReloadSource source);
  // Returns when a signal asks to stop.
  void Run() noexcept;
  // True: everything ended in time and the spool is empty.
  bool Stop() noexcept;

  std::uint64_t Sum(Count count) const noexcept;
  // Any thread.
  std::uint64_t reloads() const noexcept { return reloads_.load(std::memory_order_relaxed); }
  std::uint64_t reloads_failed() const noexcept {
    return reloads_failed_.load(std::memory_order_relaxed);
  }
  // Generations of settings that somebody still uses; 1 unless sessions hold on to old ones.
  std::uint32_t generations_alive() const noexcept {
    const bool first = first_settings_.users.load(std::memory_order_relaxed) > 0;
    return (first ? 1 : 0) + next_generations_alive_.load(std::memory_order_relaxed);
  }

  // SnapshotSource: any thread, from the end of Start() on.
  Snapshot TakeSnapshot() const override;
  std::vector<ClientFigures> TakeClients(std::size_t shown) const override;
  bool stopping() const noexcept override { return stopping_.load(std::memory_order_relaxed); }

 private:
  struct PendingReload;

  // What others read of a shard; the shard's thread writes.
  struct ShardFigures {
    engine::BoundedHistogram turns{kTurnBounds};
    std::atomic<const ShardApp*> app{nullptr};  // set once it is made
  };

  absl::Status StartMonitor();
  absl::Status StartShards(engine::IoChoice io);
  void LogCounters(std::string_view event) noexcept;
  void PublishFacts();
  Snapshot Facts() const;
  void AddShards(Snapshot* now) const;
  void AddScanners(Snapshot* now) const;

  // daemon_reload.cc
  void BeginReload() noexcept;
  void PostReload() noexcept;
  void EndReload() noexcept;
  void RefuseReload(const std::vector<std::string>& errors) noexcept;
  std::vector<std::string> PlanReloadOf(const Config& config, PendingReload& reload) const;
  std::vector<std::string> OpenForReload(const Config& config, PendingReload& reload);
  void CloseOpened(const PendingReload& reload) noexcept;
  void LogReload(const PendingReload& reload) noexcept;

  const Settings& first_settings_;
  const Settings* settings_;  // the newest generation
  const Limits& limits_;
  engine::Log& log_;
  ScannerGroups scanners_;
  std::uint64_t seed_;
  SharedCounts shared_;
  engine::StallGovernor governor_;
  std::unique_ptr<engine::StallMonitor> monitor_;       // --spool-writes=auto alone
  std::vector<std::unique_ptr<ShardFigures>> figures_;  // before those who write them
  std::vector<std::unique_ptr<Host>> hosts_;
  std::unique_ptr<engine::ShardGroup> group_;
  std::vector<std::string> roots_;
  // What a snapshot says of the configuration. Written by the main thread at start and whenever the
  // settings change, read by whoever takes a snapshot; never by a shard.
  Snapshot facts_;
  mutable std::mutex facts_mutex_;  // tidy: allowed, no shard takes it
  std::atomic<bool> stopping_{false};
  std::vector<engine::Listener>* listeners_ = nullptr;  // by slot: ListenerSettings::index
  std::vector<ListenerFd> first_listeners_;             // of the start: read by the shards
  ReloadSource source_;
  std::unique_ptr<PendingReload> pending_;
  std::atomic<std::uint64_t> reloads_{0};
  std::atomic<std::uint64_t> reloads_failed_{0};
  std::atomic<bool> last_reload_failed_{false};
  std::atomic<std::uint32_t> next_generations_alive_{0};
  std::atomic<std::uint32_t> shards_done_{0};
};

}  // namespace relay

#endif  // MILLRACE_RELAY_DAEMON_H_
