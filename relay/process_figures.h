// What the kernel says of this process: CPU time, memory, open descriptors.
//
// Read from getrusage(2), /proc/self/statm and /proc/self/fd at each call; for whoever looks at the
// daemon now and then, never for a shard. What cannot be read is 0.
#ifndef MILLRACE_RELAY_PROCESS_FIGURES_H_
#define MILLRACE_RELAY_PROCESS_FIGURES_H_

#include <cstdint>

#include "engine/base/units.h"

namespace relay {

struct ProcessFigures {
  engine::Time cpu{};  // user and system, all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t descriptors_max = 0;  // RLIMIT_NOFILE's soft limit
};

ProcessFigures ReadProcessFigures();

}  // namespace relay

#endif  // MILLRACE_RELAY_PROCESS_FIGURES_H_
