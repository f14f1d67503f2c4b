// The message files of one shard: slots taken, sealed, given back, reused or retired.
//
//              Take (last in, first out)                     GiveBack kVerdict, kUnread
//   [free] ------------------------------> [taken] ---------------------------------------> look
//     ^  ^          MakeSlot ------------>    |  \                                         /    |
//     |  |                                    |   \  kDoubt, reuse off,                  ok
//     anything |  '------------------------------------|----\-------------------------------------'
//     else |                                       |     '--> [draining] (a FileOp in flight) |
//   Tick: idle 10 s: truncated to zero,       |               |                                 |
//   idle 60 s beyond 64: removed              '---------------'--> RemoveSlot <-----------------'
//                                                                    | fails: [retired], tried
//                                                                    v again by Tick   gone
//
// The rule that matters: a slot is reused only after a complete answer of its reader that is a
// verdict (kVerdict) or when no reader was ever told its path (kUnread), and after a look: its
// directory is emptied of what the reader left and must then hold nothing but the very file that we
// hold open, with one link, our owner and mode, and open by nobody else. Anything unexpected, or
// any doubt whether a reader is still there (kDoubt), retires the slot: it is unlinked, and a new
// one is made. What goes wrong there is never an error of the caller's message; it is counted.
//
// Reuse off (SpoolOptions::reuse, or the look answered ENOTSUP once): every message gets a new
// directory and file; Seal() syncs and closes the file; GiveBack() removes it.
//
// Inline and asynchronous (SpoolOptions::work, whose async() is asked before each piece of work):
// with async() every file call of the diagram above is a FileOp, and the slot is in the state
// kMaking, kReturning or kRemoving while it is under way (spool_async.cc). A message whose slot is
// made, written or sealed so hears of the end through its SpoolWaiter. A slot that is given back
// with an operation of its message under way is kDraining until that has ended, and is retired
// then, whatever its fate.
//
// Meanwhile a large file (light_bytes_max) is not used again, but removed: before it can be cut,
// the disk must have taken those of its pages that are under way. Its work is marked FileOp::heavy.
//
// Limits: SpoolLimits. Blocks that a free slot keeps are at most kept_bytes_max in all and
// kept_slot_bytes_max in one. One thread (the owner's shard). No heap after construction.
// It does not write (SpoolWriter), nor choose its directory (spool_dir.h).
#ifndef MILLRACE_ENGINE_SPOOL_SPOOL_H_
#define MILLRACE_ENGINE_SPOOL_SPOOL_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/intrusive_list.h"
#include "engine/base/units.h"
#include "engine/io/disk.h"
#include "engine/spool/disk_budget.h"
#include "engine/spool/spool_slot.h"

namespace engine {

struct SpoolLimits {
  std::uint32_t slots_max = 1000;  // taken, free and retired ones together
  DiskFloor floor;
  std::uint64_t kept_bytes_max = 64 * kMiB;       // blocks of free slots, whole shard
  std::uint64_t kept_slot_bytes_max = 16 * kMiB;  // blocks of one free slot
  // Asynchronous: a file above it is heavy work (FileOp::heavy), and its slot is not used again.
  std::uint64_t light_bytes_max = 64 * kKiB;
  std::uint32_t idle_slots_kept = 64;
  std::uint32_t spare_slots = 0;  // asynchronous: at hand or being made, for who cannot wait
  Time idle_remove_after = std::chrono::seconds(60);
  Time truncate_idle_after = std::chrono::seconds(10);
  std::uint32_t retired_max = 256;  // with so many removals failed, no new slot is made
};

struct SpoolOptions {
  bool reuse = true;          // false: network file systems, readers on another host
  SpoolWork* work = nullptr;  // outlives the spool; nullptr: always inline
  // Called once, when the look shows that reuse cannot be had here (errno of the look).
  void (*reuse_ended)(void* context, int error) noexcept = nullptr;
  void* context = nullptr;
};

// Why Take() refused, in the order of the checks.
enum class SpoolRefusal : std::uint8_t {
  kNone,
  kClosed,         // after Close()
  kBytesLow,       // less than bytes_free_min is free
  kInodesLow,      // less than inodes_free_min is free
  kSlotsMax,       // all slots are in work
  kRetiredMax,     // too many removals have failed
  kNoSpace,        // the disk said ENOSPC or EDQUOT
  kNoDescriptors,  // the system said EMFILE or ENFILE
  kDiskError,      // anything else: Spool::last_error()
  kStalled,        // asynchronous: no slot at hand, and nobody who could wait for one
};
inline constexpr std::size_t kSpoolRefusalCount = 10;
std::string_view SpoolRefusalName(SpoolRefusal refusal) noexcept;  // "spool slots", for a log line
SpoolRefusal SpoolRefusalOf(int error) noexcept;                   // of a slot that was not made

// What has become of a slot's content in the hands of its reader.
enum class SpoolFate : std::uint8_t {
  kVerdict,  // a complete answer that is a verdict has come
  kUnread,   // no reader was ever told the path
  kDoubt,    // timeout, abort, broken answer, lost connection, temporary failure
};

struct SpoolCounters {
  std::uint64_t made = 0;
  std::uint64_t reused = 0;
  std::array<std::uint64_t, kSpoolRefusalCount> refused{};  // by SpoolRefusal
  // Slots retired at GiveBack, by reason:
  std::uint64_t retired_doubt = 0;
  std::uint64_t retired_not_emptied = 0;  // what the reader left could not be removed, or came back
  std::uint64_t retired_open = 0;         // somebody has the file open
  std::uint64_t retired_linked = 0;       // another hard link
  std::uint64_t retired_foreign = 0;      // another inode by that name, owner or mode changed
  std::uint64_t retired_error = 0;        // anything else, also a failed truncate
  std::uint64_t removed_reuse_off = 0;    // the ordinary end with reuse off or after Close()
  std::uint64_t removed_large = 0;        // given back above light_bytes_max, asynchronous
  std::uint64_t truncated = 0;            // on return, above a kept limit
  std::uint64_t truncated_idle = 0;
  std::uint64_t removed_idle = 0;
  std::uint64_t removals_failed = 0;  // RemoveSlot answered an error, first try or later one
  std::uint64_t reuse_ended = 0;      // 0 or 1
};

class Spool {
 public:
  // `disk` outlives the spool; its root must be a directory of this spool's own.
  Spool(Disk& disk, const SpoolLimits& limits, const SpoolOptions& options) noexcept;
  // Every slot must have been given back, and Close() called.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // A slot of length 0 for one message, or nullptr and why. The file may still hold octets of
  // earlier messages behind length(): Seal() cuts them before anybody is told the path.
  // nullptr with kNone: one is being made, and `waiter` is told (asynchronous alone; without a
  // waiter the answer is kStalled, and the slot joins the free ones).
  SpoolSlot* Take(Time now, SpoolRefusal* why, SpoolWaiter* waiter = nullptr) noexcept;

