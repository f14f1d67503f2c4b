// See the header.
#include "engine/io/buffer_ring.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>

namespace engine {
namespace {

constexpr std::size_t kPageBytes = 4096;

}  // namespace

BufferRing::~BufferRing() {
  if (shared_ == nullptr) return;
  ::io_uring_unregister_buf_ring(ring_, kGroup);  // a RECV that is still there finds no buffer
  ::munmap(shared_, map_bytes_);
}

int BufferRing::Open(io_uring* ring, std::uint32_t count) noexcept {
  ENGINE_CHECK(shared_ == nullptr && count <= kCountMax && std::has_single_bit(count));
  const std::size_t entries = (count * sizeof(io_uring_buf) + kPageBytes - 1) & ~(kPageBytes - 1);
  map_bytes_ = entries + count * kBufferBytes;
  void* map =
      ::mmap(nullptr, map_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return errno;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(map);
  registration.ring_entries = count;
  registration.bgid = kGroup;
  if (const int error = ::io_uring_register_buf_ring(ring, &registration, 0); error != 0) {
    ::munmap(map, map_bytes_);
    return -error;
  }
  ring_ = ring;
  shared_ = static_cast<io_uring_buf_ring*>(map);
  ::io_uring_buf_ring_init(shared_);
  memory_ = static_cast<std::byte*>(map) + entries;
  count_ = count;
  parts_ = std::make_unique<Part[]>(count);
  for (std::uint32_t buffer = 0; buffer < count; ++buffer)
    Offer(buffer);
  free_ = count;
  return 0;
}

void BufferRing::Offer(std::uint32_t buffer) noexcept {
  ::io_uring_buf_ring_add(shared_,
                          MemoryOf(buffer),
                          kBufferBytes,
                          static_cast<std::uint16_t>(buffer),
                          ::io_uring_buf_ring_mask(count_),
                          0);
  ::io_uring_buf_ring_advance(shared_, 1);
}

void BufferRing::Give(std::uint32_t buffer) noexcept {
  ENGINE_CHECK(buffer < count_ && parts_[buffer].bytes > 0 && free_ < count_);
  parts_[buffer].bytes = 0;
  ++free_;
  Offer(buffer);
}

void BufferRing::GiveAll(BufferList* list) noexcept {
  while (!list->empty())
    Give(TakeFirst(list));
}

void BufferRing::Append(BufferList* list, std::uint32_t buffer) noexcept {
  const auto number = static_cast<std::uint16_t>(buffer + 1);
  parts_[buffer].next = 0;
  if (list->empty()) {
    list->first = number;
  } else {
    parts_[list->last - 1U].next = number;
  }
  list->last = number;
}

std::uint32_t BufferRing::TakeFirst(BufferList* list) noexcept {
  const std::uint32_t buffer = list->first - 1U;
  list->first = parts_[buffer].next;
  return buffer;
}

}  // namespace engine
