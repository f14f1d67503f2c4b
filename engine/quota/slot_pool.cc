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
// released. So queue_, rate_, the histograms, Ticket::wait and the consumer's end of inbox_ need no
// atomics of their own. What other threads read of them are numbers, relaxed: snapshots that order
// nothing. One pair is ordered: who sees keys in the queue (acquire) sees when that began
// (DrainRate::Begin, before the first Push's release), or a gap would count the time before it.
//
// The bound on those who wait is part of the exchange that announces one more: exact. One key's
// bound is the server's, who knows its length: the ticket is answered, as by a grant.
#include "engine/quota/slot_pool.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine {
namespace {

constexpr std::int64_t kHoldsInMean = 16;  // of an exponentially weighted mean
constexpr Time kEstimateMax = std::chrono::hours(24);

std::int32_t Free(std::uint64_t word) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(word >> 32U));
}

std::uint32_t Waiting(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}

Ticket& OwnerOf(Mail& mail) noexcept {
  return *static_cast<Ticket::Node&>(mail).owner;
}

std::uint64_t Microseconds(Time length) noexcept {
  return static_cast<std::uint64_t>(length / std::chrono::microseconds(1));
}

// The server's own counter.
void AddOne(std::atomic<std::uint64_t>& cell) noexcept {
  cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// After this the ticket is its owner's again and may be gone.
void PostHome(Loop& home, Ticket::Node& node) noexcept {
  home.Post(node);
}

}  // namespace

Ticket::Ticket(Loop& home_loop, const Words& told) noexcept : home(&home_loop), words(told) {
  join.owner = this;
  join.deliver = [](Mail& mail) noexcept {
    Ticket& ticket = OwnerOf(mail);
    ticket.pool->ServeOn(ticket.home->now());
    (ticket.was_refused ? ticket.words.refused : ticket.words.granted)(ticket);
  };
  leave.owner = this;
  leave.leave = true;
  leave.deliver = [](Mail& mail) noexcept {
    Ticket& ticket = OwnerOf(mail);
    ticket.words.gone(ticket);
  };
}

SlotPool::SlotPool(std::int32_t limit, const FairQueueOptions& queue)
    : word_(static_cast<std::uint64_t>(static_cast<std::uint32_t>(limit)) << 32U),
      queue_(queue),
      limit_(limit) {
  ENGINE_CHECK(limit >= 1);
  ENGINE_CHECK(limit <= kUnlimited);
}

SlotPool::~SlotPool() {
  ENGINE_CHECK(waiting() == 0);
  ENGINE_CHECK(turns_.load(std::memory_order_acquire) == 0);
}

bool SlotPool::TryAcquire() noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while (Free(word) > 0 && Waiting(word) == 0) {  // nobody overtakes a waiter
    // Acquire: what the slot's former holder did comes before what we do. Release: see Serve.
    if (word_.compare_exchange_weak(
            word, word - kOneFree, std::memory_order_acq_rel, std::memory_order_relaxed))
      return true;
  }
  return false;
}

SlotAnswer SlotPool::AcquireOrWait(Ticket& ticket) noexcept {
  ENGINE_CHECK(!ticket.ListLink<FairFifoTag>::linked());
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    const bool take = Free(word) > 0 && Waiting(word) == 0;
    if (!take && Waiting(word) >= length_max_.load(std::memory_order_relaxed)) {
      refused_full_.fetch_add(1, std::memory_order_relaxed);
      return SlotAnswer::kFull;
    }
    const std::uint64_t next = take ? word - kOneFree : word + 1;
    if (!word_.compare_exchange_weak(
            word, next, std::memory_order_acq_rel, std::memory_order_relaxed))
      continue;
    if (take) return SlotAnswer::kTaken;
    break;
  }
  ticket.joined = ticket.home->now();
  ticket.estimated = Expect(word, ticket, ticket.joined);
  Announced(ticket);
  return SlotAnswer::kWaits;
}

