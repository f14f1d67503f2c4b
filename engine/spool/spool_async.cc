// The spool's work by asynchronous operations, for the time in which the disk stalls.
//
//   Take ------> kMake --> free, or handed to who waits longest
//   taken -----> kWrite, kSealCut, kSealClose --> the slot's waiter is told
//   GiveBack --> kLook --clean--> fits? --yes--> free
//        |         |                '----no----> kCutKept --> free
//      large       '--anything else--> kRemove --> gone, or retired
//        '---------------------------> kRemove
//   Tick ------> kCutIdle --> free        kRemove --> gone, or retired
//
// What an operation's end means is decided by its step; what its slot has become meanwhile (given
// back: kDraining; the spool closed) by the slot's state. The steps that follow ask async() anew:
// once the disk is good again they are done inline, on a slot that has nothing in flight.
#include <algorithm>
#include <cerrno>

#include "engine/base/check.h"
#include "engine/spool/spool.h"

namespace engine {

using State = SpoolSlot::State;

void Spool::Start(SpoolSlot& slot, SpoolStep step, FileOpKind kind) noexcept {
  ENGINE_CHECK(!slot.op_in_flight_);
  SlotOp& op = slot.op_;
  op.kind = kind;
  op.step = step;
  op.spool = this;
  op.owner = &slot;
  op.slot = slot.name();
  op.file = slot.file_;
  op.heavy = IsHeavy(slot, kind);
  op.ended = &OnOpEnded;
  slot.op_in_flight_ = true;
  ++working_;
  options_.work->Submit(op);
}

// Before a file is cut, removed or synced, its pages that are being written must be on the disk. A
// removal may be anybody's file, and nobody waits for it.
bool Spool::IsHeavy(const SpoolSlot& slot, FileOpKind kind) const noexcept {
  switch (kind) {
    case FileOpKind::kWriteV: return IsLarge(slot.length_);
    case FileOpKind::kTruncate: return IsLarge(slot.file_bytes_);
    case FileOpKind::kCloseFile: return slot.op_.sync;
    case FileOpKind::kRemoveSlot: return true;
    case FileOpKind::kMakeSlot:
    case FileOpKind::kCleanSlot:
    case FileOpKind::kFreeSpace: break;
  }
  return false;
}

SpoolRefusal Spool::StartMake() noexcept {
  if (const SpoolRefusal why = MayMake(); why != SpoolRefusal::kNone) return why;
  SpoolSlot* slot = table_.Make();
  ENGINE_CHECK(slot != nullptr);
  slot->state_ = State::kMaking;
  slot->op_.names_tried = 1;
  ++making_;
  Start(*slot, SpoolStep::kMake, FileOpKind::kMakeSlot);
  return SpoolRefusal::kNone;
}

// kNone: `waiter` waits.
SpoolRefusal Spool::WaitForSlot(SpoolWaiter* waiter) noexcept {
  const SpoolRefusal why = MakeFor(waiters_.size() + 1);
  // What is under way may yet leave a slot, or room for one.
  if (why != SpoolRefusal::kNone && working_ == 0) return why;
  if (waiter == nullptr) return SpoolRefusal::kStalled;
  waiters_.PushBack(*waiter);
  return SpoolRefusal::kNone;
}

// One slot for each waiter, and the spare ones; not kNone: why one of them cannot be made.
SpoolRefusal Spool::MakeFor(std::size_t waiters) noexcept {
  SpoolRefusal why = SpoolRefusal::kNone;
  while (why == SpoolRefusal::kNone && making_ + AtHand() < waiters + limits_.spare_slots)
    why = StartMake();
  return why;
}

void Spool::CancelWait(SpoolWaiter& waiter) noexcept {
  waiters_.Erase(waiter);
}

void Spool::WriteLater(SpoolSlot& slot,
                       Bytes block,
                       std::size_t bytes,
                       std::uint64_t at,
                       SpoolWaiter& waiter) noexcept {
  ENGINE_CHECK(slot.state_ == State::kTaken);
  SlotOp& op = slot.op_;
  op.waiter = &waiter;
  op.block = block;
  op.piece = {block.data(), bytes};
  op.data = {&op.piece, 1};
  op.offset = at;
  Start(slot, SpoolStep::kWrite, FileOpKind::kWriteV);
}

void Spool::StartSeal(SpoolSlot& slot, SpoolWaiter& waiter) noexcept {
  slot.op_.waiter = &waiter;
  if (SealCuts(slot)) {
    StartCut(slot, SpoolStep::kSealCut, slot.length_);
  } else {
    slot.op_.sync = true;
    Start(slot, SpoolStep::kSealClose, FileOpKind::kCloseFile);
  }
}

void Spool::StartCut(SpoolSlot& slot, SpoolStep step, std::uint64_t bytes) noexcept {
  if (step != SpoolStep::kSealCut) slot.state_ = State::kReturning;
  slot.op_.offset = bytes;
  Start(slot, step, FileOpKind::kTruncate);
}

void Spool::OnOpEnded(SpoolOp& op) noexcept {
  auto& mine = static_cast<SlotOp&>(op);
  mine.spool->OpEnded(*mine.owner);
}

void Spool::OpEnded(SpoolSlot& slot) noexcept {
  ENGINE_CHECK(slot.op_in_flight_ && working_ > 0);
  slot.op_in_flight_ = false;
  --working_;
  const Time now = options_.work->now();
  const SpoolStep step = slot.op_.step;
  const int error = slot.op_.result.error;
  switch (step) {
    case SpoolStep::kMake: Made(slot, now); break;
    case SpoolStep::kWrite: Wrote(slot, now); break;
    case SpoolStep::kSealClose:
      slot.file_ = -1;  // also when it failed
      EndWait(slot, error, now);
      break;
    case SpoolStep::kSealCut:
      if (error == 0) slot.file_bytes_ = slot.op_.offset;
      EndWait(slot, error, now);
      break;
    case SpoolStep::kLook: Looked(slot, now); break;
    case SpoolStep::kCutKept:
    case SpoolStep::kCutIdle: Cut(slot, now); break;
    case SpoolStep::kRemove: Removed(slot, error, now); break;
  }
  if (closed_) return;
  ServeWaiters();
  if (step == SpoolStep::kCutIdle || step == SpoolStep::kRemove) Tick(now);
}

void Spool::Made(SpoolSlot& slot, Time now) noexcept {
  --making_;
  const IoResult result = slot.op_.result;
  if (result.ok()) {
    slot.file_ = static_cast<int>(result.value);
    slot.since_ = now;
    ++counters_.made;
    if (closed_) {
      Remove(slot, now);
    } else {
      JoinFree(slot);
    }
    return;
  }
  if (result.error == EEXIST && slot.op_.names_tried < kNameTriesMax) {
    table_.Rename(slot);
    ++slot.op_.names_tried;
    ++making_;
    Start(slot, SpoolStep::kMake, FileOpKind::kMakeSlot);
    return;
  }
  table_.Free(slot);
  last_error_ = result.error;
  if (waiters_.size() <= making_) return;
  const SpoolRefusal why = SpoolRefusalOf(result.error);
  ++counters_.refused[static_cast<std::size_t>(why)];
  waiters_.PopFront().OnSlot(nullptr, why);
}

void Spool::Wrote(SpoolSlot& slot, Time now) noexcept {
  SlotOp& op = slot.op_;
  int error = op.result.error;
  const auto written = static_cast<std::size_t>(op.result.value);
  if (error == 0 && (op.result.value <= 0 || written > op.piece.iov_len)) error = EIO;
  if (error == 0 && written < op.piece.iov_len && slot.state_ == State::kTaken) {
    op.piece.iov_base = static_cast<std::byte*>(op.piece.iov_base) + written;
    op.piece.iov_len -= written;
    op.offset += written;
    Start(slot, SpoolStep::kWrite, FileOpKind::kWriteV);
    return;
  }
  options_.work->GiveBlock(op.block);
  op.block = {};
  EndWait(slot, error, now);
}

// The message's own operation has ended: it hears of it, unless it has ended before.
void Spool::EndWait(SpoolSlot& slot, int error, Time now) noexcept {
  if (error != 0) last_error_ = error;
  if (slot.state_ == State::kDraining) {
    EndUse(slot, SpoolFate::kDoubt, now);
    return;
  }
  ENGINE_CHECK(slot.state_ == State::kTaken);
  SpoolWaiter* waiter = slot.op_.waiter;
  slot.op_.waiter = nullptr;
  waiter->OnFileWork(error);
}

void Spool::Looked(SpoolSlot& slot, Time now) noexcept {
  const int error = slot.op_.result.error;
  if (error != 0) {
    CountUnclean(error);
  } else {
    SizeSeen(slot, slot.op_.result.value);
  }
  // Reuse may have ended meanwhile, by another slot's look.
  if (error == 0 && !closed_ && reuse_) {
    Keep(slot, now);
    return;
  }
  if (error == 0) ++counters_.removed_reuse_off;
  Remove(slot, now);
}

void Spool::Cut(SpoolSlot& slot, Time now) noexcept {
  const int error = slot.op_.result.error;
  if (error != 0) {
    last_error_ = error;
    ++counters_.retired_error;
    Remove(slot, now);
    return;
  }
  slot.file_bytes_ = 0;
  ++(slot.op_.step == SpoolStep::kCutKept ? counters_.truncated : counters_.truncated_idle);
  if (closed_) {
    Remove(slot, now);
  } else {
    JoinFree(slot);
  }
}

// Joins the free ones.
void Spool::JoinFree(SpoolSlot& slot) noexcept {
  slot.state_ = State::kFree;
  kept_bytes_ += slot.file_bytes_;
  if (slot.generation_ == 0) ++fresh_;
  FreeList& used = IsLarge(slot.file_bytes_) ? large_ : warm_;
  FreeList& list = slot.file_bytes_ == 0 ? bare_ : used;
  if (reuse_ || slot.generation_ == 0) {
    list.PushFront(slot);
  } else {
    list.PushBack(slot);  // only to be removed: not before what is of use
  }
  if (!waiters_.empty()) options_.work->Soon(wake_);
}

// Never inside a callback of another message: who is told goes on with its work at once.
void Spool::ServeWaiters() noexcept {
  while (!waiters_.empty()) {
    SpoolSlot* slot = PopFree();
    if (slot == nullptr) break;
    waiters_.PopFront().OnSlot(Hand(*slot), SpoolRefusal::kNone);
  }
  // A failed make may have left somebody without one, and a removal makes room for one.
  if (async()) {
    if (!waiters_.empty()) MakeFor(waiters_.size());
    return;
  }
  while (making_ < waiters_.size()) {
    SpoolSlot* slot = nullptr;
    const SpoolRefusal why = MakeSlot(&slot);
    if (slot == nullptr && working_ > 0) break;  // there is more to come
    if (slot == nullptr) ++counters_.refused[static_cast<std::size_t>(why)];
    waiters_.PopFront().OnSlot(slot == nullptr ? nullptr : Hand(*slot), why);
  }
}

}  // namespace engine
