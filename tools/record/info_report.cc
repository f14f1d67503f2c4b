// The figures of a trace as text and as JSON.
#define JSON_NOEXCEPTION
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tools/record/info.h"
#include "tools/record/mail_date.h"

namespace record {
namespace {

using nlohmann::ordered_json;

// "1,234,567".
std::string Grouped(std::uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string Seconds(std::uint64_t microseconds) {
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%.3f s", static_cast<double>(microseconds) / 1e6);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

// A ratio such as "3.1"; "-" when there is nothing to divide by.
std::string Ratio(std::uint64_t of, std::uint64_t by) {
  std::array<char, 64> text{};
  if (by == 0) return "-";
  const int size = std::snprintf(
      text.data(), text.size(), "%.1f", static_cast<double>(of) / static_cast<double>(by));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::string Counts(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts)
    absl::StrAppend(&text, text.empty() ? "" : ", ", Grouped(count), " ", name);
  return text.empty() ? "-" : text;
}

void AppendRow(const std::string& name, const std::string& value, std::string* to) {
  constexpr std::size_t kNameColumns = 14;
  std::string padded = name;
  padded.resize(std::max(kNameColumns, name.size() + 1), ' ');
  absl::StrAppend(to, padded, value, "\n");
}

void AppendFigure(const TraceInfo::Figure& figure, std::string* to) {
  const Distribution& values = *figure.values;
  if (values.count() == 0) return;
  std::array<char, 256> line{};
  const std::string title =
      figure.unit.empty() ? figure.title : absl::StrCat(figure.title, ", ", figure.unit);
  const int size = std::snprintf(line.data(),
                                 line.size(),
                                 "%-32s %12s %12s %12s %12s %14s\n",
                                 title.c_str(),
                                 Grouped(values.sum() / values.count()).c_str(),
                                 Grouped(values.Percentile(0.5)).c_str(),
                                 Grouped(values.Percentile(0.9)).c_str(),
                                 Grouped(values.Percentile(0.99)).c_str(),
                                 Grouped(values.max()).c_str());
  to->append(line.data(), static_cast<std::size_t>(size));
}

std::string StateText(const TraceInfo& info) {
  if (info.walk.sound()) {
    return info.end_reason.empty() ? "whole, without an end record: it may be being written"
                                   : absl::StrCat("whole, ended: ", info.end_reason);
  }
  return absl::StrCat(info.walk.cut ? "CUT OFF" : "DAMAGED",
                      ": ",
                      Grouped(info.walk.records),
                      " records could be read, ",
                      Grouped(info.walk.damaged),
                      " could not, ",
                      Grouped(info.walk.skipped_bytes),
                      " octets were passed over");
}

const char* StateWord(const TraceInfo& info) {
  if (info.walk.cut) return "cut";
  if (!info.walk.sound()) return "damaged";
  return info.end_reason.empty() ? "open" : "whole";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    absl::StrAppend(&text, text.empty() ? "" : ", ", word);
  return text;
}

}  // namespace

std::string InfoText(const std::string& file, const TraceInfo& info) {
  std::string text;
  AppendRow("file", absl::StrCat(file, ", ", Grouped(info.file_bytes), " octets"), &text);
  AppendRow("state", StateText(info), &text);
  for (const std::string& problem : info.walk.problems)
    AppendRow("", problem, &text);
  AppendRow("source", absl::StrCat(Joined(info.sources), " (", info.program, ")"), &text);
  if (info.first_us != 0) {
    const std::string length = Seconds(info.last_us - info.first_us);
    AppendRow("time", absl::StrCat(Rfc3339(info.first_us), " for ", length), &text);
  }
  AppendRow("sessions", absl::StrCat(Grouped(info.sessions), ": ", Counts(info.endings)), &text);
  AppendRow("mail server", Counts(info.mail_servers), &text);
  AppendRow("versions", Counts(info.versions), &text);
  AppendRow(
      "transactions", absl::StrCat(Grouped(info.transactions), ": ", Counts(info.verdicts)), &text);
  AppendRow("scans", Grouped(info.scans), &text);
  AppendRow("captured", Counts(info.captured), &text);
  AppendRow("bodies",
            absl::StrCat(Grouped(info.bodies),
                         " distinct, ",
                         Grouped(info.body_bytes),
                         " octets, stored in ",
                         Grouped(info.body_stored_bytes),
                         " (",
                         Ratio(info.body_bytes, info.body_stored_bytes),
                         " to 1)"),
            &text);
  AppendRow("records",
            absl::StrCat(Grouped(info.records_bytes),
                         " octets, stored in ",
                         Grouped(info.records_stored_bytes),
                         " (",
                         Ratio(info.records_bytes, info.records_stored_bytes),
                         " to 1)"),
            &text);
  AppendRow("messages",
            absl::StrCat(Grouped(info.message_bytes),
                         " octets in all, ",
                         Ratio(info.message_bytes, info.file_bytes),
                         " times the file"),
            &text);
  if (info.not_understood != 0)
    AppendRow("not read", absl::StrCat(Grouped(info.not_understood), " packets"), &text);
  std::array<char, 256> head{};
  const int size = std::snprintf(head.data(),
                                 head.size(),
                                 "\n%-32s %12s %12s %12s %12s %14s\n",
                                 "",
                                 "mean",
                                 "p50",
                                 "p90",
                                 "p99",
                                 "max");
  text.append(head.data(), static_cast<std::size_t>(size));
  for (const TraceInfo::Figure& figure : info.figures)
    AppendFigure(figure, &text);
  return text;
}

std::string InfoJson(const std::string& file, const TraceInfo& info) {
  ordered_json figures = ordered_json::object();
  for (const TraceInfo::Figure& figure : info.figures) {
    const Distribution& values = *figure.values;
    figures[figure.name] = {{"count", values.count()},
                            {"mean",
                             values.count() == 0 ? 0.0
                                                 : static_cast<double>(values.sum()) /
                                                       static_cast<double>(values.count())},
                            {"p50", values.Percentile(0.5)},
                            {"p90", values.Percentile(0.9)},
                            {"p99", values.Percentile(0.99)},
                            {"max", values.max()}};
  }
  const ordered_json object = {{"format", "millrace-info"},
                               {"version", kInfoFormatVersion},
                               {"file", file},
                               {"file_octets", info.file_bytes},
                               {"state", StateWord(info)},
                               {"problems", info.walk.problems},
                               {"records", info.walk.records},
                               {"records_damaged", info.walk.damaged},
                               {"octets_passed_over", info.walk.skipped_bytes},
                               {"end_reason", info.end_reason},
                               {"sources", info.sources},
                               {"program", info.program},
                               {"first", info.first_us == 0 ? "" : Rfc3339(info.first_us)},
                               {"last", info.last_us == 0 ? "" : Rfc3339(info.last_us)},
                               {"seconds", static_cast<double>(info.last_us - info.first_us) / 1e6},
                               {"sessions", info.sessions},
                               {"sessions_ended", info.closes},
                               {"endings", info.endings},
                               {"mail_servers", info.mail_servers},
                               {"versions", info.versions},
                               {"transactions", info.transactions},
                               {"verdicts", info.verdicts},
                               {"scans", info.scans},
                               {"captured", info.captured},
                               {"bodies_distinct", info.bodies},
                               {"body_octets", info.body_bytes},
                               {"body_octets_stored", info.body_stored_bytes},
                               {"record_octets", info.records_bytes},
                               {"record_octets_stored", info.records_stored_bytes},
                               {"message_octets_all", info.message_bytes},
                               {"packets_not_understood", info.not_understood},
                               {"figures", std::move(figures)}};
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace record
