// The thread that watches the shards' file calls and probes the disk: the StallGovernor's eyes.
//
//   no file work:   futex wait; the next file call of any shard wakes it    (nothing runs)
//   file work:      a look every kLookEvery; a call found under way is looked at again just when it
//                   is kStallAfter old                                      (50 looks a second)
//   async:          also probes: create, write kProbeBytes, close, unlink "stall-probe" in the
//                   spool's directory, StallGovernor::kProbeEvery apart
//
// A probe does what a shard would do, as large as a shard's largest write, into new pages: the
// kernel throttles whoever makes pages dirty, by their number.
//
// A call that lasts is a stall only where its thread waits: one that runs, or would if it had a
// core, is not held by the disk (/proc/self/task/TID/stat). For the same reason what a probe waited
// for its core is not counted (/proc/thread-self/schedstat, where the kernel has it). A busy
// machine is not a slow disk.
//
// A probe may block for as long as the disk is frozen. Nobody waits for it: Stop() leaves the
// thread behind after kStopWithin, with all that it still touches. (The process then ends at the
// thaw: no signal ends a thread that waits for one.)
//
// Threads: made and stopped by one; calls(): shards. Runs for FileWork::kAuto alone. It decides
// nothing (stall_governor.h) and logs nothing: `changed` is called in its thread.
#ifndef MILLRACE_ENGINE_IO_STALL_MONITOR_H_
#define MILLRACE_ENGINE_IO_STALL_MONITOR_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/strong_id.h"
#include "engine/base/units.h"
#include "engine/io/file_calls.h"
#include "engine/io/stall_governor.h"

namespace engine {

// Whether a thread of this process is neither running nor ready to run. True where nobody can tell.
bool ThreadWaits(pid_t thread) noexcept;

// One probe of the disk that `directory` is on; blocks for as long as the disk does. What lies
// there by the probe's name, whatever it is, is never opened or written to, but removed. False: an
// error.
bool WriteProbe(int directory) noexcept;

struct StallMonitorOptions {
  StallGovernor* governor = nullptr;  // outlives the monitor
  std::uint32_t shards = 1;
  std::string probe_directory;  // on the spool's file system, ours
  // In the monitor's thread, once per onset and once when it is over; must not block.
  void (*changed)(void* context, StallChange change, const StallCounts& counts) noexcept = nullptr;
  void* context = nullptr;
  // Tests bring their own.
  Time (*clock)() noexcept = &MonotonicNow;
  bool (*waits)(pid_t thread) noexcept = &ThreadWaits;
  bool (*probe)(int directory) noexcept = &WriteProbe;
};

class StallMonitor {
 public:
  static constexpr Time kLookEvery = StallGovernor::kStallAfter;
  static constexpr Time kStopWithin = std::chrono::seconds(1);
  static constexpr std::size_t kProbeBytes = 256 * kKiB;
  static constexpr const char* kProbeName = "stall-probe";

  // Starts the thread. kNotFound, kPermissionDenied …: the directory cannot be opened.
  static absl::StatusOr<std::unique_ptr<StallMonitor>> Start(const StallMonitorOptions& options);
  ~StallMonitor();  // stops
  StallMonitor(const StallMonitor&) = delete;
  StallMonitor& operator=(const StallMonitor&) = delete;

  // For DiskOptions::calls: of the shard's own disk, and of its file thread's. The disks go before
  // the monitor.
  FileCallClock& calls(ShardId shard) noexcept;
  FileCallClock& file_thread_calls(ShardId shard) noexcept;

  // After the shards. False: a probe did not return within kStopWithin, the thread is left behind.
  // Later calls do nothing.
  bool Stop() noexcept;

 private:
  class Watch;  // all that the thread touches

  explicit StallMonitor(std::unique_ptr<Watch> watch) noexcept;

  std::unique_ptr<Watch> watch_;  // the thread's own once it is left behind
  std::thread thread_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_STALL_MONITOR_H_
