// Ids of different things are different types: a shard's number cannot be passed where a slot's is
// meant.
#ifndef MILLRACE_ENGINE_BASE_STRONG_ID_H_
#define MILLRACE_ENGINE_BASE_STRONG_ID_H_

#include <compare>
#include <cstdint>

namespace engine {

template <typename Tag>
struct StrongId {
  std::uint32_t value = 0;
  friend auto operator<=>(StrongId, StrongId) = default;
};

using ShardId = StrongId<struct ShardTag>;

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_STRONG_ID_H_
