// Writes families of metrics as text, in either of the two forms that scrapers ask for.
//
//   MetricsWriter writer(MetricsForm::kOpenMetrics);
//   writer.Family({"millrace_verdicts", MetricType::kCounter, "", "Messages answered ..."});
//   writer.Sample({{"verdict", "reject"}}, 7);
//   writer.Histogram({}, sums, kMicroseconds);
//   std::string text = writer.Finish();
//
//                OpenMetrics 1.0                       Prometheus text 0.0.4
//   counter      # TYPE name counter, name_total 7     # TYPE name_total counter, name_total 7
//   info         # TYPE name info, name_info{...} 1    # TYPE name_info gauge, name_info{...} 1
//   unit         # UNIT name seconds                   -
//   end          # EOF                                 -
//
// The caller names families in [a-z0-9_], ending in "_" and the unit where there is one, brings the
// samples of one family together, and writes no family twice; values and labels of any octets are
// escaped here. Numbers are exact integers, or the shortest decimal that reads back the same.
// Sources: OpenMetrics 1.0.0 (openmetrics.io); Prometheus, "Exposition formats".
#ifndef MILLRACE_RELAY_METRICS_WRITER_H_
#define MILLRACE_RELAY_METRICS_WRITER_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/bounded_histogram.h"
#include "engine/base/units.h"

namespace relay {

enum class MetricsForm : std::uint8_t { kOpenMetrics, kPrometheusText };
enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram, kInfo, kSummary };

// What an HTTP header says of each form.
std::string_view ContentTypeOf(MetricsForm form) noexcept;
// By the value of a scraper's Accept header; empty: none was sent.
MetricsForm FormFor(std::string_view accept) noexcept;

struct MetricFamily {
  std::string_view name{};
  MetricType type = MetricType::kGauge;
  std::string_view unit{};  // "seconds", "bytes"; empty: a number of things
  std::string_view help{};
};

struct MetricLabel {
  std::string_view name{};
  std::string_view value{};
};
using MetricLabels = std::span<const MetricLabel>;

// What a histogram's numbers are, to be shown in base units.
enum class HistogramUnit : std::uint8_t { kMicroseconds, kOctets };

class MetricsWriter {
 public:
  explicit MetricsWriter(MetricsForm form) noexcept : form_(form) {}

  void Family(const MetricFamily& family);
  void Sample(std::initializer_list<MetricLabel> labels, std::uint64_t value);
  void Sample(std::initializer_list<MetricLabel> labels, std::int64_t value);
  void Sample(std::initializer_list<MetricLabel> labels, engine::Time value);  // as seconds
  void Sample(std::initializer_list<MetricLabel> labels, double value);
  // A label that is written already: name="value".
  void SampleOf(std::string_view label, std::uint64_t value);
  void Histogram(std::initializer_list<MetricLabel> labels,
                 const engine::HistogramSums& sums,
                 HistogramUnit unit);
  // Values in microseconds, shown as seconds; `quantiles` has a value each.
  struct SummaryValues {
    std::span<const double> quantiles;
    std::span<const std::uint64_t> values;
    std::uint64_t sum = 0;
    std::uint64_t count = 0;
  };
  void Summary(MetricLabel label, const SummaryValues& summary);
  std::string Finish();

 private:
  void Comment(std::string_view keyword, std::string_view text);
  void Name(std::string_view suffix);
  std::string_view SampleSuffix() const noexcept;
  void Labels(MetricLabels labels, std::string_view bound);
  void Line(MetricLabels labels, std::string_view value);

  MetricsForm form_;
  MetricFamily family_;
  std::string text_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_METRICS_WRITER_H_
