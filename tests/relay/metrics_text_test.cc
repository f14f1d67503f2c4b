// The metrics as text: against the stored ones, and by the rules of both forms.
#include "relay/metrics_text.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "relay/metrics_writer.h"
#include "relay/shard_meters.h"
#include "tests/relay/made_snapshot.h"

namespace relay {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

// Of a comment "# TYPE name ..." or of a sample.
std::string NameOf(const std::string& line) {
  if (!line.starts_with("# ")) return line.substr(0, line.find_first_of("{ "));
  const std::size_t begin = line.find(' ', 2) + 1;
  return line.substr(begin, line.find(' ', begin) - begin);
}

// Without the counts: each of them is looked at below.
std::string WithoutCounts(const std::string& text) {
  std::set<std::string> counted;
  for (const CountRow& row : kCountRows) {
    counted.emplace(row.metric);
    counted.insert(std::string(row.metric) + "_total");
  }
  std::string rest;
  for (const std::string& line : Lines(text)) {
    if (!counted.contains(NameOf(line))) rest += line + "\n";
  }
  return rest;
}

TEST(MetricsTextTest, IsAsStored) {
  const std::string open = WithoutCounts(MetricsText(MadeSnapshot(), MetricsForm::kOpenMetrics));
  EXPECT_EQ(open, GoldenControl("metrics.openmetrics", open));
  const std::string old = WithoutCounts(MetricsText(MadeSnapshot(), MetricsForm::kPrometheusText));
  EXPECT_EQ(old, GoldenControl("metrics.prometheus", old));
}

TEST(MetricsTextTest, EveryFamilyStandsTogetherAndIsDescribedOnce) {
  for (const Snapshot& snapshot : {MadeSnapshot(), QuietSnapshot()}) {
    const std::string text = MetricsText(snapshot, MetricsForm::kOpenMetrics);
    ASSERT_TRUE(text.ends_with("\n# EOF\n"));
    std::set<std::string> families;
    std::set<std::string> samples;
    std::string family;
    bool helped = true;
    for (const std::string& line : Lines(text)) {
      if (line == "# EOF") break;
      if (line.starts_with("# TYPE ")) {
        EXPECT_TRUE(helped) << family << " has no help";
        helped = false;
        family = NameOf(line);
        EXPECT_TRUE(families.insert(family).second) << family << " twice";
        continue;
      }
      helped = helped || line.starts_with("# HELP " + family + " ");
      EXPECT_TRUE(NameOf(line).starts_with(family)) << line;
      if (line.starts_with("# UNIT ")) {
        const std::string unit = line.substr(line.rfind(' ') + 1);
        EXPECT_TRUE(family.ends_with("_" + unit)) << line;
      } else if (line[0] != '#') {
        EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
      }
    }
    EXPECT_GT(families.size(), 50U);
  }
}

TEST(MetricsTextTest, EveryFamilyIsDocumented) {
  std::ifstream file("docs/metrics.md");
  ASSERT_TRUE(file) << "run from the source folder";
  std::ostringstream page;
  page << file.rdbuf();
  for (const std::string& line : Lines(MetricsText(MadeSnapshot(), MetricsForm::kPrometheusText))) {
    if (!line.starts_with("# TYPE ")) continue;
    EXPECT_NE(page.str().find("`" + NameOf(line) + "`"), std::string::npos) << NameOf(line);
  }
}

TEST(MetricsTextTest, CountsAndReasonsAgreeWithTheSnapshot) {
  const Snapshot now = MadeSnapshot();
  const std::string text = MetricsText(now, MetricsForm::kOpenMetrics);
  for (const CountRow& row : kCountRows) {
    std::string sample = "\n" + std::string(row.metric) + "_total";
    if (!row.label.empty()) sample += "{" + std::string(row.label) + "}";
    sample += " " + std::to_string(now.count(row.count)) + "\n";
    EXPECT_NE(text.find(sample), std::string::npos) << sample;
  }
  EXPECT_NE(
      text.find("millrace_refusal_reasons_total{class=\"internal\",reason=\"spool full\"} 8\n"),
      std::string::npos);
}

TEST(MetricsTextTest, NamesOfTheConfigurationAreEscaped) {
  Snapshot now = QuietSnapshot();
  now.scanners[0].name = "a\"b\\c\nd";
  now.scanners[0].now.group = "g\"";
  now.listeners[0].name = "l\\";
  const std::string text = MetricsText(now, MetricsForm::kOpenMetrics);
  EXPECT_NE(
      text.find(R"(millrace_scanner_breaker{group="g\"",scanner="a\"b\\c\nd",state="closed"} 1)"),
      std::string::npos);
  EXPECT_NE(text.find(R"(millrace_listener_sessions{listener="l\\"} 0)"), std::string::npos);
}

