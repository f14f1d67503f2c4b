// The scanners that a message may go to, whichever of them is free: one slot pool for all of them,
// and the choice among them when a slot has been granted. Shared by all shards.
//
//   job --AcquireOrWait--> slots() --granted--> Pick --> one scanner's room --> ... --> Report,
//   Give
//                            ^                    |                                      |
//                            |                    '- kNoRoom: Release, join again        |
//                            '---- limit: the sum of what the scanners may have <--------'
//
// - A slot belongs to the group, not to a scanner: a free one always serves the head of the queue.
//   The pool's limit follows the scanners' limits, breakers and draining (relay/scanner_room.h
//   tells why the sums are exact).
// - Pick is the power of two choices (Mitzenmacher, 1996): two scanners are drawn by weight among
//   those with room, the one with less outstanding for its weight is taken.
// - No scanner live (all breakers open, or all draining): nobody waits for what may not come. The
//   pool grants to everybody, Pick answers kNoneLive, and the messages fail at once, as they would
//   if their connects were refused. A breaker whose back-off is over has room for one message, the
//   probe, and while that is under way the others wait for its outcome.
// - A request ends with one Report, told as soon as it is known, and one Give, when the scanner is
//   done with it, which may be long after (orphans).
//
// Entries are never used for another scanner, so an index stays good for a request's whole life: at
// most kEntriesMax different scanners in the life of a process.
// It knows nothing of messages and connects nowhere.
#ifndef MILLRACE_RELAY_SCANNER_GROUP_H_
#define MILLRACE_RELAY_SCANNER_GROUP_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bounded_histogram.h"
#include "engine/base/counters.h"
#include "engine/net/address.h"
#include "engine/quota/slot_pool.h"
#include "relay/histogram_bounds.h"
#include "relay/scanner_health.h"
#include "relay/scanner_limit.h"
#include "relay/scanner_room.h"

namespace relay {

// What is counted of a scanner. Failures by kind: the sum of kTimeouts .. kRefused.
enum class ScannerCount : std::uint8_t {
  kRequests,       // that it had whole
  kReplies,        // whole ones
  kTimeouts,       // no whole reply in time
  kBrokeOff,       // closed after a whole request, without an octet of a reply
  kHalfReplies,    // closed within its reply
  kBrokenReplies,  // nonsense
  kNotTaken,       // connection lost, or time over, before it had the request whole
  kRefused,        // connects that nobody took
  kBusy,           // connects that met a full backlog
  kRetries,        // messages that went on to another scanner after they had failed here
  kOpened,         // times that the breaker has opened
  kProbes,         // messages that were sent to a half-open scanner
  kEnd,
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(ScannerCount::kEnd)>
    kScannerCountNames = {"requests",
                          "replies",
                          "timeouts",
                          "broke_off",
                          "half_replies",
                          "broken_replies",
                          "not_taken",
                          "refused",
                          "busy",
                          "retries",
                          "breaker_opened",
                          "probes"};

// One scanner as configured.
struct ScannerSpec {
  static constexpr std::uint32_t kWeightMax = 1000;
  // Requests at once; the pool's sums keep room for all of them.
  static constexpr std::uint32_t kLimitMax = 1U << 23U;

  engine::Address address;
  std::uint32_t weight = 1;                               // 1 .. kWeightMax
  std::uint32_t limit = ScannerLimit::kLearn;             // 1 .. kLimitMax, or kLearn
  bool drain = false;                                     // gets nothing new
  engine::Time scan_timeout = std::chrono::seconds(600);  // for the whole reply
  engine::Time orphan_limit = std::chrono::seconds(500);  // for a request nobody waits for any more
};

enum class ScanOutcome : std::uint8_t {
  kReply,
  kTimeout,
  kBrokeOff,
  kHalfReply,
  kBrokenReply,
  kNotTaken,
  kRefused,
  kBusy,       // backlog full: says nothing about its health
  kUndecided,  // nothing of the kind: given up by its mail server, or something of ours ran out
};

// A scanner's room in the hands of a request.
struct PickedScanner {
  static constexpr std::uint8_t kNone = 255;
  std::uint8_t index = kNone;
  bool probe = false;     // its reply decides about the breaker
  bool reported = false;  // the request's outcome is known
  bool any() const noexcept { return index != kNone; }
};

// A point in time with the chance that may be needed there; of the calling shard.
struct ScannerMoment {
  std::uint32_t shard = 0;
  engine::Time now{};
  std::uint64_t chance = 0;
};

struct ScannerSnapshot {
  std::string group;
  std::string address;
  BreakerState state = BreakerState::kClosed;
  bool draining = false;
  bool learns = false;
  std::uint32_t weight = 0;
  std::uint32_t limit = 0;        // as configured or learnt
  std::uint32_t limit_now = 0;    // what breaker and slow start leave of it
  std::uint32_t outstanding = 0;  // orphans included
  std::array<std::uint64_t, static_cast<std::size_t>(ScannerCount::kEnd)> counts{};
  engine::HistogramSums scan_times{};  // microseconds, of whole replies
};

class ScannerGroup {
 public:
  static constexpr std::size_t kEntriesMax = 64;
  using Mask = std::uint64_t;  // of entries
  static constexpr Mask MaskOf(std::size_t index) noexcept { return Mask{1} << index; }
  // What the pool's limit is raised by while no scanner is live.
  static constexpr std::int32_t kFlush = 1 << 20;

  // `shards`: how many count. `start`: no later than any time told here.
  ScannerGroup(std::string name,
               std::span<const ScannerSpec> scanners,
               std::uint32_t shards,
               engine::Time start);
  ~ScannerGroup();
  ScannerGroup(const ScannerGroup&) = delete;
  ScannerGroup& operator=(const ScannerGroup&) = delete;

