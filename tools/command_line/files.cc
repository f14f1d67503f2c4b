// open(2), read(2) and write(2), with EINTR and short writes.
#include "tools/command_line/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace command_line {
namespace {

constexpr std::size_t kChunkBytes = 64 * engine::kKiB;
constexpr mode_t kMode = 0600;

absl::Status Errno(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

// Reads on until the end or one octet more than `bytes_max`.
absl::Status ReadAll(int fd, const std::string& path, std::size_t bytes_max, std::string* text) {
  for (;;) {
    const std::size_t have = text->size();
    if (have > bytes_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": longer than ", bytes_max, " octets"));
    }
    text->resize(have + kChunkBytes);
    const ssize_t got = ::read(fd, text->data() + have, kChunkBytes);
    text->resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return absl::OkStatus();
    if (got < 0 && errno != EINTR) return Errno(path, "cannot be read");
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  const bool standard = path == "-";
  const int fd = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return Errno(path, "cannot be read");
  std::string text;
  absl::Status status = ReadAll(fd, path, bytes_max, &text);
  if (!standard) ::close(fd);
  if (!status.ok()) return status;
  return text;
}

absl::StatusOr<OutputFile> OutputFile::Open(const std::string& path, bool replace) {
  if (path == "-") return OutputFile(STDOUT_FILENO, "standard output");
  // A plain file is replaced, not written into: its rights and its other names are left alone.
  // Devices, pipes and what a link points to (/dev/stdout) are written to.
  struct stat there {};
  if (replace && ::lstat(path.c_str(), &there) == 0 && S_ISREG(there.st_mode) &&
      ::unlink(path.c_str()) != 0)
    return Errno(path, "cannot be replaced");
  const int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (replace ? O_TRUNC : O_EXCL);
  const int fd = ::open(path.c_str(), how, kMode);
  if (fd < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " is there already: name another file, or give --force to replace it"));
  }
  if (fd < 0) return Errno(path, "cannot be made");
  return OutputFile(fd, path);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      held_(std::move(other.held_)),
      status_(std::move(other.status_)) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) static_cast<void>(Close());
}

absl::Status OutputFile::Flush() {
  std::string_view rest = held_;
  while (!rest.empty() && status_.ok()) {
    const ssize_t wrote = ::write(fd_, rest.data(), rest.size());
    if (wrote >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR) {
      status_ = Errno(path_, "cannot be written");
    }
  }
  held_.clear();
  return status_;
}

absl::Status OutputFile::Write(std::string_view text) {
  held_.append(text);
  return held_.size() >= kChunkBytes ? Flush() : status_;
}

absl::Status OutputFile::Close() {
  static_cast<void>(Flush());
  const int fd = std::exchange(fd_, -1);
  if (fd != STDOUT_FILENO && fd >= 0 && ::close(fd) != 0 && status_.ok())
    status_ = Errno(path_, "cannot be written");
  return status_;
}

absl::Status CheckWritable(const std::string& path) {
  if (path == "-") return absl::OkStatus();
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) errno = EISDIR;
    const bool can = !S_ISDIR(about.st_mode) && ::access(path.c_str(), W_OK) == 0;
    return can ? absl::OkStatus() : Errno(path, "cannot be written");
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  return Errno(path, "cannot be made");
}

absl::Status WriteFile(const std::string& path, std::string_view text, bool replace) {
  absl::StatusOr<OutputFile> file = OutputFile::Open(path, replace);
  if (!file.ok()) return file.status();
  absl::Status status = file->Write(text);
  status.Update(file->Close());
  return status;
}

}  // namespace command_line
