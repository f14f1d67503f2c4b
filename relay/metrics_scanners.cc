// Families of each scanner.
#include <array>
#include <cstdint>

#include "relay/metrics_families.h"

namespace relay {
namespace {

using Type = MetricType;

// A gauge of every scanner.
template <typename Value>
void WriteScannerGauge(const Snapshot& now,
                       const MetricFamily& family,
                       Value value,
                       MetricsWriter& writer) {
  writer.Family(family);
  for (const ScannerFigures& each : now.scanners) {
    writer.Sample({{"group", each.now.group}, {"scanner", each.name}},
                  std::uint64_t{value(each.now)});
  }
}

constexpr std::array<BreakerState, 4> kBreakerStates = {
    BreakerState::kClosed, BreakerState::kSlowStart, BreakerState::kOpen, BreakerState::kHalfOpen};

void WriteBreakers(const Snapshot& now, MetricsWriter& writer) {
  writer.Family({"millrace_scanner_breaker", Type::kGauge, "", "1 for the state of its breaker"});
  for (const ScannerFigures& each : now.scanners) {
    for (const BreakerState state : kBreakerStates) {
      writer.Sample(
          {{"group", each.now.group}, {"scanner", each.name}, {"state", BreakerStateName(state)}},
          std::uint64_t{each.now.state == state});
    }
  }
}

void WriteHistory(const Snapshot& now, MetricsWriter& writer) {
  writer.Family(
      {"millrace_scanner_events", Type::kCounter, "", "What became of requests, by scanner"});
  for (const ScannerFigures& each : now.scanners) {
    for (std::size_t i = 0; i < kScannerCountNames.size(); ++i) {
      writer.Sample(
          {{"group", each.now.group}, {"scanner", each.name}, {"event", kScannerCountNames[i]}},
          each.now.counts[i]);
    }
  }
  writer.Family({"millrace_scanner_scan_seconds",
                 Type::kHistogram,
                 "seconds",
                 "From the request sent whole to the end of a whole reply, by scanner"});
  for (const ScannerFigures& each : now.scanners) {
    writer.Histogram({{"group", each.now.group}, {"scanner", each.name}},
                     each.now.scan_times,
                     HistogramUnit::kMicroseconds);
  }
}

}  // namespace

void WriteScanners(const Snapshot& now, MetricsWriter& writer) {
  WriteScannerGauge(
      now,
      {"millrace_scanner_requests_now",
       Type::kGauge,
       "",
       "Requests with a scanner, those that nobody waits for included"},
      [](const ScannerSnapshot& scanner) { return scanner.outstanding; },
      writer);
  WriteScannerGauge(
      now,
      {"millrace_scanner_limit",
       Type::kGauge,
       "",
       "Requests that a scanner may have at once, as configured or learnt"},
      [](const ScannerSnapshot& scanner) { return scanner.limit; },
      writer);
  WriteScannerGauge(
      now,
      {"millrace_scanner_limit_now",
       Type::kGauge,
       "",
       "What its breaker and its slow start leave of that"},
      [](const ScannerSnapshot& scanner) { return scanner.limit_now; },
      writer);
  WriteScannerGauge(
      now,
      {"millrace_scanner_draining", Type::kGauge, "", "1 while it gets nothing new"},
      [](const ScannerSnapshot& scanner) { return scanner.draining ? 1U : 0U; },
      writer);
  WriteScannerGauge(
      now,
      {"millrace_scanner_weight", Type::kGauge, "", "Its share of the messages, as configured"},
      [](const ScannerSnapshot& scanner) { return scanner.weight; },
      writer);
  WriteBreakers(now, writer);
  WriteHistory(now, writer);
}

}  // namespace relay
