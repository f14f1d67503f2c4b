// Formats results; nothing is computed here but rates.
#include "tools/replay/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/absl_text.h"
#include "milter/wire.h"

namespace replay {
namespace {

double Milliseconds(std::uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1000;
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

bool AsExpected(const OnceResult& once, const NamedTransaction& named) {
  return once.error.empty() && (!named.expected || *named.expected == once.result.outcome);
}

}  // namespace

Figures FiguresOf(const PlayResult& result) {
  Figures figures;
  figures.seconds = std::chrono::duration<double>(result.last - result.first).count();
  if (figures.seconds > 0)
    figures.messages_per_second = static_cast<double>(result.messages) / figures.seconds;
  return figures;
}

std::string OnceTable(const PlayResult& result, const std::vector<NamedTransaction>& transactions) {
  std::size_t width = 0;
  for (const NamedTransaction& named : transactions)
    width = std::max(width, named.name.size());
  std::string table;
  for (const OnceResult& once : result.once) {
    const NamedTransaction& named = transactions[once.transaction];
    absl::StrAppendFormat(&table,
                          "%-*s  %-10s %8.1f ms  %s\n",
                          static_cast<int>(width),
                          named.name,
                          OutcomeText(once.result.outcome),
                          std::chrono::duration<double, std::milli>(once.time).count(),
                          OneLine(once.result.reply_text, kTextBytesMax));
    for (const milter::Edit& edit : once.result.edits)
      table += EditLine(edit);
    if (!once.error.empty()) absl::StrAppend(&table, "    failed: ", once.error, "\n");
    if (named.expected && *named.expected != once.result.outcome)
      absl::StrAppend(&table, "    expected: ", OutcomeText(*named.expected), "\n");
  }
  return table;
}

std::string Totals(const PlayResult& result) {
  const Figures figures = FiguresOf(result);
  std::string text = absl::StrFormat("%d messages in %d sessions, %.3f s, %.0f messages/s\n",
                                     result.messages,
                                     result.sessions,
                                     figures.seconds,
                                     figures.messages_per_second);
  const engine::Histogram& eom = result.end_of_message;
  if (eom.count() > 0) {
    absl::StrAppendFormat(&text,
                          "end of message: p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms\n",
                          Milliseconds(eom.Percentile(0.5)),
                          Milliseconds(eom.Percentile(0.9)),
                          Milliseconds(eom.Percentile(0.99)),
                          Milliseconds(eom.max()));
  }
  absl::StrAppend(&text, "outcomes:");
  for (std::size_t i = 0; i < std::size(result.outcomes); ++i) {
    const char* name = OutcomeText(static_cast<milter::Outcome>(i));
    if (result.outcomes[i] > 0) absl::StrAppend(&text, " ", name, "=", result.outcomes[i]);
  }
  if (result.aborted > 0) absl::StrAppend(&text, " aborted=", result.aborted);
  if (result.idle_open > 0) absl::StrAppend(&text, " idle=", result.idle_open);
  absl::StrAppend(&text, "\n");
  for (const auto& [kind, count] : result.errors)
    absl::StrAppend(&text, "error: ", kind, " (", count, ")\n");
  return text;
}

bool AllAsExpected(const PlayResult& result, const std::vector<NamedTransaction>& transactions) {
  if (!result.errors.empty()) return false;
  return std::all_of(
      result.once.begin(), result.once.end(), [&transactions](const OnceResult& once) {
        return AsExpected(once, transactions[once.transaction]);
      });
}

}  // namespace replay
