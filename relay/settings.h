// What every shard shares and none changes: the configuration, made ready for use.
#ifndef MILLRACE_RELAY_SETTINGS_H_
#define MILLRACE_RELAY_SETTINGS_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/net/address.h"
#include "engine/spool/spool.h"
#include "engine/spool/spool_dir.h"
#include "milter/negotiate.h"
#include "relay/config.h"
#include "relay/failure_policy.h"
#include "relay/limits.h"
#include "relay/spool_sharing.h"

namespace relay {

// Taken from by all shards, one atomic operation each: limits in total are exact.
struct SharedCounts {
  alignas(64) std::atomic<std::uint32_t> sessions{0};
  alignas(64) std::atomic<std::uint32_t> messages{0};
};

// A listener as its sessions see it.
struct ListenerSettings : ListenerConfig {
  std::uint32_t index = 0;  // in Settings::listeners
  FailurePolicy failure_policy;
  milter::FilterOptions filter;  // what we ask a mail server for
  milter::FilterOptions
      refusing_filter;  // over the session limit: keeps the CONNECT reply, for 421
  // Octets of a body from which on it is moved by splice(2), where the shard can.
  static constexpr std::uint64_t kNeverSplice = UINT64_MAX;
  std::uint64_t splice_from = kNeverSplice;
};

struct ScannerSettings : ScannerConfig {
  engine::Address address;
};

struct Settings {
  Config config;
  std::vector<ListenerSettings> listeners;  // one per Config::listeners, never empty; likewise:
  std::vector<ScannerSettings> scanners;
  // Of all shards together.
  std::uint32_t sessions_max = 0;
  std::uint32_t messages_max = 0;    // that have a spool slot: from DATA until their scan has ended
  engine::SpoolLimits spool_limits;  // of one shard
  bool spool_reuse = true;
  SpoolSharing sharing;
  std::uint64_t block_bytes_max = 0;
};

// What is asked of a mail server: everything unanswered but what `reply_at` names and the end of a
// message.
milter::Protocol ProtocolOf(ReplyAt reply_at) noexcept;

// `scanners`: the resolved addresses, one per Config::scanners. `spool`: what the spool's file
// system is and allows. `*settings` must be new: it is filled before the first shard starts.
void FillSettings(const Config& config,
                  const Limits& limits,
                  const std::vector<engine::Address>& scanners,
                  const engine::SpoolDirReport& spool,
                  Settings* settings);

}  // namespace relay

#endif  // MILLRACE_RELAY_SETTINGS_H_
