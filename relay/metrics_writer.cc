// The two text forms, line by line.
#include "relay/metrics_writer.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace relay {
namespace {

std::string_view TypeName(MetricType type) noexcept {
  switch (type) {
    case MetricType::kCounter: return "counter";
    case MetricType::kGauge: return "gauge";
    case MetricType::kHistogram: return "histogram";
    case MetricType::kInfo: return "info";
    case MetricType::kSummary: return "summary";
  }
  return "unknown";
}

template <typename Integer>
std::string IntegerText(Integer value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

std::string DoubleText(double value) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

// Microseconds as seconds, exactly: "0.25", "3".
std::string SecondsText(std::uint64_t microseconds) {
  constexpr std::uint64_t kPerSecond = 1'000'000;
  std::string text = IntegerText(microseconds / kPerSecond);
  const std::uint64_t rest = microseconds % kPerSecond;
  if (rest == 0) return text;
  std::string digits = IntegerText(kPerSecond + rest);  // leading zeros stay behind the 1
  digits[0] = '.';
  digits.erase(digits.find_last_not_of('0') + 1);
  return text + digits;
}

// A bound as OpenMetrics wants its "le": a float that looks like one, 1e+06 and more in exponents.
std::string BoundText(std::uint64_t bound, HistogramUnit unit) {
  constexpr double kPerSecond = 1e6;
  constexpr double kExponentFrom = 1e6;
  const auto value = static_cast<double>(bound);
  const double shown = unit == HistogramUnit::kMicroseconds ? value / kPerSecond : value;
  if (shown >= kExponentFrom) {
    std::array<char, 40> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), shown, std::chars_format::scientific);
    return {text.data(), end.ptr};
  }
  std::array<char, 40> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), shown, std::chars_format::fixed);
  std::string fixed(text.data(), end.ptr);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

void AppendEscaped(std::string_view value, bool quotes, std::string* text) {
  for (const char c : value) {
    if (c == '\\') {
      *text += "\\\\";
    } else if (c == '\n') {
      *text += "\\n";
    } else if (c == '"' && quotes) {
      *text += "\\\"";
    } else {
      *text += c;
    }
  }
}

}  // namespace

std::string_view ContentTypeOf(MetricsForm form) noexcept {
  switch (form) {
    case MetricsForm::kOpenMetrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case MetricsForm::kPrometheusText: return "text/plain; version=0.0.4; charset=utf-8";
  }
  return "text/plain";
}

MetricsForm FormFor(std::string_view accept) noexcept {
  // Scrapers that know it name it; its weight is not looked at, as all others know less.
  return accept.find("application/openmetrics-text") != std::string_view::npos
             ? MetricsForm::kOpenMetrics
             : MetricsForm::kPrometheusText;
}

// "# KEYWORD name text".
void MetricsWriter::Comment(std::string_view keyword, std::string_view text) {
  text_.append("# ").append(keyword).append(" ");
  Name(form_ == MetricsForm::kPrometheusText ? SampleSuffix() : std::string_view());
  text_ += ' ';
  AppendEscaped(text, form_ == MetricsForm::kOpenMetrics, &text_);
  text_ += '\n';
}

void MetricsWriter::Name(std::string_view suffix) {
  text_.append(family_.name).append(suffix);
}

std::string_view MetricsWriter::SampleSuffix() const noexcept {
  switch (family_.type) {
    case MetricType::kCounter: return "_total";
    case MetricType::kInfo: return "_info";
    case MetricType::kGauge:
    case MetricType::kHistogram:
    case MetricType::kSummary: return "";
  }
  return "";
}

void MetricsWriter::Family(const MetricFamily& family) {
  family_ = family;
  const bool old = form_ == MetricsForm::kPrometheusText;
  Comment("TYPE", old && family.type == MetricType::kInfo ? "gauge" : TypeName(family.type));
  if (!old && !family.unit.empty()) Comment("UNIT", family.unit);
  Comment("HELP", family.help);
}

// `bound`: of a bucket; empty: none.
void MetricsWriter::Labels(MetricLabels labels, std::string_view bound) {
  if (labels.empty() && bound.empty()) return;
  char before = '{';
  for (const MetricLabel& label : labels) {
    text_ += before;
    text_.append(label.name).append("=\"");
    AppendEscaped(label.value, true, &text_);
    text_ += '"';
    before = ',';
  }
  if (!bound.empty()) {
    text_ += before;
    text_.append("le=\"").append(bound).append("\"");
  }
  text_ += '}';
}

void MetricsWriter::Line(MetricLabels labels, std::string_view value) {
  Name(SampleSuffix());
  Labels(labels, "");
  text_.append(" ").append(value).append("\n");
}

void MetricsWriter::Sample(std::initializer_list<MetricLabel> labels, std::uint64_t value) {
  Line({labels.begin(), labels.size()}, IntegerText(value));
}

void MetricsWriter::Sample(std::initializer_list<MetricLabel> labels, std::int64_t value) {
  Line({labels.begin(), labels.size()}, IntegerText(value));
}

void MetricsWriter::Sample(std::initializer_list<MetricLabel> labels, engine::Time value) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
  Line({labels.begin(), labels.size()},
       microseconds < 0 ? "0" : SecondsText(static_cast<std::uint64_t>(microseconds)));
}

void MetricsWriter::Sample(std::initializer_list<MetricLabel> labels, double value) {
  Line({labels.begin(), labels.size()}, DoubleText(value));
}

void MetricsWriter::SampleOf(std::string_view label, std::uint64_t value) {
  Name(SampleSuffix());
  if (!label.empty()) text_.append("{").append(label).append("}");
  text_.append(" ").append(IntegerText(value)).append("\n");
}

void MetricsWriter::Histogram(std::initializer_list<MetricLabel> labels,
                              const engine::HistogramSums& sums,
                              HistogramUnit unit) {
  const MetricLabels all(labels.begin(), labels.size());
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= sums.bounds.size(); ++i) {
    below += sums.counts[i];
    Name("_bucket");
    Labels(all, i < sums.bounds.size() ? BoundText(sums.bounds[i], unit) : "+Inf");
    text_.append(" ").append(IntegerText(below)).append("\n");
  }
  Name("_sum");
  Labels(all, "");
  text_.append(" ")
      .append(unit == HistogramUnit::kMicroseconds ? SecondsText(sums.sum) : IntegerText(sums.sum))
      .append("\n");
  Name("_count");
  Labels(all, "");
  text_.append(" ").append(IntegerText(below)).append("\n");
}

void MetricsWriter::Summary(MetricLabel label, const SummaryValues& summary) {
  for (std::size_t i = 0; i < summary.quantiles.size(); ++i) {
    const std::string quantile = DoubleText(summary.quantiles[i]);
    const std::array<MetricLabel, 2> labels = {label, {"quantile", quantile}};
    Line(labels, SecondsText(summary.values[i]));
  }
  const MetricLabels one(&label, 1);
  Name("_sum");
  Labels(one, "");
  text_.append(" ").append(SecondsText(summary.sum)).append("\n");
  Name("_count");
  Labels(one, "");
  text_.append(" ").append(IntegerText(summary.count)).append("\n");
}

std::string MetricsWriter::Finish() {
  if (form_ == MetricsForm::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace relay
