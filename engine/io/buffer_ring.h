// The buffers that a ring receives into: registered with the kernel, lent out, given back.
//
//   kernel's ring --RECV--> Taken(buffer, bytes) --> listed by the loop --> OnBytes
//        ^                                                                     |
//        '------------------------------- Give(buffer) <--- OnTurnEnd ---------'
//
//   one mapping:  | io_uring_buf x count |  4 KiB x count |     touched as the kernel uses them
//
// Each buffer has a link for the list that it is on: a list is its first and its last buffer, as
// number + 1 (0: none), so that zeroed memory is an empty list.
//
// Sources: io_uring_register_buf_ring(3) of liburing 2.3, which has no io_uring_setup_buf_ring.
// One thread. The ring must outlive what is registered, or be closed first.
#ifndef MILLRACE_ENGINE_IO_BUFFER_RING_H_
#define MILLRACE_ENGINE_IO_BUFFER_RING_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include <liburing.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

namespace engine {

// Received octets in the order in which they came.
struct BufferList {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool empty() const noexcept { return first == 0; }
};

class BufferRing {
 public:
  static constexpr std::size_t kBufferBytes = 4 * kKiB;
  static constexpr std::uint32_t kCountMax = 32'768;  // the kernel's
  static constexpr int kGroup = 0;                    // a ring of ours has one

  BufferRing() = default;
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  // `count`: a power of two. 0, or an errno.
  int Open(io_uring* ring, std::uint32_t count) noexcept;

  // A completion has told that `buffer` has so many octets.
  void Taken(std::uint32_t buffer, std::size_t bytes) noexcept {
    ENGINE_CHECK(buffer < count_ && bytes > 0 && bytes <= kBufferBytes);
    ENGINE_CHECK(parts_[buffer].bytes == 0 && free_ > 0);
    parts_[buffer].bytes = static_cast<std::uint32_t>(bytes);
    --free_;
  }
  Bytes BytesOf(std::uint32_t buffer) noexcept { return {MemoryOf(buffer), parts_[buffer].bytes}; }
  void Give(std::uint32_t buffer) noexcept;  // taken before
  void GiveAll(BufferList* list) noexcept;

  void Append(BufferList* list, std::uint32_t buffer) noexcept;
  std::uint32_t TakeFirst(BufferList* list) noexcept;  // not empty

  std::uint32_t count() const noexcept { return count_; }
  std::uint32_t free() const noexcept { return free_; }  // as far as completions have told

 private:
  struct Part {
    std::uint32_t bytes = 0;  // 0: in the kernel's hands
    std::uint16_t next = 0;   // number + 1
  };

  std::byte* MemoryOf(std::uint32_t buffer) noexcept {
    return memory_ + std::size_t{buffer} * kBufferBytes;
  }
  void Offer(std::uint32_t buffer) noexcept;

  io_uring* ring_ = nullptr;
  io_uring_buf_ring* shared_ = nullptr;
  std::byte* memory_ = nullptr;
  std::size_t map_bytes_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t free_ = 0;
  std::unique_ptr<Part[]> parts_;
};

// Multishot RECV on `fd` into a buffer of the ring's group. The octets come after the socket has
// been waited for, and not by an attempt that mostly finds none.
inline void PrepareReceive(io_uring_sqe* sqe, int fd, std::uint64_t name) noexcept {
  ::io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
  sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = BufferRing::kGroup;
  sqe->user_data = name;
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_BUFFER_RING_H_
