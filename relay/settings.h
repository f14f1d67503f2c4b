// What every shard shares and none changes: the configuration, made ready for use.
#ifndef MILLRACE_RELAY_SETTINGS_H_
#define MILLRACE_RELAY_SETTINGS_H_

#include <atomic>
#include <cstdint>

#include "engine/net/address.h"
#include "engine/spool/spool.h"
#include "milter/negotiate.h"
#include "relay/config.h"
#include "relay/limits.h"
#include "relay/spool_sharing.h"

namespace relay {

// Taken from by all shards, one atomic operation each: limits in total are exact.
struct SharedCounts {
  alignas(64) std::atomic<std::uint32_t> sessions{0};
  alignas(64) std::atomic<std::uint32_t> messages{0};
};

struct Settings {
  Config config;
  engine::Address scanner;
  milter::FilterOptions filter;  // what we ask a mail server for
  milter::FilterOptions
      refusing_filter;  // over the session limit: keeps the CONNECT reply, for 421
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

// `spool_reuse`: what the spool's file system allows (engine/spool/spool_dir.h). `*settings` must
// be new: it is filled before the first shard starts.
void FillSettings(const Config& config,
                  const Limits& limits,
                  const engine::Address& scanner,
                  bool spool_reuse,
                  Settings* settings);

}  // namespace relay

#endif  // MILLRACE_RELAY_SETTINGS_H_
