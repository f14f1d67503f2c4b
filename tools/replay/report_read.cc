// Reading reports: a checked copy of the keys that are known, and the figures of a comparison.
//
//   text -> json (depth limited) -> Checker copies key by key -> `data` for pages, Report
//
// The first wrong key ends it with its path ("series.end_of_message_us.p50"). Nothing that was not
// checked reaches the copy, so whoever draws it may rely on types and lengths.
#define JSON_NOEXCEPTION
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/absl_text.h"
#include "tools/replay/report_json.h"

namespace replay {
namespace {

using json = nlohmann::ordered_json;

constexpr int kDepthMax = 6;

// Copies the checked members of one object; the first problem is kept in `*problem`.
class Checker {
 public:
  Checker(const json& from, std::string path, std::string* problem)
      : from_(from), path_(std::move(path)), problem_(problem) {
    if (!from_.is_object()) Wrong("", "is not an object");
  }

  void Texts(std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      const json* value = Find(key);
      if (value == nullptr) continue;
      if (!value->is_string()) {
        Wrong(key, "is not a text");
      } else {
        copy_[key] = Cut(*value);
      }
    }
  }

  void Numbers(std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      const json* value = Find(key);
      if (value == nullptr) continue;
      if (!IsNumber(*value)) {
        Wrong(key, "is not a number from 0");
      } else {
        copy_[key] = *value;
      }
    }
  }

  // Numbers that may be null.
  void Optional(std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      const json* value = Find(key);
      if (value == nullptr) continue;
      if (!value->is_null() && !IsNumber(*value)) {
        Wrong(key, "is neither a number nor null");
      } else {
        copy_[key] = *value;
      }
    }
  }

  void Flags(std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      const json* value = Find(key);
      if (value == nullptr) continue;
      if (!value->is_boolean()) {
        Wrong(key, "is neither true nor false");
      } else {
        copy_[key] = *value;
      }
    }
  }

  // Lists of numbers, flags and nulls, all of one length.
  void Columns(std::initializer_list<const char*> keys, std::size_t* length) {
    for (const char* key : keys) {
      const json* value = List(key, kPointsMax);
      if (value == nullptr) continue;
      if (*length == SIZE_MAX) *length = value->size();
      if (value->size() != *length) {
        Wrong(key, "is not as long as the others");
        return;
      }
      for (const json& item : *value) {
        if (!item.is_null() && !item.is_boolean() && !IsNumber(item)) {
          Wrong(key, "holds something that is neither a number nor null");
          return;
        }
      }
      copy_[key] = *value;
    }
  }

  // A member that is a list of at most `count_max`; nullptr (and a problem): it is none.
  const json* List(const char* key, std::size_t count_max) {
    const json* value = Find(key);
    if (value == nullptr) return nullptr;
    if (value->is_array() && value->size() <= count_max) return value;
    Wrong(key, absl::StrCat("is not a list of at most ", count_max));
    return nullptr;
  }

  const json* Find(const char* key) {
    if (!ok()) return nullptr;
    const auto found = from_.find(key);
    if (found != from_.end()) return &*found;
    Wrong(key, "is missing");
    return nullptr;
  }

  void Put(const char* key, json value) { copy_[key] = std::move(value); }
  json Take() { return std::move(copy_); }

  // For a member's own Checker.
  std::string PathOf(const char* key) const {
    return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
  }
  std::string* problem() const { return problem_; }
  bool ok() const { return problem_->empty(); }

  void Wrong(const char* key, const std::string& what) {
    if (!ok()) return;
    const std::string path = *key == '\0' ? path_ : PathOf(key);
    *problem_ = absl::StrCat("\"", path, "\" ", what);
  }

  static bool IsNumber(const json& value) {
    return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() >= 0;
  }
  static std::string Cut(const json& text) {
    return text.get_ref<const std::string&>().substr(0, kReportTextBytesMax);
  }

 private:
  const json& from_;
  const std::string path_;
  std::string* const problem_;
  json copy_ = json::object();
};

// Copies the member `key` of `parent` by `copy_members`, which is given the member's Checker.
template <typename CopyMembers>
void CopyObject(Checker* parent, const char* key, CopyMembers copy_members) {
  const json* value = parent->Find(key);
  if (value == nullptr) return;
  Checker member(*value, parent->PathOf(key), parent->problem());
  if (!member.ok()) return;
  copy_members(&member);
  parent->Put(key, member.Take());
}

bool IsNull(Checker* parent, const char* key) {
  const json* value = parent->Find(key);
  if (value == nullptr || !value->is_null()) return false;
  parent->Put(key, nullptr);
  return true;
}

