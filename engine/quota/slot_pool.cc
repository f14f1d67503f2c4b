// The slot pool, and why its memory orders suffice. See slot_pool.h for the picture.
//
// No lost wake-up. word_ has one modification order. A Release before the announcement (waiting +
// 1): the announcer finds a free slot, or waiters ahead of it whose Serve is still due. After it:
// Release reads waiting > 0 and serves. No lost turn. Push and every change of word_ come before
// turns_.fetch_add (release) of the same thread. The server that subtracts that turn has read it
// (acquire) and makes another pass, which sees the node and the word. If the server had left
// already, turns_ was 0 and the caller serves. A half-done Push hides later nodes from Pop; the
// pusher's own Serve is still to come. No lost rest. A pass that stops at kGrantsPerServe has
// posted that many grants. The last of them, wherever it is delivered, reads word_ no older than
// its own CAS: either nothing is left to do, or it adds a turn, before the server leaves (another
// pass) or after (its own). One server. From the fetch_add that found 0 to the fetch_sub that
// leaves 0 no other thread passes the gate; the next one that finds 0 acquires what this one
// released. So queue_, Ticket::wait and the consumer's end of inbox_ need no atomics.
#include "engine/quota/slot_pool.h"

#include "engine/base/check.h"

namespace engine {
namespace {

std::int32_t Free(std::uint64_t word) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(word >> 32U));
}

std::uint32_t Waiting(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}

Ticket& OwnerOf(Mail& mail) noexcept {
  return *static_cast<Ticket::Node&>(mail).owner;
}

// After this the ticket is its owner's again and may be gone.
void PostHome(Loop& home, Ticket::Node& node) noexcept {
  home.Post(node);
}

}  // namespace

Ticket::Ticket(Loop& home_loop,
               void (*on_granted)(Ticket&) noexcept,
               void (*on_gone)(Ticket&) noexcept) noexcept
    : home(&home_loop), granted(on_granted), gone(on_gone) {
  join.owner = this;
  join.deliver = [](Mail& mail) noexcept {
    Ticket& ticket = OwnerOf(mail);
    ticket.pool->ServeOn();
    ticket.granted(ticket);
  };
  leave.owner = this;
  leave.leave = true;
  leave.deliver = [](Mail& mail) noexcept {
    Ticket& ticket = OwnerOf(mail);
    ticket.gone(ticket);
  };
}

SlotPool::SlotPool(std::int32_t limit) noexcept
    : word_(static_cast<std::uint64_t>(static_cast<std::uint32_t>(limit)) << 32U) {
  ENGINE_CHECK(limit >= 1);
  ENGINE_CHECK(limit <= kUnlimited);
}

SlotPool::~SlotPool() {
  ENGINE_CHECK(waiting() == 0);
  ENGINE_CHECK(turns_.load(std::memory_order_acquire) == 0);
}

bool SlotPool::AcquireOrWait(Ticket& ticket) noexcept {
  ENGINE_CHECK(!ticket.linked());
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    const bool take = Free(word) > 0 && Waiting(word) == 0;  // nobody overtakes a waiter
    const std::uint64_t next = take ? word - kOneFree : word + 1;
    // Acquire: what the slot's former holder did comes before what we do. Release: see Serve.
    if (!word_.compare_exchange_weak(
            word, next, std::memory_order_acq_rel, std::memory_order_relaxed))
      continue;
    if (take) return true;
    break;
  }
  ticket.pool = this;
  ticket.wait = Ticket::Wait::kInbox;  // ours until the Push
  inbox_.Push(ticket.join);
  Serve();
  return false;
}

void SlotPool::Cancel(Ticket& ticket) noexcept {
  ENGINE_CHECK(ticket.pool == this);
  inbox_.Push(ticket.leave);
  Serve();
}

void SlotPool::Release() noexcept {
  const std::uint64_t before = word_.fetch_add(kOneFree, std::memory_order_acq_rel);
  ENGINE_CHECK(Free(before) < kUnlimited);
  if (Waiting(before) > 0) Serve();
}

void SlotPool::Resize(std::int32_t delta) noexcept {
  // Modulo 2^64 this moves the high half alone, also for a negative delta.
  const auto add = static_cast<std::uint64_t>(static_cast<std::int64_t>(delta)) * kOneFree;
  const std::uint64_t before = word_.fetch_add(add, std::memory_order_acq_rel);
  const std::int64_t after = std::int64_t{Free(before)} + delta;
  ENGINE_CHECK(after <= kUnlimited);
  ENGINE_CHECK(after >= -std::int64_t{kUnlimited});
  if (Waiting(before) > 0) Serve();
}

std::int32_t SlotPool::free_slots() const noexcept {
  return Free(word_.load(std::memory_order_relaxed));
}

std::uint32_t SlotPool::waiting() const noexcept {
  return Waiting(word_.load(std::memory_order_relaxed));
}

bool SlotPool::TakeForWaiter() noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while (Free(word) > 0) {
    ENGINE_CHECK(Waiting(word) > 0);  // everyone in the queue has announced itself
    if (word_.compare_exchange_weak(
            word, word - kOneFree - 1, std::memory_order_acq_rel, std::memory_order_relaxed))
      return true;
  }
  return false;
}

void SlotPool::Join(Ticket& ticket) noexcept {
  ENGINE_CHECK(ticket.wait == Ticket::Wait::kInbox);
  ticket.wait = Ticket::Wait::kQueued;
  queue_.PushBack(ticket);
}

void SlotPool::Leave(Ticket& ticket) noexcept {
  // A ticket's own thread pushes join before leave, so join has been taken in.
  ENGINE_CHECK(ticket.wait != Ticket::Wait::kInbox);
  if (ticket.wait == Ticket::Wait::kQueued) {
    queue_.Erase(ticket);
    word_.fetch_sub(1, std::memory_order_acq_rel);
    ticket.wait = Ticket::Wait::kAnswered;
  }
  PostHome(*ticket.home, ticket.leave);  // always the last word on a cancelled ticket
}

void SlotPool::TakeIn() noexcept {
  while (Mail* mail = inbox_.Pop()) {
    const auto& node = static_cast<const Ticket::Node&>(*mail);
    if (node.leave) {
      Leave(*node.owner);
    } else {
      Join(*node.owner);
    }
  }
}

void SlotPool::Grant() noexcept {
  for (int i = 0; i < kGrantsPerServe && !queue_.empty() && TakeForWaiter(); ++i) {
    Ticket& ticket = queue_.PopFront();
    ticket.wait = Ticket::Wait::kAnswered;
    PostHome(*ticket.home, ticket.join);
  }
}

void SlotPool::Serve() noexcept {
  if (turns_.fetch_add(1, std::memory_order_acq_rel) != 0) return;  // someone serves: our turn too
  for (std::uint32_t seen = 1; seen != 0;) {
    TakeIn();
    Grant();
    seen = turns_.fetch_sub(seen, std::memory_order_acq_rel) - seen;
  }
}

// As a grant is delivered: goes on where a pass stopped at its limit.
void SlotPool::ServeOn() noexcept {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  if (Free(word) > 0 && Waiting(word) > 0) Serve();
}

}  // namespace engine
