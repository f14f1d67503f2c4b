// Which shard of a group watches the listening sockets: one at a time has the turn to accept.
//
//              Join: nobody has it, or whoever has it hangs            Pass: busy, another sleeps
//   (nobody) ------------------------------------------> (a shard) ------------------------------.
//       ^                                                 |     ^                                |
//       '-------------------- Leave ----------------------'     '---- Receive, by the other one -'
//
// Every other shard is not woken for a new connection. Who gets the turn watches from then on, and
// is told by the kernel of what waits already; who finds that it has lost it ends its watch. So
// there may be two watches for a moment, and where the turn is, there is one.
//
// No connection waits for a shard that hangs: whoever listens looks from time to time at the shard
// that has the turn (Take), and takes it from one whose turn of the loop lasts longer than
// Placement::kHangsAfter. Taken in error (a busy machine), it costs a watch. It is the same for all
// ways of file work and all loops, and needs no thread of its own.
//
//   looks:  kLookEvery   while the loop that has the turn is at work
//           kRestEvery   while it has slept since the last look: an idle group wakes no more often
//
// So the longest wait is kRestEvery + kHangsAfter, where a shard hangs on the first thing it does
// after a rest; under load, kLookEvery + kHangsAfter.
//
// Threads: any; the members are atomics. It watches nothing itself: shard.h.
#ifndef MILLRACE_ENGINE_IO_ACCEPT_TURN_H_
#define MILLRACE_ENGINE_IO_ACCEPT_TURN_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "engine/base/strong_id.h"
#include "engine/base/units.h"
#include "engine/io/placement.h"

namespace engine {

class AcceptTurn {
 public:
  static constexpr Time kLookEvery = std::chrono::milliseconds(20);
  static constexpr Time kRestEvery = std::chrono::seconds(1);
  // Awake for this long without a sleep, it lets a shard that sleeps accept.
  static constexpr Time kBusyAfter = std::chrono::milliseconds(5);

  // `placement` outlives this.
  explicit AcceptTurn(Placement& placement) noexcept : placement_(placement) {}
  AcceptTurn(const AcceptTurn&) = delete;
  AcceptTurn& operator=(const AcceptTurn&) = delete;

  bool Has(ShardId shard) const noexcept {
    return holder_.load(std::memory_order_acquire) == shard.value;
  }

  // `self` listens from now on. True: it has the turn.
  bool Join(ShardId self) noexcept {
    placement_.SetListens(self, true);
    std::uint32_t nobody = kNobody;
    return Move(nobody, self) || Has(self);
  }
  // It listens no more; the others find that out when they look.
  void Leave(ShardId self) noexcept {
    placement_.SetListens(self, false);
    std::uint32_t mine = self.value;
    holder_.compare_exchange_strong(mine, kNobody, std::memory_order_acq_rel);
  }

  // A look of `self`, which listens. True: it has taken the turn, and watches from now on.
  bool Take(ShardId self, Time now) noexcept {
    std::uint32_t holder = holder_.load(std::memory_order_acquire);
    if (holder == self.value) return false;
    const bool nobody = holder == kNobody;
    if (!nobody && !placement_.Hangs({holder}, now)) return false;
    if (!Move(holder, self)) return false;
    if (!nobody) taken_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  // Whether the loop that has the turn is in a turn of its own, or was since *seen was written here
  // by an earlier look of the same shard.
  bool AtWork(Time* seen) const noexcept {
    const std::uint32_t holder = holder_.load(std::memory_order_acquire);
    if (holder == kNobody) return false;
    const TurnClock& clock = placement_.clock({holder});
    const Time before = std::exchange(*seen, clock.last());
    return before != *seen || clock.since() != Time::zero();
  }

  // Who should accept instead of `self`, which has the turn and has been awake since `awake_since`.
  std::optional<ShardId> Next(ShardId self, Time awake_since, Time now) const noexcept {
    if (now - awake_since < kBusyAfter) return std::nullopt;
    return placement_.Sleeper(self);
  }
  // `self` is given the turn by `from`. True: it has it, and watches from now on.
  bool Receive(ShardId self, ShardId from) noexcept {
    std::uint32_t holder = from.value;
    return placement_.Listens(self) && Move(holder, self);
  }

  // Times that it was taken from a shard that seemed to hang.
  std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  bool Move(std::uint32_t holder, ShardId to) noexcept {
    return holder_.compare_exchange_strong(holder, to.value, std::memory_order_acq_rel);
  }

  Placement& placement_;
  alignas(64) std::atomic<std::uint32_t> holder_{kNobody};  // read by each shard in each turn
  alignas(64) std::atomic<std::uint64_t> taken_{0};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_ACCEPT_TURN_H_
