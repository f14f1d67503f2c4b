// The way from a parsed command line to a daemon that serves: the order that start scripts rely on.
//
//   Prepare   limits -> identity -> addresses -> working directory -> pid file locked -> sockets
//   listen (mode, owner)
//             -> privileges dropped for good.    Every error so far shows on the terminal, nothing
//             is left behind.
//   Detach    fork, setsid, chdir /, pid file written       (with -f: pid file alone). The parent
//   stays and waits. Ready     the parent exits 0, standard streams to /dev/null, READY=1 to
//   systemd. Call it once shards accept. Stopping  STOPPING=1 CleanUp   socket file and pid file
//   removed, if they are still ours
//
// As the incumbent: the socket is open before the process goes to the background, the pid file
// follows. Better: the command that starts the daemon ends only when it serves, non-zero with the
// reason if it does not. No threads before Detach() (they do not survive fork()). The caller reads
// no mail before Prepare() has returned. An error's text is one line and names the thing; exit
// status kExitStart.
#ifndef MILLRACE_RELAY_STARTUP_H_
#define MILLRACE_RELAY_STARTUP_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/net/address.h"
#include "engine/net/listener.h"
#include "relay/config.h"
#include "relay/identity.h"
#include "relay/limits.h"
#include "relay/observer_sockets.h"
#include "relay/pid_file.h"

namespace relay {

inline constexpr std::uint32_t kSocketModeDefault = 0660;

// What is not for running: prints help, version, a usage error or the outcome of --check-config,
// and answers the exit status. Empty: kRun.
std::optional<int> AnswerAtOnce(const CommandLine& line);

// Of the scanners, in their order, none of them twice; relative paths are below `directory`. The
// error names the socket.
absl::StatusOr<std::vector<engine::Address>> ScannerAddresses(const Config& config,
                                                              const std::string& directory);

// Paths that do not begin with "/" are below `directory`.
void MakePathsAbsolute(Config& config, const std::string& directory);

// Settings that work and may surprise.
std::vector<std::string> ConfigWarnings(const Config& config);

// Makes the socket of a listener; a relative path is below `directory`.
absl::StatusOr<engine::Listener> OpenListener(const ListenerConfig& config,
                                              const Identity& identity,
                                              const std::string& directory);

class Startup {
 public:
  Startup(Startup&& other) noexcept = default;
  Startup& operator=(Startup&& other) noexcept = default;
  ~Startup() = default;

  // Paths in `config` become absolute (the daemon goes to /).
  static absl::StatusOr<Startup> Prepare(Config& config);

  // Without -f: answers in the child alone. An error means: end with kExitStart, after CleanUp().
  absl::Status Detach();
  void Ready() noexcept;
  void Stopping() noexcept;
  void CleanUp() noexcept;

  const Limits& limits() const noexcept { return limits_; }
  // One per Config::listeners.
  std::vector<engine::Listener>& listeners() noexcept { return listeners_; }
  // That Prepare() was called in.
  const std::string& directory() const noexcept { return directory_; }
  // One per Config::scanners.
  const std::vector<engine::Address>& scanners() const noexcept { return scanners_; }
  const ObserverSockets& observers() const noexcept { return observers_; }
  const Identity& identity() const noexcept { return identity_; }
  // For the log, once it runs: settings that work and may surprise.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  friend std::optional<int> AnswerAtOnce(const CommandLine& line);
  Startup() = default;
  absl::Status Check(Config& config);  // all that leaves no trace
  absl::Status CheckWorkingDirectory(const Config& config);
  absl::Status OpenPidFile(const Config& config);
  absl::Status OpenSockets(const Config& config);

  Limits limits_;
  Identity identity_;
  std::vector<engine::Address> scanners_;
  std::vector<engine::Listener> listeners_;
  std::string directory_;
  ObserverSockets observers_;
  PidFile pid_file_;
  std::vector<std::string> warnings_;
  bool foreground_ = false;
  int parent_ = -1;  // write end of the pipe on which the parent waits
};

}  // namespace relay

#endif  // MILLRACE_RELAY_STARTUP_H_
