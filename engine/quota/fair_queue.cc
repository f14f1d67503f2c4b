// Turns and places of the keys. See fair_queue.h for the rules and the proof.
#include "engine/quota/fair_queue.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine {
namespace {

// No key is 0, which marks a free place.
std::uint64_t Named(std::uint64_t key) noexcept {
  return key == 0 ? 1 : key;
}

template <typename Number>
void AddTo(std::atomic<Number>& cell, Number amount) noexcept {
  cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_release);
}

}  // namespace

FairQueue::FairQueue(const FairQueueOptions& options)
    : mask_(options.keys_max - 1),
      lift_every_(options.lift_every),
      slots_(std::make_unique<Slot[]>(options.keys_max)),
      flows_(std::make_unique<FairFlow[]>(options.keys_max + kQueueClassCount)) {
  ENGINE_CHECK(options.keys_max >= kProbes && (options.keys_max & mask_) == 0);
  ENGINE_CHECK(lift_every_ > Time{});
}

FairQueue::~FairQueue() {
  ENGINE_CHECK(empty());
}

std::size_t FairQueue::Find(std::uint64_t key) const noexcept {
  for (std::size_t i = 0; i < kProbes; ++i) {
    const std::size_t place = (key + i) & mask_;
    if (slots_[place].load(std::memory_order_relaxed) == key) return place;
  }
  return kNowhere;
}

FairFlow& FairQueue::SharedFlow(QueueClass queue_class) noexcept {
  return flows_[mask_ + 1 + static_cast<std::size_t>(queue_class)];
}

FairFlow& FairQueue::FlowFor(const FairWaiter& waiter) noexcept {
  const std::uint64_t key = Named(waiter.key);
  if (const std::size_t place = Find(key); place != kNowhere) return flows_[place];
  FairFlow& shared = SharedFlow(waiter.queue_class);
  // Its older waiters may be there.
  if (shared.waiters.empty()) {
    for (std::size_t i = 0; i < kProbes; ++i) {
      const std::size_t place = (key + i) & mask_;
      if (slots_[place].load(std::memory_order_relaxed) != 0) continue;
      slots_[place].store(key, std::memory_order_relaxed);
      return flows_[place];
    }
  }
  AddTo<std::uint64_t>(shared_key_pushes_, 1);
  return shared;
}

// Keeps round_grants_: what a turn of the flow takes.
void FairQueue::SetLength(FairFlow& flow, std::uint32_t length) noexcept {
  const std::uint32_t before = flow.length.load(std::memory_order_relaxed);
  AddTo(round_grants_, std::min(length, flow.weight) - std::min(before, flow.weight));
  flow.length.store(length, std::memory_order_relaxed);
}

// Its first waiter has come.
void FairQueue::Begin(FairFlow& flow, QueueClass queue_class) noexcept {
  flow.weight = WeightOf(queue_class);
  flow.deficit = 0;
  flow.served_at = Time{};
  flow.sheds.store(false, std::memory_order_relaxed);
  ring_.PushBack(flow);
  AddTo<std::uint32_t>(keys_, 1);
}

bool FairQueue::Push(FairWaiter& waiter, std::uint32_t per_key_max) noexcept {
  ENGINE_CHECK(waiter.flow_ == nullptr);
  FairFlow& flow = FlowFor(waiter);
  const std::size_t length = flow.waiters.size();
  const bool shared = &flow > &flows_[mask_];
  if (per_key_max != 0 && length >= per_key_max && !shared) return false;
  if (length == 0) Begin(flow, waiter.queue_class);
  waiter.flow_ = &flow;
  flow.waiters.PushBack(waiter);
  ages_.PushBack(waiter);
  SetLength(flow, static_cast<std::uint32_t>(length + 1));
  return true;
}

void FairQueue::JoinAgain(FairWaiter& waiter) noexcept {
  ENGINE_CHECK(waiter.flow_ == nullptr);
  given_back_.PushBack(waiter);
  // By age: most come in its order, so the search begins at the youngest.
  for (std::size_t i = given_back_.size() - 1; i > 0; --i) {
    auto& before = static_cast<FairWaiter&>(*waiter.ListLink<FairFifoTag>::previous);
    if (before.joined <= waiter.joined) return;
    given_back_.Erase(before);
    given_back_.InsertAfter(before, waiter);
  }
}

// Age counts from the last grant or the oldest waiter, whichever is later.
std::uint32_t FairQueue::WeightNow(FairFlow& flow, Time now) const noexcept {
  const FairWaiter& first = flow.waiters.front();
  const Time waited = now - std::max(flow.served_at, first.joined);
  const std::int64_t lifts = std::max<std::int64_t>(waited / lift_every_, 0);
  const auto own = static_cast<std::int64_t>(first.queue_class);
  return WeightOf(static_cast<QueueClass>(std::max<std::int64_t>(own - lifts, 0)));
}

FairWaiter& FairQueue::PopNext(Time now) noexcept {
  if (!given_back_.empty()) return given_back_.PopFront();
  FairFlow& flow = ring_.front();
  if (flow.deficit == 0) flow.deficit = WeightNow(flow, now);
  --flow.deficit;
  flow.served_at = now;
  FairWaiter& waiter = flow.waiters.front();
  Remove(waiter);
  if (flow.linked() && flow.deficit == 0) {
    ring_.Erase(flow);
    ring_.PushBack(flow);
  }
  return waiter;
}

void FairQueue::Erase(FairWaiter& waiter) noexcept {
  if (waiter.flow_ == nullptr) {
    given_back_.Erase(waiter);
  } else {
    Remove(waiter);
  }
}

void FairQueue::Remove(FairWaiter& waiter) noexcept {
  FairFlow& flow = *waiter.flow_;
  flow.waiters.Erase(waiter);
  ages_.Erase(waiter);
  waiter.flow_ = nullptr;
  SetLength(flow, static_cast<std::uint32_t>(flow.waiters.size()));
  if (!flow.waiters.empty()) return;
  ring_.Erase(flow);
  AddTo<std::uint32_t>(keys_, static_cast<std::uint32_t>(-1));
  const std::size_t place = static_cast<std::size_t>(&flow - flows_.get());
  if (place <= mask_) slots_[place].store(0, std::memory_order_relaxed);
}

Time FairQueue::oldest() noexcept {
  Time oldest = kNever;
  if (!ages_.empty()) oldest = ages_.front().joined;
  if (!given_back_.empty()) oldest = std::min(oldest, given_back_.front().joined);
  return oldest;
}

std::uint32_t FairQueue::LengthOf(const QueuePlace& place) const noexcept {
  std::size_t at = Find(Named(place.key));
  if (at == kNowhere) at = mask_ + 1 + static_cast<std::size_t>(place.queue_class);
  return flows_[at].length.load(std::memory_order_relaxed);
}

std::atomic<bool>& FairQueue::ShedsOf(std::uint64_t key) noexcept {
  const std::size_t place = Find(Named(key));
  return place == kNowhere ? others_shed_ : flows_[place].sheds;
}

}  // namespace engine
