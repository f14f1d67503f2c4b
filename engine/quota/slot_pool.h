// n slots shared by all shards: lock-free, exact, fair between keys, first come first served
// within.
//
//   word_:  | free (signed, high 32) | waiting (low 32) |
//           ONE atomic, so "none free" and "I wait" cannot miss each other, and the bound on those
//           who wait is exact
//
//   AcquireOrWait   free > 0 and nobody waits -> taken at once
//                   waiting == length_max -> full, at once
//                   else -> inbox (its order IS age) -> Serve -> FairQueue -> "granted"
//                                                                          -> "refused"
//                                                                          (per_key_max)
//   Release         free + 1; somebody waits -> Serve
//   Serve           whoever changes something serves; one who loses leaves the work to the server
//                   of the moment
//
// There is no owner thread and no lock that anybody waits on. Queue, `wait` and the inbox head
// belong to the server of the moment, handed over by turns_'s release sequence. Always: free +
// granted and not released == limit. "First come" means the order of the inbox.
//
// The wait of a newcomer is estimated from the queue (rounds until its key's turn) and from how
// fast it drains (drain_rate.h); what the estimate was wrong by is kept (Figures).
//
// Limit: one pass of Serve grants kGrantsPerServe slots; each grant, as it is delivered on its home
// shard, serves on where slots and waiters are left. No allocation after construction.
// It does not know what a slot is for, and keeps no deadlines (they are the ticket owner's, by
// Cancel). Its time is what the callers' loops say.
#ifndef MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_
#define MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_

#include <atomic>
#include <cstdint>

#include "engine/base/histogram.h"
#include "engine/io/loop.h"
#include "engine/io/mailbox.h"
#include "engine/quota/drain_rate.h"
#include "engine/quota/fair_queue.h"

namespace engine {

class SlotPool;

// One waiter. Lives in its owner (a scan job) on its home shard.
//
//   AcquireOrWait -> kTaken, kFull: the ticket was never queued
//                 -> kWaits: `granted` or `refused` comes back on the home shard's loop, once ...
//   ... unless Cancel() came first; then `gone` comes, always, as the last word (a `granted` may
//   come before it: release the slot; or a `refused`: nothing). Free the ticket at `granted` or
//   `refused` if it was never cancelled, else at `gone`.
struct Ticket : FairWaiter {
  enum class Wait : std::uint8_t { kNone, kInbox, kQueued, kAnswered };
  using Told = void (*)(Ticket& ticket) noexcept;
  struct Words {
    Told granted;
    Told refused;  // its key has too many waiters
    Told gone;
  };
  struct Node : Mail {
    Ticket* owner = nullptr;
    bool leave = false;
  };
  // `home_loop` is the home shard's; the words come there.
  Ticket(Loop& home_loop, const Words& told) noexcept;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  Node join;
  Node leave;
  Wait wait = Wait::kNone;  // the server's
  bool again = false;       // joins by WaitAgain
  bool was_refused = false;
  Loop* home;
  SlotPool* pool = nullptr;  // set by AcquireOrWait
  Time estimated{};          // when it joined; negative: nothing was known
  Words words;
};

enum class SlotAnswer : std::uint8_t { kTaken, kWaits, kFull };

struct SlotPoolBounds {
  static constexpr std::uint32_t kLengthDefault = 100'000;
  std::uint32_t length_max = kLengthDefault;  // of those who wait
  std::uint32_t per_key_max = 0;              // ... with one key; 0: no bound of its own
};

// A snapshot, for metrics. Lengths of time are 0 where nothing is known, or nobody waits.
struct SlotPoolFigures {
  std::int32_t limit = 0;
  std::int32_t free = 0;  // negative: the limit has been lowered below what is taken
  std::int32_t orphans = 0;
  std::uint32_t waiting = 0;
  std::uint32_t keys = 0;  // that have waiters
  Time oldest_age{};
  Time hold_mean{};
  Time wait_estimate{};  // of one who would come now, with a new key of the lowest class
  std::uint64_t granted_waiters = 0;
  std::uint64_t refused_full = 0;
  std::uint64_t refused_key = 0;
  std::uint64_t shared_key_joins = 0;
};

class SlotPool {
 public:
  static constexpr std::int32_t kUnlimited = 1 << 30;

