// What every shard shares and none changes: the configuration, made ready for use.
#ifndef MILLRACE_RELAY_SETTINGS_H_
#define MILLRACE_RELAY_SETTINGS_H_

#include <cstdint>

#include "engine/net/address.h"
#include "engine/spool/spool.h"
#include "milter/negotiate.h"
#include "relay/config.h"

namespace relay {

struct Settings {
  Config config;
  engine::Address scanner;
  milter::FilterOptions filter;  // what we ask a mail server for
  milter::FilterOptions
      refusing_filter;  // over the session limit: keeps the CONNECT reply, for 421
  // Per shard.
  std::uint32_t sessions_max = 0;
  std::uint32_t messages_max = 0;  // with content under way: spool slots
  std::uint32_t scans_max = 0;
  engine::SpoolLimits spool_limits;
  bool spool_reuse = true;
  std::uint64_t block_bytes_max = 0;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SETTINGS_H_
