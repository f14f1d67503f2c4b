// Byte blocks in powers of two: mapping, carving, free lists.
#include "engine/base/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "engine/base/check.h"

namespace engine {
namespace {

std::byte* Map(std::size_t bytes) noexcept {
  void* map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return map == MAP_FAILED ? nullptr : static_cast<std::byte*>(map);
}

}  // namespace

BlockPool::~BlockPool() {
  ENGINE_CHECK(bytes_in_use_ == 0);
  for (std::size_t index = ClassOf(kRunClassMaxBytes) + 1; index < kClassCount; ++index) {
    while (free_[index] != nullptr) {
      Free* block = free_[index];
      free_[index] = block->next;
      ::munmap(block, kBlockMinBytes << index);
    }
  }
  while (runs_ != nullptr) {
    Run* run = runs_;
    runs_ = run->next;
    ::munmap(run, kRunBytes);
  }
}

Bytes BlockPool::Take(std::size_t bytes) noexcept {
  if (bytes > kBlockMaxBytes) return {};
  const std::size_t index = ClassOf(bytes);
  const std::size_t size = kBlockMinBytes << index;
  if (size > bytes_max_ - std::min(bytes_in_use_, bytes_max_)) return {};
  std::byte* block = nullptr;
  if (free_[index] != nullptr) {
    Free* free = free_[index];
    free_[index] = free->next;
    if (size > kRunClassMaxBytes) large_kept_bytes_ -= size;
    block = reinterpret_cast<std::byte*>(free);
  } else {
    block = size > kRunClassMaxBytes ? Map(size) : Carve(size);
  }
  if (block == nullptr) return {};
  bytes_in_use_ += size;
  return {block, size};
}

void BlockPool::Give(Bytes block) noexcept {
  if (block.empty()) return;
  const std::size_t index = ClassOf(block.size());
  ENGINE_CHECK(block.size() == kBlockMinBytes << index);
  ENGINE_CHECK(bytes_in_use_ >= block.size());
  bytes_in_use_ -= block.size();
  if (block.size() > kRunClassMaxBytes) {
    if (large_kept_bytes_ + block.size() > kLargeKeptBytes) {
      ::munmap(block.data(), block.size());
      return;
    }
    large_kept_bytes_ += block.size();
  }
  free_[index] = ::new (static_cast<void*>(block.data())) Free{free_[index]};
}

// What is left of a run too small for this block is handed to the smaller classes, so that carving
// wastes nothing.
std::byte* BlockPool::Carve(std::size_t bytes) noexcept {
  while (static_cast<std::size_t>(carve_end_ - carve_next_) < bytes) {
    const auto left = static_cast<std::size_t>(carve_end_ - carve_next_);
    if (left >= kBlockMinBytes) {
      const std::size_t piece = std::bit_floor(left);
      const std::size_t index = ClassOf(piece);
      free_[index] = ::new (static_cast<void*>(carve_next_)) Free{free_[index]};
      carve_next_ += piece;
      continue;
    }
    std::byte* map = Map(kRunBytes);
    if (map == nullptr) return nullptr;
    runs_ = ::new (static_cast<void*>(map)) Run{runs_};
    carve_next_ = map + kBlockMinBytes;  // the first block of a run holds its link
    carve_end_ = map + kRunBytes;
  }
  std::byte* block = carve_next_;
  carve_next_ += bytes;
  return block;
}

std::size_t BlockPool::ClassOf(std::size_t bytes) noexcept {
  const std::size_t size = std::bit_ceil(std::max(bytes, kBlockMinBytes));
  return static_cast<std::size_t>(std::countr_zero(size) - std::countr_zero(kBlockMinBytes));
}

}  // namespace engine