  // `waiter` no longer waits for a slot. The one that is being made for it joins the free ones.
  void CancelWait(SpoolWaiter& waiter) noexcept;

  // The message is complete, each of its writes has succeeded: the file gets its exact length
  // (reuse off: is synced and closed). No disk call where nothing of an earlier message is behind
  // it. Answers 0 or an errno; the path may be told to a reader only after 0. EINPROGRESS: `waiter`
  // is told (asynchronous alone; without a waiter it is done inline).
  int Seal(SpoolSlot& slot, SpoolWaiter* waiter = nullptr) noexcept;

  // Copies the next octets of a sealed message into `to`, a slot of its own, at most `bytes_max` of
  // them: a second reader must not get what the first one has. Answers 0 or an errno; whole as soon
  // as to.length() is from.length(). Not while async().
  int CopyMore(const SpoolSlot& from, SpoolSlot& to, std::size_t bytes_max) noexcept;

  // Writes the first `bytes` of `block`, which work()->TakeBlock() has given and which is the
  // spool's from here on, at offset `at` of the slot's file; `waiter` is told. The slot's length
  // counts them already.
  void WriteLater(SpoolSlot& slot,
                  Bytes block,
                  std::size_t bytes,
                  std::uint64_t at,
                  SpoolWaiter& waiter) noexcept;

  // Ends the message's use of `slot`, which the caller must not touch again; a waiter of it is not
  // told any more.
  void GiveBack(SpoolSlot& slot, SpoolFate fate, Time now) noexcept;

  // About once a second: the idle sweep, and failed removals again. A bounded number of file calls.
  void Tick(Time now) noexcept;

  // Shutdown: removes every free and retired slot; slots still taken are removed as they are given
  // back, whatever their fate. Answers the number of directories that are still there (in hand, not
  // removable, or, asynchronous, about to be removed: until work()->idle()). Nobody may wait.
  std::uint32_t Close() noexcept;

  void SetFloor(DiskFloor floor) noexcept { budget_.SetFloor(floor); }

  // File work is not to be done in this thread now.
  bool async() const noexcept { return options_.work != nullptr && options_.work->async(); }
  SpoolWork* work() noexcept { return options_.work; }
  DiskBudget& budget() noexcept { return budget_; }
  Disk& disk() noexcept { return *disk_; }
  const SpoolCounters& counters() const noexcept { return counters_; }
  bool reuse() const noexcept { return reuse_; }
  int last_error() const noexcept { return last_error_; }  // errno behind the last refusal
  std::uint32_t taken() const noexcept { return taken_; }  // draining ones too
  std::uint32_t free_slots() const noexcept {
    return static_cast<std::uint32_t>(warm_.size() + large_.size() + bare_.size());
  }
  std::uint32_t directories() const noexcept { return table_.in_use(); }  // in whatever state
  std::uint32_t working() const noexcept { return working_; }  // slots with an operation under way
  std::uint32_t retired() const noexcept { return static_cast<std::uint32_t>(retired_.size()); }
  std::uint64_t kept_bytes() const noexcept { return kept_bytes_; }

