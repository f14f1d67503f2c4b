// A client of the metrics and control sockets that may misbehave: Unix sockets, with a time limit
// on every read so that a test ends.
#ifndef MILLRACE_TESTS_RELAY_OBSERVER_CLIENT_H_
#define MILLRACE_TESTS_RELAY_OBSERVER_CLIENT_H_

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace relay {

class ObserverClient {
 public:
  explicit ObserverClient(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit = {.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~ObserverClient() { ::close(fd_); }
  ObserverClient(const ObserverClient&) = delete;
  ObserverClient& operator=(const ObserverClient&) = delete;

  bool connected() const { return connected_; }

  // False: the other end no longer takes it.
  bool Say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void EndSaying() { ::shutdown(fd_, SHUT_WR); }

  // Until the other end closes, or `until` has come.
  std::string Hear(std::string_view until = {}) {
    std::string heard;
    std::array<char, 65536> buffer{};
    while (until.empty() || heard.find(until) == std::string::npos) {
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        ended_ = got == 0 || errno == ECONNRESET;
        return heard;
      }
      heard.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return heard;
  }
  // After Hear(): the other end closed, and did not just let us wait.
  bool ended() const { return ended_; }

 private:
  int fd_;
  bool connected_ = false;
  bool ended_ = false;
};

}  // namespace relay

#endif  // MILLRACE_TESTS_RELAY_OBSERVER_CLIENT_H_
