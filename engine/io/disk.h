// File operations behind a seam: PosixDisk in the daemon, a simulated disk (ENOSPC, EIO, short
// writes, hard links, stalls) in tests.
//
//   root/                 the shard's own directory, held open; every name below is relative to it
//     s00042/             a slot: a directory ...
//       email.txt         ... and its one file, held open from MakeSlot to RemoveSlot
//
// All calls block for as long as the file system takes and belong to the shard's thread. Answers
// are kernel answers: value >= 0 with error 0, or an errno. No outside string ever becomes a name
// here.
#ifndef MILLRACE_ENGINE_IO_DISK_H_
#define MILLRACE_ENGINE_IO_DISK_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/units.h"

namespace engine {

// A kernel answer: value (bytes, descriptor, 0) when error is 0, else an errno.
struct IoResult {
  std::int64_t value = 0;
  int error = 0;
  bool ok() const noexcept { return error == 0; }
};

class Pipe;

struct FileRange {
  std::uint64_t at = 0;
  std::size_t bytes = 0;
};

class Disk {
 public:
  static constexpr std::string_view kSlotFileName = "email.txt";

  // mkdirat + openat(O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC|O_RDWR); value = file. Modes as the disk
  // was configured with.
  virtual IoResult MakeSlot(std::string_view name) noexcept = 0;
  // pwritev; may be short: the caller loops.
  virtual IoResult WriteV(int file, std::span<const iovec> data, std::uint64_t at) noexcept = 0;
  virtual IoResult SpliceFrom(Pipe& pipe,
                              int file,
                              std::uint64_t at,
                              std::size_t bytes) noexcept = 0;
  virtual IoResult Truncate(int file, std::uint64_t bytes) noexcept = 0;
  // The look before reuse. Removes whatever else is in the slot's directory, to any depth (no link
  // is followed, no other device entered), then proves: the directory is by its name one of our
  // owner and mode; it holds nothing but the very inode that `file` is, by its name; that has one
  // link and our owner and mode, and nobody else has it open (a write lease was granted and
  // dropped); value = the file's size. EBUSY: someone has it open; EMLINK: another link; ENOTEMPTY;
  // ESTALE: another inode by that name, or none, or no such directory; EPERM: owner, mode; ENOTSUP:
  // leases do not work here. A removal that fails answers its errno (ELOOP, E2BIG, EXDEV: see
  // posix_disk.h).
  virtual IoResult CleanSlot(std::string_view slot, int file) noexcept = 0;
  // Closes `file` and removes the slot with all that is in it. An error leaves the directory (to be
  // tried again with file -1).
  virtual IoResult RemoveSlot(std::string_view slot, int file) noexcept = 0;
  // Closes `file` alone (reuse off: before the request goes out). fsync first when `sync`.
  virtual IoResult CloseFile(int file, bool sync) noexcept = 0;
  // Copies at most `bytes` octets at offset `at` of a slot's file (`from_file`; -1: it was closed,
  // and is opened by its name for the call) to the same place in `to_file`; value = octets copied,
  // 0 at the end of the file.
  virtual IoResult CopyFrom(std::string_view from_slot,
                            int from_file,
                            int to_file,
                            FileRange range) noexcept = 0;
  virtual IoResult FreeSpace(std::uint64_t* bytes, std::uint64_t* inodes) noexcept = 0;
  // Time inside the last call: the stall governor's only input.
  virtual Time Blocked() const noexcept = 0;
  // The absolute path of the root, for names given to others. Stable.
  virtual std::string_view root() const noexcept = 0;

 protected:
  ~Disk() = default;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_DISK_H_