// Pairs of which `good` accepts both.
template <typename Good>
void CopyPairs(Checker* parent, const char* key, std::size_t count_max, Good good) {
  const json* list = parent->List(key, count_max);
  if (list == nullptr) return;
  for (const json& pair : *list) {
    if (pair.is_array() && pair.size() == 2 && good(pair[0]) && good(pair[1])) continue;
    parent->Wrong(key, "holds something that is not a pair");
    return;
  }
  parent->Put(key, *list);
}

void CopyHistogram(Checker* parent, const char* key) {
  CopyObject(parent, key, [](Checker* member) {
    member->Numbers({"count", "mean", "p50", "p90", "p99", "p999", "max"});
    CopyPairs(member, "buckets", LatencyHistogram::kBucketCount, Checker::IsNumber);
  });
}

void CopyErrors(Checker* parent) {
  const json* errors = parent->Find("errors");
  if (errors == nullptr) return;
  json copy = json::object();
  if (!errors->is_object() || errors->size() > kReportItemsMax) {
    parent->Wrong("errors", absl::StrCat("is not an object of at most ", kReportItemsMax));
    return;
  }
  for (const auto& [kind, count] : errors->items()) {
    if (!Checker::IsNumber(count)) {
      parent->Wrong("errors", "holds a count that is not a number from 0");
      return;
    }
    copy[kind.substr(0, kReportTextBytesMax)] = count;
  }
  parent->Put("errors", std::move(copy));
}

void CopyChanges(Checker* verdicts) {
  const json* list = verdicts->List("changes", kReportItemsMax);
  if (list == nullptr) return;
  json copy = json::array();
  for (const json& change : *list) {
    Checker item(change, verdicts->PathOf("changes"), verdicts->problem());
    if (!item.ok()) return;
    item.Numbers({"session", "message"});
    item.Texts({"queue_id", "recorded", "played", "difference"});
    copy.push_back(item.Take());
  }
  verdicts->Put("changes", std::move(copy));
}

void CopySeries(Checker* report) {
  CopyObject(report, "series", [](Checker* series) {
    std::size_t length = SIZE_MAX;
    series->Columns({"at_s", "length_s", "scheduled", "started", "finished", "errors"}, &length);
    series->Columns({"in_flight_max"}, &length);
    for (const char* key : {"end_of_message_us", "transaction_us"}) {
      CopyObject(series, key, [&length](Checker* latency) {
        latency->Columns({"count", "p50", "p90", "p99", "max"}, &length);
      });
    }
    if (IsNull(series, "process")) return;
    CopyObject(series, "process", [&length](Checker* process) {
      process->Columns({"running", "cpu_us", "cpu_user_us", "cpu_system_us"}, &length);
      process->Columns({"voluntary_switches", "involuntary_switches"}, &length);
      process->Columns({"rss_bytes", "threads", "descriptors"}, &length);
    });
  });
}

void CopyProcess(Checker* report) {
  if (IsNull(report, "process")) return;
  CopyObject(report, "process", [](Checker* process) {
    process->Texts({"name"});
    process->Flags({"ended"});
    process->Numbers({"pid", "cpu_us", "cpu_user_us", "cpu_system_us"});
    process->Numbers({"voluntary_switches", "involuntary_switches"});
    process->Numbers({"rss_bytes_max", "threads_max"});
    process->Optional({"cpu_us_per_message", "descriptors_max"});
  });
}

void CopyReport(Checker* report) {
  report->Put("format", kReportFormat);
  report->Put("version", kReportVersion);
  report->Texts({"label", "millrace_version", "started_at", "source", "mode"});
  CopyObject(report, "target", [](Checker* target) { target->Texts({"kind", "address"}); });
  CopyPairs(report, "options", kReportItemsMax, [](const json& item) { return item.is_string(); });
  report->Numbers({"seed", "seconds", "sessions", "sessions_finished", "idle_open", "scheduled"});
  report->Numbers({"started", "messages", "failed", "aborted", "slow", "late_starts", "in_flight"});
  report->Numbers({"messages_per_second", "errors_count"});
  CopyObject(report, "outcomes", [](Checker* outcomes) {
    outcomes->Numbers({"none", "accepted", "rejected", "tempfailed", "discarded"});
  });
  CopyErrors(report);
  for (const char* key :
       {"end_of_message_us", "transaction_us", "connect_us", "start_lateness_us"}) {
    CopyHistogram(report, key);
  }
  CopyObject(report, "verdicts", [](Checker* verdicts) {
    verdicts->Flags({"compared"});
    verdicts->Numbers({"same", "changed"});
    CopyChanges(verdicts);
  });
  CopyProcess(report);
  CopySeries(report);
}

