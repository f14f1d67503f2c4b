// File operations of one shard by system calls, relative to one directory that is held open.
//
//   root/ (made by the caller)  s00042/  email.txt        see disk.h for what the calls promise
//
// Modes are set with fchmod(2) after creation, so that the umask does not count. Names are our own
// (letters, digits, '.', '_', '-', at most kNameMaxBytes); anything else is a bug of ours.
//
// Removals go down by openat(O_NOFOLLOW|O_DIRECTORY): symbolic links are removed, never followed; a
// directory on another device stops them (EXDEV). Limits: kDepthMax levels (ELOOP) and kRemovalsMax
// entries (E2BIG) per call; the slot is then retired and tried again.
//
// The look before reuse (CleanSlot), eight system calls where nothing is to be removed:
//
//   fcntl             a write lease on the held file: from here on nobody else has it open
//   openat(slot)      the directory by its name, no link; fstat: its owner, mode and device
//   fstat(file)       the held file: that device, one link, our owner and mode; its size
//   getdents64 x 2    until the end: "email.txt" alone, with the held file's inode (d_ino)
//   close, fcntl      the lease is dropped
//
// d_ino is the inode of a plain file on tmpfs, ext4, xfs and btrfs, and slots are reused on no
// other file system (spool_dir.h). After a removal file and directory are looked at again from the
// start. A write lease is granted only where ours is the one open file of that inode (also when we
// hold it read-write ourselves). Someone who opens it while we hold the lease makes the kernel send
// SIGIO: the process ignores it (signals.h). What the look does not see, and why: docs/adr/018.
//
// Sources: fcntl(2) "Leases"; Linux fs/locks.c check_conflicting_open(); getdents(2), unlinkat(2).
// It knows no asynchronous calls: those are the loop's (FileOp).
#ifndef MILLRACE_ENGINE_IO_POSIX_DISK_H_
#define MILLRACE_ENGINE_IO_POSIX_DISK_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/io/file_calls.h"

namespace engine {

class Loop;

struct DiskOptions {
  std::string root;  // an absolute path; the directory exists
  mode_t directory_mode = 0750;
  mode_t file_mode = 0640;
  FileCallClock* calls = nullptr;  // watched by the monitor; outlives the disk. nullptr: its own
};

class PosixDisk final : public Disk {
 public:
  static constexpr std::size_t kNameMaxBytes = 63;
  static constexpr std::size_t kDepthMax = 32;
  static constexpr std::uint32_t kRemovalsMax = 100'000;
  static constexpr std::size_t kCopyBytes = 32 * kKiB;  // by hand, per call

  // After the process has become who it stays. kNotFound, kPermissionDenied …: the root cannot be
  // opened as a directory.
  static absl::StatusOr<std::unique_ptr<PosixDisk>> Open(const DiskOptions& options);
  virtual ~PosixDisk();
  PosixDisk(const PosixDisk&) = delete;
  PosixDisk& operator=(const PosixDisk&) = delete;

  IoResult MakeSlot(std::string_view name) noexcept override;
  IoResult WriteV(int file, std::span<const iovec> data, std::uint64_t at) noexcept override;
  IoResult SpliceFrom(Pipe& pipe, int file, std::uint64_t at, std::size_t bytes) noexcept override;
  IoResult Truncate(int file, std::uint64_t bytes) noexcept override;
  IoResult CleanSlot(std::string_view slot, int file) noexcept override;
  IoResult RemoveSlot(std::string_view slot, int file) noexcept override;
  IoResult CloseFile(int file, bool sync) noexcept override;
  IoResult CopyFrom(std::string_view from_slot,
                    int from_file,
                    int to_file,
                    FileRange range) noexcept override;
  IoResult FreeSpace(std::uint64_t* bytes, std::uint64_t* inodes) noexcept override;
  Time Blocked() const noexcept override { return blocked_; }
  std::string_view root() const noexcept override { return options_.root; }

  // From here on `loop`, of the same thread, closes the folders that were looked into; nullptr: the
  // disk itself.
  void CloseFoldersBy(Loop* loop) noexcept { closer_ = loop; }

  // When the call that is under way began; zero: none. Any thread.
  Time InCallSince() const noexcept { return calls_->since(); }

 private:
  class Timed;

  PosixDisk(const DiskOptions& options, int root) noexcept;
  int OpenSlot(std::string_view name) const noexcept;
  IoResult EmptyAndProve(int directory, int file) const noexcept;

  DiskOptions options_;
  int root_;
  uid_t owner_;  // whom slots and files belong to: the effective user at Open()
  Time blocked_{};
  Loop* closer_ = nullptr;
  FileCallClock own_calls_;
  FileCallClock* calls_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_POSIX_DISK_H_
