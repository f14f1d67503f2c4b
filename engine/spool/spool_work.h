// The file work of a spool that leaves the shard's thread: whether, how much at once, in what
// order.
//
//   Submit --> [waiting, first in first out] --at most kInFlightMax--> Loop::Submit
//                                                                         |
//   SpoolOp::ended <--- final result (EINTR is tried again) <---- done ---'
//
// One SpoolOp belongs to each slot, and one to the disk budget: what is done to a slot is done
// strictly one after the other, and nothing has to be allocated for it. A stalled disk therefore
// holds at most one operation for each slot; those beyond kInFlightMax wait here, not in the loop.
//
// Contents on their way into a file lie in blocks of the shard's pool, at most block_bytes_max in
// all: a disk that takes nothing must not use up the memory of the sessions. Over it TakeBlock()
// answers an empty span, and the message at hand is given up.
//
// One thread (the owner's shard). No heap. It does not decide when the disk stalls
// (engine/io/stall_governor.h), nor what is done to a slot (spool_async.cc).
#ifndef MILLRACE_ENGINE_SPOOL_SPOOL_WORK_H_
#define MILLRACE_ENGINE_SPOOL_SPOOL_WORK_H_

#include <cstddef>
#include <cstdint>

#include "engine/base/block_pool.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/units.h"
#include "engine/io/file_op.h"
#include "engine/io/loop.h"
#include "engine/io/stall_governor.h"

namespace engine {

struct SpoolOpTag;
class SpoolWork;

// Stable from Submit() to `ended`, which may submit it again.
struct SpoolOp : FileOp, ListLink<SpoolOpTag> {
  void (*ended)(SpoolOp& op) noexcept = nullptr;
  SpoolWork* work = nullptr;  // set by Submit()
  int interrupts = 0;         // EINTR in a row
};

class SpoolWork {
 public:
  static constexpr std::uint32_t kInFlightMax = 256;  // FileOps::kFileOpsMax
  static constexpr std::size_t kBlockBytesMaxDefault = 256 * kMiB;

  // All outlive the work.
  SpoolWork(Loop& loop,
            BlockPool& blocks,
            const StallGovernor& governor,
            std::size_t block_bytes_max = kBlockBytesMaxDefault) noexcept
      : loop_(loop), blocks_(blocks), governor_(governor), block_bytes_max_(block_bytes_max) {}
  // Nothing may be under way.
  ~SpoolWork();
  SpoolWork(const SpoolWork&) = delete;
  SpoolWork& operator=(const SpoolWork&) = delete;

  // Asked before each piece of file work. One that was begun one way ends that way.
  bool async() const noexcept { return governor_.async(); }

  // Kind, names and `ended` are filled in. `ended` comes in a later turn, outside any callback.
  void Submit(SpoolOp& op) noexcept;

  // Empty: over the limit, or the pool has none.
  Bytes TakeBlock(std::size_t bytes) noexcept;
  void GiveBlock(Bytes block) noexcept;

  // Fires `timer` in the next turn.
  void Soon(Timer& timer) noexcept { loop_.Set(timer, loop_.now()); }
  void Cancel(Timer& timer) noexcept { loop_.Cancel(timer); }
  Time now() const noexcept { return loop_.now(); }

  bool idle() const noexcept { return in_flight_ == 0; }
  std::uint32_t in_flight() const noexcept { return in_flight_; }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  std::size_t block_bytes() const noexcept { return block_bytes_; }
  std::uint64_t submitted() const noexcept { return submitted_; }

 private:
  static constexpr int kInterruptsMax = 100;

  static void OnDone(FileOp& op) noexcept;
  void Begin(SpoolOp& op) noexcept;
  void Finish(SpoolOp& op) noexcept;

  Loop& loop_;
  BlockPool& blocks_;
  const StallGovernor& governor_;
  IntrusiveList<SpoolOp, SpoolOpTag> waiting_;
  std::size_t block_bytes_max_;
  std::size_t block_bytes_ = 0;
  std::uint64_t submitted_ = 0;
  std::uint32_t in_flight_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_SPOOL_WORK_H_
