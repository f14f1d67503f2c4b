// Where a message waits for a scanner: behind those of the same key, as [queue] key says.
//
//   key              what it is made of                          where that is missing
//   client-network   the client's address, cut to a prefix       one key for all without an address
//   auth-user        the login, as the mail server tells it      client-network
//   policy-bank      the banks that are asked for                client-network
//   sender-domain    what stands behind the last @, lower case   client-network (bounces)
//   listener         the listener                                -
//   none             nothing: one queue, first come first served, without classes
//
//   class            first: authenticated ({auth_type}); second: a known network; third: the rest
//
// The class is part of the key (docs/adr/022). Keys are hashed with the process's secret, so nobody
// can choose one that meets another. A sender's domain is what the client says: with it, senders
// share by what they call themselves.
// PlaceOf: no allocation, nothing is resolved.
#ifndef MILLRACE_RELAY_QUEUE_PLACE_H_
#define MILLRACE_RELAY_QUEUE_PLACE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/quota/key_hash.h"
#include "engine/quota/slot_pool.h"
#include "relay/client_key.h"
#include "relay/config.h"

namespace relay {

struct QueueRules {
  QueueKey key = QueueKey::kClientNetwork;
  NetworkPrefixes prefixes;
  std::vector<Network> known;  // of the second class
};

// Of one message; views into its texts. `client`: nullopt where it has no address.
struct QueueFacts {
  std::optional<IpAddress> client;
  std::string_view auth_type;
  std::string_view auth_user;
  std::string_view policy_banks;
  std::string_view sender;  // "<user@example.net>", "<>" or nothing
  std::uint32_t listener = 0;
};

// `config` has been checked: its networks parse.
QueueRules QueueRulesOf(const Config& config);
engine::SlotPoolBounds QueueBoundsOf(const QueueConfig& config) noexcept;

engine::QueuePlace PlaceOf(const QueueFacts& facts,
                           const QueueRules& rules,
                           const engine::HashSecret& secret) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_QUEUE_PLACE_H_
