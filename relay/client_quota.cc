// The steps of a session and of a message through the table of clients.
#include "relay/client_quota.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "engine/base/check.h"
#include "relay/config.h"

namespace relay {
namespace {

using engine::KeyAnswer;
using engine::KeyCount;
using engine::KeyRef;
using engine::KeyTable;

// What a limit of 0 means to the table: the entry is wanted, not the limit.
std::uint32_t OrUnlimited(std::uint32_t limit) noexcept {
  return limit == 0 ? KeyTable::kUnlimited : limit;
}

void GiveBack(KeyTable& table, KeyCount count, ClientHold* hold) noexcept {
  if (hold->address) table.Give(hold->address, count);
  if (hold->network) table.Give(hold->network, count);
  *hold = {};
}

}  // namespace

std::string_view QuotaLimitName(QuotaLimit limit) noexcept {
  switch (limit) {
    case QuotaLimit::kNone: return "none";
    case QuotaLimit::kListenerSessions: return "listener sessions";
    case QuotaLimit::kListenerMessages: return "listener messages";
    case QuotaLimit::kClientSessions: return "client sessions";
    case QuotaLimit::kClientMessages: return "client messages";
    case QuotaLimit::kNetworkSessions: return "network sessions";
    case QuotaLimit::kNetworkMessages: return "network messages";
    case QuotaLimit::kClientRate: return "client message rate";
    case QuotaLimit::kTableFull: return "table of clients full";
  }
  return "unknown";
}

namespace {

std::string_view DefaultText(QuotaLimit limit) noexcept {
  switch (limit) {
    case QuotaLimit::kClientSessions:
      return "Too many connections from your address, please try again later";
    case QuotaLimit::kNetworkSessions:
      return "Too many connections from your network, please try again later";
    case QuotaLimit::kClientMessages:
      return "Too many messages at once from your address, please try again later";
    case QuotaLimit::kNetworkMessages:
      return "Too many messages at once from your network, please try again later";
    case QuotaLimit::kClientRate:
      return "Too many messages in a short time from your address, please try again later";
    case QuotaLimit::kNone:
    case QuotaLimit::kListenerSessions:
    case QuotaLimit::kListenerMessages:
    case QuotaLimit::kTableFull: break;
  }
  return "Too many messages at once, please try again later";
}

}  // namespace

Refusal QuotaRefusal(QuotaLimit limit, std::string_view text) noexcept {
  return {.failure = FailureClass::kOverload,
          .code = 451,
          .enhanced = "4.7.1",
          .text = text.empty() ? DefaultText(limit) : text,
          .reason = QuotaLimitName(limit),
          .as_it_is = true};
}

bool ClientLimits::Exempts(const IpAddress& address) const noexcept {
  return address.is_loopback() ||
         std::any_of(exempt.begin(), exempt.end(), [&address](const Network& network) {
           return network.Contains(address);
         });
}

ClientLimits ClientLimitsOf(const QuotaConfig& config) {
  ClientLimits limits;
  limits.client_sessions = config.client_sessions_max;
  limits.client_messages = config.client_messages_max;
  limits.network_sessions = config.network_sessions_max;
  limits.network_messages = config.network_messages_max;
  if (config.client_message_rate != 0) {
    limits.client_rate.every = engine::Time(std::chrono::minutes(1)) / config.client_message_rate;
    limits.client_rate.burst =
        config.client_message_burst != 0 ? config.client_message_burst : config.client_message_rate;
  }
  limits.prefixes = {.ipv4 = config.ipv4_prefix, .ipv6 = config.ipv6_prefix};
  limits.refuse_when_full = config.table_full == TableFull::kRefuse;
  for (const std::string& text : config.exempt) {
    const absl::StatusOr<Network> network = ParseNetwork(text);
    ENGINE_CHECK(network.ok());
    limits.exempt.push_back(*network);
  }
  return limits;
}

engine::KeyTableOptions TableOptionsOf(const QuotaConfig& config,
                                       const engine::HashSecret& secret) noexcept {
  engine::KeyTableOptions options{.entries = std::bit_ceil(config.table_entries), .secret = secret};
  options.probes = std::min(options.probes, options.entries);
  return options;
}

QuotaAnswer TakeSession(KeyTable& table,
                        const ClientLimits& limits,
                        const milter::Client& client,
                        engine::Time now,
                        ClientHold* hold) noexcept {
  ENGINE_CHECK(hold->empty());
  const bool is_inet =
      client.family == milter::Family::kInet4 || client.family == milter::Family::kInet6;
  const std::optional<IpAddress> address = is_inet ? ParseIp(client.address) : std::nullopt;
  if (address && limits.Exempts(*address)) return {};
  QuotaAnswer answer;
  // One key after the other; false: refused, and what was taken has been given back.
  const auto take =
      [&](const engine::TableKey& key, std::uint32_t limit, QuotaLimit name, KeyRef* ref) noexcept {
        switch (table.Take(key, KeyCount::kConnections, OrUnlimited(limit), now, ref)) {
          case KeyAnswer::kTaken:
            if (limit != 0 && 2 * table.CountOf(*ref, KeyCount::kConnections) >= limit)
              answer.near_limit = true;
            return true;
          case KeyAnswer::kAtLimit:
            answer.near_limit = true;
            answer.refused_by = name;
            break;
          case KeyAnswer::kNoEntry:
            answer.near_limit = true;
            answer.table_full = true;
            if (!limits.refuse_when_full) return true;
            answer.refused_by = QuotaLimit::kTableFull;
            break;
        }
        GiveSession(table, hold);
        return false;
      };
  if (limits.by_address() &&
      !take(
          AddressKey(address), limits.client_sessions, QuotaLimit::kClientSessions, &hold->address))
    return answer;
  if (limits.by_network()) {
    static_cast<void>(take(NetworkKey(address, limits.prefixes),
                           limits.network_sessions,
                           QuotaLimit::kNetworkSessions,
                           &hold->network));
  }
  return answer;
}

void GiveSession(KeyTable& table, ClientHold* hold) noexcept {
  GiveBack(table, KeyCount::kConnections, hold);
}

QuotaAnswer TakeMessage(KeyTable& table,
                        const ClientLimits& limits,
                        const ClientHold& session,
                        engine::Time now,
                        ClientHold* hold) noexcept {
  ENGINE_CHECK(hold->empty());
  QuotaAnswer answer;
  const auto take = [&](KeyRef from, std::uint32_t limit, QuotaLimit name, KeyRef* ref) noexcept {
    if (!from) return true;  // exempt, or begun without an entry
    if (table.TakeMore(from, KeyCount::kInFlight, OrUnlimited(limit)) == KeyAnswer::kTaken) {
      *ref = from;
      return true;
    }
    answer.refused_by = name;
    GiveMessage(table, hold);
    return false;
  };
  if (!take(session.address, limits.client_messages, QuotaLimit::kClientMessages, &hold->address))
    return answer;
  if (!take(session.network, limits.network_messages, QuotaLimit::kNetworkMessages, &hold->network))
    return answer;
  if (limits.client_rate.limited() && session.address &&
      !table.Spend(session.address, limits.client_rate, now)) {
    answer.refused_by = QuotaLimit::kClientRate;
    GiveMessage(table, hold);
  }
  return answer;
}

void GiveMessage(KeyTable& table, ClientHold* hold) noexcept {
  GiveBack(table, KeyCount::kInFlight, hold);
}

}  // namespace relay
