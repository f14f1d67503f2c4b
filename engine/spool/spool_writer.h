// Gathers what one turn adds to a slot's file, so that a turn costs one pwritev.
//
//   AddCopy("Subject: ...\n")  --> copied to the text scratch (64 KiB, shard-wide)   \   Flush():
//   AddRef(piece of the body)  --> referenced, must stay until Flush()               /   one
//   pwritev
//
// One per shard: Open() a slot, add, Flush() or FlushOrSubmit() before the turn ends, then Open()
// the next. Adding flushes by itself when kPiecesMax pieces or the scratch are full. The first
// error sticks until the next Open(): later calls answer it and write nothing, so a caller may look
// once per turn.
//
// Asynchronous (Spool::async(), asked at each flush): instead of a write, what is pending is copied
// to a block of SpoolWork, behind what the turn has copied there before; FlushOrSubmit() gives the
// block away as one write. Once a turn has a block, the rest of the turn goes there too.
//
// Errors: EFBIG (above the limit given to Open), ENOSPC (the disk, or below the budget's floor),
// EIO (also a write that made no progress), ENOBUFS (no block to be had), whatever else the disk
// said.
#ifndef MILLRACE_ENGINE_SPOOL_SPOOL_WRITER_H_
#define MILLRACE_ENGINE_SPOOL_SPOOL_WRITER_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"
#include "engine/spool/spool.h"

namespace engine {

class SpoolWriter {
 public:
  static constexpr std::size_t kPiecesMax = 64;
  static constexpr std::size_t kTextBytes = 64 * kKiB;

  explicit SpoolWriter(Spool& spool) noexcept : spool_(&spool) {}
  SpoolWriter(const SpoolWriter&) = delete;
  SpoolWriter& operator=(const SpoolWriter&) = delete;

  // From here on for `slot`, appending at its length. `bytes_max`: of the whole message. Whatever
  // another slot had pending must have been flushed.
  void Open(SpoolSlot& slot, std::uint64_t bytes_max) noexcept;

  [[nodiscard]] int AddCopy(std::string_view text) noexcept;
  [[nodiscard]] int AddRef(ConstBytes bytes) noexcept;

  // Writes what is pending; answers 0 or the errno that sticks.
  [[nodiscard]] int Flush() noexcept;

  // Ends the turn: Flush(), or EINPROGRESS: an asynchronous write is under way, `waiter` is told
  // its end, and the slot may not be opened before that.
  [[nodiscard]] int FlushOrSubmit(SpoolWaiter& waiter) noexcept;

  // For an asynchronous write: copies what is pending to `to` (at least
  // pending_bytes() long), counts it as written, and answers the number of octets. Their place in
  // the file is the slot's length() before the call.
  std::size_t Drain(Bytes to) noexcept;

  // Forgets what is pending and the slot (the message was given up).
  void Abandon() noexcept;

  std::size_t pending_bytes() const noexcept { return pending_bytes_; }
  int error() const noexcept { return error_; }

 private:
  int MayAdd(std::size_t bytes) noexcept;
  void Clear() noexcept;
  int WriteAll() noexcept;
  int MakeRoom() noexcept;
  int Spill() noexcept;
  int SubmitSpilled(SpoolWaiter& waiter) noexcept;
  void DropSpilled() noexcept;

  Spool* spool_;
  SpoolSlot* slot_ = nullptr;
  std::uint32_t generation_ = 0;  // of slot_ at Open(): a slot given back meanwhile is our bug
  int error_ = 0;
  std::uint64_t bytes_max_ = 0;
  std::size_t pending_bytes_ = 0;
  std::size_t pieces_count_ = 0;
  std::size_t text_used_ = 0;
  Bytes spilled_;  // a block of SpoolWork, or empty
  std::size_t spilled_bytes_ = 0;
  std::uint64_t spilled_at_ = 0;  // offset in the file
  std::array<iovec, kPiecesMax> pieces_{};
  std::array<char, kTextBytes> text_{};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_SPOOL_WRITER_H_
