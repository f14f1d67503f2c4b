// An asynchronous file operation: what a shard gives away when the disk stalls.
//
//   owner:  fill in -> Loop::Submit ->  ring or file threads -> result -> done, in a later turn
//
//   kind          reads                        answers (`result` as the Disk call of that name)
//   kWriteV       file, offset, data           octets, maybe fewer than given; the caller goes on
//   kMakeSlot     slot                         the file
//   kTruncate     file, offset: the new size
//   kCleanSlot    slot, file
//   kRemoveSlot   slot, file (-1: none)
//   kCloseFile    file, sync
//   kFreeSpace                                 bytes_free, inodes_free
//
// Rules, which the owner keeps (and the contract suite of the loops runs):
// - The operation, `data` with what it points to, and the text behind `slot` stay as they are until
//   `done`; they come from the shard's pool, never from a message.
// - No order is promised between two operations in flight. Those on one file or slot are submitted
//   one at a time: the next one when `done` has been told.
// - Never cancelled. A loop that goes away waits for what is in flight, without telling `done`: a
//   kMakeSlot's file is then left open, and the slot is left for the sweep of the next start.
//
// It says nothing of when work is given away: that is the StallGovernor's word and its owner's.
#ifndef MILLRACE_ENGINE_IO_FILE_OP_H_
#define MILLRACE_ENGINE_IO_FILE_OP_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/io/disk.h"

namespace engine {

enum class FileOpKind : std::uint8_t {
  kWriteV,
  kMakeSlot,
  kTruncate,
  kCleanSlot,
  kRemoveSlot,
  kCloseFile,
  kFreeSpace,
};
inline constexpr std::size_t kFileOpKindCount = 7;

// Pooled together with its buffer.
struct FileOp {
  FileOpKind kind = FileOpKind::kWriteV;
  bool sync = false;  // kCloseFile: fsync first
  // It may wait for many pages of its file to be written: nothing light waits behind it.
  bool heavy = false;
  int file = -1;
  std::uint64_t offset = 0;  // kTruncate: the new size
  std::span<const iovec> data;
  std::string_view slot;
  std::uint64_t bytes_free = 0;
  std::uint64_t inodes_free = 0;
  IoResult result;
  void (*done)(FileOp& op) noexcept = nullptr;
};

// Does `op` by the call of `disk` that its kind names. In the thread that `disk` belongs to.
IoResult Perform(Disk& disk, FileOp& op) noexcept;

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FILE_OP_H_
