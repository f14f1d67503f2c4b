// The asynchronous log: any thread writes a line and never waits; one thread carries lines to the
// sink.
//
//   Write() --copy--> ring of kLineCount cells (any thread, lock-free) --> writer thread -->
//   LogSink
//               ring full, or sink refused: counted, and told later by one line "lines dropped"
//
// The writer thread gathers: after it has carried lines it waits kGatherMax, and carries together
// what has come since; only a ring that is half full or an error line calls it earlier. While lines
// keep coming no thread makes a system call to wake it. With none in that time it sleeps until the
// next line, which it carries at once.
//
// A failed ENGINE_CHECK is told as an error line too, and waits until what was gathered is carried,
// kAbortWaitMax at most. (A process that a signal ends loses the lines of up to kGatherMax.)
//
// Before Start() and after Stop() a line goes straight to the sink, in the caller's thread (threads
// do not survive fork(), so Start() belongs after daemonizing). A sink may block for as long as it
// likes: only lines are lost then. The ring is Dmitry Vyukov's bounded queue (1024cores.net), with
// one reader. Limits: LogLine::kBytesMax per line (cut there), kLineCount lines under way. It does
// not format (LogLine does), rotate, or look into what it carries.
#ifndef MILLRACE_ENGINE_BASE_LOG_H_
#define MILLRACE_ENGINE_BASE_LOG_H_

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/scratch.h"
#include "engine/base/units.h"

namespace engine {

enum class Level : std::uint8_t { kError, kWarning, kNotice, kInfo, kDebug };

// "error", "warning", ...
std::string_view LevelName(Level level) noexcept;

// One line under construction, on the stack: words and key=value fields, separated by single
// spaces. A value with a space, quote, backslash, '=' or nothing in it is put in double quotes;
// control characters and octets that are no well-formed UTF-8 become \n, \r, \t or \xNN. What does
// not fit is cut and the line ends in "...". No allocation.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): octets past length_ are never read
class LogLine {
 public:
  static constexpr std::size_t kBytesMax = 2048;

  LogLine() noexcept = default;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  explicit LogLine(std::string_view event) noexcept { Word(event); }

  // Our own words: never text from outside.
  LogLine& Word(std::string_view word) noexcept;
  LogLine& Field(std::string_view key, std::string_view value) noexcept;
  LogLine& Field(std::string_view key, const char* value) noexcept {
    return Field(key, std::string_view(value));
  }
  LogLine& Field(std::string_view key, bool value) noexcept {
    return Field(key, std::string_view(value ? "yes" : "no"));
  }
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) LogLine& Field(std::string_view key,
                                                        Integer value) noexcept {
    if constexpr (std::signed_integral<Integer>) {
      return Signed(key, static_cast<std::int64_t>(value));
    } else {
      return Unsigned(key, static_cast<std::uint64_t>(value));
    }
  }
  // Milliseconds with one decimal: "scan_ms=12.3". Negative lengths show as 0.0.
  LogLine& Milliseconds(std::string_view key, Time length) noexcept;
  // The errno's name: "error=ECONNREFUSED".
  LogLine& Errno(std::string_view key, int error) noexcept;

  std::string_view view() const noexcept { return {text_.data(), length_}; }
  bool cut() const noexcept { return cut_; }

 private:
  LogLine& Signed(std::string_view key, std::int64_t value) noexcept;
  LogLine& Unsigned(std::string_view key, std::uint64_t value) noexcept;
  void Key(std::string_view key) noexcept;
  void Append(std::string_view text) noexcept;
  void AppendWhatFits(std::string_view text) noexcept;
  void AppendEscaped(std::string_view value) noexcept;

  std::size_t length_ = 0;
  bool cut_ = false;
  Scratch<char, kBytesMax> text_;  // [0, length_) is written
};

struct LogEntry {
  Level level = Level::kInfo;
  Time wall_time{};  // nanoseconds since 1970 (UTC) at which the line was written
  std::string_view line;
};

// Where lines go. Called by one thread at a time; may block.
class LogSink {
 public:
  // wall_time: as in LogEntry. False: the line is lost.
  virtual bool Emit(Level level, Time wall_time, std::string_view line) noexcept = 0;
  // The same for several, in their order. Answers how many of them are lost.
  virtual std::size_t EmitAll(std::span<const LogEntry> entries) noexcept;
  virtual ~LogSink() = default;

 protected:
  LogSink() = default;
  LogSink(const LogSink&) = default;
  LogSink& operator=(const LogSink&) = default;
};

// A terminal or a supervisor: "2026-11-22 05:05:28.123 notice: line\n". Writes to `fd`, which stays
// the caller's, as many whole lines in one call as other writers on it cannot tear apart.
std::unique_ptr<LogSink> MakeStreamSink(int fd);

struct SyslogOptions {
  std::string ident;              // "name" in "name[pid]:"
  int facility = 2 << 3;          // LOG_MAIL
  std::string path = "/dev/log";  // journald listens here too
};
// A datagram for each line to the local syslog socket (RFC 3164 as libc writes it). Connects on the
// first line, and again after the daemon behind it restarted. A send that the daemon does not take
// within a second loses its line.
std::unique_ptr<LogSink> MakeSyslogSink(SyslogOptions options);

class Log {
 public:
  static constexpr std::size_t kLineCount = 1024;
  static constexpr Time kGatherMax = std::chrono::milliseconds(10);  // what a line waits at most

  explicit Log(std::unique_ptr<LogSink> sink);
  // Stops with kStopWaitMax where Stop() was not called.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Starts the writer thread. Once, after daemonizing. False: no thread to be had; lines go
  // straight to the sink.
  bool Start();

  // Any thread; never blocks once started. Lines over LogLine::kBytesMax are cut.
  void Write(Level level, std::string_view line) noexcept;
  void Write(Level level, const LogLine& line) noexcept { Write(level, line.view()); }

  // Verbosity of kDebug lines, 0 (none, the default) to 9. Ask before building such a line.
  void set_debug_level(int level) noexcept { debug_level_.store(level, std::memory_order_relaxed); }
  bool Debugs(int level) const noexcept {
    return debug_level_.load(std::memory_order_relaxed) >= level;
  }

  // Flushes and ends the writer thread. False: the sink still blocked after `wait_max`; what is
  // left is given up. One thread; no other may write any more.
  bool Stop(Time wait_max) noexcept;

  // Lines lost so far (ring full or refused by the sink).
  std::uint64_t dropped() const noexcept;

 private:
  struct Writer;
  static constexpr Time kStopWaitMax = std::chrono::seconds(1);
  static constexpr Time kAbortWaitMax = std::chrono::milliseconds(500);

  std::unique_ptr<Writer> writer_;
  std::atomic<int> debug_level_{0};
};

// For a warning that can repeat: at most `lines_max` per `interval`, then silence, then the count
// of what was left out. One per call site and shard; not for sharing between threads.
class LogLimiter {
 public:
  LogLimiter(std::uint32_t lines_max, Time interval) noexcept
      : lines_max_(lines_max), interval_(interval) {}

  // Empty: leave the line out. A number: write it, and where it is not 0 add Field("suppressed",
  // number).
  std::optional<std::uint32_t> Admit(Time now) noexcept;

 private:
  std::uint32_t lines_max_;
  Time interval_;
  Time window_start_{};
  std::uint32_t admitted_ = 0;
  std::uint32_t suppressed_ = 0;
  bool begun_ = false;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_LOG_H_
