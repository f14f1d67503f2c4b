// Section by section.
#include "tools/ctl/status_text.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/ctl/scanners_text.h"

namespace ctl {
namespace {

std::string Heading(const Json& answer) {
  const Json& program = Member(answer, "program");
  std::string text = absl::StrCat("millrace ",
                                  Text(program, "version"),
                                  ": ",
                                  Text(program, "state"),
                                  " for ",
                                  Seconds(program, "uptime_s"),
                                  ", ",
                                  Count(program, "shards"),
                                  Number(program, "shards") == 1 ? " shard, " : " shards, ",
                                  Text(program, "io_source"));
  const std::string reason = Text(program, "io_reason");
  if (!reason.empty()) absl::StrAppend(&text, " (", reason, ")");
  return text + "\n";
}

std::string Problems(const Json& problems) {
  if (!problems.is_array() || problems.empty()) return "\nNothing is wrong.\n";
  TextTable table;
  for (const Json& each : problems) {
    const std::string severity = Text(each, "severity");
    table.Row({severity == "critical" ? absl::AsciiStrToUpper(severity) : severity},
              Text(each, "text"));
  }
  return "\nPROBLEMS\n" + table.Text();
}

void LimitRow(std::string name, const Json& used, TextTable* table) {
  if (!used.is_object()) return;
  table->Row({std::move(name), Count(used, "now"), Count(used, "limit")});
}

std::string InUse(const Json& answer) {
  const Json& program = Member(answer, "program");
  const Json& messages = Member(answer, "messages");
  TextTable table;
  table.Row({"IN USE", "now", "limit"});
  LimitRow("connections", Member(answer, "sessions"), &table);
  LimitRow("messages", messages, &table);
  const Json& listeners = Member(answer, "listeners");
  for (const Json& listener : listeners) {
    if (listeners.size() > 1)
      table.Row({"  by " + Text(listener, "name"), Count(listener, "sessions")});
  }
  for (const Json& slots : Member(answer, "groups")) {
    const std::string group = Text(slots, "group");
    table.Row({group.empty() ? "scanner slots" : "slots of " + group,
               CountText(Number(slots, "limit") - Number(slots, "free")),
               Count(slots, "limit")},
              absl::StrCat(Count(slots, "waiting"), " waiting"));
  }
  table.Row({"orphans", Count(messages, "orphans")});
  table.Row({"descriptors", Count(program, "descriptors"), Count(program, "descriptors_limit")});
  table.Row({"memory for texts", Size(program, "block_bytes"), Size(program, "block_bytes_limit")});
  table.Row({"memory in all", Size(program, "resident_bytes")});
  table.Row({"CPU time", Seconds(program, "cpu_s")});
  return "\n" + table.Text();
}

std::string SinceTheStart(const Json& answer) {
  const Json& sessions = Member(answer, "sessions");
  const Json& messages = Member(answer, "messages");
  TextTable table;
  table.Row({"connections", Count(sessions, "begun")},
            absl::StrCat("refused ",
                         Count(sessions, "refused"),
                         ", broken off ",
                         Count(sessions, "broken"),
                         ", timed out ",
                         Count(sessions, "timed_out")));
  table.Row({"messages", Count(messages, "begun")},
            absl::StrCat("aborted ",
                         Count(messages, "aborted"),
                         ", refused at DATA ",
                         Count(messages, "refused_at_data"),
                         ", passed unscanned ",
                         Count(messages, "passed_unscanned"),
                         ", quarantined unscanned ",
                         Count(messages, "quarantined_unscanned")));
  table.Row({"verdicts"}, NamedCounts(Member(answer, "verdicts")));
  table.Row({"refusals"}, NamedCounts(Member(answer, "refusals")));
  std::string text = "\nSINCE THE START\n" + table.Text();
  TextTable reasons;
  for (const Json& each : Member(answer, "refusal_reasons"))
    reasons.Row({"", Count(each, "count")},
                absl::StrCat(Text(each, "class"), ": ", Text(each, "reason")));
  return text + reasons.Text();
}

std::string Spool(const Json& spool) {
  if (!spool.is_object()) return "";
  TextTable table;
  table.Row({"free", Size(spool, "free_bytes")},
            absl::StrCat("messages are refused below ", Size(spool, "floor_bytes")));
  if (spool.contains("free_inodes")) {
    table.Row({"free inodes", Count(spool, "free_inodes")},
              absl::StrCat("messages are refused below ", Count(spool, "floor_inodes")));
  }
  table.Row({"files in work", Count(spool, "slots_taken")});
  table.Row({"files kept", Count(spool, "slots_free")},
            absl::StrCat(Size(spool, "kept_bytes"),
                         Flag(spool, "reuse") ? ", used again" : ", files are not used again"));
  table.Row({"removals due", Count(spool, "slots_retired")});
  table.Row(
      {"stalls", Count(spool, "stalls")},
      absl::StrCat(
          Flag(spool, "stalled") ? "STALLS NOW, " : "", Seconds(spool, "stalled_s"), " in all"));
  return "\nSPOOL " + Text(spool, "directory") + "\n" + table.Text();
}

}  // namespace

std::string TimesText(const Json& times) {
  if (!times.is_object()) return "";
  TextTable table;
  table.Row({"TIMES", "count", "mean", "p50", "p90", "p99"});
  for (const auto& [name, each] : times.items()) {
    std::string shown = name == "turn" ? "turn of a shard" : Printable(name);
    if (name == "wait") shown = "wait for a scanner";
    table.Row({std::move(shown),
               Count(each, "count"),
               Seconds(each, "mean_s"),
               Seconds(each, "p50_s"),
               Seconds(each, "p90_s"),
               Seconds(each, "p99_s")});
  }
  return "\n" + table.Text();
}

std::string StatusText(const Json& answer) {
  return Heading(answer) + Problems(Member(answer, "problems")) + InUse(answer) +
         ScannersTable(Member(answer, "scanners")) + TimesText(Member(answer, "times")) +
         SinceTheStart(answer) + Spool(Member(answer, "spool"));
}

}  // namespace ctl
