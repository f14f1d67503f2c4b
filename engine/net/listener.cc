// See the header for the order of steps and why it is safe.
#include "engine/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/errno_name.h"

namespace engine {
namespace {

constexpr int kStreamFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

const char* NextStep(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return "check the rights of the folder and the user that this runs as";
    case ENOENT:
    case ENOTDIR: return "make the folder first";
    case EADDRINUSE: return "stop the process that has it (ss -ltnp), or choose another port";
    case EADDRNOTAVAIL: return "no interface of this host has that address";
    case EAFNOSUPPORT: return "this kernel has that address family switched off";
    case EMFILE:
    case ENFILE: return "raise the limit of open files";
    case EROFS: return "the file system is mounted read-only";
    default: return "see the system's log";
  }
}

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return absl::StatusCode::kPermissionDenied;
    case ENOENT:
    case ENOTDIR: return absl::StatusCode::kNotFound;
    case EADDRINUSE: return absl::StatusCode::kAlreadyExists;
    default: return absl::StatusCode::kUnavailable;
  }
}

// Accepted sockets inherit it: what is sent in one call is meant to leave at once. Unix sockets
// have no such option, and need none.
void SetNoDelay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// The time left of ListenOptions::release_ms.
class Patience {
 public:
  explicit Patience(int release_ms) noexcept
      : end_(Clock::now() + std::chrono::milliseconds(release_ms)) {}

  int LeftMs() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  // Waits a moment, or until the other end of `fd` hangs up (-1: nothing to watch). False: no time
  // is left.
  bool Wait(int fd) const {
    const int left = LeftMs();
    pollfd watched{.fd = fd, .events = POLLRDHUP, .revents = 0};
    if (left > 0) ::poll(&watched, 1, fd < 0 ? std::min(left, kLookAgainMs) : left);
    return left > 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kLookAgainMs = 10;
  Clock::time_point end_;
};

// What connect(2) to `address` says: 0 or the errno. An accepted connection that is closed again,
// or a full backlog, is asked once more while `patience` lasts.
int ConnectError(const Address& address, const Patience& patience) {
  for (;;) {
    const int probe = ::socket(AF_UNIX, kStreamFlags, 0);
    if (probe < 0) return errno;
    const int error = ::connect(probe, address.raw(), address.length) == 0 ? 0 : errno;
    const bool again = (error == 0 || error == EAGAIN) && patience.Wait(error == 0 ? probe : -1);
    ::close(probe);
    if (!again) return error;
  }
}

}  // namespace

Listener::Listener(Listener&& other) noexcept {
  *this = std::move(other);
}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  CloseFd();
  fd_ = std::exchange(other.fd_, -1);
  address_ = std::move(other.address_);
  made_file_ = std::exchange(other.made_file_, false);
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

Listener::~Listener() {
  CloseFd();
}

void Listener::CloseFd() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

absl::Status Listener::Failed(const char* call, int error) const {
  return absl::Status(CodeOf(error),
                      absl::StrCat("cannot listen on ",
                                   address_.text,
                                   ": ",
                                   call,
                                   ": ",
                                   ErrnoText(error),
                                   " (",
                                   ErrnoName(error),
                                   "); ",
                                   NextStep(error)));
}

absl::StatusOr<Listener> Listener::Open(const Address& address, const ListenOptions& options) {
  ENGINE_CHECK(address.length > 0);
  ENGINE_CHECK(options.backlog > 0);
  Listener listener;
  listener.address_ = address;
  absl::Status made =
      address.is_unix() ? listener.OpenUnix(options) : listener.OpenInet(options.release_ms);
  if (made.ok() && ::listen(listener.fd_, options.backlog) != 0)
    made = listener.Failed("listen", errno);
  if (!made.ok()) {
    listener.Unlink();
    return made;
  }
  return listener;
}

absl::Status Listener::MakeSocket() {
  fd_ = ::socket(address_.family(), kStreamFlags, 0);
  return fd_ >= 0 ? absl::OkStatus() : Failed("socket", errno);
}

