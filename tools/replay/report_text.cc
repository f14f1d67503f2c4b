// Formats results as text: see the header for how it looks.
#include "tools/replay/report_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/absl_text.h"
#include "milter/wire.h"
#include "tools/replay/outcome_text.h"

namespace replay {
namespace {

constexpr double kMicroseconds = 1e6;
constexpr int kLatencyNameWidth = 16;
constexpr int kLatencyWidth = 11;

double Number(std::uint64_t count) {
  return static_cast<double>(count);
}

double Seconds(engine::Time time) {
  return std::chrono::duration<double>(time).count();
}

std::string EditLine(const milter::Edit& edit) {
  std::string line =
      absl::StrCat("    ", engine::ToAbsl(milter::ReplyName(static_cast<std::uint8_t>(edit.kind))));
  const bool indexed =
      edit.kind == milter::Reply::kInsertHeader || edit.kind == milter::Reply::kChangeHeader;
  if (indexed) absl::StrAppend(&line, " ", edit.index);
  if (!edit.name.empty()) absl::StrAppend(&line, " ", OneLine(edit.name, kTextBytesMax), ":");
  const std::size_t start = std::min(edit.value.find_first_not_of(' '), edit.value.size());
  if (start < edit.value.size())
    absl::StrAppend(&line, " ", OneLine(edit.value.substr(start), kTextBytesMax));
  return line + "\n";
}

bool AsExpected(const PlayedTransaction& played) {
  return played.error.empty() && (!played.expected || *played.expected == played.result.outcome);
}

void AddLatency(const char* name, const LatencyHistogram& latency, std::string* text) {
  if (latency.count() == 0) return;
  absl::StrAppendFormat(text, "%-*s", kLatencyNameWidth, name);
  for (const double quantile : {0.5, 0.9, 0.99, 0.999, 1.0})
    absl::StrAppendFormat(text, "%*s", kLatencyWidth, LatencyText(latency.Percentile(quantile)));
  *text += "\n";
}

void AddLatencies(const RunResults& results, std::string* text) {
  if (results.transaction.count() + results.connect.count() == 0) return;
  absl::StrAppendFormat(text, "%*s", kLatencyNameWidth, "");
  for (const char* head : {"p50", "p90", "p99", "p99.9", "max"})
    absl::StrAppendFormat(text, "%*s", kLatencyWidth, head);
  *text += "\n";
  AddLatency("end of message", results.end_of_message, text);
  AddLatency("transaction", results.transaction, text);
  AddLatency("connect", results.connect, text);
  if (results.description.mode == RunMode::kOpen) AddLatency("late start", results.lateness, text);
}

void AddOutcomes(const RunResults& results, std::string* text) {
  absl::StrAppend(text, "outcomes:");
  for (std::size_t i = 0; i < std::size(results.outcomes); ++i) {
    const char* name = OutcomeText(static_cast<milter::Outcome>(i));
    if (results.outcomes[i] > 0) absl::StrAppend(text, " ", name, "=", results.outcomes[i]);
  }
  // Due, and in no latency: the run ended, or there was no session for them.
  const std::uint64_t not_begun = results.scheduled - std::min(results.scheduled, results.started);
  const std::pair<const char*, std::uint64_t> others[] = {{"not-begun", not_begun},
                                                          {"failed", results.failed},
                                                          {"aborted", results.aborted},
                                                          {"slow", results.slow},
                                                          {"late", results.late_starts},
                                                          {"in-flight", results.in_flight},
                                                          {"idle", results.idle_standing}};
  for (const auto& [name, count] : others) {
    if (count > 0) absl::StrAppend(text, " ", name, "=", count);
  }
  absl::StrAppend(text, "\n");
  for (const auto& [kind, count] : results.errors)
    absl::StrAppend(text, "error: ", OneLine(kind, kErrorKindBytesMax), " (", count, ")\n");
}

void AddProcess(const RunResults& results, std::string* text) {
  if (!results.process) return;
  const ProcessUse& process = *results.process;
  absl::StrAppendFormat(text,
                        "process %d (%s)%s: CPU %.2f s",
                        process.pid,
                        OneLine(process.name, kTextBytesMax),
                        process.ended ? ", which ended before the run" : "",
                        Number(process.total.cpu_us) / kMicroseconds);
  if (results.finished > 0) {
    absl::StrAppendFormat(
        text, " (%.1f us a message)", Number(process.total.cpu_us) / Number(results.finished));
  }
  absl::StrAppendFormat(text,
                        ", memory %.1f MiB, switches %d voluntary and %d not, threads %d",
                        Number(process.total.rss_bytes) / static_cast<double>(engine::kMiB),
                        process.total.voluntary_switches,
                        process.total.involuntary_switches,
                        process.total.threads);
  if (process.total.descriptors)
    absl::StrAppend(text, ", descriptors ", *process.total.descriptors);
  *text += "\n";
}

void AddVerdicts(const RunResults& results, bool all_changes, std::string* text) {
  if (!results.compared) return;
  absl::StrAppend(text,
                  "verdicts: ",
                  results.verdicts_same,
                  " as recorded, ",
                  results.verdicts_changed,
                  " changed\n");
  const std::size_t count =
      all_changes ? results.changes.size() : std::min(results.changes.size(), kChangesShown);
  for (std::size_t i = 0; i < count; ++i) {
    const VerdictChange& change = results.changes[i];
    absl::StrAppend(text,
                    "  session ",
                    change.session,
                    absl::StrCat(" message ", change.message, " "),
                    OneLine(change.queue_id, kTextBytesMax),
                    ": ",
                    OneLine(change.difference, kTextBytesMax),
                    absl::StrCat("\n    recorded: ", OneLine(change.recorded, kTextBytesMax)),
                    absl::StrCat("\n    played:   ", OneLine(change.played, kTextBytesMax), "\n"));
  }
  if (results.verdicts_changed > count)
    absl::StrAppend(text, "  and ", results.verdicts_changed - count, " more\n");
}

}  // namespace

std::string OnceTable(const RunResults& results) {
  std::size_t width = 0;
  for (const PlayedTransaction& played : results.played)
    width = std::max(width, OneLine(played.name, kTextBytesMax).size());
  std::string table;
  for (const PlayedTransaction& played : results.played) {
    absl::StrAppendFormat(&table,
                          "%-*s  %-10s %8.1f ms  %s\n",
                          static_cast<int>(width),
                          OneLine(played.name, kTextBytesMax),
                          OutcomeText(played.result.outcome),
                          std::chrono::duration<double, std::milli>(played.time).count(),
                          OneLine(played.result.reply_text, kTextBytesMax));
    for (const milter::Edit& edit : played.result.edits)
      table += EditLine(edit);
    if (!played.error.empty())
      absl::StrAppend(&table, "    failed: ", OneLine(played.error, kErrorKindBytesMax), "\n");
    if (played.expected && *played.expected != played.result.outcome)
      absl::StrAppend(&table, "    expected: ", OutcomeText(*played.expected), "\n");
  }
  return table;
}

std::string Totals(const RunResults& results, bool all_changes) {
  const double seconds = Seconds(results.elapsed);
  std::string text = absl::StrFormat("%d messages in %d sessions, %.3f s, %.0f messages/s\n",
                                     results.finished,
                                     results.sessions_opened,
                                     seconds,
                                     seconds > 0 ? Number(results.finished) / seconds : 0.0);
  AddLatencies(results, &text);
  AddOutcomes(results, &text);
  AddProcess(results, &text);
  AddVerdicts(results, all_changes, &text);
  return text;
}

std::string Troubles(const RunResults& results) {
  std::vector<std::string> parts;
  for (const auto& [kind, count] : results.errors)
    parts.push_back(absl::StrFormat("%d x %s", count, OneLine(kind, kTextBytesMax)));
  if (results.in_flight > 0)
    parts.push_back(absl::StrFormat("%d messages given up", results.in_flight));
  const auto unexpected =
      std::count_if(results.played.begin(), results.played.end(), [](const auto& played) {
        return played.error.empty() && !AsExpected(played);
      });
  if (unexpected > 0) parts.push_back(absl::StrFormat("%d outcomes not as expected", unexpected));
  if (results.verdicts_changed > 0)
    parts.push_back(absl::StrFormat("%d verdicts differ", results.verdicts_changed));
  return absl::StrJoin(parts, "; ");
}

bool AllAsExpected(const RunResults& results) {
  return results.errors_count == 0 && results.verdicts_changed == 0 &&
         std::all_of(results.played.begin(), results.played.end(), AsExpected);
}

std::string OneLine(std::string_view text, std::size_t bytes_max) {
  std::string out;
  unsigned char before = 0;
  for (const char c : text.substr(0, bytes_max)) {
    const auto octet = static_cast<unsigned char>(c);
    // U+0080 to U+009F are controls too: U+009B begins what ESC [ begins. Alone, the octets of
    // their range are controls of terminals that have no UTF-8; behind another they are part of a
    // letter.
    const bool high_control = octet >= 0x80 && octet < 0xa0 && (before < 0x80 || before == 0xc2);
    if (c == '\n') {
      out += "\\n";
    } else if (octet < 0x20 || octet == 0x7f || high_control) {
      absl::StrAppendFormat(&out, "\\x%02x", octet);
    } else {
      out.push_back(c);
    }
    before = octet;
  }
  if (text.size() > bytes_max) out += "...";
  return out;
}

std::string LatencyText(std::uint64_t microseconds) {
  if (microseconds < 1000) return absl::StrCat(microseconds, " us");
  if (microseconds < 1'000'000) return absl::StrFormat("%.2f ms", Number(microseconds) / 1000);
  return absl::StrFormat("%.2f s", Number(microseconds) / kMicroseconds);
}

}  // namespace replay
