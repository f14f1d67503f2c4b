// The part of the spool that time drives: idle slots, removals that failed, and the end.
//
// Free slots lie in three lists, warm_ (file not empty), large_ (above light_bytes_max) and bare_
// (empty), newest first. What is older than truncate_idle_after leaves the first two at their end,
// so the oldest slots of all are at the end of bare_. (A slot truncated on return enters bare_
// before older warm ones do; removal then waits for the younger one behind which it lies. It is a
// matter of memory, not of content.)
#include <algorithm>

#include "engine/base/check.h"
#include "engine/spool/spool.h"

namespace engine {

void Spool::Tick(Time now) noexcept {
  if (async()) MakeFor(waiters_.size());
  TruncateIdle(large_, now);
  TruncateIdle(warm_, now);
  const int removed = RemoveIdle(now);
  RetryRemovals(now,
                static_cast<std::size_t>(SweepMax(kRemovalsPerTick) - (async() ? 0 : removed)));
}

// How many file calls the sweep may make now, or operations it may start.
int Spool::SweepMax(int inline_max) const noexcept {
  if (!async()) return inline_max;
  return working_ < kSweepsAtOnce ? static_cast<int>(kSweepsAtOnce - working_) : 0;
}

void Spool::TruncateIdle(FreeList& list, Time now) noexcept {
  for (int i = SweepMax(kTruncatesPerTick); i > 0 && !list.empty(); --i) {
    SpoolSlot& slot = list.back();
    if (now - slot.since_ < limits_.truncate_idle_after) return;
    list.Erase(slot);
    Left(slot);
    if (async()) {
      StartCut(slot, SpoolStep::kCutIdle, 0);
      continue;
    }
    if (TruncateFile(slot, 0) != 0) {
      ++counters_.retired_error;
      Remove(slot, now);
      continue;
    }
    ++counters_.truncated_idle;
    JoinFree(slot);
  }
}

SpoolSlot* Spool::PopOldestFree() noexcept {
  // With reuse off, what was used goes first.
  FreeList* from = warm_.empty() ? &large_ : &warm_;
  if (!bare_.empty() && (reuse_ || from->empty())) from = &bare_;
  return from->empty() ? nullptr : &Left(from->PopBack());
}

// Answers the number of removals tried.
int Spool::RemoveIdle(Time now) noexcept {
  const int most = SweepMax(kRemovalsPerTick);
  int tried = 0;
  while (tried < most && free_slots() > 0) {
    // With reuse ended, no free slot is of use any more.
    if (reuse_) {
      if (free_slots() <= limits_.idle_slots_kept || bare_.empty()) break;
      if (now - bare_.back().since_ < limits_.idle_remove_after) break;
    } else if (async() && free_slots() <= fresh_) {
      break;  // made for somebody who no longer waits, or to spare
    }
    Remove(*PopOldestFree(), now);
    ++counters_.removed_idle;
    ++tried;
  }
  return tried;
}

void Spool::RetryRemovals(Time now, std::size_t tries) noexcept {
  for (std::size_t i = std::min(tries, retired_.size()); i > 0; --i) {
    SpoolSlot& slot = retired_.front();
    if (slot.since_ > now) return;
    retired_.Erase(slot);
    Remove(slot, now);
  }
}

std::uint32_t Spool::Close() noexcept {
  closed_ = true;
  ENGINE_CHECK(waiters_.empty());
  if (options_.work != nullptr) options_.work->Cancel(wake_);  // for good: nobody waits any more
  while (SpoolSlot* slot = PopOldestFree())
    Remove(*slot, Time::min());
  // Remove() files them for kRemovalAgainAfter past the beginning of time: due at once.
  for (std::size_t i = retired_.size(); i > 0; --i)
    Remove(retired_.PopFront(), Time::min());
  ENGINE_CHECK(kept_bytes_ == 0);
  return table_.in_use();
}

}  // namespace engine
