// The two servers by which others look at a running daemon; each where it has a socket.
#ifndef MILLRACE_RELAY_OBSERVERS_H_
#define MILLRACE_RELAY_OBSERVERS_H_

#include <memory>

#include "absl/status/status.h"
#include "relay/control_server.h"
#include "relay/metrics_server.h"
#include "relay/snapshot.h"

namespace relay {

struct ObserverDescriptors {
  int metrics = -1;  // listening, the caller's; -1: none
  int control = -1;
};

class Observers {
 public:
  // Once `source` can be asked; it outlives the observers, as do the descriptors. An error is of
  // the first that could not be started; the other may run.
  absl::Status Start(const ObserverDescriptors& descriptors, const SnapshotSource& source);

 private:
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_OBSERVERS_H_
