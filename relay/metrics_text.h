// All metrics of the daemon as one text: which families there are, and where each comes from.
//
// Names begin with millrace_ (process_ for what every process has). Counters of counts.h are shown
// by their rows; the rest is listed here. Label values are names from the configuration and words
// of ours: how many series there are is known when the daemon starts. What each one means for an
// operator: docs/metrics.md, which a test compares with this.
#ifndef MILLRACE_RELAY_METRICS_TEXT_H_
#define MILLRACE_RELAY_METRICS_TEXT_H_

#include <string>

#include "relay/metrics_writer.h"
#include "relay/snapshot.h"

namespace relay {

std::string MetricsText(const Snapshot& snapshot, MetricsForm form);

}  // namespace relay

#endif  // MILLRACE_RELAY_METRICS_TEXT_H_
