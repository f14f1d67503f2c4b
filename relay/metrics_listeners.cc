// Families of each listener.
#include <array>
#include <string_view>

#include "relay/metrics_families.h"

namespace relay {
namespace {

using Type = MetricType;

struct AnswerName {
  ListenerCount count;
  std::string_view name;
};
constexpr std::array<AnswerName, 8> kAnswers = {
    {{ListenerCount::kContinue, "continue"},
     {ListenerCount::kAccept, "accept"},
     {ListenerCount::kReject, "reject"},
     {ListenerCount::kDiscard, "discard"},
     {ListenerCount::kTempfail, "tempfail"},
     {ListenerCount::kRefused, "refused"},
     {ListenerCount::kPassedUnscanned, "passed-unscanned"},
     {ListenerCount::kQuarantined, "quarantined-unscanned"}}};

// A histogram of every listener.
void WriteListenerTimes(const Snapshot& now,
                        const MetricFamily& family,
                        engine::HistogramSums ListenerSnapshot::*times,
                        MetricsWriter& writer) {
  writer.Family(family);
  for (const ListenerSnapshot& listener : now.listeners) {
    writer.Histogram({{"listener", listener.name}}, listener.*times, HistogramUnit::kMicroseconds);
  }
}

}  // namespace

void WriteListeners(const Snapshot& now, MetricsWriter& writer) {
  writer.Family(
      {"millrace_listener_sessions", Type::kGauge, "", "Connections of mail servers, by listener"});
  for (const ListenerSnapshot& listener : now.listeners)
    writer.Sample({{"listener", listener.name}}, listener.sessions());
  writer.Family({"millrace_listener_sessions_begun",
                 Type::kCounter,
                 "",
                 "Connections of mail servers that were taken, by listener"});
  for (const ListenerSnapshot& listener : now.listeners)
    writer.Sample({{"listener", listener.name}}, listener.count(ListenerCount::kSessionsBegun));
  writer.Family({"millrace_listener_answers",
                 Type::kCounter,
                 "",
                 "Messages by listener and by what they were told: verdicts, and what is ours"});
  for (const ListenerSnapshot& listener : now.listeners) {
    for (const AnswerName& answer : kAnswers) {
      writer.Sample({{"listener", listener.name}, {"answer", answer.name}},
                    listener.count(answer.count));
    }
  }
  WriteListenerTimes(now,
                     {"millrace_listener_wait_seconds",
                      Type::kHistogram,
                      "seconds",
                      "Wait of a message for a scanner, by listener"},
                     &ListenerSnapshot::wait,
                     writer);
  WriteListenerTimes(now,
                     {"millrace_listener_scan_seconds",
                      Type::kHistogram,
                      "seconds",
                      "From the request sent whole to the end of the reply, by listener"},
                     &ListenerSnapshot::scan,
                     writer);
  WriteListenerTimes(now,
                     {"millrace_listener_answer_seconds",
                      Type::kHistogram,
                      "seconds",
                      "From the end of a message to its answer, by listener"},
                     &ListenerSnapshot::total,
                     writer);
}

}  // namespace relay
