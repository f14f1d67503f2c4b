// How many sessions, messages and scanner connections fit into the limit of open files.
//
//   descriptors = sessions + messages (each keeps its spool file open) + scanner connections
//               + kPerShard * shards + kReserve
//
// What the operator set is kept or refused, never lowered in silence; what is unset is derived: a
// fifth for messages, as much for their scanner connections, the rest for sessions (most of which
// are idle), each up to a cap that keeps the tables small. With a configuration file, whose reload
// may add scanners, connections are counted as if every message could have one, where that fits.
// Printed by --check-config.
#ifndef MILLRACE_RELAY_LIMITS_H_
#define MILLRACE_RELAY_LIMITS_H_

#include <cstdint>
#include <string>

#include "relay/config.h"

namespace relay {

inline constexpr std::uint64_t kDescriptorsPerShard = 64;
inline constexpr std::uint64_t kDescriptorsReserve = 64;
inline constexpr std::uint64_t kMessagesShare = 5;  // one in so many descriptors
inline constexpr std::uint64_t kSessionsDerivedMax = 131'072;
inline constexpr std::uint64_t kMessagesDerivedMax = 16'384;
// Below this there is no point in starting.
inline constexpr std::uint64_t kMessagesDerivedMin = 16;

struct Limits {
  std::uint32_t shards = 0;
  std::uint32_t sessions_max = 0;
  std::uint32_t messages_max = 0;
  std::uint32_t scanner_connections_max = 0;  // never 0: with -m 0 as many as messages
  std::uint64_t descriptors_needed = 0;
  std::uint64_t descriptors_available = 0;
};

struct DerivedLimits {
  Limits limits;
  std::string error;  // empty when they fit; else names what does not and what to raise
};

// The most connections to scanners that there can be at once: one for each message in work, orphans
// included, and no more than the scanners may have.
std::uint32_t ScannerConnections(const Config& config, std::uint32_t messages_max);

// `cores`: how many this process may run on. `open_files`: RLIMIT_NOFILE's soft limit as raised.
DerivedLimits DeriveLimits(const Config& config, std::uint32_t cores, std::uint64_t open_files);

// Cores in this thread's affinity mask, at least 1.
std::uint32_t UsableCores() noexcept;

// Raises RLIMIT_NOFILE's soft limit to the hard one, and answers what holds then.
std::uint64_t RaiseOpenFiles() noexcept;

// "name: value" lines for --check-config.
std::string LimitsText(const Limits& limits);

}  // namespace relay

#endif  // MILLRACE_RELAY_LIMITS_H_
