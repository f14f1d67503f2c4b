// What all shards take from together: sessions, messages, spool bytes, clients. Lock-free.
//
// Limits are not here: each taker brings those of its own settings, so that a reload may change
// them while counts are in use. Whoever takes remembers what it took, and gives that back.
#ifndef MILLRACE_RELAY_SHARED_COUNTS_H_
#define MILLRACE_RELAY_SHARED_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/base/counters.h"
#include "engine/quota/key_table.h"
#include "engine/quota/shared_count.h"
#include "relay/client_quota.h"
#include "relay/config.h"

namespace relay {

struct SharedCounts {
  struct Listener {
    engine::SharedCount sessions;
    engine::SharedCount messages;
  };

  explicit SharedCounts(const engine::KeyTableOptions& options = {}) noexcept
      : secret(options.secret), clients(options) {}

  const engine::HashSecret secret;  // of the process, for keys of all kinds
  engine::SharedCount sessions;
  engine::SharedCount messages;  // that have a spool slot: from DATA until their scan has ended
  std::array<Listener, kListenersMax> listeners;  // by ListenerSettings::index
  // Content in spool files, as counted by messages under a limit of it.
  alignas(engine::kCacheLineBytes) std::atomic<std::uint64_t> spool_bytes{0};
  alignas(engine::kCacheLineBytes) NearLimit near_limit;
  engine::KeyTable clients;  // by address and by network; untouched while no such limit is set
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SHARED_COUNTS_H_