  // `limit` slots, 1 .. kUnlimited.
  explicit SlotPool(std::int32_t limit, const FairQueueOptions& queue = {});
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  // Any thread. True: taken, and nobody waited. It spares the caller a key where none is needed.
  bool TryAcquire() noexcept;
  // Home shard; key and queue_class are set. A ticket may be used again once it is through.
  SlotAnswer AcquireOrWait(Ticket& ticket) noexcept;
  // Home shard, at most once, only after AcquireOrWait answered kWaits, or WaitAgain.
  void Cancel(Ticket& ticket) noexcept;
  // Home shard. Gives back a slot that was of no use, and waits for the next one at the front, at
  // the age of `since`; no bound applies. `granted` follows, as above.
  void WaitAgain(Ticket& ticket, Time since) noexcept;
  // Any thread, once per slot. `held`: how long, for the mean; 0: not to be counted.
  void Release(Time now, Time held = Time{}) noexcept;
  void Resize(std::int32_t delta, Time now) noexcept;  // any thread; free may go negative
  // Any thread, instead of Release: the slot does not come back, and the limit is one less.
  void Absorb() noexcept { limit_.fetch_sub(1, std::memory_order_relaxed); }
  // Any thread. A slot that is taken for nobody's sake any more, until its Release: +1, then -1.
  void CountOrphan(std::int32_t delta) noexcept;
  void SetBounds(const SlotPoolBounds& bounds) noexcept;  // any thread

  // Any thread: how long one would wait who came now. 0: not at all, or nothing is known.
  Time EstimateWait(const QueuePlace& place, Time now) const noexcept;
  // Any thread: that is more than `limit`; or was, and is still more than 3/4 of it. False while
  // nobody waits.
  bool WouldWaitLonger(const QueuePlace& place, Time limit, Time now) noexcept;

  std::int32_t free_slots() const noexcept;  // snapshots, for metrics and invariants
  std::uint32_t waiting() const noexcept;
  Time hold_mean() const noexcept { return Time{hold_ns_.load(std::memory_order_relaxed)}; }
  SlotPoolFigures Figures(Time now) const noexcept;
  // |estimated - real| of those who waited and were granted a slot, in microseconds; and their
  // waits.
  const Histogram& estimate_errors_us() const noexcept { return estimate_errors_us_; }
  const Histogram& waits_us() const noexcept { return waits_us_; }

 private:
  friend struct Ticket;
  static constexpr std::uint64_t kOneFree = std::uint64_t{1} << 32;
  static constexpr int kGrantsPerServe = 64;

  void Announced(Ticket& ticket) noexcept;
  void TakeIn() noexcept;
  void Join(Ticket& ticket) noexcept;
  void Leave(Ticket& ticket) noexcept;
  void Grant(bool waited) noexcept;
  void NoteGrant(const Ticket& ticket) noexcept;
  bool TakeForWaiter() noexcept;
  void Serve(Time now) noexcept;
  void ServeOn(Time now) noexcept;
  Time HoldOverSlots() const noexcept;
  Time Expect(std::uint64_t word, const QueuePlace& place, Time now) const noexcept;

  alignas(64) std::atomic<std::uint64_t> word_;
  // On word_'s line: who releases has it in hand.
  std::atomic<std::int64_t> hold_ns_{0};

  alignas(64) std::atomic<std::uint32_t> turns_{0};
  Time now_{};  // the server's: the latest that any has brought
  FairQueue queue_;
  DrainRate rate_;
  Histogram estimate_errors_us_;
  Histogram waits_us_;
  std::atomic<std::int64_t> oldest_ns_{kNever.count()};
  std::atomic<std::uint64_t> refused_key_{0};
  MpscQueue inbox_;

  alignas(64) std::atomic<std::uint32_t> length_max_{SlotPoolBounds::kLengthDefault};
  std::atomic<std::uint32_t> per_key_max_{0};
  std::atomic<std::int32_t> limit_;
  std::atomic<std::int32_t> orphans_{0};
  std::atomic<std::uint64_t> refused_full_{0};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_
