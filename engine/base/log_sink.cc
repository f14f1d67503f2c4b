// The two sinks of the log: a stream (terminal, supervisor) and the local syslog socket.
//
// Stream:  2026-11-22 05:05:28.123 notice: line\n       local time; where journald holds the other
// end of the stream,
//          <5>line\n                                    its own prefix instead (sd-daemon(3)): it
//          stamps by itself
// Syslog:  <21>Nov 22 05:05:28 name[4711]: line         RFC 3164 without the host, as libc's
// syslog(3) Limits: a syslog that listens with a stream socket only is not served (none of Debian's
// does).
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "engine/base/log.h"

namespace engine {
namespace {

// Severities of syslog(3).
int SeverityOf(Level level) noexcept {
  switch (level) {
    case Level::kError: return 3;
    case Level::kWarning: return 4;
    case Level::kNotice: return 5;
    case Level::kInfo: return 6;
    case Level::kDebug: return 7;
  }
  return 3;
}

tm LocalTime(Time wall_time) noexcept {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(wall_time).count();
  tm local{};
  ::localtime_r(&seconds, &local);
  return local;
}

iovec Part(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};  // writev and sendmsg do not write to it
}

// $JOURNAL_STREAM is "device:inode" of the stream that journald reads.
bool IsJournalStream(int fd) noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): at start
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  std::array<char, 64> own{};
  const int length = std::snprintf(own.data(),
                                   own.size(),
                                   "%llu:%llu",
                                   static_cast<unsigned long long>(status.st_dev),
                                   static_cast<unsigned long long>(status.st_ino));
  return length > 0 && std::string_view(own.data()) == stream;
}

class StreamSink final : public LogSink {
 public:
  explicit StreamSink(int fd) : fd_(fd), journal_(IsJournalStream(fd)) {}

  bool Emit(Level level, Time wall_time, std::string_view line) noexcept override {
    std::array<char, 64> head{};
    const std::size_t head_length = Head(level, wall_time, head);
    std::array<iovec, 3> parts{Part({head.data(), head_length}), Part(line), Part("\n")};
    const std::size_t total = head_length + line.size() + 1;
    for (;;) {
      // One call: lines of several writers on one stream stay whole. The rare short write loses the
      // rest of its line.
      const ssize_t written = ::writev(fd_, parts.data(), static_cast<int>(parts.size()));
      if (written < 0 && errno == EINTR) continue;
      return written == static_cast<ssize_t>(total);
    }
  }

 private:
  std::size_t Head(Level level, Time wall_time, std::array<char, 64>& to) const noexcept {
    if (journal_) {
      return static_cast<std::size_t>(
          std::snprintf(to.data(), to.size(), "<%d>", SeverityOf(level)));
    }
    const tm local = LocalTime(wall_time);
    const std::size_t stamp = std::strftime(to.data(), to.size(), "%Y-%m-%d %H:%M:%S", &local);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(wall_time).count() % 1000;
    const int rest = std::snprintf(to.data() + stamp,
                                   to.size() - stamp,
                                   ".%03d %s: ",
                                   static_cast<int>(milliseconds),
                                   LevelName(level).data());
    return stamp + static_cast<std::size_t>(rest);
  }

  int fd_;
  bool journal_;
};

class SyslogSink final : public LogSink {
 public:
  static constexpr int kSendWaitMaxSeconds = 1;

  explicit SyslogSink(SyslogOptions options) : options_(std::move(options)) {}
  ~SyslogSink() override { Disconnect(); }
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  bool Emit(Level level, Time wall_time, std::string_view line) noexcept override {
    std::array<char, 256> head{};
    const tm local = LocalTime(wall_time);
    std::array<char, 32> stamp{};
    std::strftime(stamp.data(), stamp.size(), "%b %e %H:%M:%S", &local);
    const int wanted = std::snprintf(head.data(),
                                     head.size(),
                                     "<%d>%s %s[%d]: ",
                                     options_.facility | SeverityOf(level),
                                     stamp.data(),
                                     options_.ident.c_str(),
                                     static_cast<int>(::getpid()));
    const auto head_length = std::min(static_cast<std::size_t>(wanted), head.size() - 1);
    const std::array<iovec, 2> parts{Part({head.data(), head_length}), Part(line)};
    // A daemon that was restarted has a new socket: the old connection fails once.
    return Send(parts) || (fd_ < 0 && Send(parts));
  }

 private:
  // False with fd_ < 0: the connection is of no more use. False with fd_ >= 0: the daemon does not
  // take it in time.
  bool Send(const std::array<iovec, 2>& parts) noexcept {
    if (fd_ < 0 && !Connect()) return false;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    for (;;) {
      if (::sendmsg(fd_, &message, MSG_NOSIGNAL) >= 0) return true;
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE) return false;
      Disconnect();
      return false;
    }
  }

  bool Connect() noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options_.path.size() >= sizeof(address.sun_path)) return false;
    std::memcpy(address.sun_path, options_.path.data(), options_.path.size());
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    const timeval wait_max{.tv_sec = kSendWaitMaxSeconds, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &wait_max, sizeof(wait_max));
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return true;
    }
    Disconnect();
    return false;
  }

  void Disconnect() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  SyslogOptions options_;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<LogSink> MakeStreamSink(int fd) {
  return std::make_unique<StreamSink>(fd);
}

std::unique_ptr<LogSink> MakeSyslogSink(SyslogOptions options) {
  return std::make_unique<SyslogSink>(std::move(options));
}

}  // namespace engine
