// One system call or a few per operation; each is timed as a whole.
#include "engine/io/posix_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/errno_name.h"
#include "engine/io/directory_removal.h"
#include "engine/io/loop.h"
#include "engine/io/pipe.h"

namespace engine {
namespace {

constexpr std::size_t kGatherMax = 1024;  // IOV_MAX of Linux; more is a short write
constexpr RemovalLimits kRemovalLimits = {.depth_max = PosixDisk::kDepthMax,
                                          .removals_max = PosixDisk::kRemovalsMax};
constexpr const char* kFileName = "email.txt";
static_assert(Disk::kSlotFileName == std::string_view("email.txt"));

// A slot's name as a C string; checks that it is one of ours.
class SlotName {
 public:
  explicit SlotName(std::string_view name) noexcept {
    ENGINE_CHECK(!name.empty() && name.size() <= PosixDisk::kNameMaxBytes);
    ENGINE_CHECK(name.front() != '.');
    for (const char c : name) {
      ENGINE_CHECK((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '.' || c == '_' || c == '-');
    }
    std::memcpy(text_.data(), name.data(), name.size());
  }
  const char* c_str() const noexcept { return text_.data(); }

 private:
  std::array<char, PosixDisk::kNameMaxBytes + 1> text_{};
};

IoResult Answer(std::int64_t value) noexcept {
  return value >= 0 ? IoResult{value, 0} : IoResult{0, errno};
}

IoResult AnswerError(int error) noexcept {
  return {0, error};
}

// What copy_file_range(2) says where it does not copy between such files.
bool MeansByHand(int error) noexcept {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
         error == EPERM;
}

IoResult CopyRange(int from, int to, FileRange range) noexcept {
  auto read_at = static_cast<off64_t>(range.at);
  auto write_at = static_cast<off64_t>(range.at);
  ssize_t copied = 0;
  do {
    copied = ::copy_file_range(from, &read_at, to, &write_at, range.bytes, 0);
  } while (copied < 0 && errno == EINTR);
  if (copied >= 0 || !MeansByHand(errno)) return Answer(copied);
  std::array<std::byte, PosixDisk::kCopyBytes> piece;  // NOLINT(*-member-init): read into
  const std::size_t wanted = std::min(range.bytes, piece.size());
  const ssize_t got = ::pread(from, piece.data(), wanted, static_cast<off_t>(range.at));
  if (got <= 0) return Answer(got);
  return Answer(
      ::pwrite(to, piece.data(), static_cast<std::size_t>(got), static_cast<off_t>(range.at)));
}

}  // namespace

// Around each call: how long it took, and for the monitor since when it lasts.
class PosixDisk::Timed {
 public:
  explicit Timed(PosixDisk& disk) noexcept : disk_(disk), start_(MonotonicNow()) {
    disk_.calls_->Begin(start_);
  }
  ~Timed() {
    disk_.blocked_ = MonotonicNow() - start_;
    disk_.calls_->End(start_);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  PosixDisk& disk_;
  Time start_;
};

absl::StatusOr<std::unique_ptr<PosixDisk>> PosixDisk::Open(const DiskOptions& options) {
  const int root = ::open(options.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) {
    const int error = errno;
    return absl::ErrnoToStatus(error,
                               absl::StrCat("cannot open the folder ",
                                            options.root,
                                            " (",
                                            ErrnoName(error),
                                            "); make it, and give it to the user that this runs "
                                            "as"));
  }
  return std::unique_ptr<PosixDisk>(new PosixDisk(options, root));
}

PosixDisk::PosixDisk(const DiskOptions& options, int root) noexcept
    : options_(options),
      root_(root),
      owner_(::geteuid()),
      calls_(options.calls != nullptr ? options.calls : &own_calls_) {}

PosixDisk::~PosixDisk() {
  ::close(root_);
}

int PosixDisk::OpenSlot(std::string_view name) const noexcept {
  return ::openat(root_, SlotName(name).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

IoResult PosixDisk::MakeSlot(std::string_view name) noexcept {
  const Timed timed(*this);
  const SlotName slot(name);
  if (::mkdirat(root_, slot.c_str(), 0700) != 0) return AnswerError(errno);
  int file = -1;
  int error = 0;
  const int directory = OpenSlot(name);
  if (directory < 0 || ::fchmod(directory, options_.directory_mode) != 0) {
    error = errno;
  } else {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file = ::openat(directory, kFileName, kFlags, 0600);
    if (file < 0 || ::fchmod(file, options_.file_mode) != 0) error = errno;
  }
  if (error != 0) {  // leave nothing half made
    if (file >= 0) {
      ::close(file);
      ::unlinkat(directory, kFileName, 0);
    }
    ::unlinkat(root_, slot.c_str(), AT_REMOVEDIR);
  }
  if (directory >= 0) ::close(directory);
  return error != 0 ? AnswerError(error) : Answer(file);
}

IoResult PosixDisk::WriteV(int file, std::span<const iovec> data, std::uint64_t at) noexcept {
  const Timed timed(*this);
  ssize_t wrote = 0;
  do {
    wrote = ::pwritev(file,
                      data.data(),
                      static_cast<int>(std::min(data.size(), kGatherMax)),
                      static_cast<off_t>(at));
  } while (wrote < 0 && errno == EINTR);
  return Answer(wrote);
}

IoResult PosixDisk::SpliceFrom(Pipe& pipe, int file, std::uint64_t at, std::size_t bytes) noexcept {
  const Timed timed(*this);
  auto& from = static_cast<PosixPipe&>(pipe);
  auto offset = static_cast<off64_t>(at);
  ssize_t moved = 0;
  do {
    moved = ::splice(from.read_end(),
                     nullptr,
                     file,
                     &offset,
                     std::min(bytes, from.bytes()),
                     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (moved < 0 && errno == EINTR);
  if (moved > 0) from.Removed(static_cast<std::size_t>(moved));
  return Answer(moved);
}

IoResult PosixDisk::Truncate(int file, std::uint64_t bytes) noexcept {
  const Timed timed(*this);
  return Answer(::ftruncate(file, static_cast<off_t>(bytes)));
}

// ok: the directory, emptied of all else, holds `file` alone, as we made it; value = its size.
IoResult PosixDisk::EmptyAndProve(int directory, int file) const noexcept {
  struct stat folder {};
  struct stat held {};
  if (::fstat(directory, &folder) != 0 || ::fstat(file, &held) != 0) return AnswerError(errno);
  if (folder.st_dev != held.st_dev) return AnswerError(ESTALE);  // not ours: nothing is removed
  const DirectoryLook look = EmptyAndLook(directory, kSlotFileName, kRemovalLimits);
  if (look.error != 0) return AnswerError(look.error);
  if (look.others) return AnswerError(ENOTEMPTY);
  // One of its links may have been removed.
  if (look.removed && ::fstat(file, &held) != 0) return AnswerError(errno);
  if (!look.name_there || look.inode != held.st_ino) return AnswerError(ESTALE);
  if (held.st_nlink != 1) return AnswerError(EMLINK);
  const bool as_made = S_ISREG(held.st_mode) && folder.st_uid == owner_ && held.st_uid == owner_ &&
                       (folder.st_mode & 07777) == options_.directory_mode &&
                       (held.st_mode & 07777) == options_.file_mode;
  return as_made ? Answer(held.st_size) : AnswerError(EPERM);
}

// While the lease lasts nobody has the file open: what is seen of it then is what its last reader
// left, size and links too.
IoResult PosixDisk::CleanSlot(std::string_view slot, int file) noexcept {
  const Timed timed(*this);
  if (::fcntl(file, F_SETLEASE, F_WRLCK) != 0) {
    // EAGAIN: somebody else has it open. EACCES: it is no longer ours. The rest (EINVAL, ENOLCK …):
    // not possible here.
    if (errno == EAGAIN) return AnswerError(EBUSY);
    return AnswerError(errno == EACCES ? EPERM : ENOTSUP);
  }
  const int directory = OpenSlot(slot);
  const IoResult seen = directory >= 0 ? EmptyAndProve(directory, file)
                                       : AnswerError(errno == ENOENT ? ESTALE : errno);
  if (directory >= 0 && closer_ != nullptr) {
    closer_->CloseDescriptor(directory);
  } else if (directory >= 0) {
    ::close(directory);
  }
  const bool dropped = ::fcntl(file, F_SETLEASE, F_UNLCK) == 0;
  return seen.ok() && !dropped ? AnswerError(errno) : seen;
}

IoResult PosixDisk::RemoveSlot(std::string_view slot, int file) noexcept {
  const Timed timed(*this);
  if (file >= 0) ::close(file);
  const int directory = OpenSlot(slot);
  if (directory < 0) return AnswerError(errno == ENOENT ? 0 : errno);
  const int error = RemoveContents(directory, {}, kRemovalLimits);
  ::close(directory);
  if (error != 0) return AnswerError(error);
  return Answer(::unlinkat(root_, SlotName(slot).c_str(), AT_REMOVEDIR));
}

IoResult PosixDisk::CloseFile(int file, bool sync) noexcept {
  const Timed timed(*this);
  const int error = sync && ::fsync(file) != 0 ? errno : 0;
  if (::close(file) != 0 && error == 0) return AnswerError(errno);
  return AnswerError(error);
}

// A reflink where the file system has them, else a copy within the kernel; where neither goes, by
// hand. The scanner may write to its file meanwhile: then the copy is as bad as the file is.
IoResult PosixDisk::CopyFrom(std::string_view from_slot,
                             int from_file,
                             int to_file,
                             FileRange range) noexcept {
  const Timed timed(*this);
  int opened = -1;
  if (from_file < 0) {
    const int directory = OpenSlot(from_slot);
    if (directory < 0) return AnswerError(errno);
    opened = ::openat(directory, kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const int error = errno;
    ::close(directory);
    if (opened < 0) return AnswerError(error);
  }
  const IoResult copied = CopyRange(from_file >= 0 ? from_file : opened, to_file, range);
  if (opened >= 0) ::close(opened);
  return copied;
}

IoResult PosixDisk::FreeSpace(std::uint64_t* bytes, std::uint64_t* inodes) noexcept {
  const Timed timed(*this);
  struct statvfs space {};
  if (::fstatvfs(root_, &space) != 0) return AnswerError(errno);
  *bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  // btrfs and others make inodes as they need them and say 0 of 0.
  *inodes = space.f_files == 0 ? std::numeric_limits<std::uint64_t>::max() : space.f_favail;
  return AnswerError(0);
}

}  // namespace engine
