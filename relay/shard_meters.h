// What one shard measures beside its counts (counts.h): how long and how large messages are, why
// they are refused, and how much of everything is in use.
//
//   histograms   at each answer          wait, scan, total time in microseconds; octets
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

// Microseconds: from 1 ms to the longest that a mail server waits.
inline constexpr std::array<std::uint64_t, 18> kTimeBounds = {1'000,
                                                              2'500,
                                                              5'000,
                                                              10'000,
                                                              25'000,
                                                              50'000,
                                                              100'000,
                                                              250'000,
                                                              500'000,
                                                              1'000'000,
                                                              2'500'000,
                                                              5'000'000,
                                                              10'000'000,
                                                              30'000'000,
                                                              60'000'000,
                                                              120'000'000,
                                                              300'000'000,
                                                              600'000'000};
// Octets: 1 KiB to 256 MiB.
inline constexpr std::array<std::uint64_t, 10> kSizeBounds = {1'024,
                                                              4'096,
                                                              16'384,
                                                              65'536,
                                                              262'144,
                                                              1'048'576,
                                                              4'194'304,
                                                              16'777'216,
                                                              67'108'864,
                                                              268'435'456};
// Microseconds of a turn of the loop.
inline constexpr std::array<std::uint64_t, 14> kTurnBounds = {50,
                                                              100,
                                                              250,
                                                              500,
                                                              1'000,
                                                              2'500,
                                                              5'000,
                                                              10'000,
                                                              25'000,
                                                              50'000,
                                                              100'000,
                                                              250'000,
                                                              500'000,
                                                              1'000'000};

// When a message was answered, and how long its parts took; zero: there was no such part.
struct AnsweredMessage {
  engine::Time waited{};
  engine::Time scanned{};
  engine::Time total{};
  std::uint64_t bytes = 0;
  bool had_wait = false;
  bool had_scan = false;
};

// What is counted by listener, beside the counts of all.
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

struct ShardMeters {
  static constexpr std::size_t kListenersMax = 32;  // as many as a shard can watch

  engine::BoundedHistogram wait{kTimeBounds};
  engine::BoundedHistogram scan{kTimeBounds};
  engine::BoundedHistogram total{kTimeBounds};
  engine::BoundedHistogram bytes{kSizeBounds};
  RefusalReasons reasons;
  ShardGauges gauges;
  std::array<ListenerCounters, kListenersMax> listeners;  // by ListenerSettings::index

  // The shard's thread, once for each message whose end has come.
  void Answered(const AnsweredMessage& message) noexcept;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SHARD_METERS_H_
