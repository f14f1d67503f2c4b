// Limits per client address and per network: what a session and a message take of them.
//
//   CONNECT   a session takes one connection of its address' key and one of its network's
//   DATA      a message takes one in flight of each, by the session's entries: no search; then one
//             event of the address' rate
//   the end   each gives back what it took, by its ClientHold
//
// The answer to CONNECT, which alone can carry a 421, is a round trip that mail servers need not
// make while nobody is near a limit. So they are asked to wait for it only for kAwaitFor after a
// session of a client that has half of its sessions or more (NearLimit). A session that had
// negotiated before that, and is one too many, has its messages refused at DATA instead.
//
// All or nothing: what a limit refuses has taken nothing. An event of the rate is not given back,
// also where the message is refused later.
// Off by default, and then nothing here is called. Loopback and listed networks are exempt: they
// have no entries, so nothing of theirs is counted. A client without an address shares one key.
// No room in the table: the client is let pass without being counted, or refused, as configured.
#ifndef MILLRACE_RELAY_CLIENT_QUOTA_H_
#define MILLRACE_RELAY_CLIENT_QUOTA_H_

#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/units.h"
#include "engine/quota/key_table.h"
#include "engine/quota/token_bucket.h"
#include "milter/commands.h"
#include "relay/client_key.h"
#include "relay/failure.h"

namespace relay {

struct QuotaConfig;

// Which limit refused a session or a message.
enum class QuotaLimit : std::uint8_t {
  kNone,
  kListenerSessions,
  kListenerMessages,
  kClientSessions,
  kClientMessages,
  kNetworkSessions,
  kNetworkMessages,
  kClientRate,
  kTableFull,
};
std::string_view QuotaLimitName(QuotaLimit limit) noexcept;  // "client sessions", for log lines

// 451 4.7.1 with the configured text, or, where that is empty, one that names the limit. `text`
// must live as long as the refusal.
Refusal QuotaRefusal(QuotaLimit limit, std::string_view text) noexcept;

// 0: no limit.
struct ClientLimits {
  std::uint32_t client_sessions = 0;
  std::uint32_t client_messages = 0;
  std::uint32_t network_sessions = 0;
  std::uint32_t network_messages = 0;
  engine::Rate client_rate;  // of messages
  NetworkPrefixes prefixes;
  bool refuse_when_full = false;
  std::vector<Network> exempt;

  bool by_address() const noexcept {
    return client_sessions != 0 || client_messages != 0 || client_rate.limited();
  }
  bool by_network() const noexcept { return network_sessions != 0 || network_messages != 0; }
  bool any() const noexcept { return by_address() || by_network(); }
  // A session can be refused at CONNECT, if the mail server waits for the answer.
  bool at_connect() const noexcept {
    return client_sessions != 0 || network_sessions != 0 || (any() && refuse_when_full);
  }
  bool Exempts(const IpAddress& address) const noexcept;
};

// `config` has been checked: its networks parse.
ClientLimits ClientLimitsOf(const QuotaConfig& config);
engine::KeyTableOptions TableOptionsOf(const QuotaConfig& config,
                                       const engine::HashSecret& secret) noexcept;

// The entries in which a session, or a message, has one count each.
struct ClientHold {
  engine::KeyRef address;
  engine::KeyRef network;
  bool empty() const noexcept { return !address && !network; }
};

// What a session has taken: remembered, so that exactly this is given back.
struct SessionHold {
  static constexpr std::uint32_t kNoListener = UINT32_MAX;
  ClientHold clients;
  std::uint32_t listener = kNoListener;  // in whose count it is, by SharedCounts::listeners
};

// What a message has taken, from DATA until its scan has ended.
struct MessageHold {
  ClientHold clients;
  std::uint32_t listener = SessionHold::kNoListener;
  std::uint64_t spool_bytes = 0;
};

// Until when new sessions await the answer to CONNECT. Any thread; relaxed: nothing else is handed
// over, and a session that reads it a moment too early is refused at DATA.
class NearLimit {
 public:
  static constexpr engine::Time kAwaitFor = std::chrono::seconds(60);

  bool IsNear(engine::Time now) const noexcept {
    return now < until_.load(std::memory_order_relaxed);
  }
  // Written about once a second, however many sessions there are.
  void Note(engine::Time now) noexcept {
    if (until_.load(std::memory_order_relaxed) < now + kAwaitFor - std::chrono::seconds(1))
      until_.store(now + kAwaitFor, std::memory_order_relaxed);
  }

 private:
  std::atomic<engine::Time> until_{};
};

struct QuotaAnswer {
  QuotaLimit refused_by = QuotaLimit::kNone;
  bool table_full = false;  // refused for it, or let pass, at least in part
  // Of a session: its address or network has half of its sessions, or more, or cannot be counted.
  bool near_limit = false;
};

// Any thread. *hold must be empty; GiveSession() once if it is not, after that. Settings may have
// changed in between.
QuotaAnswer TakeSession(engine::KeyTable& table,
                        const ClientLimits& limits,
                        const milter::Client& client,
                        engine::Time now,
                        ClientHold* hold) noexcept;
void GiveSession(engine::KeyTable& table, ClientHold* hold) noexcept;

// Likewise for a message of the session that holds `session`.
QuotaAnswer TakeMessage(engine::KeyTable& table,
                        const ClientLimits& limits,
                        const ClientHold& session,
                        engine::Time now,
                        ClientHold* hold) noexcept;
void GiveMessage(engine::KeyTable& table, ClientHold* hold) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_CLIENT_QUOTA_H_
