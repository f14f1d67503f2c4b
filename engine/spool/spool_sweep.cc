// The part of the spool that time drives: idle slots, removals that failed, and the end.
//
// Free slots lie in two lists, warm_ (file not empty) and bare_ (empty), newest first. What is
// older than truncate_idle_after leaves warm_ at its end, so the oldest slots of all are at the end
// of bare_. (A slot truncated on return enters bare_ before older warm ones do; removal then waits
// for the younger one behind which it lies. It is a matter of memory, not of content.)
#include <algorithm>

#include "engine/base/check.h"
#include "engine/spool/spool.h"

namespace engine {

void Spool::Tick(Time now) noexcept {
  TruncateIdle(now);
  const int removed = RemoveIdle(now);
  RetryRemovals(now, static_cast<std::size_t>(kRemovalsPerTick - removed));
}

void Spool::TruncateIdle(Time now) noexcept {
  for (int i = 0; i < kTruncatesPerTick && !warm_.empty(); ++i) {
    SpoolSlot& slot = warm_.back();
    if (now - slot.since_ < limits_.truncate_idle_after) return;
    warm_.Erase(slot);
    kept_bytes_ -= slot.file_bytes_;
    if (TruncateFile(slot, 0) != 0) {
      ++counters_.retired_error;
      Remove(slot, now);
      continue;
    }
    ++counters_.truncated_idle;
    bare_.PushFront(slot);
  }
}

SpoolSlot* Spool::PopOldestFree() noexcept {
  if (!bare_.empty()) return &bare_.PopBack();
  if (warm_.empty()) return nullptr;
  SpoolSlot& slot = warm_.PopBack();
  kept_bytes_ -= slot.file_bytes_;
  return &slot;
}

// Answers the number of removals tried.
int Spool::RemoveIdle(Time now) noexcept {
  int tried = 0;
  while (tried < kRemovalsPerTick && free_slots() > 0) {
    // With reuse ended, no free slot is of use any more.
    if (reuse_) {
      if (free_slots() <= limits_.idle_slots_kept || bare_.empty()) break;
      if (now - bare_.back().since_ < limits_.idle_remove_after) break;
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
  while (SpoolSlot* slot = PopOldestFree())
    Remove(*slot, Time::min());
  // Remove() files them for kRemovalAgainAfter past the beginning of time: due at once.
  for (std::size_t i = retired_.size(); i > 0; --i)
    Remove(retired_.PopFront(), Time::min());
  ENGINE_CHECK(kept_bytes_ == 0);
  return table_.in_use();
}

}  // namespace engine
