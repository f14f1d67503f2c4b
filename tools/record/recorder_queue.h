// The bounded queue of bytes between the loop's thread and the recorder's.
//
//   [ ... | entry 32 | octets, padded to 32 | entry | ... ]     a ring; octets may wrap, an entry
//           ^ read_                            ^ write_         never does (its size divides all)
//
// One producer, one consumer, no locks: positions only grow. Push copies and never waits; full is
// its answer false. Pages are touched as they are first used.
#ifndef MILLRACE_TOOLS_RECORD_RECORDER_QUEUE_H_
#define MILLRACE_TOOLS_RECORD_RECORDER_QUEUE_H_

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/base/check.h"
#include "engine/io/loop.h"

namespace record {

enum class EventKind : std::uint8_t { kOpen, kOctets, kClose, kScan };

struct Event {
  std::uint64_t session = 0;
  std::uint64_t time_us = 0;
  void* object = nullptr;   // kScan: the consumer's to delete
  std::uint32_t bytes = 0;  // of octets behind it; kClose: the errno
  EventKind kind = EventKind::kOpen;
  std::uint8_t detail = 0;  // a trace::Direction or trace::Ending
};
static_assert(sizeof(Event) == 32);

class RecorderQueue {
 public:
  static constexpr std::size_t kGrain = sizeof(Event);

  // `bytes`: rounded up to a multiple of kGrain.
  explicit RecorderQueue(std::size_t bytes) : capacity_((bytes + kGrain - 1) / kGrain * kGrain) {
    void* map = ::mmap(nullptr,
                       capacity_,
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1,
                       0);
    ENGINE_CHECK(map != MAP_FAILED);
    ring_ = static_cast<char*>(map);
  }
  ~RecorderQueue() { ::munmap(ring_, capacity_); }
  RecorderQueue(const RecorderQueue&) = delete;
  RecorderQueue& operator=(const RecorderQueue&) = delete;

  // The producer. `parts` have event.bytes octets in all. False: no room, nothing was taken.
  bool Push(const Event& event, engine::Gather parts) noexcept {
    const std::size_t octets = event.kind == EventKind::kOctets ? event.bytes : 0;
    const std::size_t need = kGrain + Padded(octets);
    const std::uint64_t write = write_.load(std::memory_order_relaxed);
    if (write + need - read_.load(std::memory_order_acquire) > capacity_) return false;
    std::memcpy(ring_ + write % capacity_, &event, sizeof event);
    std::uint64_t at = write + kGrain;
    for (const iovec& part : parts) {
      const auto* from = static_cast<const char*>(part.iov_base);
      const std::size_t first = std::min(part.iov_len, capacity_ - at % capacity_);
      std::memcpy(ring_ + at % capacity_, from, first);
      std::memcpy(ring_, from + first, part.iov_len - first);
      at += part.iov_len;
    }
    // In one order with the consumer's going to sleep: see recorder.cc.
    write_.store(write + need, std::memory_order_seq_cst);
    return true;
  }

  // The consumer. False: empty. The views are valid until Pop().
  bool Front(Event* event, std::array<std::string_view, 2>* octets) const noexcept {
    const std::uint64_t read = read_.load(std::memory_order_relaxed);
    if (write_.load(std::memory_order_acquire) == read) return false;
    std::memcpy(event, ring_ + read % capacity_, sizeof *event);
    const std::size_t bytes = event->kind == EventKind::kOctets ? event->bytes : 0;
    const std::size_t at = (read + kGrain) % capacity_;
    const std::size_t first = std::min(bytes, capacity_ - at);
    *octets = {std::string_view(ring_ + at, first), std::string_view(ring_, bytes - first)};
    return true;
  }
  void Pop(const Event& event) noexcept {
    const std::size_t octets = event.kind == EventKind::kOctets ? event.bytes : 0;
    read_.store(read_.load(std::memory_order_relaxed) + kGrain + Padded(octets),
                std::memory_order_release);
  }

  // Any thread; an estimate but for the two.
  std::size_t bytes() const noexcept {
    const std::uint64_t read = read_.load(std::memory_order_acquire);
    return static_cast<std::size_t>(write_.load(std::memory_order_seq_cst) - read);
  }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr std::size_t Padded(std::size_t bytes) noexcept {
    return (bytes + kGrain - 1) / kGrain * kGrain;
  }

  std::size_t capacity_;
  char* ring_ = nullptr;
  alignas(64) std::atomic<std::uint64_t> write_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORDER_QUEUE_H_
