// A whole installation in one thread and in virtual time: shards, their peers, streams, files.
//
//   seed --> SimRandom --+--> SimFaults by chance --> SimStreams, SimDisk
//                        +--> which loop turns next, delays, order of ready sockets
//   event queue (virtual time) --> arrivals, wake-ups --> SimLoop::RunTurn of the loop that is next
//
// Everything that is not deterministic by itself is drawn from the seed, so the same seed and the
// same program give the same run: trace_hash() proves it. Time stands still while a loop turns
// (each turn then costs some microseconds, a stalled disk call more), and jumps to the next event
// when no loop has work. The daemon under test and its peers are all written against engine::Loop,
// so the same peers run on real loops too. One thread. Not for timing questions: what takes how
// long is made up.
#ifndef MILLRACE_TESTS_SIM_SIM_WORLD_H_
#define MILLRACE_TESTS_SIM_SIM_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/units.h"
#include "tests/sim/sim_faults.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_random.h"
#include "tests/sim/sim_stalls.h"
#include "tests/sim/sim_streams.h"

namespace sim {

class SimWorld {
 public:
  explicit SimWorld(std::uint64_t seed, const SimFaults& faults = SimFaults());
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  // A loop with a disk whose root is `root` (absolute). Lives as long as the world.
  SimLoop& AddLoop(const std::string& name, const std::string& root);

  // Feeds `governor`, which outlives the world, from all disks; probes go to that of `probed`.
  SimStallMonitor& WatchStalls(engine::StallGovernor& governor, SimLoop& probed);
  SimStallMonitor* stall_monitor() noexcept {
    return stall_monitor_.get();
  }  // nullptr: not watched

  // One turn of one loop, or a jump to the next event. False: nothing will ever happen again.
  bool Step();
  // Until virtual time `until`, or until nothing happens any more.
  void Run(Time until);
  // Until `done`; false: `limit` came first, or nothing happens any more.
  bool RunUntil(const std::function<bool()>& done, Time limit);

  // Runs `what` at `at` or as soon as that is past. Events of one moment come in a drawn order.
  void At(Time at, std::function<void()> what);
  // Advances to the next event, at most to `limit`, and runs what is due. False: none before it.
  bool AdvanceOnce(Time limit);
  void AdvanceTo(Time at);
  void RunDue();

  // A virtual listener for Loop::Listen, where Connect to `at` arrives (a Unix path, or the text of
  // an address).
  int Listen(const std::string& at, std::size_t backlog = 128) {
    return streams_.Listen(at, backlog);
  }

  Time now() const noexcept { return now_; }
  SimRandom& random() noexcept { return random_; }
  SimFaults& faults() noexcept { return faults_; }
  SimFiles& files() noexcept { return files_; }
  SimStreams& streams() noexcept { return streams_; }
  std::uint64_t seed() const noexcept { return seed_; }

  // While set, whoever wants a descriptor gets EMFILE.
  void set_out_of_descriptors(bool on) noexcept { out_of_descriptors_ = on; }
  bool out_of_descriptors() const noexcept { return out_of_descriptors_; }
  int NewNumber() noexcept { return next_number_++; }

  // Invariants that were broken, in words; empty in a good run. A test asserts that, with the seed.
  void Broken(std::string what);
  const std::vector<std::string>& broken() const noexcept { return broken_; }

  // Mixes what happens into the trace hash.
  void Note(const char* what, std::uint64_t a, std::uint64_t b) noexcept;
  std::uint64_t trace_hash() const noexcept { return trace_hash_; }
  std::uint64_t notes() const noexcept { return notes_; }

 private:
  struct Key {
    Time at;
    std::uint64_t tie;
    std::uint64_t serial;
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr)
  };

  bool TurnSomeLoop();
  Time NextMoment();

  std::uint64_t seed_;
  SimRandom random_;
  SimFaults faults_;
  Time now_ = std::chrono::seconds(1);  // zero would hide a deadline that was never set
  SimFiles files_;
  SimStreams streams_;
  std::map<Key, std::function<void()>> events_;
  std::uint64_t next_serial_ = 0;
  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::vector<SimLoop*> runnable_;
  std::unique_ptr<SimStallMonitor> stall_monitor_;
  std::vector<std::string> broken_;
  std::uint64_t trace_hash_ = 0xcbf29ce484222325U;
  std::uint64_t notes_ = 0;
  int next_number_ = 1'000'000;  // far from real descriptors
  bool out_of_descriptors_ = false;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_WORLD_H_
