// The control socket: one command a connection, one JSON document as its answer, in a thread of its
// own.
//
//   client             server
//   "status\n"  --->   who is it? --> what is asked? --> {"format":"millrace-control",...}\n, end
//
// A Unix socket that the caller has made (mode 0600, startup.h). The peer's user is asked of the
// kernel as well (SO_PEERCRED): this process' own, or root; anybody else is told so and closed.
//
//   kCommandBytesMax   of a command; more is an error
//   kClientWithin      for the command to come, and again for the answer to be taken
//   one at a time      the others wait in the socket's backlog
//
// Shards are never asked or held up (snapshot.h). It changes nothing.
#ifndef MILLRACE_RELAY_CONTROL_SERVER_H_
#define MILLRACE_RELAY_CONTROL_SERVER_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "engine/base/units.h"
#include "relay/snapshot.h"

namespace relay {

class ControlServer {
 public:
  static constexpr std::size_t kCommandBytesMax = 256;
  static constexpr engine::Time kClientWithin = std::chrono::seconds(2);

  // `listener`: listening and non-blocking, the caller's; it outlives the server, as does `source`.
  // After BlockSignals(). kUnavailable: no descriptor, no thread.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(int listener,
                                                              const SnapshotSource& source);
  ~ControlServer();  // ends the thread, at once
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  enum class Ready : bool { kNo, kYes };

  ControlServer(int listener, int stop, const SnapshotSource& source) noexcept
      : listener_(listener), stop_(stop), source_(source) {}
  void Run() noexcept;
  void Serve(int client) noexcept;
  std::string AnswerTo(int client) noexcept;
  bool ReadCommand(int client, std::string* command) noexcept;
  void WriteAnswer(int client, std::string_view answer) noexcept;
  Ready Await(int fd, short events, engine::Time until) const noexcept;

  int listener_;
  int stop_;  // an eventfd, ours
  const SnapshotSource& source_;
  std::thread thread_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_CONTROL_SERVER_H_
