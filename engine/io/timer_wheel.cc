// Slots are circular lists whose heads are timers themselves, so that a timer leaves its list
// without knowing which it is in: a slot's own, the due list, or the one being fired.
#include "engine/io/timer_wheel.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "engine/base/check.h"

namespace engine {
namespace {

void MakeEmpty(Timer& head) noexcept {
  head.prev = head.next = &head;
}

bool IsEmpty(const Timer& head) noexcept {
  return head.next == &head;
}

void Append(Timer& head, Timer& timer) noexcept {
  timer.prev = head.prev;
  timer.next = &head;
  head.prev->next = &timer;
  head.prev = &timer;
}

// Moves all of `from` onto the empty list `to`.
void MoveAll(Timer& from, Timer& to) noexcept {
  MakeEmpty(to);
  if (IsEmpty(from)) return;
  to.next = from.next;
  to.prev = from.prev;
  to.next->prev = &to;
  to.prev->next = &to;
  MakeEmpty(from);
}

}  // namespace

TimerWheel::TimerWheel(Time now) noexcept
    : tick_(static_cast<std::uint64_t>(now.count() / kTick.count())) {
  ENGINE_CHECK(now >= Time::zero());
  for (auto& level : slots_) {
    for (Timer& head : level)
      MakeEmpty(head);
  }
  MakeEmpty(due_);
}

std::uint64_t TimerWheel::TickAtOrAfter(Time at) noexcept {
  if (at <= Time::zero()) return 0;
  const std::int64_t ticks = at.count() / kTick.count();
  return static_cast<std::uint64_t>(ticks + (at.count() % kTick.count() != 0 ? 1 : 0));
}

void TimerWheel::Set(Timer& timer, Time at) noexcept {
  ENGINE_CHECK(timer.fire != nullptr);
  timer.at = at;
  if (timer.prev != nullptr) {
    if (at >= timer.filed) return;
    Unfile(timer);
  }
  File(timer);
}

void TimerWheel::Cancel(Timer& timer) noexcept {
  if (timer.prev != nullptr) Unfile(timer);
}

void TimerWheel::File(Timer& timer) noexcept {
  timer.filed = timer.at;
  ++size_;
  const std::uint64_t tick = TickAtOrAfter(timer.at);
  if (tick <= tick_) {
    Append(due_, timer);
    return;
  }
  const auto highest_bit = static_cast<std::size_t>(std::bit_width(tick ^ tick_)) - 1;
  const std::size_t level = highest_bit / kSlotBits;
  const auto slot = static_cast<std::size_t>(tick >> (level * kSlotBits)) % kSlots;
  ENGINE_CHECK(level < kLevels);
  Append(slots_[level][slot], timer);
  filled_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::Unfile(Timer& timer) noexcept {
  Timer* const before = timer.prev;
  before->next = timer.next;
  timer.next->prev = before;
  timer.prev = timer.next = nullptr;
  --size_;
  if (before->next != before) return;  // not the last of its list
  // `before` is the head of a list that is now empty; is it a slot's?
  const Timer* const first = &slots_[0][0];
  const std::less<const Timer*> below;
  if (below(before, first) || !below(before, first + kLevels * kSlots)) return;
  const auto index = static_cast<std::size_t>(before - first);
  filled_[index / kSlots] &= ~(std::uint64_t{1} << (index % kSlots));
}

TimerWheel::Due TimerWheel::NextSlot() const noexcept {
  for (std::size_t level = 0; level < kLevels; ++level) {
    if (filled_[level] == 0) continue;
    // All filled slots lie ahead of the current tick's own digit, and lower levels come first.
    const auto slot = static_cast<std::size_t>(std::countr_zero(filled_[level]));
    const std::size_t shift = level * kSlotBits;
    const std::uint64_t above = tick_ >> (shift + kSlotBits) << (shift + kSlotBits);
    return {level, slot, above | (std::uint64_t{slot} << shift), true};
  }
  return {};
}

void TimerWheel::FireAll(Timer& list, Time now) noexcept {
  while (!IsEmpty(list)) {
    Timer& timer = *list.next;
    Unfile(timer);
    if (TickAtOrAfter(timer.at) > tick_) {
      File(timer);  // from a slot above level 0, or set to later meanwhile
    } else {
      timer.fire(timer, now);
    }
  }
}

void TimerWheel::Advance(Time now) noexcept {
  const auto target = static_cast<std::uint64_t>(now.count() / kTick.count());
  ENGINE_CHECK(now >= Time::zero());
  ENGINE_CHECK(target >= tick_);
  Timer firing;
  MoveAll(due_, firing);
  FireAll(firing, now);
  for (;;) {
    const Due next = NextSlot();
    if (!next.any || next.tick > target) break;
    tick_ = next.tick;
    MoveAll(slots_[next.level][next.slot], firing);
    filled_[next.level] &= ~(std::uint64_t{1} << next.slot);
    FireAll(firing, now);
  }
  tick_ = target;
}

Time TimerWheel::UntilNext(Time now) const noexcept {
  if (!IsEmpty(due_)) return Time::zero();
  const Due next = NextSlot();
  if (!next.any) return kNever;
  constexpr auto kTicksMax = static_cast<std::uint64_t>(kNever.count() / kTick.count());
  if (next.tick >= kTicksMax) return kNever - now;
  const Time at = kTick * static_cast<std::int64_t>(next.tick);
  return at <= now ? Time::zero() : at - now;
}

}  // namespace engine
