// The whole daemon: shards around one listening socket, from READY to the last exit line.
//
//   Start   probe the loop, one ShardApp per shard in its thread, accept
//   Run     the main thread waits for signals:  SIGUSR1 the counters go to the log
//                                               SIGHUP  noted (nothing to read again)
//                                               SIGTERM, SIGINT  stop
//   Stop    no more accepts; messages in work end within kStopWithin, what is left gets 451
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
#include "engine/quota/slot_pool.h"
#include "relay/limits.h"
#include "relay/settings.h"
#include "relay/shard_app.h"
#include "relay/shard_meters.h"
#include "relay/snapshot.h"

namespace relay {

inline constexpr engine::Time kStopWithin = std::chrono::seconds(7);
// After this the process ends whatever is still going on.
inline constexpr engine::Time kStopAtLatest = std::chrono::milliseconds(7800);

class Daemon final : public SnapshotSource {
 public:
  // All outlive the daemon. `settings` is complete. `shard_roots`: one directory per shard.
  Daemon(const Settings& settings,
         const Limits& limits,
         std::vector<std::string> shard_roots,
         engine::Log& log);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // `listener`: a listening descriptor, the caller's. After engine::BlockSignals().
  absl::Status Start(int listener);
  // Returns when a signal asks to stop.
  void Run() noexcept;
  // True: everything ended in time and the spool is empty.
  bool Stop() noexcept;

  std::uint64_t Sum(Count count) const noexcept;

  // SnapshotSource: any thread, from the end of Start() on.
  Snapshot TakeSnapshot() const override;
  bool stopping() const noexcept override { return stopping_.load(std::memory_order_relaxed); }

 private:
  class Host;

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

  const Settings& settings_;
  const Limits& limits_;
  engine::Log& log_;
  engine::SlotPool scanner_slots_;
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
  int listener_ = -1;
  std::atomic<std::uint32_t> shards_done_{0};
};

}  // namespace relay

#endif  // MILLRACE_RELAY_DAEMON_H_
