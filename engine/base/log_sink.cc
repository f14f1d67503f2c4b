// The two sinks of the log: a stream (terminal, supervisor) and the local syslog socket.
//
// Both carry many lines in one system call. A stream that is a pipe gets at most PIPE_BUF in one,
// so that lines of other writers on it stay whole too.
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

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>
#include <utility>

#include "engine/base/log.h"
#include "engine/base/units.h"

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

// "2026-11-22 05:05:28": made anew when the second changes.
class Stamp {
 public:
  explicit Stamp(const char* format) noexcept : format_(format) {}

  std::string_view At(Time wall_time) noexcept {
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(wall_time);
    if (second != second_ || length_ == 0) {
      const tm local = LocalTime(wall_time);
      second_ = second;
      length_ = std::strftime(text_.data(), text_.size(), format_, &local);
    }
    return {text_.data(), length_};
  }

 private:
  const char* format_;
  std::chrono::seconds second_{};
  std::size_t length_ = 0;
  std::array<char, 32> text_{};
};

class StreamSink final : public LogSink {
 public:
  explicit StreamSink(int fd) : fd_(fd), journal_(IsJournalStream(fd)), bytes_max_(BytesMax(fd)) {}

  bool Emit(Level level, Time wall_time, std::string_view line) noexcept override {
    const LogEntry entry{level, wall_time, line};
    return EmitAll({&entry, 1}) == 0;
  }

  // A call that fails loses its lines; a rare short write the line that it tore.
  std::size_t EmitAll(std::span<const LogEntry> entries) noexcept override {
    std::size_t lost = 0;
    while (!entries.empty()) {
      const std::size_t gathered = Gather(entries);
      ssize_t written = 0;
      do {
        written = ::writev(fd_, parts_.data(), static_cast<int>(3 * gathered));
      } while (written < 0 && errno == EINTR);
      const std::size_t whole = WholeLines(gathered, written);
      if (written < 0) lost += gathered;
      if (written >= 0 && whole < gathered) ++lost;
      entries = entries.subspan(written < 0 ? gathered : std::min(whole + 1, gathered));
    }
    return lost;
  }

 private:
  static constexpr std::size_t kLinesMax = 64;
  static constexpr std::size_t kHeadBytesMax = 48;

  // How much one call may carry: a pipe takes PIPE_BUF at once, whoever else writes to it.
  static std::size_t BytesMax(int fd) noexcept {
    struct stat status {};
    const bool pipe = ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
    return pipe ? PIPE_BUF : 64 * kKiB;
  }

  // Fills parts_ with the first entries; at least one. Answers how many.
  std::size_t Gather(std::span<const LogEntry> entries) noexcept {
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (; count < std::min(entries.size(), kLinesMax); ++count) {
      const LogEntry& entry = entries[count];
      std::array<char, kHeadBytesMax>& head = heads_[count];
      const std::size_t head_length = Head(entry.level, entry.wall_time, head);
      bytes += head_length + entry.line.size() + 1;
      if (bytes > bytes_max_ && count > 0) break;
      parts_[3 * count] = Part({head.data(), head_length});
      parts_[3 * count + 1] = Part(entry.line);
      parts_[3 * count + 2] = Part("\n");
    }
    return count;
  }

  // How many of the gathered lines `written` bytes hold.
  std::size_t WholeLines(std::size_t gathered, ssize_t written) const noexcept {
    auto rest = static_cast<std::size_t>(std::max<ssize_t>(written, 0));
    std::size_t whole = 0;
    for (; whole < gathered; ++whole) {
      const std::size_t line =
          parts_[3 * whole].iov_len + parts_[3 * whole + 1].iov_len + parts_[3 * whole + 2].iov_len;
      if (line > rest) break;
      rest -= line;
    }
    return whole;
  }

