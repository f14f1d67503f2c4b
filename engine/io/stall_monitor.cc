// The thread uses `Watch`, which is the monitor's. Once Stop() has left it behind in a probe, Watch
// is the thread's own, and it touches nothing else.
//
//   phase:  kWatching <-> kInProbe --Stop() gave up--> kLeftBehind      (compare and exchange: one
//   of
//                                                                       the two sides wins)
#include "engine/io/stall_monitor.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "engine/base/check.h"
#include "engine/base/errno_name.h"

namespace engine {
namespace {

constexpr std::size_t kPageBytes = 4096;

// A file of our own making: others with our rights (a reader of the spool may have them) could have
// put a link to some file there, or a FIFO, whose opening waits for a reader.
int MakeProbe(int directory) noexcept {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int file = ::openat(directory, StallMonitor::kProbeName, kFlags, 0600);
  if (file >= 0 || errno != EEXIST) return file;
  if (::unlinkat(directory, StallMonitor::kProbeName, 0) != 0) return -1;
  return ::openat(directory, StallMonitor::kProbeName, kFlags, 0600);
}

// The beginning of a small file of /proc; empty: it cannot be read.
std::string_view ReadProc(const char* path, std::span<char> to) noexcept {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t got = ::read(file, to.data(), to.size());
  ::close(file);
  return {to.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

// What this thread has waited for a core in all; zero where the kernel does not tell.
Time WaitedForCore() noexcept {
  std::array<char, 128> text{};
  const std::string_view stat = ReadProc("/proc/thread-self/schedstat", text);
  const std::size_t second = stat.find(' ');
  if (second == std::string_view::npos) return {};
  std::int64_t waited = 0;
  const char* const end = stat.data() + stat.size();
  if (std::from_chars(stat.data() + second + 1, end, waited).ec != std::errc()) return {};
  return Time(waited);
}

}  // namespace

// What a shard would do, as one piece.
bool WriteProbe(int directory) noexcept {
  const int file = MakeProbe(directory);
  if (file < 0) return false;
  std::array<char, kPageBytes> page{};
  std::array<iovec, StallMonitor::kProbeBytes / kPageBytes> parts{};
  parts.fill({page.data(), page.size()});
  const ssize_t wrote = ::pwritev(file, parts.data(), static_cast<int>(parts.size()), 0);
  const bool closed = ::close(file) == 0;
  const bool removed = ::unlinkat(directory, StallMonitor::kProbeName, 0) == 0;
  return wrote == static_cast<ssize_t>(StallMonitor::kProbeBytes) && closed && removed;
}

bool ThreadWaits(pid_t thread) noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", static_cast<int>(thread));
  std::array<char, 128> text{};
  const std::string_view stat = ReadProc(path.data(), text);
  const std::size_t name_end = stat.rfind(") ");  // "TID (name) STATE ..."
  if (name_end == std::string_view::npos || name_end + 2 >= stat.size()) return true;
  return stat[name_end + 2] != 'R';
}

class StallMonitor::Watch {
 public:
  Watch(const StallMonitorOptions& options, int directory)
      : options_(options), directory_(directory), seen_(std::size_t{2} * options.shards) {
    for (std::size_t i = 0; i < seen_.size(); ++i)
      clocks_.push_back(std::make_unique<FileCallClock>(&sleep_));
  }
  ~Watch() { ::close(directory_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Until Quit(). False: left behind, and so the caller's.
  bool Run() noexcept;
  FileCallClock& clock(std::size_t number) noexcept { return *clocks_[number]; }
  void Quit() noexcept { sleep_.Quit(); }
  // After Quit(): waits for the end of a probe that is under way. False: it is left behind.
  bool AwaitProbe() noexcept;

 private:
  enum Phase : std::uint32_t { kWatching, kInProbe, kLeftBehind };

  // True: there was file work since the last look. *again: when the next look is due, at the latest
  // kLookEvery from now.
  bool LookAtCalls(Time now, Time* again) noexcept;
  bool Probe() noexcept;  // false: left behind
  void Tell(StallChange change, Time now) noexcept;

  const StallMonitorOptions options_;
  const int directory_;
  MonitorSleep sleep_;
  std::vector<std::unique_ptr<FileCallClock>> clocks_;
  std::vector<Time> seen_;  // FileCallClock::last() at the last look
  Time next_probe_{};
  FutexWord phase_{kWatching};
};

void StallMonitor::Watch::Tell(StallChange change, Time now) noexcept {
  if (change == StallChange::kNone) return;
  if (change == StallChange::kOnset) next_probe_ = now;
  if (options_.changed != nullptr)
    options_.changed(options_.context, change, options_.governor->counts(now));
}

bool StallMonitor::Watch::LookAtCalls(Time now, Time* again) noexcept {
  bool active = false;
  *again = kLookEvery;
  for (std::size_t i = 0; i < clocks_.size(); ++i) {
    const Time last = clocks_[i]->last();
    active = active || last != std::exchange(seen_[i], last);
    const Time since = clocks_[i]->since();
    if (since == Time::zero()) continue;
    active = true;
    const Time lasted = now - since;
    if (lasted <= StallGovernor::kStallAfter) {
      *again = std::min(*again, StallGovernor::kStallAfter - lasted + std::chrono::microseconds(1));
    } else if (options_.waits(clocks_[i]->thread())) {
      Tell(options_.governor->OnCall(now, lasted), now);
    }
  }
  return active;
}

bool StallMonitor::Watch::Probe() noexcept {
  phase_.store(kInProbe, std::memory_order_seq_cst);
  if (sleep_.quitting()) {  // Stop() may have seen that no probe was under way
    phase_.store(kWatching, std::memory_order_seq_cst);
    return true;
  }
  const Time waited = WaitedForCore();
  const Time began = options_.clock();
  const bool ok = options_.probe(directory_);
  const Time ended = options_.clock();
  const Time took = std::max(ended - began - (WaitedForCore() - waited), Time::zero());
  std::uint32_t phase = kInProbe;
  if (!phase_.compare_exchange_strong(phase, kWatching, std::memory_order_seq_cst)) return false;
  FutexWake(phase_);
  next_probe_ = ended + StallGovernor::kProbeEvery;
  Tell(options_.governor->OnProbe(ended, took, ok), ended);
  return true;
}

bool StallMonitor::Watch::AwaitProbe() noexcept {
  const Time until = MonotonicNow() + kStopWithin;
  while (phase_.load(std::memory_order_seq_cst) == kInProbe) {
    const Time left = until - MonotonicNow();
    if (left > Time::zero()) {
      FutexWait(phase_, kInProbe, left);
      continue;
    }
    std::uint32_t phase = kInProbe;
    if (phase_.compare_exchange_strong(phase, kLeftBehind, std::memory_order_seq_cst)) return false;
  }
  return true;
}

bool StallMonitor::Watch::Run() noexcept {
  while (!sleep_.quitting()) {
    const Time now = options_.clock();
    Time again{};
    const bool active = LookAtCalls(now, &again);
    Tell(options_.governor->Look(now), now);
    if (options_.governor->probing()) {
      sleep_.StayAwake();
      if (now >= next_probe_ && !Probe()) return false;
      sleep_.Wait(MonitorSleep::kAwake, again);
    } else if (active) {
      sleep_.StayAwake();
      sleep_.Wait(MonitorSleep::kAwake, again);
    } else {
      // The first silent look only announces the sleep; see file_calls.h for why.
      const bool announced = sleep_.FallAsleep();
      sleep_.Wait(MonitorSleep::kAsleep, announced ? kLookEvery : kNever);
    }
  }
  return true;
}

absl::StatusOr<std::unique_ptr<StallMonitor>> StallMonitor::Start(
    const StallMonitorOptions& options) {
  ENGINE_CHECK(options.governor != nullptr);
  const int directory = ::open(options.probe_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    const int error = errno;
    return absl::ErrnoToStatus(error,
                               absl::StrCat("the stall monitor cannot open the folder ",
                                            options.probe_directory,
                                            " (",
                                            ErrnoName(error),
                                            "); give it to the user that this runs as"));
  }
  return std::unique_ptr<StallMonitor>(
      new StallMonitor(std::make_unique<Watch>(options, directory)));
}

StallMonitor::StallMonitor(std::unique_ptr<Watch> watch) noexcept : watch_(std::move(watch)) {
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([watched = watch_.get()] {
    ::pthread_setname_np(::pthread_self(), "stall-monitor");
    if (!watched->Run()) const std::unique_ptr<Watch> mine(watched);
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StallMonitor::~StallMonitor() {
  Stop();
}

FileCallClock& StallMonitor::calls(ShardId shard) noexcept {
  return watch_->clock(std::size_t{2} * shard.value);
}

FileCallClock& StallMonitor::file_thread_calls(ShardId shard) noexcept {
  return watch_->clock(std::size_t{2} * shard.value + 1);
}

bool StallMonitor::Stop() noexcept {
  if (!thread_.joinable()) return true;
  watch_->Quit();
  if (!watch_->AwaitProbe()) {
    watch_.release();  // NOLINT(bugprone-unused-return-value): the thread's from here on
    thread_.detach();
    return false;
  }
  thread_.join();
  return true;
}

}  // namespace engine
