// What one shard measures beside its counts (counts.h): how long and how large messages are, why
// they are refused, and how much of everything is in use.
//
//   listeners    at each answer          wait, scan, total time in microseconds; counts
//   sizes        at each answer          octets of messages
//   reasons      at each refusal         by class and by the reason that the log names
//   gauges       once a second, by the shard's tick: what belongs to its thread alone
//
// The shard's thread writes, any thread reads: relaxed atomics, as engine/base/counters.h. Reasons
// are texts of ours (Refusal::reason), so there are few; what exceeds kReasonsMax is counted as
// one.
#ifndef MILLRACE_RELAY_SHARD_METERS_H_
#define MILLRACE_RELAY_SHARD_METERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/bounded_histogram.h"
#include "engine/base/counters.h"
#include "engine/base/units.h"
#include "relay/failure.h"
#include "relay/histogram_bounds.h"

namespace relay {

enum class Gauge : std::uint8_t {
  kSpoolTaken,      // slots with a message, draining ones too
  kSpoolFree,       // slots kept for reuse
  kSpoolRetired,    // directories whose removal failed so far
  kSpoolKeptBytes,  // blocks of free slots
  kSpoolLooked,     // 1: the two below are known
  kSpoolBytesFree,  // of the file system, estimated
  kSpoolInodesFree,
  kSpoolMade,  // these three since the start
  kSpoolReused,
  kSpoolRemovalsFailed,
  kBlockBytes,  // of the block pool, in use
  kScans,       // jobs in whatever state
  kEnd,
};

class ShardGauges {
 public:
  // The shard's thread.
  void Set(Gauge gauge, std::uint64_t value) noexcept {
    cells_[static_cast<std::size_t>(gauge)].store(value, std::memory_order_relaxed);
  }
  // Any thread.
  std::uint64_t Read(Gauge gauge) const noexcept {
    return cells_[static_cast<std::size_t>(gauge)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Gauge::kEnd)> cells_{};
};

// Refusals by class and reason, in the order in which they first came.
class RefusalReasons {
 public:
  static constexpr std::size_t kReasonsMax = 48;

  // The shard's thread. `refusal.reason` is static.
  void Count(const Refusal& refusal) noexcept;

  // Any thread: calls `each(FailureClass, std::string_view reason, std::uint64_t count)`.
  template <typename Each>
  void ForEach(Each each) const {
    const std::size_t used = used_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) {
      const Entry& entry = entries_[i];
      each(entry.failure, entry.reason, entry.count.load(std::memory_order_relaxed));
    }
  }

 private:
  struct Entry {
    FailureClass failure = FailureClass::kPassing;
    std::string_view reason;
    std::atomic<std::uint64_t> count{0};
  };

  // Written before used_ makes it known.
  std::array<Entry, kReasonsMax> entries_;
  std::atomic<std::size_t> used_{0};
};

// When a message was answered, and how long its parts took; zero: there was no such part.
struct AnsweredMessage {
  engine::Time waited{};
  engine::Time scanned{};
  engine::Time total{};
  std::uint64_t bytes = 0;
  bool had_wait = false;
  bool had_scan = false;
  std::uint32_t listener = 0;  // by ListenerSettings::index
};

// What is counted by listener.
enum class ListenerCount : std::uint8_t {
  kSessionsBegun,
  kSessionsEnded,
  kContinue,  // messages by verdict ...
  kAccept,
  kReject,
  kDiscard,
  kTempfail,
  kRefused,          // ... or refused by us, at DATA or at the end
  kPassedUnscanned,  // ... or let through
  kQuarantined,      // ... or into the mail server's hold queue, unscanned
  kEnd,
};
using ListenerCounters = engine::Counters<ListenerCount>;

// Of one listener, beside the counts of all; times of all listeners are the sum of these.
struct ListenerMeters {
  ListenerCounters counts;
  engine::BoundedHistogram wait{kTimeBounds};
  engine::BoundedHistogram scan{kTimeBounds};
  engine::BoundedHistogram total{kTimeBounds};
};

struct ShardMeters {
  static constexpr std::size_t kListenersMax = 32;  // as many as a shard can watch

  engine::BoundedHistogram bytes{kSizeBounds};
  RefusalReasons reasons;
  ShardGauges gauges;
  std::array<ListenerMeters, kListenersMax> listeners;  // by ListenerSettings::index

  // The shard's thread, once for each message whose end has come.
  void Answered(const AnsweredMessage& message) noexcept;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SHARD_METERS_H_
