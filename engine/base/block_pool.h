// Byte blocks in powers of two, for text that outlives one receive: half packets, session text,
// replies not yet written.
//
//   class 0: 64 bytes, 1: 128, ... 17: 8 MiB.  Each class: a list of free blocks, last in first
//   out. Classes up to 64 KiB are carved from mapped runs of 256 KiB; larger blocks are mapped one
//   by one and at most kLargeKeptBytes of them are kept.
//
// Limit: `bytes_max` in use at once; above it Take() answers an empty span, and the caller refuses
// the work at hand. One thread (the owner's shard). No heap: mappings only, and none once the peak
// has been reached.
#ifndef MILLRACE_ENGINE_BASE_BLOCK_POOL_H_
#define MILLRACE_ENGINE_BASE_BLOCK_POOL_H_

#include <array>
#include <cstddef>

#include "engine/base/units.h"

namespace engine {

class BlockPool {
 public:
  static constexpr std::size_t kBlockMinBytes = 64;
  static constexpr std::size_t kBlockMaxBytes = 8 * kMiB;
  static constexpr std::size_t kRunBytes = 256 * kKiB;
  static constexpr std::size_t kLargeKeptBytes = 16 * kMiB;

  explicit BlockPool(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}
  // Every block must have been given back.
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A block of at least `bytes` (its true, rounded size is the span's); empty when that exceeds the
  // pool's limit, the largest class, or what the kernel maps. The content is undefined.
  Bytes Take(std::size_t bytes) noexcept;

  // Takes back a span exactly as Take() answered it. An empty span is ignored.
  void Give(Bytes block) noexcept;

  std::size_t bytes_in_use() const noexcept { return bytes_in_use_; }

 private:
  struct Free {
    Free* next;
  };
  struct Run {
    Run* next;
  };
  static constexpr std::size_t kClassCount = 18;
  static constexpr std::size_t kRunClassMaxBytes = 64 * kKiB;

  std::byte* Carve(std::size_t bytes) noexcept;
  static std::size_t ClassOf(std::size_t bytes) noexcept;

  std::array<Free*, kClassCount> free_{};
  Run* runs_ = nullptr;
  std::byte* carve_next_ = nullptr;
  std::byte* carve_end_ = nullptr;
  std::size_t bytes_max_;
  std::size_t bytes_in_use_ = 0;
  std::size_t large_kept_bytes_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_BLOCK_POOL_H_
