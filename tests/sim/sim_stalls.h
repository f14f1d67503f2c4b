// Stalls of the simulated disks, and the stall governor fed from them in virtual time.
//
//   SimDisk::Stall(from, until, each)   calls that begin in [from, until) take `each`, or wait for
//                                       `until` where each is kNever (frozen)
//   SimWorld::WatchStalls(governor)     what engine/io/stall_monitor.h does by a thread, by events:
//                                       shards' calls, probes, asynchronous operations
//
// A shard whose inline call stalls learns nothing else meanwhile. What it did in that turn after
// the call, and what other shards did within those first 20 ms, may be before or after the flag:
// which of the two is drawn. It makes up all times, so it says nothing about real ones.
#ifndef MILLRACE_TESTS_SIM_SIM_STALLS_H_
#define MILLRACE_TESTS_SIM_SIM_STALLS_H_

#include <vector>

#include "engine/base/units.h"
#include "engine/io/stall_governor.h"

namespace sim {

using engine::Time;

class SimWorld;
class SimDisk;

// When a disk is slow or frozen.
class SimStallPlan {
 public:
  void Add(Time from, Time until, Time each) { windows_.push_back({from, until, each}); }
  // How long a call that begins at `at` is held up.
  Time HeldUp(Time at) const noexcept;
  bool FrozenAt(Time at) const noexcept;
  // No end of it is planned.
  bool FrozenForEver(Time at) const noexcept;
  void EndAll(Time now) noexcept;

 private:
  struct Window {
    Time from;
    Time until;
    Time each;
  };
  std::vector<Window> windows_;
};

// Lives in its world. `probed`: the disk that probes go to.
class SimStallMonitor {
 public:
  SimStallMonitor(SimWorld& world, engine::StallGovernor& governor, const SimDisk& probed) noexcept
      : world_(&world), governor_(&governor), probed_(&probed) {}
  SimStallMonitor(const SimStallMonitor&) = delete;
  SimStallMonitor& operator=(const SimStallMonitor&) = delete;

  // A shard's call, as it begins at the shard's own time.
  void OnFileCall(Time begins, Time lasts);
  // A FileOp has ended.
  void OnOperation(Time took);

  // Changes in order: told to whoever asks, as the monitor's callback does.
  const std::vector<engine::StallChange>& changes() const noexcept { return changes_; }

 private:
  void CallLasted(Time lasted);
  void Note(engine::StallChange change);
  void BeginProbe();

  SimWorld* world_;
  engine::StallGovernor* governor_;
  const SimDisk* probed_;
  bool probe_planned_ = false;
  std::vector<engine::StallChange> changes_;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_STALLS_H_
