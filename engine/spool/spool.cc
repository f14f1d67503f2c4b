// Take, Seal, GiveBack, and the look before reuse, inline. The sweep is in spool_sweep.cc, the
// asynchronous form of all of it in spool_async.cc.
#include "engine/spool/spool.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/check.h"

namespace engine {
namespace {

constexpr int kInterruptsMax = 100;  // EINTR in a row, then it is an error like any other

template <typename Call>
IoResult Uninterrupted(Call&& call) noexcept {
  IoResult result = call();
  for (int i = 0; result.error == EINTR && i < kInterruptsMax; ++i)
    result = call();
  return result;
}

}  // namespace

SpoolRefusal SpoolRefusalOf(int error) noexcept {
  if (error == ENOSPC || error == EDQUOT) return SpoolRefusal::kNoSpace;
  if (error == EMFILE || error == ENFILE) return SpoolRefusal::kNoDescriptors;
  return SpoolRefusal::kDiskError;
}

std::string_view SpoolRefusalName(SpoolRefusal refusal) noexcept {
  switch (refusal) {
    case SpoolRefusal::kNone: return "none";
    case SpoolRefusal::kClosed: return "shutting down";
    case SpoolRefusal::kBytesLow: return "little space left in the spool";
    case SpoolRefusal::kInodesLow: return "few inodes left in the spool";
    case SpoolRefusal::kSlotsMax: return "all spool slots in use";
    case SpoolRefusal::kRetiredMax: return "spool slots cannot be removed";
    case SpoolRefusal::kNoSpace: return "spool full";
    case SpoolRefusal::kNoDescriptors: return "no file descriptors left";
    case SpoolRefusal::kDiskError: return "spool error";
    case SpoolRefusal::kStalled: return "spool disk stalled";
  }
  return "";
}

Spool::Spool(Disk& disk, const SpoolLimits& limits, const SpoolOptions& options) noexcept
    : disk_(&disk),
      limits_(limits),
      options_(options),
      budget_(disk, limits.floor, options.work),
      table_(disk.root(), limits.slots_max),
      reuse_(options.reuse) {
  wake_.spool = this;
  wake_.fire = [](Timer& timer, Time) noexcept {
    static_cast<WakeTimer&>(timer).spool->ServeWaiters();
  };
  if (async()) MakeFor(0);
}

Spool::~Spool() {
  ENGINE_CHECK(taken_ == 0);
  ENGINE_CHECK(closed_);
  ENGINE_CHECK(working_ == 0);
  ENGINE_CHECK(wake_.prev == nullptr);  // the loop may have gone before
  while (!retired_.empty())
    table_.Free(retired_.PopFront());
}

SpoolSlot* Spool::Take(Time now, SpoolRefusal* why, SpoolWaiter* waiter) noexcept {
  SpoolSlot* slot = nullptr;
  *why = MayTake(now);
  if (*why == SpoolRefusal::kNone) {
    slot = PopFree();
    if (slot == nullptr) {
      *why = async() ? WaitForSlot(waiter) : MakeSlot(&slot);
    } else if (limits_.spare_slots > 0 && async()) {
      MakeFor(waiters_.size());
    }
  }
  if (slot != nullptr) return Hand(*slot);
  if (*why != SpoolRefusal::kNone) ++counters_.refused[static_cast<std::size_t>(*why)];
  return nullptr;
}

SpoolSlot* Spool::Hand(SpoolSlot& slot) noexcept {
  ENGINE_CHECK(!slot.op_in_flight_);
  ENGINE_CHECK(slot.file_ >= 0);
  if (slot.generation_ > 0) ++counters_.reused;
  slot.state_ = SpoolSlot::State::kTaken;
  slot.length_ = 0;
  ++slot.generation_;
  ++taken_;
  return &slot;
}

SpoolRefusal Spool::MayTake(Time now) noexcept {
  if (closed_) return SpoolRefusal::kClosed;
  switch (budget_.Admit(now, !reuse_ || AtHand() == 0)) {
    case DiskBudget::Answer::kEnough: return SpoolRefusal::kNone;
    case DiskBudget::Answer::kBytesLow: return SpoolRefusal::kBytesLow;
    case DiskBudget::Answer::kInodesLow: return SpoolRefusal::kInodesLow;
    case DiskBudget::Answer::kDiskError: last_error_ = budget_.error(); break;
  }
  return SpoolRefusal::kDiskError;
}

// With reuse off, of use is what was made for somebody who no longer waited.
SpoolSlot* Spool::PopFree() noexcept {
  FreeList* from = nullptr;
  if (reuse_ && !warm_.empty()) from = &warm_;
  if (reuse_ && TakesLarge() && (from == nullptr || large_.front().since_ > warm_.front().since_))
    from = &large_;
  if (from == nullptr && !bare_.empty() && (reuse_ || bare_.front().generation_ == 0))
    from = &bare_;
  return from == nullptr ? nullptr : &Left(from->PopFront());
}

// Asynchronous, of a large slot one is only made use of where there will be no other.
bool Spool::TakesLarge() const noexcept {
  if (large_.empty()) return false;
  return !async() || (warm_.empty() && bare_.empty() && MayMake() != SpoolRefusal::kNone);
}

// What PopFree() has.
std::size_t Spool::AtHand() const noexcept {
  if (!reuse_) return fresh_;
  return warm_.size() + bare_.size() + (TakesLarge() ? large_.size() : 0);
}

// `slot` is no longer one of the free ones.
SpoolSlot& Spool::Left(SpoolSlot& slot) noexcept {
  ENGINE_CHECK(kept_bytes_ >= slot.file_bytes_);
  kept_bytes_ -= slot.file_bytes_;
  if (slot.generation_ == 0) --fresh_;
  return slot;
}

SpoolRefusal Spool::MayMake() const noexcept {
  if (table_.in_use() >= limits_.slots_max) return SpoolRefusal::kSlotsMax;
  if (retired_.size() >= limits_.retired_max) return SpoolRefusal::kRetiredMax;
  return SpoolRefusal::kNone;
}

SpoolRefusal Spool::MakeSlot(SpoolSlot** made) noexcept {
  if (const SpoolRefusal why = MayMake(); why != SpoolRefusal::kNone) return why;
  SpoolSlot* slot = table_.Make();
  ENGINE_CHECK(slot != nullptr);
  IoResult result;
  for (int i = 0; i < kNameTriesMax; ++i) {
    result = Uninterrupted([&]() noexcept { return disk_->MakeSlot(slot->name()); });
    if (result.error != EEXIST) break;
    table_.Rename(*slot);
  }
  if (!result.ok()) {
    table_.Free(*slot);
    last_error_ = result.error;
    return SpoolRefusalOf(result.error);
  }
  slot->file_ = static_cast<int>(result.value);
  ++counters_.made;
  *made = slot;
  return SpoolRefusal::kNone;
}

int Spool::TruncateFile(SpoolSlot& slot, std::uint64_t bytes) noexcept {
  ENGINE_CHECK(!slot.op_in_flight_);
  const IoResult result =
      Uninterrupted([&]() noexcept { return disk_->Truncate(slot.file_, bytes); });
  if (result.ok()) slot.file_bytes_ = bytes;
  if (!result.ok()) last_error_ = result.error;
  return result.error;
}

int Spool::Seal(SpoolSlot& slot, SpoolWaiter* waiter) noexcept {
  ENGINE_CHECK(slot.state_ == SpoolSlot::State::kTaken);
  ENGINE_CHECK(slot.file_ >= 0);
  ENGINE_CHECK(!slot.op_in_flight_);
  // No longer than file_bytes_, and length_ octets are written: of one length, it is exact already.
  // Only where the size was seen after the last reader, who may have lengthened it.
  const bool size_known = slot.size_seen_ + 1 == slot.generation_;
  const bool exact = size_known && slot.file_bytes_ == slot.length_;
  const bool cut = SealCuts(slot);
  if (cut && exact) return 0;
  if (waiter != nullptr && async()) {
    StartSeal(slot, *waiter);
    return EINPROGRESS;
  }
  if (cut) return TruncateFile(slot, slot.length_);
  // Another host may look at size and content before ours has written them back; closing is what
  // makes them visible there. The descriptor is gone also when this fails.
  const IoResult result = disk_->CloseFile(slot.file_, true);
  slot.file_ = -1;
  if (!result.ok()) last_error_ = result.error;
  return result.error;
}

int Spool::CopyMore(const SpoolSlot& from, SpoolSlot& to, std::size_t bytes_max) noexcept {
  ENGINE_CHECK(from.state_ == SpoolSlot::State::kTaken && to.state_ == SpoolSlot::State::kTaken);
  ENGINE_CHECK(!from.op_in_flight_ && !to.op_in_flight_);
  ENGINE_CHECK(to.length_ < from.length_);
  const auto bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(from.length_ - to.length_, bytes_max));
  const FileRange range = {.at = to.length_, .bytes = bytes};
  const IoResult copied = Uninterrupted(
      [&]() noexcept { return disk_->CopyFrom(from.name(), from.file_, to.file_, range); });
  // An end before its length: its reader has cut it.
  const int error = copied.ok() && copied.value == 0 ? EIO : copied.error;
  if (error != 0) last_error_ = error;
  if (error == 0) to.Advance(static_cast<std::uint64_t>(copied.value));
  return error;
}

