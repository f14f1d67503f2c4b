// Fixed pool of records, addressed by handles that notice reuse.
//
//   mapped once:  | record 0 | record 1 | ... | record capacity-1 |
//                   ^ reused last in first out   ^ watermark: never touched above it, so unused
//                   capacity costs no memory
//
// A handle is index + generation: the generation is odd while the record lives, so a stale handle
// is refused. One thread (the owner's shard). No allocation after construction. Records are
// constructed by Make() and destroyed by Free().
#ifndef MILLRACE_ENGINE_BASE_SLAB_H_
#define MILLRACE_ENGINE_BASE_SLAB_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "engine/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define ENGINE_SLAB_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ENGINE_SLAB_POISONS 1
#endif
#endif
#if defined(ENGINE_SLAB_POISONS)
#include <sanitizer/asan_interface.h>
#endif

namespace engine {

struct SlabHandle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // 0 never names a record
  friend bool operator==(const SlabHandle&, const SlabHandle&) = default;
};

template <typename T>
class Slab {
 public:
  // Reserves address space for `capacity` records (1 .. 2^31); pages are touched as records are
  // first used.
  explicit Slab(std::uint32_t capacity) : capacity_(capacity) {
    ENGINE_CHECK(capacity > 0 && capacity < kNone);
    void* map = ::mmap(nullptr,
                       MapBytes(),
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1,
                       0);
    ENGINE_CHECK(map != MAP_FAILED);
    cells_ = static_cast<Cell*>(map);
  }
  // Every record must have been freed: its owner may hold descriptors.
  ~Slab() {
    ENGINE_CHECK(in_use_ == 0);
    Unpoison(cells_, std::size_t{watermark_} * sizeof(Cell));
    ::munmap(cells_, MapBytes());
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // A new record, or nullptr when all are in use.
  template <typename... Args>
  T* Make(Args&&... args) noexcept {
    std::uint32_t index = free_;
    if (index != kNone) {
      free_ = cells_[index].next_free;
    } else if (watermark_ < capacity_) {
      index = watermark_++;
      cells_[index].generation = 0;
    } else {
      return nullptr;
    }
    Cell& cell = cells_[index];
    ++cell.generation;
    ++in_use_;
    Unpoison(cell.bytes, sizeof(T));
    return ::new (static_cast<void*>(cell.bytes)) T(std::forward<Args>(args)...);
  }

  void Free(T& record) noexcept {
    Cell& cell = CellOf(record);
    ENGINE_CHECK((cell.generation & 1U) == 1U);
    record.~T();
    Poison(cell.bytes, sizeof(T));
    ++cell.generation;
    cell.next_free = free_;
    free_ = static_cast<std::uint32_t>(&cell - cells_);
    --in_use_;
  }

  // The record that `handle` named when it was made, or nullptr once that was freed.
  T* Find(SlabHandle handle) noexcept {
    if (handle.index >= watermark_ || (handle.generation & 1U) == 0) return nullptr;
    Cell& cell = cells_[handle.index];
    if (cell.generation != handle.generation) return nullptr;
    return std::launder(reinterpret_cast<T*>(cell.bytes));
  }

  SlabHandle HandleOf(const T& record) const noexcept {
    const Cell& cell = CellOf(const_cast<T&>(record));
    return {static_cast<std::uint32_t>(&cell - cells_), cell.generation};
  }

  // The living record at `index`, for links between records.
  T& At(std::uint32_t index) noexcept {
    ENGINE_CHECK(index < watermark_);
    ENGINE_CHECK((cells_[index].generation & 1U) == 1U);
    return *std::launder(reinterpret_cast<T*>(cells_[index].bytes));
  }

  // Calls `visit(T&)` for every living record, in index order. `visit` may free the record it is
  // given.
  template <typename Visit>
  void ForEach(Visit&& visit) noexcept {
    for (std::uint32_t i = 0; i < watermark_; ++i) {
      if ((cells_[i].generation & 1U) == 1U)
        visit(*std::launder(reinterpret_cast<T*>(cells_[i].bytes)));
    }
  }

  std::uint32_t in_use() const noexcept { return in_use_; }
  std::uint32_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Cell {
    alignas(T) std::byte bytes[sizeof(T)];
    std::uint32_t generation;
    std::uint32_t next_free;
  };

  // Under the address sanitizer whoever reads a freed record is told.
#if defined(ENGINE_SLAB_POISONS)
  static void Poison(const void* at, std::size_t bytes) noexcept {
    ASAN_POISON_MEMORY_REGION(at, bytes);
  }
  static void Unpoison(const void* at, std::size_t bytes) noexcept {
    ASAN_UNPOISON_MEMORY_REGION(at, bytes);
  }
#else
  static void Poison(const void*, std::size_t) noexcept {}
  static void Unpoison(const void*, std::size_t) noexcept {}
#endif

  std::size_t MapBytes() const noexcept {
    return std::size_t{capacity_} * sizeof(Cell);
  }
  Cell& CellOf(T& record) const noexcept {
    // bytes is the first member, so the record's address is the cell's.
    Cell* cell = reinterpret_cast<Cell*>(&record);
    ENGINE_CHECK(cell >= cells_ && cell < cells_ + watermark_);
    return *cell;
  }

  Cell* cells_ = nullptr;
  std::uint32_t capacity_;
  std::uint32_t watermark_ = 0;
  std::uint32_t free_ = kNone;
  std::uint32_t in_use_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_SLAB_H_