  std::size_t Head(Level level, Time wall_time, std::array<char, kHeadBytesMax>& to) noexcept {
    if (journal_) {
      to[0] = '<';
      to[1] = static_cast<char>('0' + SeverityOf(level));
      to[2] = '>';
      return 3;
    }
    const auto milliseconds = static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(wall_time).count() % 1000);
    char* at = to.data();
    const auto put = [&at](std::string_view text) { at = std::copy(text.begin(), text.end(), at); };
    put(stamp_.At(wall_time));
    *at++ = '.';
    for (const int unit : {100, 10, 1})
      *at++ = static_cast<char>('0' + milliseconds / unit % 10);
    *at++ = ' ';
    put(LevelName(level));
    put(": ");
    return static_cast<std::size_t>(at - to.data());
  }

  int fd_;
  bool journal_;
  std::size_t bytes_max_;
  Stamp stamp_{"%Y-%m-%d %H:%M:%S"};
  std::array<std::array<char, kHeadBytesMax>, kLinesMax> heads_{};
  std::array<iovec, 3 * kLinesMax> parts_{};
};

class SyslogSink final : public LogSink {
 public:
  static constexpr int kSendWaitMaxSeconds = 1;

  explicit SyslogSink(SyslogOptions options) : options_(std::move(options)) {}
  ~SyslogSink() override { Disconnect(); }
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  bool Emit(Level level, Time wall_time, std::string_view line) noexcept override {
    const LogEntry entry{level, wall_time, line};
    return EmitAll({&entry, 1}) == 0;
  }

  std::size_t EmitAll(std::span<const LogEntry> entries) noexcept override {
    std::size_t lost = 0;
    while (!entries.empty()) {
      const std::size_t count = std::min(entries.size(), kLinesMax);
      for (std::size_t i = 0; i < count; ++i)
        Prepare(entries[i], i);
      for (std::size_t at = 0; at < count;) {
        const std::size_t sent = SendFrom(at, count);
        at += std::max<std::size_t>(sent, 1);
        if (sent == 0) ++lost;
      }
      entries = entries.subspan(count);
    }
    return lost;
  }

 private:
  static constexpr std::size_t kLinesMax = 32;
  static constexpr std::size_t kHeadBytesMax = 256;

  void Prepare(const LogEntry& entry, std::size_t i) noexcept {
    std::array<char, kHeadBytesMax>& head = heads_[i];
    const int wanted = std::snprintf(head.data(),
                                     head.size(),
                                     "<%d>%s %s[%d]: ",
                                     options_.facility | SeverityOf(entry.level),
                                     stamp_.At(entry.wall_time).data(),
                                     options_.ident.c_str(),
                                     static_cast<int>(::getpid()));
    const auto head_length = std::min(static_cast<std::size_t>(wanted), head.size() - 1);
    parts_[i] = {Part({head.data(), head_length}), Part(entry.line)};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = parts_[i].data();
    messages_[i].msg_hdr.msg_iovlen = parts_[i].size();
  }

  // How many lines from `at` on have gone; 0: that one is lost.
  std::size_t SendFrom(std::size_t at, std::size_t end) noexcept {
    const std::size_t sent = Send(at, end);
    // A daemon that was restarted has a new socket: the old connection fails once.
    return sent == 0 && fd_ < 0 ? Send(at, end) : sent;
  }

  // 0 with fd_ < 0: the connection is of no more use. 0 with fd_ >= 0: the daemon does not take it
  // in time.
  std::size_t Send(std::size_t at, std::size_t end) noexcept {
    if (fd_ < 0 && !Connect()) return 0;
    for (;;) {
      const auto count = static_cast<unsigned>(end - at);
      const int sent = ::sendmmsg(fd_, &messages_[at], count, MSG_NOSIGNAL);
      if (sent > 0) return static_cast<std::size_t>(sent);
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE) return 0;
      Disconnect();
      return 0;
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
  Stamp stamp_{"%b %e %H:%M:%S"};
  std::array<std::array<char, kHeadBytesMax>, kLinesMax> heads_{};
  std::array<std::array<iovec, 2>, kLinesMax> parts_{};
  std::array<mmsghdr, kLinesMax> messages_{};
};

}  // namespace

std::unique_ptr<LogSink> MakeStreamSink(int fd) {
  return std::make_unique<StreamSink>(fd);
}

std::unique_ptr<LogSink> MakeSyslogSink(SyslogOptions options) {
  return std::make_unique<SyslogSink>(std::move(options));
}

}  // namespace engine
