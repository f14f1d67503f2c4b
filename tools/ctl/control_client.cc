// A Unix socket with a time limit on each call.
#include "tools/ctl/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"

namespace ctl {
namespace {

constexpr const char* kWhere =
    "; the daemon's --check-config names its control socket, --socket asks at another";

absl::Status Failed(const std::string& socket, const char* what, int error) {
  const std::string text =
      absl::StrCat("control socket ", socket, ": ", what, ": ", ::strerrordesc_np(error));
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return absl::NotFoundError(absl::StrCat(text, "; no daemon serves there", kWhere));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(text, "; ask as root, or as the user that the daemon runs as"));
    case EAGAIN: return absl::DeadlineExceededError(absl::StrCat(text, "; it does not answer"));
    default: return absl::UnavailableError(text);
  }
}

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<std::string> ReadToEnd(const std::string& path, int fd) {
  const engine::Time until = engine::MonotonicNow() + kAnswerWithin;
  std::string answer;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got == 0) return answer;
    if (got < 0 && errno == EINTR) continue;
    // What refuses to talk may close before it has read the command.
    if (got < 0 && errno == ECONNRESET && !answer.empty()) return answer;
    if (got < 0) return Failed(path, "no answer", errno);
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer.size() > kAnswerBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("control socket ", path, ": an answer of more than ", kAnswerBytesMax));
    }
    if (engine::MonotonicNow() > until) return Failed(path, "no whole answer", EAGAIN);
  }
}

}  // namespace

absl::StatusOr<std::string> Ask(const std::string& path, const std::string& command) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("control socket '", path, "': no such path"));
  }
  path.copy(address.sun_path, path.size());
  const Socket socket;
  if (socket.fd() < 0) return Failed(path, "socket", errno);
  constexpr timeval kWithin = {
      .tv_sec = std::chrono::duration_cast<std::chrono::seconds>(kAnswerWithin).count(),
      .tv_usec = 0};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &kWithin, sizeof kWithin);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &kWithin, sizeof kWithin);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.fd(), raw, sizeof address) != 0) return Failed(path, "connect", errno);
  const std::string line = command + "\n";
  const ssize_t sent = ::send(socket.fd(), line.data(), line.size(), MSG_NOSIGNAL);
  // Refused before it was read: the answer says why.
  if (sent < 0 && errno != EPIPE) return Failed(path, "send", errno);
  return ReadToEnd(path, socket.fd());
}

}  // namespace ctl
