// Opening, locking and removing the pid file: see the header for who might be in the way.
#include "relay/pid_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

constexpr mode_t kPidFileMode = 0644;
// A dying instance may remove the file between our open() and our lock.
constexpr int kOpenTriesMax = 5;

}  // namespace

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

PidFile::~PidFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status PidFile::Failed(const char* what, int error) const {
  return absl::UnavailableError(
      absl::StrCat("could not ", what, " pid file ", path_, ": ", ::strerrordesc_np(error)));
}

bool PidFile::IsAtItsPath() const noexcept {
  struct stat ours {};
  struct stat there {};
  return ::fstat(fd_, &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

absl::StatusOr<PidFile> PidFile::Open(const std::string& path, const Identity& owner) {
  for (int i = 0; i < kOpenTriesMax; ++i) {
    PidFile file(path, -1);
    // O_NONBLOCK: a fifo at that name must not hold us up.
    constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    file.fd_ = ::open(path.c_str(), kFlags, kPidFileMode);
    if (file.fd_ < 0) return file.Failed("create", errno);
    if (absl::Status status = file.Claim(owner); !status.ok()) return status;
    if (file.IsAtItsPath()) return file;
  }
  return absl::UnavailableError(absl::StrCat("pid file ", path, " keeps being replaced"));
}

absl::Status PidFile::Claim(const Identity& owner) {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return Failed("look at", errno);
  const bool owned = status.st_uid == ::geteuid() || status.st_uid == owner.user;
  if (!S_ISREG(status.st_mode) || status.st_nlink > 1 || !owned) {
    return absl::FailedPreconditionError(absl::StrCat(
        "pid file ",
        path_,
        " is not a plain file of ours with one name; remove it, or give another one with -p"));
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed("lock", errno);
    std::array<char, 16> text{};
    const ssize_t length = ::pread(fd_, text.data(), text.size() - 1, 0);
    const std::string pid(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    return absl::AlreadyExistsError(absl::StrCat("already running: process ",
                                                 pid.substr(0, pid.find_first_not_of("0123456789")),
                                                 " holds pid file ",
                                                 path_));
  }
  // Whatever the umask: start scripts of other users read it.
  if (::fchmod(fd_, kPidFileMode) != 0) return Failed("change the mode of", errno);
  if (::geteuid() == 0 && ::fchown(fd_, owner.user, owner.group) != 0) {
    return Failed("change the owner of", errno);
  }
  return absl::OkStatus();
}

absl::Status PidFile::Write() {
  if (fd_ < 0) return absl::OkStatus();
  const std::string text = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd_, 0) != 0) return Failed("write", errno);
  const ssize_t written = ::pwrite(fd_, text.data(), text.size(), 0);
  if (written == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return Failed("write", written < 0 ? errno : ENOSPC);
}

void PidFile::Remove() noexcept {
  if (fd_ < 0) return;
  // While we hold the lock nobody of us takes the name; anybody else who replaces it is left alone.
  if (IsAtItsPath() && ::unlink(path_.c_str()) != 0) {
    [[maybe_unused]] const int emptied = ::ftruncate(fd_, 0);
  }
  ::close(std::exchange(fd_, -1));
}

}  // namespace relay