absl::Status Listener::RemoveStale(int release_ms) {
  const std::string path(address_.path());
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0)
    return errno == ENOENT ? absl::OkStatus() : Failed("lstat", errno);
  if (!S_ISSOCK(seen.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat("cannot listen on ",
                                                      address_.text,
                                                      ": ",
                                                      path,
                                                      " exists and is not a socket; remove it or "
                                                      "choose another path"));
  }
  const int error = ConnectError(address_, Patience(release_ms));
  if (error == EMFILE || error == ENFILE) return Failed("socket", error);
  if (error == EACCES || error == EPERM) return Failed("connect to the socket found there", error);
  if (error == ENOENT) return absl::OkStatus();
  if (error != ECONNREFUSED) {
    return absl::AlreadyExistsError(absl::StrCat("cannot listen on ",
                                                 address_.text,
                                                 ": already in use by a running process; stop it "
                                                 "(ss -lxp shows it), or choose another path"));
  }
  struct stat again {};
  if (::lstat(path.c_str(), &again) != 0 || again.st_dev != seen.st_dev ||
      again.st_ino != seen.st_ino) {
    return absl::AlreadyExistsError(absl::StrCat("cannot listen on ",
                                                 address_.text,
                                                 ": another process is just making it; start only "
                                                 "one"));
  }
  return ::unlink(path.c_str()) == 0 ? absl::OkStatus() : Failed("unlink", errno);
}

// Notes which file was made, and gives it its owner.
absl::Status Listener::Own(const ListenOptions& options) {
  const std::string path(address_.path());
  const int file = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return Failed("open", errno);
  struct stat made {};
  int error = ::fstat(file, &made) == 0 ? 0 : errno;
  if (error == 0 && !S_ISSOCK(made.st_mode)) error = EEXIST;  // swapped under our hands
  if (error == 0) {
    device_ = made.st_dev;
    inode_ = made.st_ino;
    made_file_ = true;
    constexpr auto kKeepUid = static_cast<uid_t>(-1);
    constexpr auto kKeepGid = static_cast<gid_t>(-1);
    if ((options.owner.has_value() || options.group.has_value()) &&
        ::fchownat(file,
                   "",
                   options.owner.value_or(kKeepUid),
                   options.group.value_or(kKeepGid),
                   AT_EMPTY_PATH) != 0)
      error = errno;
  }
  ::close(file);
  return error == 0 ? absl::OkStatus() : Failed("set owner and group", error);
}

absl::Status Listener::OpenUnix(const ListenOptions& options) {
  absl::Status status = RemoveStale(options.release_ms);
  if (status.ok()) status = MakeSocket();
  if (!status.ok()) return status;
  if (::fchmod(fd_, options.mode & 0777) != 0) return Failed("fchmod", errno);
  const mode_t mask = ::umask(0);
  const int error = ::bind(fd_, address_.raw(), address_.length) == 0 ? 0 : errno;
  ::umask(mask);
  if (error != 0) return Failed("bind", error);
  return Own(options);
}

absl::Status Listener::OpenInet(int release_ms) {
  if (absl::Status status = MakeSocket(); !status.ok()) return status;
  const int on = 1;
  if (::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return Failed("SO_REUSEADDR", errno);
  if (address_.family() == AF_INET6 &&
      ::setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
    return Failed("IPV6_V6ONLY", errno);
  SetNoDelay(fd_);
  const Patience patience(release_ms);
  while (::bind(fd_, address_.raw(), address_.length) != 0) {
    if (errno != EADDRINUSE || !patience.Wait(-1)) return Failed("bind", errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<Listener> Listener::Inherit(int fd) {
  int listens = 0;
  socklen_t length = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0 || listens == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", fd, " is not a listening socket; check the socket unit"));
  }
  int type = 0;
  length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", fd, " is not a stream socket; use ListenStream="));
  }
  Listener listener;
  Address& address = listener.address_;
  address.length = sizeof address.storage;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", fd, ": ", ErrnoText(errno), "; check the socket unit"));
  }
  address.text = absl::StrCat("descriptor ", fd);
  if (!address.is_unix()) SetNoDelay(fd);
  listener.fd_ = fd;
  return listener;
}

absl::Status Listener::Adjust(mode_t mode, int backlog) {
  ENGINE_CHECK(fd_ >= 0 && backlog > 0);
  if (made_file_) {
    const std::string path(address_.path());
    const int file = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return Failed("open", errno);
    struct stat now {};
    int error = ::fstat(file, &now) == 0 ? 0 : errno;
    if (error == 0 && (now.st_dev != device_ || now.st_ino != inode_)) error = EEXIST;
    // By its descriptor: a link planted under the name is not followed.
    if (error == 0 && ::chmod(absl::StrCat("/proc/self/fd/", file).c_str(), mode & 0777) != 0)
      error = errno;
    ::close(file);
    if (error != 0) return Failed("set the mode of its file", error);
  }
  return ::listen(fd_, backlog) == 0 ? absl::OkStatus() : Failed("listen", errno);
}

void Listener::Unlink() noexcept {
  if (!std::exchange(made_file_, false)) return;
  const std::string path(address_.path());
  struct stat now {};
  if (::lstat(path.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_)
    ::unlink(path.c_str());
}

}  // namespace engine
