// See disk_budget.h.
#include "engine/spool/disk_budget.h"

#include <utility>

namespace engine {

void DiskBudget::Look() noexcept {
  if (work_ != nullptr && work_->async()) {
    LookLater();
    return;
  }
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
  const int error = disk_->FreeSpace(&bytes, &inodes).error;
  Note(error, bytes, inodes);
  spent_ = spent_at_look_ = 0;
  look_.overtaken = look_.in_flight;
}

void DiskBudget::LookLater() noexcept {
  if (!looked_) Note(0, UINT64_MAX, UINT64_MAX);
  if (look_.in_flight) return;
  look_.in_flight = true;
  look_.kind = FileOpKind::kFreeSpace;
  look_.ended = [](SpoolOp& op) noexcept {
    DiskBudget& self = *static_cast<LookOp&>(op).budget;
    self.look_.in_flight = false;
    if (std::exchange(self.look_.overtaken, false)) return;
    self.Note(op.result.error, op.bytes_free, op.inodes_free);
    // What was written meanwhile may be in the answer or not.
    self.spent_ -= self.spent_at_look_;
  };
  spent_at_look_ = spent_;
  work_->Submit(look_);
}

void DiskBudget::Note(int error, std::uint64_t bytes, std::uint64_t inodes) noexcept {
  error_ = error;
  bytes_at_look_ = error == 0 ? bytes : 0;
  inodes_free_ = error == 0 ? inodes : 0;
  looked_ = true;
}

void DiskBudget::LookAgainAfter(Time now, Time age) noexcept {
  if (next_look_ != Time::min() && now - next_look_ < age - kLookEvery) return;
  Look();
  next_look_ = now + kLookEvery;
}

DiskBudget::Answer DiskBudget::Admit(Time now, bool new_slot) noexcept {
  // The disk is good again: what is known is as old as the stall, and its look has not come.
  const bool old = look_.in_flight && !look_.overtaken && !work_->async();
  if (old || now >= next_look_) {
    Look();
    next_look_ = now + kLookEvery;
  }
  if (error_ != 0) return Answer::kDiskError;
  if (bytes_free() < floor_.bytes_free_min) return Answer::kBytesLow;
  if (!new_slot || floor_.inodes_free_min == 0) return Answer::kEnough;
  if (inodes_free_ < kInodesPerSlot || inodes_free_ - kInodesPerSlot < floor_.inodes_free_min)
    return Answer::kInodesLow;
  if (inodes_free_ != UINT64_MAX) inodes_free_ -= kInodesPerSlot;
  return Answer::kEnough;
}

bool DiskBudget::Spend(std::uint64_t bytes) noexcept {
  const std::uint64_t keep = floor_.bytes_free_min / 2;
  if (keep != 0 && (bytes_free() < keep || bytes_free() - keep < bytes)) {
    Look();  // the estimate is below the truth where blocks are overwritten
    if (bytes_free() < keep || bytes_free() - keep < bytes) return false;
  }
  spent_ += bytes;
  return true;
}

std::uint64_t DiskBudget::bytes_free() const noexcept {
  return spent_ < bytes_at_look_ ? bytes_at_look_ - spent_ : 0;
}

}  // namespace engine
