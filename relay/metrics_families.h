// Parts of MetricsText(): the families of what there may be several of. Labels are names from the
// configuration.
#ifndef MILLRACE_RELAY_METRICS_FAMILIES_H_
#define MILLRACE_RELAY_METRICS_FAMILIES_H_

#include "relay/metrics_writer.h"
#include "relay/snapshot.h"

namespace relay {

void WriteListeners(const Snapshot& now, MetricsWriter& writer);
void WriteScanners(const Snapshot& now, MetricsWriter& writer);

}  // namespace relay

#endif  // MILLRACE_RELAY_METRICS_FAMILIES_H_
