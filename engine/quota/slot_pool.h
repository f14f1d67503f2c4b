// n slots shared by all shards: lock-free, exact, first come first served.
//
//   word_:  | free (signed, high 32) | waiting (low 32) |     ONE atomic: "none free" and "I wait"
//   cannot miss each other
//
//   AcquireOrWait: free > 0 and nobody waits -> taken at once;   else -> inbox (its order IS age)
//   -> Serve -> queue -> "granted" Release:       free + 1; somebody waits -> Serve Serve: whoever
//   changes something serves; one who loses leaves the work to the server of the moment
//
// There is no owner thread and no lock that anybody waits on. Queue, `wait` and the inbox head
// belong to the server of the moment, handed over by turns_'s release sequence. Always: free +
// granted and not released == limit.
#ifndef MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_
#define MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_

#include <atomic>
#include <cstdint>
#include <span>

#include "engine/base/intrusive_list.h"
#include "engine/base/strong_id.h"
#include "engine/io/loop.h"

namespace engine {

class SlotPool;

// One waiter. Lives in its owner (a scan job) on its home shard.
//
//   AcquireOrWait -> true: taken, the ticket was never queued
//                 -> false: `granted` comes back on the home shard's loop, exactly once ...
//   ... unless Cancel() came first; then `gone` comes, always, as the last word (a `granted` may
//   come before it: release the slot). Free the ticket at `granted` if it was never cancelled, else
//   at `gone`.
struct Ticket : ListLink<struct TicketTag> {
  enum class Wait : std::uint8_t { kNone, kInbox, kQueued, kAnswered };
  struct Node : Mail {
    Ticket* owner = nullptr;
    bool leave = false;
  };
  // `loop` is the home shard's; the callbacks run there.
  Ticket(Loop& home_loop,
         void (*on_granted)(Ticket&) noexcept,
         void (*on_gone)(Ticket&) noexcept) noexcept;

  Node join;
  Node leave;
  Wait wait = Wait::kNone;  // the server's
  Loop* home;
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

  bool AcquireOrWait(Ticket& ticket) noexcept;  // home shard; true: taken
  void Cancel(Ticket& ticket) noexcept;      // home shard, at most once, only after AcquireOrWait
                                             // answered false
  void Release() noexcept;                   // any thread, once per slot
  void Resize(std::int32_t delta) noexcept;  // any thread; free may go negative

  std::int32_t free_slots() const noexcept;  // a snapshot, for metrics and invariants
  std::uint32_t waiting() const noexcept;

 private:
  static constexpr std::uint64_t kOneFree = std::uint64_t{1} << 32;
  static constexpr int kGrantsPerServe = 64;

  bool TakeForWaiter() noexcept;
  void Serve() noexcept;

  alignas(64) std::atomic<std::uint64_t> word_;
  alignas(64) std::atomic<std::uint32_t> turns_{0};
  // Intrusive multi-producer inbox and the queue: see slot_pool.cc.
  alignas(64) std::atomic<Mail*> inbox_tail_;
  Mail* inbox_head_;
  Mail inbox_stub_;
  IntrusiveList<Ticket, TicketTag> queue_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_SLOT_POOL_H_