void Spool::GiveBack(SpoolSlot& slot, SpoolFate fate, Time now) noexcept {
  ENGINE_CHECK(slot.state_ == SpoolSlot::State::kTaken);
  if (slot.op_in_flight_) {
    slot.state_ = SpoolSlot::State::kDraining;
    slot.op_.waiter = nullptr;
    return;
  }
  EndUse(slot, fate, now);
}

void Spool::EndUse(SpoolSlot& slot, SpoolFate fate, Time now) noexcept {
  ENGINE_CHECK(taken_ > 0);
  --taken_;
  if (fate == SpoolFate::kDoubt) {
    ++counters_.retired_doubt;
  } else if (closed_ || !reuse_) {
    ++counters_.removed_reuse_off;
  } else if (async() && IsLarge(slot.file_bytes_)) {
    ++counters_.removed_large;
  } else if (async()) {
    slot.state_ = SpoolSlot::State::kReturning;
    Start(slot, SpoolStep::kLook, FileOpKind::kCleanSlot);
    return;
  } else if (LooksClean(slot)) {
    Keep(slot, now);
    return;
  }
  Remove(slot, now);
}

bool Spool::LooksClean(SpoolSlot& slot) noexcept {
  const IoResult clean =
      Uninterrupted([&]() noexcept { return disk_->CleanSlot(slot.name(), slot.file_); });
  if (!clean.ok()) CountUnclean(clean.error);
  if (clean.ok()) SizeSeen(slot, clean.value);
  return clean.ok();
}