ReportLatency LatencyOf(const json& from) {
  return {.count = from["count"].get<double>(),
          .mean = from["mean"].get<double>(),
          .p50 = from["p50"].get<double>(),
          .p90 = from["p90"].get<double>(),
          .p99 = from["p99"].get<double>(),
          .p999 = from["p999"].get<double>(),
          .max = from["max"].get<double>()};
}

std::optional<ReportProcess> ProcessOf(const json& from) {
  if (from.is_null()) return std::nullopt;
  ReportProcess process{.ended = from["ended"].get<bool>(),
                        .cpu_us = from["cpu_us"].get<double>(),
                        .voluntary_switches = from["voluntary_switches"].get<double>(),
                        .involuntary_switches = from["involuntary_switches"].get<double>(),
                        .rss_bytes_max = from["rss_bytes_max"].get<double>(),
                        .threads_max = from["threads_max"].get<double>()};
  const json& descriptors = from["descriptors_max"];
  if (!descriptors.is_null()) process.descriptors_max = descriptors.get<double>();
  return process;
}

// `from` is the checked copy: every key is there and has its type.
Report ReportOf(const json& from) {
  const auto number = [&from](const char* key) { return from[key].get<double>(); };
  const auto outcome = [&from](const char* key) { return from["outcomes"][key].get<double>(); };
  return {.label = from["label"].get<std::string>(),
          .seconds = number("seconds"),
          .messages = number("messages"),
          .messages_per_second = number("messages_per_second"),
          .scheduled = number("scheduled"),
          .started = number("started"),
          .failed = number("failed"),
          .aborted = number("aborted"),
          .late_starts = number("late_starts"),
          .sessions = number("sessions"),
          .errors_count = number("errors_count"),
          .accepted = outcome("accepted"),
          .rejected = outcome("rejected"),
          .tempfailed = outcome("tempfailed"),
          .discarded = outcome("discarded"),
          .compared = from["verdicts"]["compared"].get<bool>(),
          .verdicts_changed = from["verdicts"]["changed"].get<double>(),
          .end_of_message = LatencyOf(from["end_of_message_us"]),
          .transaction = LatencyOf(from["transaction_us"]),
          .connect = LatencyOf(from["connect_us"]),
          .start_lateness = LatencyOf(from["start_lateness_us"]),
          .process = ProcessOf(from["process"]),
          .data = from.dump(-1, ' ', true, json::error_handler_t::replace)};
}

absl::Status Refused(std::string_view name, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(engine::ToAbsl(name), ": ", why));
}

// Format and version come first: they say whether the rest can be read at all.
std::string WrongKind(const json& document) {
  std::string not_a_report = "is no report of millrace-replay (made by its --json)";
  if (!document.is_object()) return not_a_report;
  const auto format = document.find("format");
  const auto version = document.find("version");
  if (format == document.end() || *format != kReportFormat) return not_a_report;
  if (version != document.end() && *version == kReportVersion) return "";
  const std::string found = version == document.end() || !version->is_number_integer()
                                ? "without a version"
                                : absl::StrCat("of version ", version->get<std::int64_t>());
  return absl::StrCat("is a report ",
                      found,
                      "; this millrace-replay reads version ",
                      kReportVersion,
                      ": play it again, or compare with the millrace-replay that made it");
}

}  // namespace

absl::StatusOr<Report> ReadReport(std::string_view text, std::string_view name) {
  if (text.size() > kReportBytesMax) {
    return Refused(name,
                   absl::StrFormat("is larger than %d MiB, the limit of a report",
                                   kReportBytesMax / engine::kMiB));
  }
  const auto shallow = [](int depth, json::parse_event_t /*event*/, const json& /*value*/) {
    return depth <= kDepthMax;
  };
  const json document = json::parse(text, shallow, false);
  if (document.is_discarded()) return Refused(name, "is no JSON, or was cut off");
  std::string problem = WrongKind(document);
  if (!problem.empty()) return Refused(name, problem);
  Checker checker(document, "", &problem);
  CopyReport(&checker);
  if (!problem.empty()) return Refused(name, absl::StrCat("is no good report: ", problem));
  json copy = checker.Take();
  if (copy["label"].get_ref<const std::string&>().empty())
    copy["label"] = std::string(name).substr(0, kReportTextBytesMax);
  return ReportOf(copy);
}

}  // namespace replay
