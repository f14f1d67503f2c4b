// n slots shared by all shards: lock-free, exact, first come first served.
//
//   word_:  | free (signed, high 32) | waiting (low 32) |
//           ONE atomic, so "none free" and "I wait" cannot miss each other
//
//   AcquireOrWait   free > 0 and nobody waits -> taken at once
//                   else -> inbox (its order IS age) -> Serve -> queue -> "granted"
//   Release         free + 1; somebody waits -> Serve
//   Serve           whoever changes something serves; one who loses leaves the work to the server
//                   of the moment
//
// There is no owner thread and no lock that anybody waits on. Queue, `wait` and the inbox head
// belong to the server of the moment, handed over by turns_'s release sequence. Always: free +
// granted and not released == limit. "First come" means the order of the inbox.
//
// Limit: one pass of Serve grants kGrantsPerServe slots; each grant, as it is delivered on its home
// shard, serves on where slots and waiters are left. No allocation anywhere.
// It does not know what a slot is for, keeps no time (deadlines are the ticket owner's, by Cancel),
// and serves no shares yet: one queue for all.
#ifndef MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_
#define MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_

#include <atomic>
#include <cstdint>

#include "engine/base/intrusive_list.h"
#include "engine/io/loop.h"
#include "engine/io/mailbox.h"

namespace engine {

class SlotPool;

// One waiter. Lives in its owner (a scan job) on its home shard.
//
//   AcquireOrWait -> true: taken, the ticket was never queued
//                 -> false: `granted` comes back on the home shard's loop, exactly once ...
//   ... unless Cancel() came first; then `gone` comes, always, as the last word (a `granted` may
//   come before it: release the slot). Free the ticket at `granted` if it was never cancelled, else
//   at `gone`.
struct TicketTag;
struct Ticket : ListLink<TicketTag> {
  enum class Wait : std::uint8_t { kNone, kInbox, kQueued, kAnswered };
  struct Node : Mail {
    Ticket* owner = nullptr;
    bool leave = false;
  };
  // `loop` is the home shard's; the callbacks run there.
  Ticket(Loop& home_loop,
         void (*on_granted)(Ticket&) noexcept,
         void (*on_gone)(Ticket&) noexcept) noexcept;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  Node join;
  Node leave;
  Wait wait = Wait::kNone;  // the server's
  Loop* home;
  SlotPool* pool = nullptr;  // set by AcquireOrWait
  void (*granted)(Ticket& ticket) noexcept;
  void (*gone)(Ticket& ticket) noexcept;
};

class SlotPool {
 public:
  static constexpr std::int32_t kUnlimited = 1 << 30;

  // `limit` slots, 1 .. kUnlimited.
  explicit SlotPool(std::int32_t limit) noexcept;
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  // Home shard. True: taken; false: `granted` follows. A ticket may be used again once it is
  // through.
  bool AcquireOrWait(Ticket& ticket) noexcept;
  // Home shard, at most once, only after AcquireOrWait answered false.
  void Cancel(Ticket& ticket) noexcept;
  void Release() noexcept;                   // any thread, once per slot
  void Resize(std::int32_t delta) noexcept;  // any thread; free may go negative

  std::int32_t free_slots() const noexcept;  // a snapshot, for metrics and invariants
  std::uint32_t waiting() const noexcept;

 private:
  friend struct Ticket;
  static constexpr std::uint64_t kOneFree = std::uint64_t{1} << 32;
  static constexpr int kGrantsPerServe = 64;

  void TakeIn() noexcept;
  void Join(Ticket& ticket) noexcept;
  void Leave(Ticket& ticket) noexcept;
  void Grant() noexcept;
  bool TakeForWaiter() noexcept;
  void Serve() noexcept;
  void ServeOn() noexcept;

  alignas(64) std::atomic<std::uint64_t> word_;
  alignas(64) std::atomic<std::uint32_t> turns_{0};
  IntrusiveList<Ticket, TicketTag> queue_;
  MpscQueue inbox_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_