// By a look: a reader with our rights may have cut or lengthened the file.
void Spool::SizeSeen(SpoolSlot& slot, std::int64_t bytes) noexcept {
  slot.file_bytes_ = static_cast<std::uint64_t>(bytes);
  slot.size_seen_ = slot.generation_;
}

void Spool::CountUnclean(int error) noexcept {
  last_error_ = error;
  if (error == EBUSY) {
    ++counters_.retired_open;
  } else if (error == EMLINK) {
    ++counters_.retired_linked;
  } else if (error == ENOTEMPTY || error == ELOOP || error == E2BIG || error == EXDEV ||
             error == EACCES) {
    ++counters_.retired_not_emptied;
  } else if (error == ESTALE || error == EPERM || error == ENOENT) {
    ++counters_.retired_foreign;
  } else {
    ++counters_.retired_error;
  }
  if (error == ENOTSUP) EndReuse(error);
}

void Spool::EndReuse(int error) noexcept {
  if (!reuse_) return;
  reuse_ = false;
  ++counters_.reuse_ended;
  // What is still of use goes before what is only to be removed.
  FreeList fresh;
  for (std::size_t left = bare_.size(); left > 0; --left) {
    SpoolSlot& slot = bare_.PopFront();
    (slot.generation_ == 0 ? fresh : bare_).PushBack(slot);
  }
  while (!fresh.empty())
    bare_.PushFront(fresh.PopBack());
  if (options_.reuse_ended != nullptr) options_.reuse_ended(options_.context, error);
}

// A clean slot joins the free ones, with its blocks where the limits allow.
void Spool::Keep(SpoolSlot& slot, Time now) noexcept {
  const bool fits = slot.file_bytes_ <= limits_.kept_slot_bytes_max &&
                    kept_bytes_ + slot.file_bytes_ <= limits_.kept_bytes_max;
  slot.since_ = now;
  if (async() && IsLarge(slot.file_bytes_)) {
    ++counters_.removed_large;
    Remove(slot, now);
    return;
  }
  if (!fits) {
    if (async()) {
      StartCut(slot, SpoolStep::kCutKept, 0);
      return;
    }
    if (TruncateFile(slot, 0) != 0) {
      ++counters_.retired_error;
      Remove(slot, now);
      return;
    }
    ++counters_.truncated;
  }
  JoinFree(slot);
}

// RemoveSlot closes the file in any case; what it could not remove is tried again by name.
void Spool::Remove(SpoolSlot& slot, Time now) noexcept {
  ENGINE_CHECK(!slot.op_in_flight_);
  if (async()) {
    slot.state_ = SpoolSlot::State::kRemoving;
    Start(slot, SpoolStep::kRemove, FileOpKind::kRemoveSlot);
    return;
  }
  const IoResult result = Uninterrupted(
      [&]() noexcept { return disk_->RemoveSlot(slot.name(), std::exchange(slot.file_, -1)); });
  Removed(slot, result.error, now);
}

void Spool::Removed(SpoolSlot& slot, int error, Time now) noexcept {
  slot.file_ = -1;
  if (error == 0 || error == ENOENT) {
    table_.Free(slot);
    return;
  }
  ++counters_.removals_failed;
  last_error_ = error;
  slot.state_ = SpoolSlot::State::kRetired;
  slot.since_ = now + kRemovalAgainAfter;
  retired_.PushBack(slot);
}

}  // namespace engine