// The pool's word says that the ticket waits.
void SlotPool::Announced(Ticket& ticket) noexcept {
  ticket.pool = this;
  ticket.was_refused = false;
  ticket.wait = Ticket::Wait::kInbox;  // ours until the Push
  const Time now = ticket.home->now();
  inbox_.Push(ticket.join);
  Serve(now);
}

void SlotPool::Cancel(Ticket& ticket) noexcept {
  ENGINE_CHECK(ticket.pool == this);
  const Time now = ticket.home->now();
  inbox_.Push(ticket.leave);
  Serve(now);
}

void SlotPool::WaitAgain(Ticket& ticket, Time since) noexcept {
  ENGINE_CHECK(!ticket.ListLink<FairFifoTag>::linked());
  word_.fetch_add(kOneFree + 1, std::memory_order_acq_rel);
  ticket.joined = since;
  ticket.estimated = Time{-1};
  ticket.again = true;
  Announced(ticket);
}

void SlotPool::Release(Time now, Time held) noexcept {
  const std::uint64_t before = word_.fetch_add(kOneFree, std::memory_order_acq_rel);
  ENGINE_CHECK(Free(before) < kUnlimited);
  if (held > Time{}) {
    // Two at once may lose one sample: a mean does not mind.
    const std::int64_t mean = hold_ns_.load(std::memory_order_relaxed);
    const std::int64_t step = (held.count() - mean) / kHoldsInMean;
    hold_ns_.store(mean == 0 ? held.count() : mean + step, std::memory_order_relaxed);
  }
  if (Waiting(before) > 0) Serve(now);
}

void SlotPool::Resize(std::int32_t delta, Time now) noexcept {
  limit_.fetch_add(delta, std::memory_order_relaxed);
  // Modulo 2^64 this moves the high half alone, also for a negative delta.
  const auto add = static_cast<std::uint64_t>(static_cast<std::int64_t>(delta)) * kOneFree;
  const std::uint64_t before = word_.fetch_add(add, std::memory_order_acq_rel);
  const std::int64_t after = std::int64_t{Free(before)} + delta;
  ENGINE_CHECK(after <= kUnlimited);
  ENGINE_CHECK(after >= -std::int64_t{kUnlimited});
  if (Waiting(before) > 0) Serve(now);
}

void SlotPool::CountOrphan(std::int32_t delta) noexcept {
  orphans_.fetch_add(delta, std::memory_order_relaxed);
}

