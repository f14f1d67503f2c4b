// What the daemon is doing, at one moment, as plain numbers: what the metrics (metrics_text.h) and
// the control socket (control_answer.h) show.
//
//   shards, pools, tables (atomics) --Daemon::TakeSnapshot--> Snapshot --> OpenMetrics text
//                                                                     '--> JSON
//
// Taken in the thread of whoever asks, from figures that any thread may read: no shard is asked or
// held up. Each number is right; they are not of one instant. What a shard publishes once a second
// (shard_meters.h: the spool, memory) is that old.
#ifndef MILLRACE_RELAY_SNAPSHOT_H_
#define MILLRACE_RELAY_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/bounded_histogram.h"
#include "engine/base/units.h"
#include "engine/quota/slot_pool.h"
#include "relay/client_figures.h"
#include "relay/counts.h"
#include "relay/failure.h"
#include "relay/process_figures.h"
#include "relay/scanner_group.h"
#include "relay/shard_meters.h"

namespace relay {

struct ReasonSnapshot {
  FailureClass failure = FailureClass::kPassing;
  std::string reason{};
  std::uint64_t count = 0;
};

// The slots of one group of scanners, and who waits for them.
struct SlotsSnapshot {
  std::string group{};  // empty: there is one
  engine::SlotPoolFigures pool{};
  // |estimated - real| wait of those who waited, of which `error_count`; microseconds.
  std::array<std::uint64_t, 3> error_quantiles{};  // kErrorQuantiles
  std::uint64_t error_sum = 0;
  std::uint64_t error_count = 0;
};
inline constexpr std::array<double, 3> kErrorQuantiles = {0.5, 0.9, 0.99};

struct ScannerFigures {
  std::string name{};
  bool removed = false;  // no longer configured; it still has requests
  ScannerSnapshot now{};
};

struct ListenerSnapshot {
  std::string name{};
  std::string address{};
  std::uint32_t index = 0;  // of ShardMeters::listeners
  std::array<std::uint64_t, static_cast<std::size_t>(ListenerCount::kEnd)> counts{};
  std::uint32_t sessions_max = 0;  // 0: no limit; messages are counted under a limit alone
  std::uint32_t messages = 0;
  std::uint32_t messages_max = 0;

  engine::HistogramSums wait{};  // microseconds
  engine::HistogramSums scan{};
  engine::HistogramSums total{};

  std::uint64_t count(ListenerCount which) const noexcept {
    return counts[static_cast<std::size_t>(which)];
  }
  std::uint64_t sessions() const noexcept {
    return count(ListenerCount::kSessionsBegun) - count(ListenerCount::kSessionsEnded);
  }
};

struct SpoolSnapshot {
  std::string directory{};
  std::uint64_t slots_taken = 0;
  std::uint64_t slots_free = 0;
  std::uint64_t slots_retired = 0;  // directories whose removal failed so far
  std::uint64_t kept_bytes = 0;
  std::uint64_t bytes_used = 0;  // content of messages in work, counted under a limit alone
  std::uint64_t bytes_used_max = 0;
  bool looked = false;  // the two below are known; UINT64_MAX: the file system does not count them
  std::uint64_t bytes_free = 0;
  std::uint64_t inodes_free = 0;
  std::uint64_t bytes_free_min = 0;  // below these messages are refused
  std::uint64_t inodes_free_min = 0;
  std::uint64_t made = 0;
  std::uint64_t reused = 0;
  std::uint64_t removals_failed = 0;
  bool reuse = true;
  bool stalled = false;  // file work has left the shards
  std::uint64_t stalls = 0;
  engine::Time stalled_for{};  // in all
};

struct Snapshot {
  std::string version{};
  std::string io_source{};  // "epoll"
  std::string io_reason{};  // "io_uring_setup: EPERM"; empty: it was asked for, or is the best
  bool stopping = false;
  engine::Time taken_at{};    // since 1970
  engine::Time started_at{};  // since 1970
  std::uint32_t shards = 0;
  std::uint64_t reloads = 0;
  std::uint64_t reloads_failed = 0;
  bool last_reload_failed = false;
  engine::Time reloaded_at{};  // since 1970; the start where nothing was reloaded
  std::uint64_t log_lines_dropped = 0;

  std::uint64_t sessions = 0;
  std::uint64_t sessions_max = 0;
  std::uint64_t messages = 0;  // from DATA until their scan has ended
  std::uint64_t messages_max = 0;
  std::uint64_t scans = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t block_bytes_max = 0;

  std::array<std::uint64_t, static_cast<std::size_t>(Count::kEnd)> counts{};
  std::vector<ReasonSnapshot> reasons{};

  engine::HistogramSums wait{};  // microseconds
  engine::HistogramSums scan{};
  engine::HistogramSums total{};
  engine::HistogramSums bytes;
  engine::HistogramSums turns;  // microseconds

  std::vector<SlotsSnapshot> slots{};
  std::vector<ScannerFigures> scanners{};
  std::vector<ListenerSnapshot> listeners{};
  ClientTableSnapshot client_table{};
  std::vector<ClientFigures> clients{};  // filled by the control socket alone, on demand
  SpoolSnapshot spool;
  ProcessFigures process;

  std::uint64_t count(Count which) const noexcept {
    return counts[static_cast<std::size_t>(which)];
  }
  std::uint64_t orphans() const noexcept {
    return count(Count::kOrphansBegun) - count(Count::kOrphansEnded);
  }
};

// What asks for a snapshot: the daemon, or a test.
class SnapshotSource {
 public:
  // Any thread.
  virtual Snapshot TakeSnapshot() const = 0;
  // Any thread: for Snapshot::clients.
  virtual std::vector<ClientFigures> TakeClients(std::size_t shown) const = 0;
  virtual bool stopping() const noexcept = 0;

 protected:
  ~SnapshotSource() = default;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SNAPSHOT_H_