  const std::string& name() const noexcept { return name_; }
  engine::SlotPool& slots() noexcept { return slots_; }
  const engine::SlotPool& slots() const noexcept { return slots_; }

  enum class Pick : std::uint8_t { kPicked, kNoRoom, kNoneLive };
  // With a granted slot in hand; scanners of `except` are left out.
  Pick PickFor(const ScannerMoment& at, Mask except, PickedScanner* picked) noexcept;
  // The request is done with the scanner, and with its slot, which goes back to the pool
  // (`held`: as SlotPool::Release) ...
  void Give(const ScannerMoment& at, PickedScanner* picked, engine::Time held = {}) noexcept;
  // ... or stays in hand, for another scanner.
  void GiveButKeepSlot(const ScannerMoment& at, PickedScanner* picked) noexcept;

  // What has become of a request. The first word counts, later ones (a late reply of what has timed
  // out) are ignored. `scan_time`: kReply alone.
  ScannerHealth::Change Report(const ScannerMoment& at,
                               PickedScanner* picked,
                               ScanOutcome outcome,
                               engine::Time scan_time = {}) noexcept;
  void Count(std::uint32_t shard, const PickedScanner& picked, ScannerCount what) noexcept;

  // A scanner that is not in `except` takes messages, or will soon.
  bool AnyLive(Mask except) const noexcept;
  // A reload has taken all of its scanners away.
  bool retired() const noexcept;
  // Not all of its scanners drain.
  bool AnyInUse() const noexcept;
  // A scanner in use is left out because scans failed there, not because nobody listened.
  bool AnyOpenByFailures() const noexcept;
  bool IsLive(std::uint8_t index) const noexcept;
  const engine::Address& address(std::uint8_t index) const noexcept;
  engine::Time scan_timeout(std::uint8_t index) const noexcept;
  engine::Time orphan_limit(std::uint8_t index) const noexcept;

  // About once a second, from each shard: what time alone changes. `changed` hears of breakers.
  using Changed = void (*)(void* context,
                           std::uint8_t index,
                           const ScannerHealth::Change&) noexcept;
  void Tick(const ScannerMoment& at, Changed changed, void* context) noexcept;

  // Of an active probe (relay/scanner_probe.h): whether one is of use now, and that somebody took
  // the connect.
  bool WantsConnectProbe(std::uint8_t index, engine::Time now) const noexcept;
  void ConnectProbeTaken(const ScannerMoment& at, std::uint8_t index) noexcept;
  std::size_t entries() const noexcept { return entries_.load(std::memory_order_acquire); }

  // The main thread (start, reload, control). Scanners are known by address; those that are not in
  // the list any more get nothing new, and are forgotten when their last request has ended. Only
  // where MayApply() says that there are entries for all of them.
  bool MayApply(std::span<const ScannerSpec> scanners) const noexcept;
  void Apply(std::span<const ScannerSpec> scanners, engine::Time now);
  // False: no such scanner.
  bool Drain(std::string_view address, bool drain, engine::Time now);
  // Any thread.
  std::vector<ScannerSnapshot> Snapshot() const;

 private:
  enum class Use : std::uint8_t { kInUse, kDraining, kRemoved };
  using Counts = engine::Counters<ScannerCount>;
  struct alignas(64) ScanTimes {
    engine::BoundedHistogram of_replies{kTimeBounds};
  };
  struct alignas(64) Scanner {
    Scanner(engine::Time start, const ScannerSpec& spec, std::uint32_t shards)
        : health(start),
          limit(spec.limit),
          weight(spec.weight),
          address(spec.address),
          scan_times(shards) {}
    ScannerRoom room;
    alignas(64) ScannerHealth health;
    alignas(64) ScannerLimit limit;
    std::atomic<std::uint32_t> weight;
    std::atomic<engine::Time> scan_timeout{};
    std::atomic<engine::Time> orphan_limit{};
    std::atomic<Use> use{Use::kInUse};
    const engine::Address address;
    std::vector<ScanTimes> scan_times;  // by shard
  };

  bool Draw(const ScannerMoment& at, Mask except, PickedScanner* picked) noexcept;
  bool Take(const ScannerMoment& at, std::uint8_t index, PickedScanner* picked) noexcept;
  bool PutBack(const ScannerMoment& at, PickedScanner* picked) noexcept;
  Room Wanted(const Scanner& scanner, const Room& room, engine::Time now, bool clear) noexcept;
  void Refresh(std::uint8_t index, engine::Time now, bool clear_probe = false) noexcept;
  void RefreshAll(engine::Time now) noexcept;
  void LiveChanged(bool was, bool is, engine::Time now) noexcept;
  void Note(const ScannerMoment& at,
            std::uint8_t index,
            const ScannerHealth::Change& change) noexcept;
  std::size_t Find(const engine::Address& address) const noexcept;
  Counts& CountsOf(std::uint32_t shard, std::uint8_t index) const noexcept {
    return counts_[shard * kEntriesMax + index];
  }

  const std::string name_;
  const std::uint32_t shards_;
  const engine::Time start_;
  engine::SlotPool slots_;
  alignas(64) std::atomic<std::uint32_t> live_{0};  // entries whose limit is not zero
  std::array<std::unique_ptr<Scanner>, kEntriesMax> scanners_;
  std::atomic<std::size_t> entries_{0};
  std::unique_ptr<Counts[]> counts_;  // NOLINT(modernize-avoid-c-arrays): by shard, then entry
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCANNER_GROUP_H_
