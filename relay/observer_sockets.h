// The sockets by which others look at the daemon: metrics (metrics_server.h) and control
// (control_server.h). Opened with the milter socket, before privileges are dropped; served later.
//
//   metrics   where the configuration says, else none. Not of this host: only with allow_remote
//   control   where the configuration says, mode 0600; "off": none; nothing said: beside the pid
//             file and named after it. Nobody asked for that one: what keeps it from being made is
//             a warning
//
// Errors name the option and the address. One thread, at start and end.
#ifndef MILLRACE_RELAY_OBSERVER_SOCKETS_H_
#define MILLRACE_RELAY_OBSERVER_SOCKETS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/net/address.h"
#include "engine/net/listener.h"
#include "relay/config.h"
#include "relay/identity.h"

namespace relay {

inline constexpr std::uint32_t kControlSocketMode = 0600;
inline constexpr std::string_view kNoControlSocket = "off";

// "/run/x.pid" -> "/run/x.control".
std::string ControlSocketBeside(const std::string& pid_file);

class ObserverSockets {
 public:
  // Resolves and leaves no trace. `config`: paths are absolute.
  absl::Status Check(const Config& config, std::vector<std::string>* warnings);
  // After Check(). Unix sockets get `identity` as their owner where we are root.
  absl::Status Open(const Identity& identity, std::vector<std::string>* warnings);
  // The socket files, if they are still ours.
  void Unlink() noexcept;

  int metrics() const noexcept { return metrics_.fd(); }  // -1: none
  int control() const noexcept { return control_.fd(); }

  // "name: value" lines for --check-config.
  std::string Text() const;

 private:
  struct Place {
    std::optional<engine::Address> address{};
    std::uint32_t mode = 0;
    bool asked_for = false;
  };

  absl::Status CheckMetrics(const Config& config);
  absl::Status CheckControl(const Config& config, std::vector<std::string>* warnings);
  static absl::Status OpenOne(const Place& place,
                              const Identity& identity,
                              engine::Listener* listener);

  Place metrics_place_;
  Place control_place_;
  engine::Listener metrics_;
  engine::Listener control_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_OBSERVER_SOCKETS_H_