 private:
  struct WakeTimer : Timer {
    Spool* spool = nullptr;
  };

  static constexpr int kNameTriesMax = 8;         // names that exist already, per Take()
  static constexpr int kInterruptsMax = 100;      // EINTR in a row
  static constexpr int kRemovalsPerTick = 32;     // 100 microseconds each on a slow file system
  static constexpr int kTruncatesPerTick = 4096;  // 2 to 5 microseconds each
  static constexpr Time kRemovalAgainAfter = std::chrono::seconds(5);
  // Asynchronous: of the sweep at once, so that it does not lie in the way of messages. The next
  // follows as one ends.
  static constexpr std::uint32_t kSweepsAtOnce = 8;

  SpoolRefusal MayTake(Time now) noexcept;
  using FreeList = IntrusiveList<SpoolSlot, SpoolSlotTag>;

  SpoolSlot* PopFree() noexcept;
  std::size_t AtHand() const noexcept;
  bool TakesLarge() const noexcept;
  bool IsLarge(std::uint64_t bytes) const noexcept { return bytes > limits_.light_bytes_max; }
  SpoolSlot* PopOldestFree() noexcept;
  SpoolSlot& Left(SpoolSlot& slot) noexcept;
  SpoolSlot* Hand(SpoolSlot& slot) noexcept;
  SpoolRefusal MayMake() const noexcept;
  SpoolRefusal MakeSlot(SpoolSlot** made) noexcept;
  // Of a slot that was used before, also where reuse has ended under the message: an earlier one's
  // octets may be behind it.
  bool SealCuts(const SpoolSlot& slot) const noexcept { return reuse_ || slot.generation_ > 1; }
  int TruncateFile(SpoolSlot& slot, std::uint64_t bytes) noexcept;
  void EndUse(SpoolSlot& slot, SpoolFate fate, Time now) noexcept;
  bool LooksClean(SpoolSlot& slot) noexcept;
  static void SizeSeen(SpoolSlot& slot, std::int64_t bytes) noexcept;
  void CountUnclean(int error) noexcept;
  void EndReuse(int error) noexcept;
  void Keep(SpoolSlot& slot, Time now) noexcept;
  void Remove(SpoolSlot& slot, Time now) noexcept;
  void Removed(SpoolSlot& slot, int error, Time now) noexcept;
  int SweepMax(int inline_max) const noexcept;
  void TruncateIdle(FreeList& list, Time now) noexcept;
  int RemoveIdle(Time now) noexcept;
  void RetryRemovals(Time now, std::size_t tries) noexcept;

  // spool_async.cc
  void Start(SpoolSlot& slot, SpoolStep step, FileOpKind kind) noexcept;
  bool IsHeavy(const SpoolSlot& slot, FileOpKind kind) const noexcept;
  SpoolRefusal StartMake() noexcept;
  SpoolRefusal WaitForSlot(SpoolWaiter* waiter) noexcept;
  SpoolRefusal MakeFor(std::size_t waiters) noexcept;
  void StartSeal(SpoolSlot& slot, SpoolWaiter& waiter) noexcept;
  void StartCut(SpoolSlot& slot, SpoolStep step, std::uint64_t bytes) noexcept;
  static void OnOpEnded(SpoolOp& op) noexcept;
  void OpEnded(SpoolSlot& slot) noexcept;
  void Made(SpoolSlot& slot, Time now) noexcept;
  void Wrote(SpoolSlot& slot, Time now) noexcept;
  void Looked(SpoolSlot& slot, Time now) noexcept;
  void Cut(SpoolSlot& slot, Time now) noexcept;
  void EndWait(SpoolSlot& slot, int error, Time now) noexcept;
  void JoinFree(SpoolSlot& slot) noexcept;
  void ServeWaiters() noexcept;

  Disk* disk_;
  SpoolLimits limits_;
  SpoolOptions options_;
  DiskBudget budget_;
  SlotTable table_;
  IntrusiveList<SpoolSlot, SpoolSlotTag> warm_;     // free, file not empty; front: given back last
  IntrusiveList<SpoolSlot, SpoolSlotTag> large_;    // as warm_, file above light_bytes_max
  IntrusiveList<SpoolSlot, SpoolSlotTag> bare_;     // free, file empty; front: last come
  IntrusiveList<SpoolSlot, SpoolSlotTag> retired_;  // front: to be tried again first
  IntrusiveList<SpoolWaiter, SpoolWaiterTag> waiters_;  // for a slot; front: waits longest
  WakeTimer wake_;  // waiters and a free slot: served outside any callback
  SpoolCounters counters_;
  std::uint64_t kept_bytes_ = 0;
  std::uint32_t taken_ = 0;
  std::uint32_t working_ = 0;
  std::uint32_t making_ = 0;  // of working_
  std::uint32_t fresh_ = 0;   // free slots that nobody has used yet
  int last_error_ = 0;
  bool reuse_;
  bool closed_ = false;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_SPOOL_H_
