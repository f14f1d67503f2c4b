// The metrics' endpoint: HTTP on a Unix socket or a TCP port, in one thread of its own.
//
//   GET, HEAD /metrics    200, all metrics, in the form that the scraper's Accept names
//   GET, HEAD /healthz    200 "serving", 503 "stopping"
//   another path 404, another method 405; what is no HTTP, 400 or nothing
//
// libmicrohttpd serves in an epoll thread; shards are never asked or held up (snapshot.h). It
// serves whoever can connect: the socket's rights and address are the caller's (startup.h).
//
//   connections   kConnectionsMax. When one more comes, the one that has been there longest is shut
//                 down: slow or idle clients cannot keep others out, and one that sends an octet
//                 now and then does not stay for ever.
//   memory        kConnectionBytes each: a longer request is 413 or 431
//   silence       kSilenceMax, then closed
//
// It has no TLS and no passwords: for the world outside put a proxy with both before it.
#ifndef MILLRACE_RELAY_METRICS_SERVER_H_
#define MILLRACE_RELAY_METRICS_SERVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "relay/snapshot.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace relay {

class MetricsServer {
 public:
  static constexpr unsigned kConnectionsMax = 32;
  static constexpr std::size_t kConnectionBytes = std::size_t{32} * 1024;
  static constexpr unsigned kSilenceMaxSeconds = 10;

  // `listener`: listening, the caller's; a copy of it is served. `source` outlives the server.
  // After BlockSignals(). kUnavailable: no thread, no descriptor.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(int listener,
                                                              const SnapshotSource& source);
  ~MetricsServer();  // ends all connections and the thread
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  friend struct MetricsCallbacks;  // what libmicrohttpd calls, in its thread

  explicit MetricsServer(const SnapshotSource& source) noexcept : source_(source) {}
  int Answer(MHD_Connection* connection, const char* path, const char* method) const;
  void Began(MHD_Connection* connection) noexcept;
  void Ended(const MHD_Connection* connection) noexcept;

  // A connection that is open; its thread's alone.
  struct Client {
    MHD_Connection* connection = nullptr;
    std::uint64_t number = 0;  // in the order of their coming
    bool shut_down = false;    // by us: its end follows
  };

  const SnapshotSource& source_;
  MHD_Daemon* http_ = nullptr;
  // Room for those that were shut down and not closed yet.
  std::array<Client, std::size_t{2} * kConnectionsMax> clients_{};
  std::uint64_t next_number_ = 1;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_METRICS_SERVER_H_