TEST(MetricsWriterTest, EscapesWhatNamesMayHold) {
  for (const MetricsForm form : {MetricsForm::kOpenMetrics, MetricsForm::kPrometheusText}) {
    MetricsWriter writer(form);
    writer.Family({"m", MetricType::kGauge, "", "a \"b\" \\ \n c"});
    writer.Sample({{"name", "a\"b\\c\nd"}, {"other", ""}}, std::uint64_t{1});
    const std::string text = writer.Finish();
    EXPECT_NE(text.find("m{name=\"a\\\"b\\\\c\\nd\",other=\"\"} 1\n"), std::string::npos) << text;
    EXPECT_NE(text.find(form == MetricsForm::kOpenMetrics ? "# HELP m a \\\"b\\\" \\\\ \\n c\n"
                                                          : "# HELP m a \"b\" \\\\ \\n c\n"),
              std::string::npos)
        << text;
  }
}

TEST(MetricsWriterTest, NumbersAreExact) {
  MetricsWriter writer(MetricsForm::kPrometheusText);
  writer.Family({"m", MetricType::kGauge, "", "help"});
  writer.Sample({}, UINT64_MAX);
  writer.Sample({}, std::int64_t{-5});
  writer.Sample({}, engine::Time(std::chrono::microseconds(1'000'001)));
  writer.Sample({}, engine::Time(std::chrono::microseconds(250'000)));
  writer.Sample({}, engine::Time(std::chrono::seconds(-1)));
  writer.Sample({}, 0.1);
  EXPECT_TRUE(
      writer.Finish().ends_with("m 18446744073709551615\nm -5\nm 1.000001\nm 0.25\nm 0\nm 0.1\n"));
}

TEST(MetricsWriterTest, BucketsAddUpAndBoundsAreCanonical) {
  engine::BoundedHistogram bytes(kSizeBounds);
  bytes.Record(1'024);
  bytes.Record(2'000'000);
  bytes.Record(1'000'000'000);
  engine::HistogramSums sums;
  sums.Add(bytes);
  MetricsWriter writer(MetricsForm::kOpenMetrics);
  writer.Family({"m_bytes", MetricType::kHistogram, "bytes", "help"});
  writer.Histogram({{"a", "b"}}, sums, HistogramUnit::kOctets);
  const std::string text = writer.Finish();
  for (const char* line : {"m_bytes_bucket{a=\"b\",le=\"1024.0\"} 1\n",
                           "m_bytes_bucket{a=\"b\",le=\"1.048576e+06\"} 1\n",
                           "m_bytes_bucket{a=\"b\",le=\"4.194304e+06\"} 2\n",
                           "m_bytes_bucket{a=\"b\",le=\"+Inf\"} 3\n",
                           "m_bytes_sum{a=\"b\"} 1002001024\n",
                           "m_bytes_count{a=\"b\"} 3\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(MetricsWriterTest, AFormForEveryScraper) {
  EXPECT_EQ(FormFor("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            MetricsForm::kOpenMetrics);
  EXPECT_EQ(FormFor("*/*"), MetricsForm::kPrometheusText);
  EXPECT_EQ(FormFor(""), MetricsForm::kPrometheusText);
}

TEST(RefusalReasonsTest, CountByClassAndReasonAndNeverMoreThanTheTableHolds) {
  RefusalReasons reasons;
  reasons.Count(OverloadRefusal("a"));
  reasons.Count(UnreachableRefusal("a"));
  reasons.Count(OverloadRefusal("a"));
  std::vector<std::string> texts(2 * RefusalReasons::kReasonsMax);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i] = "reason " + std::to_string(i);
    reasons.Count(InternalRefusal(texts[i]));
    reasons.Count(InternalRefusal(texts[i]));
  }
  std::uint64_t all = 0;
  std::map<std::string, std::uint64_t> counts;
  reasons.ForEach([&](FailureClass failure, std::string_view reason, std::uint64_t count) {
    all += count;
    counts[std::string(FailureClassName(failure)) + " " + std::string(reason)] += count;
  });
  EXPECT_EQ(all, 3 + 2 * texts.size());
  EXPECT_EQ(counts.size(), RefusalReasons::kReasonsMax);
  EXPECT_EQ(counts["overload a"], 2U);
  EXPECT_EQ(counts["scanner-unreachable a"], 1U);
  EXPECT_EQ(counts["internal reason 0"], 2U);
  EXPECT_GT(counts["internal other"], 2U);
}

TEST(ShardMetersTest, TimesAreOfTheListenerRoundedUpAndLeftOutWhereTheyWereNot) {
  ShardMeters meters;
  meters.Answered({.waited = std::chrono::nanoseconds(1'000'001),
                   .total = std::chrono::milliseconds(1),
                   .bytes = 1'025,
                   .had_wait = true,
                   .listener = 3});
  const ListenerMeters& listener = meters.listeners[3];
  EXPECT_EQ(listener.wait.BucketCount(0), 0U);  // above 1 ms by a nanosecond
  EXPECT_EQ(listener.wait.BucketCount(1), 1U);
  EXPECT_EQ(listener.total.BucketCount(0), 1U);
  EXPECT_EQ(meters.bytes.BucketCount(1), 1U);
  EXPECT_EQ(listener.scan.sum(), 0U);
  EXPECT_EQ(meters.listeners[0].total.sum(), 0U);
}

}  // namespace
}  // namespace relay
