// Octets on the stack or in a shard that are deliberately not initialised: they are written before
// they are read.
//
//   Scratch<char, 512> room;  std::snprintf(room.data(), room.size(), ...);
#ifndef MILLRACE_ENGINE_BASE_SCRATCH_H_
#define MILLRACE_ENGINE_BASE_SCRATCH_H_

#include <cstddef>
#include <span>

namespace engine {

template <typename Octet, std::size_t kCount>
class Scratch {
  static_assert(sizeof(Octet) == 1);

 public:
  // Not "= default": that would let `Scratch{}` fill it with zeros.
  // NOLINTNEXTLINE(modernize-use-equals-default)
  Scratch() noexcept {}

  Octet* data() noexcept { return octets_; }
  const Octet* data() const noexcept { return octets_; }
  static constexpr std::size_t size() noexcept { return kCount; }
  // NOLINTNEXTLINE(google-explicit-constructor): it stands in for an array
  operator std::span<Octet>() noexcept { return {octets_, kCount}; }

 private:
  Octet octets_[kCount];
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_SCRATCH_H_