void SlotPool::SetBounds(const SlotPoolBounds& bounds) noexcept {
  length_max_.store(bounds.length_max, std::memory_order_relaxed);
  per_key_max_.store(bounds.per_key_max, std::memory_order_relaxed);
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
  if (queue_.empty()) rate_.Begin(now_, HoldOverSlots());
  if (ticket.again) {
    ticket.again = false;
    queue_.JoinAgain(ticket);
  } else if (!queue_.Push(ticket, per_key_max_.load(std::memory_order_relaxed))) {
    AddOne(refused_key_);
    word_.fetch_sub(1, std::memory_order_acq_rel);
    ticket.wait = Ticket::Wait::kAnswered;
    ticket.was_refused = true;
    PostHome(*ticket.home, ticket.join);
    return;
  }
  ticket.wait = Ticket::Wait::kQueued;
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

void SlotPool::Grant(bool waited) noexcept {
  int granted = 0;
  for (; granted < kGrantsPerServe && !queue_.empty() && TakeForWaiter(); ++granted) {
    auto& ticket = static_cast<Ticket&>(queue_.PopNext(now_));
    NoteGrant(ticket);
    ticket.wait = Ticket::Wait::kAnswered;
    PostHome(*ticket.home, ticket.join);
  }
  if (granted > 0 && waited) rate_.Granted(now_, static_cast<std::uint32_t>(granted));
  oldest_ns_.store(queue_.oldest().count(), std::memory_order_relaxed);
}

void SlotPool::NoteGrant(const Ticket& ticket) noexcept {
  const Time waited = std::max(now_ - ticket.joined, Time{});
  waits_us_.Record(Microseconds(waited));
  if (ticket.estimated < Time{}) return;
  const Time error = ticket.estimated - waited;
  estimate_errors_us_.Record(Microseconds(error < Time{} ? -error : error));
}

void SlotPool::Serve(Time now) noexcept {
  if (turns_.fetch_add(1, std::memory_order_acq_rel) != 0) return;  // someone serves: our turn too
  now_ = std::max(now, now_);
  for (std::uint32_t seen = 1; seen != 0;) {
    const bool waited = !queue_.empty();
    TakeIn();
    Grant(waited);
    seen = turns_.fetch_sub(seen, std::memory_order_acq_rel) - seen;
  }
}

// As a grant is delivered: goes on where a pass stopped at its limit.
void SlotPool::ServeOn(Time now) noexcept {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  if (Free(word) > 0 && Waiting(word) > 0) Serve(now);
}

// The mean time from release to release, as far as holds tell.
Time SlotPool::HoldOverSlots() const noexcept {
  const std::int32_t in_use = limit_.load(std::memory_order_relaxed);
  const std::int32_t turning = in_use - orphans_.load(std::memory_order_relaxed);
  return hold_mean() / std::max(turning, 1);
}

// Whole rounds for those of its key that are ahead, and its part of the last one; before that as
// many releases as it takes to get below a limit that has been lowered. Negative: not known.
Time SlotPool::Expect(std::uint64_t word, const QueuePlace& place, Time now) const noexcept {
  const std::uint32_t round = queue_.round_grants();
  const Time gap = round == 0 ? HoldOverSlots() : rate_.Gap(now);
  if (gap <= Time{}) return Time{-1};
  const std::uint32_t rounds = queue_.LengthOf(place) / WeightOf(place.queue_class);
  const double before = std::max(-Free(word), 0);
  const double grants =
      before + 1 + static_cast<double>(rounds) * round + std::min(round, Waiting(word));
  const double length = grants * static_cast<double>(gap.count());
  return Time{static_cast<std::int64_t>(std::min(length, double{kEstimateMax.count()}))};
}

Time SlotPool::EstimateWait(const QueuePlace& place, Time now) const noexcept {
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (Free(word) > 0 && Waiting(word) == 0) return Time{};
  return std::max(Expect(word, place, now), Time{});
}

bool SlotPool::WouldWaitLonger(const QueuePlace& place, Time limit, Time now) noexcept {
  if (waiting() == 0) return false;
  std::atomic<bool>& sheds = queue_.ShedsOf(place.key);
  const bool did = sheds.load(std::memory_order_relaxed);
  const Time estimate = EstimateWait(place, now);
  const bool does = estimate > (did ? limit / 4 * 3 : limit);
  if (does != did) sheds.store(does, std::memory_order_relaxed);
  return does;
}

SlotPoolFigures SlotPool::Figures(Time now) const noexcept {
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  const Time oldest{oldest_ns_.load(std::memory_order_relaxed)};
  return {.limit = limit_.load(std::memory_order_relaxed),
          .free = Free(word),
          .orphans = orphans_.load(std::memory_order_relaxed),
          .waiting = Waiting(word),
          .keys = queue_.keys(),
          .oldest_age = oldest == kNever ? Time{} : std::max(now - oldest, Time{}),
          .hold_mean = hold_mean(),
          .wait_estimate = EstimateWait({}, now),
          .granted_waiters = waits_us_.count(),
          .refused_full = refused_full_.load(std::memory_order_relaxed),
          .refused_key = refused_key_.load(std::memory_order_relaxed),
          .shared_key_joins = queue_.shared_key_pushes()};
}

}  // namespace engine
