// What every shard shares and none changes: the configuration, made ready for use.
//
// A reload makes a new generation and gives it to every shard. A session keeps the one that it
// began with until its next message begins; the last one to leave an old generation frees it
// (Retain, Release). The first generation belongs to whoever made it.
#ifndef MILLRACE_RELAY_SETTINGS_H_
#define MILLRACE_RELAY_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/spool/spool.h"
#include "engine/spool/spool_dir.h"
#include "milter/negotiate.h"
#include "relay/client_quota.h"
#include "relay/config.h"
#include "relay/failure_policy.h"
#include "relay/group_choice.h"
#include "relay/limits.h"
#include "relay/queue_place.h"
#include "relay/scanner_groups.h"
#include "relay/shared_counts.h"
#include "relay/spool_sharing.h"

namespace relay {

// A listener as its sessions see it.
struct Settings;
struct ListenerSettings : ListenerConfig {
  std::uint32_t index = 0;  // in Settings::listeners
  FailurePolicy failure_policy;
  milter::FilterOptions filter;  // what we ask a mail server for
  milter::FilterOptions
      refusing_filter;  // near or over a limit of sessions: keeps the CONNECT reply, for 421
  // Octets of a body from which on it is moved by splice(2), where the shard can.
  static constexpr std::uint64_t kNeverSplice = UINT64_MAX;
  std::uint64_t splice_from = kNeverSplice;
  std::string policy_bank_list;        // the policy_banks, as they are sent
  std::uint64_t id = 0;                // never used again, as `index` is after reloads
  bool present = true;                 // false: a reload took it away, and its sessions go on
  std::uint64_t removed_at = 0;        // generation
  const Settings* settings = nullptr;  // of which it is part
};

struct ScannerSettings : ScannerConfig {
  engine::Address address;
};

struct Settings {
  Settings() = default;
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // One user more, one less: any thread. The last one calls `unused`, if there is one, which may
  // free the settings. Whoever makes them is a user until it calls Release().
  void Retain() const noexcept { users.fetch_add(1, std::memory_order_relaxed); }
  void Release() const noexcept {
    // Frees after all that the others did with it.
    if (users.fetch_sub(1, std::memory_order_acq_rel) == 1 && unused != nullptr) unused(*this);
  }

  std::uint64_t generation = 1;
  Config config;
  // At first one per Config::listeners; after reloads also what was taken away. Never empty.
  std::vector<ListenerSettings> listeners;
  std::vector<ScannerSettings> scanners;
  GroupChoice groups;
  // Of all shards together.
  std::uint32_t sessions_max = 0;
  std::uint32_t messages_max = 0;    // that have a spool slot: from DATA until their scan has ended
  engine::SpoolLimits spool_limits;  // of one shard
  ClientLimits clients;
  QueueRules queue;
  bool spool_reuse = true;
  std::string spool_file_system;  // what the spool lies on, in words
  SpoolSharing sharing;
  std::uint64_t block_bytes_max = 0;
  std::uint64_t last_listener_id = 0;
  mutable std::atomic<std::uint32_t> users{1};
  std::atomic<std::uint32_t>* alive = nullptr;  // for `unused`: how many there are
  void (*unused)(const Settings& settings) noexcept = nullptr;
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

// The scanners by group, the groups in the order of their first scanners. The one of the scanners
// that name none is called "".
std::vector<ScannerGroupSpec> ScannerGroupsOf(const Settings& settings);

}  // namespace relay

#endif  // MILLRACE_RELAY_SETTINGS_H_
