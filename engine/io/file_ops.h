// File operations in flight, by number: the kernel and the helper thread are given no pointer to
// what belongs to the shard's pool.
//
// Limit: kFileOpsMax at once. The shard's pool of operations is smaller; more is a bug of ours.
//
// How long an operation took cannot be seen from here: it waits its turn behind others. What the
// governor is told is for how long none of those in flight had ended, as the loop sees it.
#ifndef MILLRACE_ENGINE_IO_FILE_OPS_H_
#define MILLRACE_ENGINE_IO_FILE_OPS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/units.h"
#include "engine/io/file_op.h"
#include "engine/io/stall_governor.h"

namespace engine {

class FileOps {
 public:
  static constexpr std::uint32_t kFileOpsMax = 256;

  // `stalls`: told what operations took; nullptr: nobody asks. Outlives this.
  explicit FileOps(StallGovernor* stalls = nullptr) noexcept : stalls_(stalls) {
    for (std::uint32_t i = 0; i < kFileOpsMax; ++i)
      free_[i] = i;
  }
  FileOps(const FileOps&) = delete;
  FileOps& operator=(const FileOps&) = delete;

  std::uint32_t Add(FileOp& op) noexcept {
    ENGINE_CHECK(op.done != nullptr);
    ENGINE_CHECK(in_flight_ < kFileOpsMax);
    if (in_flight_ == 0) moved_at_ = MonotonicNow();
    const std::uint32_t index = free_[in_flight_++];
    ops_[index] = &op;
    return index;
  }
  FileOp& At(std::uint32_t index) noexcept {
    ENGINE_CHECK(index < kFileOpsMax && ops_[index] != nullptr);
    return *ops_[index];
  }
  // Frees the number without a word: the loop is going away.
  void Forget(std::uint32_t index) noexcept {
    ENGINE_CHECK(in_flight_ > 0);
    ops_[index] = nullptr;
    free_[--in_flight_] = index;
  }
  // Frees the number, then tells `done`, which may submit again.
  void Finish(std::uint32_t index, IoResult result) noexcept {
    FileOp& op = At(index);
    Forget(index);
    const Time now = MonotonicNow();
    if (stalls_ != nullptr) stalls_->OnOperation(now, now - moved_at_);
    moved_at_ = now;
    op.result = result;
    op.done(op);
  }
  std::uint32_t in_flight() const noexcept { return in_flight_; }

 private:
  std::array<FileOp*, kFileOpsMax> ops_{};
  std::array<std::uint32_t, kFileOpsMax> free_{};  // those from in_flight_ on are free
  std::uint32_t in_flight_ = 0;
  Time moved_at_{};  // when the last one ended, or the first was added
  StallGovernor* stalls_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FILE_OPS_H_
