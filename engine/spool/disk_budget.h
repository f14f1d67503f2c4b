// What must stay free on the spool's file system: bytes and inodes.
//
//   free by the last look  -  written since  =  estimate        a look is at most kLookEvery old
//
//   estimate >= bytes_free_min          new messages are admitted
//   estimate >= bytes_free_min / 2      messages in work may go on writing
//
// Overwritten blocks count as written although they cost nothing: the estimate errs on the safe
// side until the next look. A file system that does not count inodes answers UINT64_MAX. A disk
// that cannot answer at all admits nothing new. One thread.
//
// Looks are asynchronous while the disk stalls (SpoolWork::async()): the last answer holds until
// the next has come. Once the disk is good, one that is still under way is overtaken by an inline
// look at the next Admit(), and not heeded. Before the first, everything is admitted: a disk that
// is full says so itself.
#ifndef MILLRACE_ENGINE_SPOOL_DISK_BUDGET_H_
#define MILLRACE_ENGINE_SPOOL_DISK_BUDGET_H_

#include <cstdint>

#include "engine/base/units.h"
#include "engine/io/disk.h"
#include "engine/spool/spool_work.h"

namespace engine {

struct DiskFloor {
  std::uint64_t bytes_free_min = 0;   // 0: no floor
  std::uint64_t inodes_free_min = 0;  // a reserve for what others create beside our slots
};

class DiskBudget {
 public:
  static constexpr Time kLookEvery = std::chrono::seconds(1);
  static constexpr std::uint64_t kInodesPerSlot = 2;  // its directory and its file

  enum class Answer : std::uint8_t { kEnough, kBytesLow, kInodesLow, kDiskError };

  // `work`: outlives the budget; nullptr: looks are always inline.
  DiskBudget(Disk& disk, DiskFloor floor, SpoolWork* work = nullptr) noexcept
      : disk_(&disk), work_(work), floor_(floor) {
    look_.budget = this;
  }
  DiskBudget(const DiskBudget&) = delete;
  DiskBudget& operator=(const DiskBudget&) = delete;

  // May a message begin? `new_slot`: one that needs two inodes. Looks when the last look is old.
  Answer Admit(Time now, bool new_slot) noexcept;

  // Looks where the last look is `age` old: for who reads bytes_free() while nothing is admitted.
  void LookAgainAfter(Time now, Time age) noexcept;

  // Counts `bytes` about to be written; false: they would go below half the floor (after a fresh
  // look), so nothing should be written.
  bool Spend(std::uint64_t bytes) noexcept;

  void SetFloor(DiskFloor floor) noexcept { floor_ = floor; }
  std::uint64_t bytes_free() const noexcept;  // the estimate, for metrics
  std::uint64_t inodes_free() const noexcept { return inodes_free_; }
  int error() const noexcept { return error_; }  // of the last look
  // The two above are what the disk has said; else nothing is known yet.
  bool known() const noexcept { return looked_ && bytes_at_look_ != UINT64_MAX; }

 private:
  struct LookOp : SpoolOp {
    DiskBudget* budget = nullptr;
    bool in_flight = false;
    bool overtaken = false;  // by an inline look: its answer is older than what is known
  };

  void Look() noexcept;
  void LookLater() noexcept;
  void Note(int error, std::uint64_t bytes, std::uint64_t inodes) noexcept;

  Disk* disk_;
  SpoolWork* work_;
  LookOp look_;
  std::uint64_t spent_at_look_ = 0;  // spent_ when the asynchronous look began
  bool looked_ = false;
  DiskFloor floor_;
  std::uint64_t bytes_at_look_ = 0;
  std::uint64_t inodes_free_ = 0;
  std::uint64_t spent_ = 0;
  Time next_look_ = Time::min();
  int error_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_DISK_BUDGET_H_
