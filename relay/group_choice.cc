// Banks, then networks, then the listener.
#include "relay/group_choice.h"

#include <algorithm>

#include "engine/base/check.h"

namespace relay {
namespace {

bool IsAmong(std::string_view name, std::string_view list) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == name) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

Network NetworkOf(const std::string& text) {
  const absl::StatusOr<Network> network = ParseNetwork(text);
  ENGINE_CHECK(network.ok());
  return *network;
}

}  // namespace

void GroupChoice::Fill(const std::vector<ScannerGroupConfig>& groups) {
  for (const ScannerGroupConfig& group : groups) {
    for (const std::string& bank : group.policy_banks)
      banks_.push_back({.name = bank, .group = group.name});
    for (const std::string& text : group.client_networks)
      networks_.push_back({.network = NetworkOf(text), .group = group.name});
  }
  std::stable_sort(networks_.begin(), networks_.end(), [](const InNetwork& a, const InNetwork& b) {
    return a.network.bits > b.network.bits;
  });
}

std::string_view GroupChoice::Choose(std::string_view banks,
                                     const std::optional<IpAddress>& client,
                                     std::string_view otherwise) const noexcept {
  for (const Bank& bank : banks_) {
    if (IsAmong(bank.name, banks)) return bank.group;
  }
  if (!client) return otherwise;
  for (const InNetwork& in : networks_) {
    if (in.network.Contains(*client)) return in.group;
  }
  return otherwise;
}

}  // namespace relay
