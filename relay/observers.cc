// Starts what has a socket.
#include "relay/observers.h"

#include <utility>

namespace relay {

absl::Status Observers::Start(const ObserverDescriptors& descriptors,
                              const SnapshotSource& source) {
  absl::Status status;
  if (descriptors.control >= 0) {
    auto control = ControlServer::Start(descriptors.control, source);
    status.Update(control.status());
    if (control.ok()) control_ = *std::move(control);
  }
  if (descriptors.metrics >= 0) {
    auto metrics = MetricsServer::Start(descriptors.metrics, source);
    status.Update(metrics.status());
    if (metrics.ok()) metrics_ = *std::move(metrics);
  }
  return status;
}

}  // namespace relay
