// Where a new connection goes: the shard that accepted it, unless another one is clearly less busy.
//
//   stays, unless   load[self] > load[least] + max(kSlackConnections, kSlackPercent of load[least])
//
// A hand-over costs a wake-up, and a connection may live for one message only: hence the slack.
// A shard whose turn has lasted longer than kHangsAfter hangs in a call, and is given nothing.
// Counters and clocks are snapshots of each other's; they steer, nothing rests on their being
// exact. Any thread. Source of the figures: design of the shards, measured for 2 shards.
#ifndef MILLRACE_ENGINE_IO_PLACEMENT_H_
#define MILLRACE_ENGINE_IO_PLACEMENT_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/base/check.h"
#include "engine/base/strong_id.h"
#include "engine/base/units.h"
#include "engine/io/turn_clock.h"

namespace engine {

class Placement {
 public:
  static constexpr std::int64_t kSlackConnections = 8;
  static constexpr std::int64_t kSlackPercent = 12;
  static constexpr std::uint32_t kShardsMax = 1024;
  static constexpr Time kHangsAfter = std::chrono::milliseconds(20);

  explicit Placement(std::uint32_t shards) : shards_(shards), loads_(new Load[shards]) {
    ENGINE_CHECK(shards > 0 && shards <= kShardsMax);
  }

  std::uint32_t shards() const noexcept { return shards_; }
  std::int64_t LoadOf(ShardId shard) const noexcept {
    return LoadFor(shard).connections.load(std::memory_order_relaxed);
  }
  void Add(ShardId shard, std::int64_t connections) noexcept {
    LoadFor(shard).connections.fetch_add(connections, std::memory_order_relaxed);
  }

  // For a connection that `self` has accepted.
  ShardId Choose(ShardId self, Time now) const noexcept {
    ShardId least = self;
    for (std::uint32_t i = 0; i < shards_; ++i) {
      if (LoadOf({i}) < LoadOf(least) && !Hangs({i}, now)) least = {i};
    }
    const std::int64_t slack = std::max(kSlackConnections, LoadOf(least) * kSlackPercent / 100);
    return LoadOf(self) > LoadOf(least) + slack ? least : self;
  }

  // Written by the shard's loop.
  TurnClock& clock(ShardId shard) noexcept { return LoadFor(shard).clock; }
  const TurnClock& clock(ShardId shard) const noexcept { return LoadFor(shard).clock; }
  bool Hangs(ShardId shard, Time now) const noexcept {
    const Time since = clock(shard).since();
    return since != Time::zero() && now - since > kHangsAfter;
  }

  // Whether the shard listens, and so may be asked to accept.
  void SetListens(ShardId shard, bool listens) noexcept {
    LoadFor(shard).listens.store(listens, std::memory_order_relaxed);
  }
  bool Listens(ShardId shard) const noexcept {
    return LoadFor(shard).listens.load(std::memory_order_relaxed);
  }
  // The least busy one of those that listen and sleep at this moment, but `self`.
  std::optional<ShardId> Sleeper(ShardId self) const noexcept {
    std::optional<ShardId> found;
    for (std::uint32_t i = 0; i < shards_; ++i) {
      if (i == self.value || !Listens({i}) || !clock({i}).asleep()) continue;
      if (!found || LoadOf({i}) < LoadOf(*found)) found = ShardId{i};
    }
    return found;
  }

 private:
  struct alignas(64) Load {  // a cache line each: one shard's count does not slow another's
    std::atomic<std::int64_t> connections{0};
    std::atomic<bool> listens{false};
    TurnClock clock;
  };
  Load& LoadFor(ShardId shard) const noexcept {
    ENGINE_CHECK(shard.value < shards_);
    return loads_[shard.value];
  }

  std::uint32_t shards_;
  std::unique_ptr<Load[]> loads_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_PLACEMENT_H_
