// Where a new connection goes: the shard that accepted it, unless another one is clearly less busy.
//
//   stays, unless   load[self] > load[least] + max(kSlackConnections, kSlackPercent of load[least])
//
// A hand-over costs a wake-up, and a connection may live for one message only: hence the slack.
// The counters are snapshots of each other's; they steer, nothing rests on their being exact.
// Any thread. Source of the figures: design of the shards, measured for 2 shards.
#ifndef MILLRACE_ENGINE_IO_PLACEMENT_H_
#define MILLRACE_ENGINE_IO_PLACEMENT_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "engine/base/check.h"
#include "engine/base/strong_id.h"

namespace engine {

class Placement {
 public:
  static constexpr std::int64_t kSlackConnections = 8;
  static constexpr std::int64_t kSlackPercent = 12;
  static constexpr std::uint32_t kShardsMax = 1024;

  explicit Placement(std::uint32_t shards) : shards_(shards), loads_(new Load[shards]) {
    ENGINE_CHECK(shards > 0 && shards <= kShardsMax);
  }

  std::uint32_t shards() const noexcept { return shards_; }
  std::int64_t LoadOf(ShardId shard) const noexcept {
    ENGINE_CHECK(shard.value < shards_);
    return loads_[shard.value].connections.load(std::memory_order_relaxed);
  }
  void Add(ShardId shard, std::int64_t connections) noexcept {
    ENGINE_CHECK(shard.value < shards_);
    loads_[shard.value].connections.fetch_add(connections, std::memory_order_relaxed);
  }

  // For a connection that `self` has accepted.
  ShardId Choose(ShardId self) const noexcept {
    ShardId least = self;
    for (std::uint32_t i = 0; i < shards_; ++i) {
      if (LoadOf({i}) < LoadOf(least)) least = {i};
    }
    const std::int64_t slack = std::max(kSlackConnections, LoadOf(least) * kSlackPercent / 100);
    return LoadOf(self) > LoadOf(least) + slack ? least : self;
  }

 private:
  struct alignas(64) Load {  // a cache line each: one shard's count does not slow another's
    std::atomic<std::int64_t> connections{0};
  };
  std::uint32_t shards_;
  std::unique_ptr<Load[]> loads_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_PLACEMENT_H_
