// Bump allocator for the text of one message: filled between MAIL and verdict, thrown away at once.
//
//   | link | used ......... | free |  ->  older chunk  ->  ...      chunks of 4 KiB (or one of the
//   size asked for)
//
// Chunks come from the shard's BlockPool. Limit: `bytes_max` per arena; above it Allocate() answers
// nullptr, and the caller refuses the message. Nothing is destroyed: only trivially destructible
// things live here. One thread.
#ifndef MILLRACE_ENGINE_BASE_ARENA_H_
#define MILLRACE_ENGINE_BASE_ARENA_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/base/block_pool.h"
#include "engine/base/units.h"

namespace engine {

class Arena {
 public:
  static constexpr std::size_t kChunkBytes = 4 * kKiB;

  Arena(BlockPool& pool, std::size_t bytes_max) noexcept : pool_(&pool), bytes_max_(bytes_max) {}
  ~Arena() { Reset(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `bytes` of undefined content, aligned to 8; nullptr at the limit. Lives until Reset().
  std::byte* Allocate(std::size_t bytes) noexcept {
    if (bytes > BlockPool::kBlockMaxBytes) return nullptr;
    const std::size_t need = (bytes + 7) & ~std::size_t{7};
    if (need > free_bytes_ && !AddChunk(need)) return nullptr;
    std::byte* at = next_;
    next_ += need;
    free_bytes_ -= need;
    return at;
  }

  // A copy of `text` that lives until Reset(); data() == nullptr at the limit (an empty text never
  // is).
  std::string_view Copy(std::string_view text) noexcept {
    std::byte* at = Allocate(std::max<std::size_t>(text.size(), 1));
    if (at == nullptr) return {};
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return {reinterpret_cast<const char*>(at), text.size()};
  }

  // One T, or nullptr at the limit.
  template <typename T, typename... Args>
  T* Make(Args&&... args) noexcept {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 8);
    std::byte* at = Allocate(sizeof(T));
    return at == nullptr ? nullptr : ::new (static_cast<void*>(at)) T{std::forward<Args>(args)...};
  }

  // `count` value-initialised Ts; empty at the limit (and for count 0).
  template <typename T>
  std::span<T> MakeArray(std::size_t count) noexcept {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 8);
    if (count > BlockPool::kBlockMaxBytes / sizeof(T)) return {};
    std::byte* at = Allocate(count * sizeof(T));
    if (at == nullptr) return {};
    for (std::size_t i = 0; i < count; ++i)
      ::new (static_cast<void*>(at + i * sizeof(T))) T();
    return {std::launder(reinterpret_cast<T*>(at)), count};
  }

  // Gives every chunk back to the pool.
  void Reset() noexcept {
    while (chunks_ != nullptr) {
      Chunk* chunk = chunks_;
      chunks_ = chunk->older;
      pool_->Give({reinterpret_cast<std::byte*>(chunk), chunk->bytes});
    }
    next_ = nullptr;
    free_bytes_ = 0;
    bytes_ = 0;
  }

  std::size_t bytes() const noexcept { return bytes_; }  // taken from the pool

 private:
  struct Chunk {
    Chunk* older;
    std::size_t bytes;
  };

  bool AddChunk(std::size_t need) noexcept {
    const std::size_t want = std::max(need + sizeof(Chunk), kChunkBytes);
    if (bytes_ + want > bytes_max_) return false;
    const Bytes block = pool_->Take(want);
    if (block.empty()) return false;
    chunks_ = ::new (static_cast<void*>(block.data())) Chunk{chunks_, block.size()};
    bytes_ += block.size();
    next_ = block.data() + sizeof(Chunk);
    free_bytes_ = block.size() - sizeof(Chunk);
    return true;
  }

  BlockPool* pool_;
  Chunk* chunks_ = nullptr;
  std::byte* next_ = nullptr;
  std::size_t free_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t bytes_max_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_ARENA_H_
