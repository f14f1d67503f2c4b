// The records that a loop keeps of its sockets, and how the kernel is told to name them.
//
//   kernel's user_data:   | tag:4 | index:28 | generation:32 |      never a pointer: what comes
//   back
//                                                                   late is found stale, not freed
//
//   record:  adopted or connecting  ->  (gone: OnGone was told)  ->  closed (owner == nullptr)
//            -> freed, when the kernel has nothing of it any more and it is off the ready list
//
// One record is one Slab cell of 40 bytes: all that an idle connection costs a loop in user memory.
#ifndef MILLRACE_ENGINE_IO_SOCKET_TABLE_H_
#define MILLRACE_ENGINE_IO_SOCKET_TABLE_H_

#include <cstdint>

#include "engine/base/slab.h"
#include "engine/io/loop.h"

namespace engine {

enum class KernelTag : std::uint8_t {
  kRead,
  kWrite,
  kListener,
  kWake,
  kFile,
  kCancel,
  kReceive,
  kEnd,
  kSocket
};

inline constexpr std::uint32_t kSocketIndexBits = 28;

constexpr std::uint64_t KernelName(KernelTag tag, SocketId id) noexcept {
  return (static_cast<std::uint64_t>(tag) << 60) | (std::uint64_t{id.index} << 32) | id.generation;
}
constexpr KernelTag TagOf(std::uint64_t name) noexcept {
  return static_cast<KernelTag>(name >> 60);
}
constexpr SocketId IdOf(std::uint64_t name) noexcept {
  constexpr std::uint64_t kIndexMask = (std::uint64_t{1} << kSocketIndexBits) - 1;
  return {static_cast<std::uint32_t>((name >> 32) & kIndexMask), static_cast<std::uint32_t>(name)};
}

struct SocketRecord {
  static constexpr std::uint32_t kNoIndex = UINT32_MAX;

  SocketEvents* owner = nullptr;  // nullptr: closed
  int fd = -1;
  std::uint32_t ready_next = kNoIndex;
  std::int32_t error = 0;  // what OnGone is to tell after the last byte; 0: end of stream
  ReadMode mode = ReadMode::kSmall;
  std::uint8_t kernel_ops = 0;   // requests whose last completion is outstanding
  bool listed : 1 = false;       // on the ready list
  bool connecting : 1 = false;   // the kernel has not answered yet
  bool connected : 1 = false;    // OnWritable is due from the ready list
  bool wants_write : 1 = false;  // OnWritable is due when the kernel says so
  bool write_watched : 1 = false;
  bool read_watched : 1 = false;
  bool hung_up : 1 = false;     // read on to the end: no edge will come for it
  bool gone : 1 = false;        // OnGone was told
  bool ring_reads : 1 = false;  // the ring receives, or its bytes wait: no direct receive
  bool read_due : 1 = false;    // an edge came before `connected` was told: read after it
};
static_assert(sizeof(SocketRecord) <= 24);

using SocketTable = Slab<SocketRecord>;

inline SlabHandle HandleOf(SocketId id) noexcept {
  return {id.index, id.generation};
}
inline SocketId IdOf(const SocketTable& table, const SocketRecord& record) noexcept {
  const SlabHandle handle = table.HandleOf(record);
  return {handle.index, handle.generation};
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_SOCKET_TABLE_H_
