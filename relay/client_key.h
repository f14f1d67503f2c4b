// Who a client is for quotas and queues: its address, or the network that it is in.
//
//   address   IPv4 as ::ffff:a.b.c.d (also where it comes so), IPv6 as it is
//   network   the address cut to a prefix: /24 of IPv4 and /64 of IPv6 unless configured
//   unknown   no address: a Unix socket, or none given; all such clients are one
//
// Text in, values out: nothing is resolved, no allocation but in ParseNetwork's errors.
#ifndef MILLRACE_RELAY_CLIENT_KEY_H_
#define MILLRACE_RELAY_CLIENT_KEY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/quota/key_table.h"

namespace relay {

// 128 bits, network order by value: `high` holds the first eight octets.
struct IpAddress {
  static constexpr std::uint32_t kMappedBits = 96;  // of ::ffff:0:0/96
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool is_ipv4() const noexcept { return high == 0 && low >> 32U == 0xffff; }
  bool is_loopback() const noexcept;  // 127.0.0.0/8, ::1
  // The first `bits` of 128, the rest 0.
  IpAddress Cut(std::uint32_t bits) const noexcept;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing else.
std::optional<IpAddress> ParseIp(std::string_view text) noexcept;

struct Network {
  IpAddress base;
  std::uint32_t bits = 128;  // of 128
  // "::/0" is all of IPv6, and nothing of IPv4.
  bool Contains(const IpAddress& address) const noexcept {
    return address.Cut(bits) == base && (bits >= IpAddress::kMappedBits || !address.is_ipv4());
  }
};

// "192.0.2.0/24", "2001:db8::/32", or one address. kInvalidArgument names the text and what is
// wrong: no such form, prefix too long, bits set behind the prefix.
absl::StatusOr<Network> ParseNetwork(std::string_view text);

// What a key of the table is about.
enum class KeyKind : std::uint64_t { kUnknown = 1, kAddress, kNetwork };

struct NetworkPrefixes {
  std::uint32_t ipv4 = 24;  // 0 .. 32
  std::uint32_t ipv6 = 64;  // 0 .. 128
};

// `address`: nullopt for an unknown client.
engine::TableKey AddressKey(const std::optional<IpAddress>& address) noexcept;
engine::TableKey NetworkKey(const std::optional<IpAddress>& address,
                            const NetworkPrefixes& prefixes) noexcept;

// Of a network, or of all clients without an address as one.
bool IsNetworkKey(const engine::TableKey& key) noexcept;

// The text of a key, for listings: "192.0.2.1", "192.0.2.0", "2001:db8::", "unknown". At most
// kKeyTextBytesMax.
inline constexpr std::size_t kKeyTextBytesMax = 48;
std::string_view WriteKeyText(const engine::TableKey& key,
                              std::span<char, kKeyTextBytesMax> to) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_CLIENT_KEY_H_
