// Addresses as 128-bit values, and what is made of them.
#include "relay/client_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"

namespace relay {
namespace {

constexpr std::uint32_t kAllBits = 128;

std::uint64_t WordOf(const std::uint8_t* octets) noexcept {
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i)
    word = word << 8U | octets[i];
  return word;
}

void OctetsOf(std::uint64_t word, std::uint8_t* octets) noexcept {
  for (int i = 7; i >= 0; --i, word >>= 8U)
    octets[i] = static_cast<std::uint8_t>(word);
}

constexpr std::uint64_t MaskOf(std::uint32_t bits) noexcept {  // of 64, the first `bits` set
  return bits == 0 ? 0 : ~std::uint64_t{0} << (64U - bits);
}

absl::Status NoNetwork(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", engine::ToAbsl(text), "\" is no network: ", engine::ToAbsl(why)));
}

}  // namespace

bool IpAddress::is_loopback() const noexcept {
  if (is_ipv4()) return (low >> 24U & 0xffU) == 127;
  return high == 0 && low == 1;
}

IpAddress IpAddress::Cut(std::uint32_t bits) const noexcept {
  if (bits >= kAllBits) return *this;
  return bits <= 64 ? IpAddress{high & MaskOf(bits), 0} : IpAddress{high, low & MaskOf(bits - 64)};
}

std::optional<IpAddress> ParseIp(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.empty() || text.size() >= terminated.size()) return std::nullopt;
  text.copy(terminated.data(), text.size());
  in_addr four{};
  if (::inet_pton(AF_INET, terminated.data(), &four) == 1)
    return IpAddress{0, std::uint64_t{0xffff} << 32U | ntohl(four.s_addr)};
  in6_addr six{};
  if (::inet_pton(AF_INET6, terminated.data(), &six) != 1) return std::nullopt;
  return IpAddress{WordOf(six.s6_addr), WordOf(six.s6_addr + 8)};
}

absl::StatusOr<Network> ParseNetwork(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> base = ParseIp(text.substr(0, slash));
  if (!base) return NoNetwork(text, "write 192.0.2.0/24, 2001:db8::/32, or one address");
  if (slash == std::string_view::npos) return Network{*base, kAllBits};
  // Of an IPv4 address the prefix counts from its own first bit.
  const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  const std::uint32_t longest = dotted ? 32 : kAllBits;
  const std::string_view digits = text.substr(slash + 1);
  std::uint32_t bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() || bits > longest)
    return NoNetwork(text, dotted ? "the prefix is 0 to 32" : "the prefix is 0 to 128");
  const Network network{*base, bits + (kAllBits - longest)};
  if (base->Cut(network.bits) != *base) return NoNetwork(text, "bits are set behind the prefix");
  return network;
}

engine::TableKey AddressKey(const std::optional<IpAddress>& address) noexcept {
  if (!address) return {.kind = static_cast<std::uint64_t>(KeyKind::kUnknown)};
  return {.high = address->high,
          .low = address->low,
          .kind = static_cast<std::uint64_t>(KeyKind::kAddress)};
}

engine::TableKey NetworkKey(const std::optional<IpAddress>& address,
                            const NetworkPrefixes& prefixes) noexcept {
  // Apart from its key as an address: both are counted.
  if (!address) return {.low = 1, .kind = static_cast<std::uint64_t>(KeyKind::kUnknown)};
  const IpAddress base =
      address->Cut(address->is_ipv4() ? IpAddress::kMappedBits + prefixes.ipv4 : prefixes.ipv6);
  return {
      .high = base.high, .low = base.low, .kind = static_cast<std::uint64_t>(KeyKind::kNetwork)};
}

bool IsNetworkKey(const engine::TableKey& key) noexcept {
  return key.kind == static_cast<std::uint64_t>(KeyKind::kNetwork) ||
         key == NetworkKey(std::nullopt, {});
}

std::string_view WriteKeyText(const engine::TableKey& key,
                              std::span<char, kKeyTextBytesMax> to) noexcept {
  static_assert(kKeyTextBytesMax >= INET6_ADDRSTRLEN);
  if (key.kind == static_cast<std::uint64_t>(KeyKind::kUnknown)) return "unknown";
  const IpAddress address{key.high, key.low};
  if (address.is_ipv4()) {
    const in_addr four{.s_addr = htonl(static_cast<std::uint32_t>(key.low))};
    if (::inet_ntop(AF_INET, &four, to.data(), to.size()) == nullptr) return "";
  } else {
    in6_addr six{};
    OctetsOf(key.high, six.s6_addr);
    OctetsOf(key.low, six.s6_addr + 8);
    if (::inet_ntop(AF_INET6, &six, to.data(), to.size()) == nullptr) return "";
  }
  return to.data();
}

}  // namespace relay
