// What another process costs: CPU, memory, context switches, descriptors, threads, from /proc.
//
//   /proc/PID/stat         start time (to notice that the number was given to another), user and
//                          system ticks, threads, resident pages
//   CPU clock of PID       CPU in nanoseconds, kernel workers of its rings included
//   /proc/PID/task/*/status  context switches: the file of the process itself is its first thread's
//   /proc/PID/fd           descriptors: its size since Linux 6.2, else its entries are counted
//
// Source: proc(5), clock_getcpuclockid(3). User and system time have the kernel's tick (10 ms) as
// their unit; their sum is the CPU clock where that can be read. Descriptors need the right to
// trace the process (its user, or root); without it they are unknown, and all else is still read.
// Switches of a thread that begins and ends between two looks are not seen. Limit: kThreadsMax
// threads are looked at. No child processes are counted. One thread; a look opens a few files.
#ifndef MILLRACE_TOOLS_REPLAY_PROCESS_SAMPLER_H_
#define MILLRACE_TOOLS_REPLAY_PROCESS_SAMPLER_H_

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace replay {

inline constexpr std::uint32_t kThreadsMax = 4096;

// Counters since the process began, but switches: since the first look, and the threads' own past.
struct ProcessSample {
  bool running = false;  // false: it has ended, the rest is the last that was seen
  std::uint64_t cpu_us = 0;
  std::uint64_t cpu_user_us = 0;
  std::uint64_t cpu_system_us = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint32_t threads = 0;
  std::optional<std::uint32_t> descriptors{};
};

class ProcessSampler {
 public:
  // Takes a first look. kNotFound: no such process (or one that has ended and waits for its
  // parent); the text names it. `proc` is /proc but in tests.
  static absl::StatusOr<ProcessSampler> Open(pid_t pid, const std::string& proc = "/proc");

  // A look now. Once the process has ended (or its number belongs to another), `running` is false
  // for good.
  const ProcessSample& Sample();

  const ProcessSample& last() const noexcept { return sample_; }
  pid_t pid() const noexcept { return pid_; }
  // Its command name, at most 15 octets of any kind.
  const std::string& name() const noexcept { return name_; }

 private:
  struct Switches {
    std::uint64_t voluntary = 0;
    std::uint64_t involuntary = 0;
    std::uint64_t look = 0;  // the last one that found the thread
  };

  ProcessSampler(pid_t pid, const std::string& proc);
  bool ReadStat();
  void ReadCpuClock();
  void ReadSwitches();
  void ReadDescriptors();

  pid_t pid_;
  std::string folder_;  // PROC/PID
  bool real_proc_ = false;
  std::optional<clockid_t> clock_{};
  std::string name_{};
  std::uint64_t start_ticks_ = 0;
  std::map<pid_t, Switches> switches_{};
  std::uint64_t looks_ = 0;
  ProcessSample sample_{};
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_PROCESS_SAMPLER_H_
