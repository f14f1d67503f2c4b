// Keys and classes of waiting messages. See queue_place.h.
#include "relay/queue_place.h"

#include <algorithm>
#include <array>
#include <span>

#include "engine/base/check.h"
#include "engine/base/scratch.h"

namespace relay {
namespace {

using engine::QueueClass;

constexpr std::size_t kDomainBytesMax = 255;  // RFC 5321; what is longer is cut

QueueClass ClassOf(const QueueFacts& facts, const QueueRules& rules) noexcept {
  if (!facts.auth_type.empty()) return QueueClass::kFirst;
  const auto contains = [&facts](const Network& network) {
    return network.Contains(*facts.client);
  };
  const bool known = facts.client && std::any_of(rules.known.begin(), rules.known.end(), contains);
  return known ? QueueClass::kSecond : QueueClass::kThird;
}

// Kinds of keys are kept apart, as are classes: each has its own offset behind the hash.
engine::QueuePlace PlaceFor(QueueKey kind,
                            engine::ConstBytes bytes,
                            QueueClass queue_class,
                            const engine::HashSecret& secret) noexcept {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15U;  // 2^64 / golden ratio: spreads small numbers
  const std::uint64_t number = static_cast<std::uint64_t>(kind) * engine::kQueueClassCount +
                               static_cast<std::uint64_t>(queue_class);
  return {.key = engine::KeyedHash(secret, bytes) + number * kOdd, .queue_class = queue_class};
}

engine::ConstBytes BytesOf(std::string_view text) noexcept {
  return std::as_bytes(std::span<const char>(text));
}

std::string_view DomainOf(std::string_view sender) noexcept {
  const std::size_t at = sender.rfind('@');
  if (at == std::string_view::npos) return {};
  std::string_view domain = sender.substr(at + 1);
  if (domain.ends_with('>')) domain.remove_suffix(1);
  return domain.substr(0, kDomainBytesMax);
}

char LowerCase(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

QueueRules QueueRulesOf(const Config& config) {
  QueueRules rules;
  rules.key = config.queue.key;
  rules.prefixes = {.ipv4 = config.quota.ipv4_prefix, .ipv6 = config.quota.ipv6_prefix};
  for (const std::string& text : config.queue.known_networks) {
    const absl::StatusOr<Network> network = ParseNetwork(text);
    ENGINE_CHECK(network.ok());
    rules.known.push_back(*network);
  }
  return rules;
}

engine::SlotPoolBounds QueueBoundsOf(const QueueConfig& config) noexcept {
  return {.length_max = config.length_max, .per_key_max = config.per_key_max};
}

engine::QueuePlace PlaceOf(const QueueFacts& facts,
                           const QueueRules& rules,
                           const engine::HashSecret& secret) noexcept {
  if (rules.key == QueueKey::kNone) return {};
  const QueueClass queue_class = ClassOf(facts, rules);
  switch (rules.key) {
    case QueueKey::kAuthUser:
      if (facts.auth_type.empty() || facts.auth_user.empty()) break;
      return PlaceFor(rules.key, BytesOf(facts.auth_user), queue_class, secret);
    case QueueKey::kPolicyBank:
      if (facts.policy_banks.empty()) break;
      return PlaceFor(rules.key, BytesOf(facts.policy_banks), queue_class, secret);
    case QueueKey::kSenderDomain: {
      const std::string_view domain = DomainOf(facts.sender);
      if (domain.empty()) break;
      engine::Scratch<char, kDomainBytesMax> lower;
      std::transform(domain.begin(), domain.end(), lower.data(), LowerCase);
      return PlaceFor(rules.key, BytesOf({lower.data(), domain.size()}), queue_class, secret);
    }
    case QueueKey::kListener:
      return PlaceFor(rules.key, std::as_bytes(std::span(&facts.listener, 1)), queue_class, secret);
    case QueueKey::kClientNetwork:
    case QueueKey::kNone: break;
  }
  const engine::TableKey network = NetworkKey(facts.client, rules.prefixes);
  const std::array<std::uint64_t, 3> words = {network.high, network.low, network.kind};
  return PlaceFor(QueueKey::kClientNetwork, std::as_bytes(std::span(words)), queue_class, secret);
}

}  // namespace relay
