// Socket addresses and their text forms, the same on both sides of the daemon.
//
//   unix:/path  local:/path  /path          a Unix stream socket
//   inet:port@host                          IPv4; host a name or an address
//   inet6:port@host                         IPv6; host a name, an address, or an address in
//   brackets inet:port  inet6:port                   the wildcard address (for listening)
//
// Names are resolved when the text is parsed (at start and at reload, never on a shard). Errors
// name the text and what is wrong.
#ifndef MILLRACE_ENGINE_NET_ADDRESS_H_
#define MILLRACE_ENGINE_NET_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace engine {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;  // as given, for log lines and errors

  int family() const noexcept { return storage.ss_family; }
  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  bool is_unix() const noexcept { return family() == AF_UNIX; }
  // Unix socket, 127.0.0.0/8, ::1 (and ::ffff:127.x): the peer sees this host's files.
  bool is_this_host() const noexcept;
  // Written alike, and resolved to the same.
  bool SameAs(const Address& other) const noexcept;
  // The path of a Unix socket, else empty.
  std::string_view path() const noexcept;
};

// Parses and resolves. kInvalidArgument: no such form, port not 1..65535, path empty or longer than
// sun_path; kUnavailable: the host does not resolve.
absl::StatusOr<Address> ParseAddress(std::string_view text);

}  // namespace engine

#endif  // MILLRACE_ENGINE_NET_ADDRESS_H_
