// Fuzzes the texts that clients and networks are known by.
//
// Checks: an address that is read is written as a text that reads as the same; a network holds its
//         own base, and a key of a network is the key of its base.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/check.h"
#include "relay/client_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::array<char, relay::kKeyTextBytesMax> room{};
  if (const std::optional<relay::IpAddress> address = relay::ParseIp(text)) {
    ENGINE_CHECK(relay::ParseIp(relay::WriteKeyText(relay::AddressKey(address), room)) == address);
    const engine::TableKey network = relay::NetworkKey(address, {});
    const std::optional<relay::IpAddress> base = relay::ParseIp(relay::WriteKeyText(network, room));
    ENGINE_CHECK(base.has_value());
    ENGINE_CHECK(relay::NetworkKey(base, {}) == network);
  }
  if (const auto network = relay::ParseNetwork(text); network.ok())
    ENGINE_CHECK(network->Contains(network->base));
  return 0;
}
