// A queue that serves its keys in turn: deficit round robin, first come first served within a key.
//
//   ring:   [key C] -> [key A] -> [key F] -> ...      a key is in the ring while it has waiters;
//              |          |          |                a new one comes at the end
//            w w w        w         w w               its waiters, oldest first
//
//   PopNext: the first key's turn: `weight` waiters of it, one by one (4, 2 or 1: by class), then
//   it
//            goes to the end. Who was given back (JoinAgain) comes before every key.
//
// Each waiter costs one, so a key's deficit is what is left of its turn.
//
// Fair. Let a key of weight w have waiters all along, and let W be the weights of all keys that
// have some meanwhile. Between two turns of the key those ahead of it in the ring get one turn
// each, and go behind it then; who comes anew does so, too: at most W - w grants. So of N grants
// in a row, N = qW + r with r < W, it has at least qw + max(0, r - (W - w)). Its share is
// wN/W = qw + wr/W; the difference is greatest at r = W - w, and there it is w(W - w)/W < w: never
// one quantum behind its share, whatever the others do.
//
// Age lifts a key one class for each `lift_every` (15 s) since its last grant, or since its oldest
// waiter came if that is later. Not since that waiter came: then a flooder's own backlog would
// lift it above those who wait one at a time.
//
// Keys are numbers that nobody outside may choose (keyed hashes). The table is fixed; a key looks
// at kProbes places. Where all are taken its waiters share one key with others of their class
// (counted), as do all unknown keys of the class while that one has waiters: so a key is never in
// two places, and FIFO holds. The bound on one key is not applied there.
//
// Push, PopNext, Erase: O(1). JoinAgain: O(those who were given back and are younger). No
// allocation after construction. One thread at a time, handed over by the caller's own
// synchronisation; what says "any thread" is a snapshot. It keeps no clock: time is passed in.
// It does not know what is waited for, and does not count slots.
#ifndef MILLRACE_ENGINE_QUOTA_FAIR_QUEUE_H_
#define MILLRACE_ENGINE_QUOTA_FAIR_QUEUE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "engine/base/intrusive_list.h"
#include "engine/base/units.h"

namespace engine {

// The lower, the more turns: 4 : 2 : 1.
enum class QueueClass : std::uint8_t { kFirst, kSecond, kThird };
inline constexpr std::size_t kQueueClassCount = 3;

constexpr std::uint32_t WeightOf(QueueClass queue_class) noexcept {
  return 4U >> static_cast<unsigned>(queue_class);
}

struct FairFlow;
struct FairFifoTag;
struct FairAgeTag;

// Where one waits: behind those of the same key.
struct QueuePlace {
  std::uint64_t key = 0;
  QueueClass queue_class = QueueClass::kThird;
};

// One who waits; lives in its owner. Its place and `joined` are set before Push().
struct FairWaiter : QueuePlace, ListLink<FairFifoTag>, ListLink<FairAgeTag> {
  Time joined{};

 private:
  friend class FairQueue;
  FairFlow* flow_ = nullptr;  // nullptr: not waiting, or given back
};

struct FairRingTag;
// A key that has waiters, or an unused place.
struct FairFlow : ListLink<FairRingTag> {
  IntrusiveList<FairWaiter, FairFifoTag> waiters;
  Time served_at{};
  std::uint32_t deficit = 0;  // what is left of its turn
  std::uint32_t weight = 0;   // of its class, without age
  std::atomic<std::uint32_t> length{0};
  std::atomic<bool> sheds{false};
};

struct FairQueueOptions {
  std::uint32_t keys_max = 4096;  // a power of two, at least FairQueue::kProbes
  Time lift_every = std::chrono::seconds(15);
};

class FairQueue {
 public:
  static constexpr std::size_t kProbes = 16;

  explicit FairQueue(const FairQueueOptions& options = {});
  ~FairQueue();
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  // False: its key has `per_key_max` waiters already (0: no bound), and the waiter has not joined.
  bool Push(FairWaiter& waiter, std::uint32_t per_key_max = 0) noexcept;
  // Back to the front of all, at its age: it has been popped before, and what it got is lost.
  void JoinAgain(FairWaiter& waiter) noexcept;
  // The queue must not be empty.
  FairWaiter& PopNext(Time now) noexcept;
  // `waiter` must be in the queue.
  void Erase(FairWaiter& waiter) noexcept;

  bool empty() noexcept { return ring_.empty() && given_back_.empty(); }
  // When the oldest waiter joined; kNever: there is none.
  Time oldest() noexcept;

  // Any thread. How many of `key` wait; and `sheds`: a flag that the caller keeps with a key while
  // it has waiters (false when it gets its first one). Keys without a place have one together.
  std::uint32_t LengthOf(const QueuePlace& place) const noexcept;
  std::atomic<bool>& ShedsOf(std::uint64_t key) noexcept;
  // Any thread. Grants until each key that waits now has had a turn. Acquires what its Push came
  // after.
  std::uint32_t round_grants() const noexcept {
    return round_grants_.load(std::memory_order_acquire);
  }
  std::uint32_t keys() const noexcept { return keys_.load(std::memory_order_relaxed); }
  // Any thread. Pushes that found no place for their key.
  std::uint64_t shared_key_pushes() const noexcept {
    return shared_key_pushes_.load(std::memory_order_relaxed);
  }

 private:
  using Slot = std::atomic<std::uint64_t>;
  static constexpr std::size_t kNowhere = SIZE_MAX;

  std::size_t Find(std::uint64_t key) const noexcept;
  FairFlow& FlowFor(const FairWaiter& waiter) noexcept;
  FairFlow& SharedFlow(QueueClass queue_class) noexcept;
  std::uint32_t WeightNow(FairFlow& flow, Time now) const noexcept;
  void SetLength(FairFlow& flow, std::uint32_t length) noexcept;
  void Begin(FairFlow& flow, QueueClass queue_class) noexcept;
  void Remove(FairWaiter& waiter) noexcept;

  const std::size_t mask_;
  const Time lift_every_;
  std::unique_ptr<Slot[]> slots_;      // the key of each flow; 0: free
  std::unique_ptr<FairFlow[]> flows_;  // then one for each class: the shared keys
  IntrusiveList<FairFlow, FairRingTag> ring_;
  IntrusiveList<FairWaiter, FairFifoTag> given_back_;  // by age
  IntrusiveList<FairWaiter, FairAgeTag> ages_;         // all but those given back
  std::atomic<std::uint32_t> round_grants_{0};
  std::atomic<std::uint32_t> keys_{0};
  std::atomic<std::uint64_t> shared_key_pushes_{0};
  std::atomic<bool> others_shed_{false};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_FAIR_QUEUE_H_
