// What dead instances left in a working directory, found and removed at start.
//
//   work/                      locked (flock) by whoever makes or sweeps instances, for that moment
//     <prefix>Ab12xY/          an instance
//       lock                   locked (flock) by its process as long as that lives
//       0/ 1/ ...              one root per shard
//
// An instance is dead when its lock file can be locked, or is missing: it is made under the lock of
// the working directory, so a living one is never seen without. A live instance is never touched.
//
// Leftovers of the program before this one (`foreign_prefix`) have no lock. One is removed only if
// all of this holds: the name is the prefix and then letters and digits only; a directory, ours, on
// the same device; in it the message file and at most `parts`, nothing else; neither it nor these
// two changed for `foreign_age` (modified or status changed). Anything else stays and is counted.
//
// Set-up time only: it blocks. Limits: kEntriesMax names looked at, kRemovalsMax per directory.
#ifndef MILLRACE_ENGINE_SPOOL_SPOOL_LEFTOVERS_H_
#define MILLRACE_ENGINE_SPOOL_SPOOL_LEFTOVERS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

inline constexpr const char* kInstanceLockName = "lock";

struct LeftoverRules {
  std::string instance_prefix;
  std::string foreign_prefix;  // empty: none are looked for
  std::chrono::seconds foreign_age = std::chrono::hours(24);
};

struct LeftoverCounts {
  std::uint32_t instances_removed = 0;
  std::uint32_t instances_alive = 0;
  std::uint32_t foreign_removed = 0;
  std::uint32_t foreign_left = 0;     // by name theirs, but not safe to remove
  std::vector<std::string> failures;  // "name: why", for warnings; at most kFailuresMax
};

inline constexpr std::size_t kLeftoverEntriesMax = 1'000'000;
inline constexpr std::size_t kLeftoverFailuresMax = 20;

// Sweeps below `work` (an open directory, its lock held by the caller). `now`: CLOCK_REALTIME since
// the epoch, to compare with file times.
LeftoverCounts SweepLeftovers(int work, const LeftoverRules& rules, std::chrono::seconds now);

// Removes one directory below `parent` with all in it; 0 or an errno. An instance's lock file goes
// last, so that what a crash leaves half removed is still seen as dead or alive.
int RemoveInstance(int parent, const std::string& name);

// Is `name` a leftover's by its form?
bool IsForeignName(std::string_view name, std::string_view prefix) noexcept;

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_SPOOL_LEFTOVERS_H_
