// The text forms of addresses; the host part goes through getaddrinfo(3) once.
#include "engine/net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"

namespace engine {
namespace {

// Room for the terminating zero is kept, so that path() is a C string for everyone.
constexpr std::size_t kPathMaxBytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kHostMaxBytes = 255;  // RFC 1035 section 2.3.4
constexpr std::string_view kForms =
    "write unix:/path, local:/path, /path, inet:port@host or inet6:port@host";

absl::Status Wrong(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", ToAbsl(text), "\": ", ToAbsl(what), "; ", ToAbsl(kForms)));
}

absl::StatusOr<Address> UnixAddress(std::string_view text, std::string_view path) {
  if (path.empty()) return Wrong(text, "the path is empty");
  if (path.find('\0') != std::string_view::npos) return Wrong(text, "the path has a zero byte");
  if (path.size() > kPathMaxBytes)
    return Wrong(text, ToStd(absl::StrCat("the path is longer than ", kPathMaxBytes, " bytes")));
  Address address;
  auto& to = reinterpret_cast<sockaddr_un&>(address.storage);
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  address.text = std::string(text);
  return address;
}

void SetPort(Address& address, std::uint16_t port) {
  if (address.family() == AF_INET) {
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
  }
}

absl::StatusOr<Address> Wildcard(std::string_view text, int family) {
  Address address;
  address.storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(address.storage).sin_addr.s_addr = htonl(INADDR_ANY);
    address.length = sizeof(sockaddr_in);
  } else {
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_addr = in6addr_any;
    address.length = sizeof(sockaddr_in6);
  }
  address.text = std::string(text);
  return address;
}

absl::StatusOr<Address> Resolve(std::string_view text, int family, const std::string& host) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0 || found == nullptr) {
    return absl::UnavailableError(absl::StrCat("address \"",
                                               ToAbsl(text),
                                               "\": host ",
                                               host,
                                               " has no ",
                                               family == AF_INET ? "IPv4" : "IPv6",
                                               " address (",
                                               ::gai_strerror(error),
                                               "); check the name, or write the number"));
  }
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  address.text = std::string(text);
  ::freeaddrinfo(found);
  return address;
}

absl::StatusOr<Address> InetAddress(std::string_view text, int family, std::string_view rest) {
  const std::size_t at = rest.find('@');
  const std::string_view port_text = rest.substr(0, at);
  std::uint32_t port = 0;
  const bool digits = !port_text.empty() && port_text.size() <= 5 &&
                      port_text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || !absl::SimpleAtoi(ToAbsl(port_text), &port) || port < 1 || port > UINT16_MAX)
    return Wrong(text, "the port is not a number from 1 to 65535");
  absl::StatusOr<Address> address;
  if (at == std::string_view::npos) {
    address = Wildcard(text, family);
  } else {
    std::string_view host = rest.substr(at + 1);
    if (family == AF_INET6 && host.size() >= 2 && host.front() == '[' && host.back() == ']')
      host = host.substr(1, host.size() - 2);
    if (host.empty()) return Wrong(text, "the host is empty");
    if (host.size() > kHostMaxBytes) return Wrong(text, "the host is longer than 255 bytes");
    if (host.find_first_of(std::string_view("[] \t\0", 5)) != std::string_view::npos)
      return Wrong(text, "the host has a character that no host has");
    address = Resolve(text, family, std::string(host));
  }
  if (address.ok()) SetPort(*address, static_cast<std::uint16_t>(port));
  return address;
}

}  // namespace

bool Address::is_this_host() const noexcept {
  if (family() == AF_UNIX) return true;
  if (family() == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(storage);
    return (ntohl(four.sin_addr.s_addr) >> 24) == 127;
  }
  if (family() == AF_INET6) {
    const in6_addr& six = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
  }
  return false;
}

bool Address::SameAs(const Address& other) const noexcept {
  return text == other.text && length == other.length &&
         std::memcmp(&storage, &other.storage, length) == 0;
}

std::string_view Address::path() const noexcept {
  if (!is_unix()) return {};
  return reinterpret_cast<const sockaddr_un&>(storage).sun_path;
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto after = [text](std::string_view prefix) { return text.substr(prefix.size()); };
  if (text.starts_with("unix:")) return UnixAddress(text, after("unix:"));
  if (text.starts_with("local:")) return UnixAddress(text, after("local:"));
  if (text.starts_with("inet:")) return InetAddress(text, AF_INET, after("inet:"));
  if (text.starts_with("inet6:")) return InetAddress(text, AF_INET6, after("inet6:"));
  if (text.starts_with("/")) return UnixAddress(text, text);
  return Wrong(text, "no such form");
}

}  // namespace engine
