// What every answer has, and the shorter ones whole.
#include "tools/ctl/answer_text.h"

#include "absl/strings/str_cat.h"
#include "tools/ctl/answer_members.h"
#include "tools/ctl/scanners_text.h"
#include "tools/ctl/status_text.h"

namespace ctl {
namespace {

constexpr double kVersionMax = 1;

std::string QueueText(const Json& answer) {
  TextTable table(0);
  table.Row({"GROUP",
             "waiting",
             "senders",
             "oldest",
             "would wait",
             "slots",
             "free",
             "orphans",
             "held for"});
  TextTable totals(0);
  totals.Row(
      {"SINCE THE START", "served", "refused: full", "of one sender", "estimate off by", "p90"});
  for (const Json& slots : Member(answer, "groups")) {
    const std::string group = Text(slots, "group").empty() ? "(all)" : Text(slots, "group");
    table.Row({group,
               Count(slots, "waiting"),
               Count(slots, "keys"),
               Seconds(slots, "oldest_s"),
               Seconds(slots, "wait_estimate_s"),
               Count(slots, "limit"),
               Count(slots, "free"),
               Count(slots, "orphans"),
               Seconds(slots, "hold_s")});
    totals.Row({group,
                Count(slots, "granted"),
                Count(slots, "refused_full"),
                Count(slots, "refused_key"),
                Seconds(slots, "estimate_error_p50_s"),
                Seconds(slots, "estimate_error_p90_s")});
  }
  return table.Text() + "\n" + totals.Text() + TimesText(Member(answer, "times"));
}

// "3 of 50"; "3" where there is no limit.
std::string OfLimit(const Json& client, const char* counted, const Json& limit) {
  const std::string now = Count(client, counted);
  const bool limited = limit.is_number() && limit.get<double>() != 0;
  return limited ? now + " of " + CountText(limit.get<double>()) : now;
}

std::string ClientsText(const Json& answer) {
  const Json& entries = Member(answer, "client_table");
  const Json& clients = Member(answer, "clients");
  if (Number(entries, "keys_limit") == 0) return "";
  if (!Flag(entries, "used")) return "\nNo limit of clients or networks is set: none is counted.\n";
  std::string text = absl::StrCat("\nCLIENTS AND NETWORKS: ",
                                  Count(entries, "keys"),
                                  " counted, room for ",
                                  Count(entries, "keys_limit"),
                                  "; for want of room ",
                                  Count(entries, "full_uncounted"),
                                  " not counted, ",
                                  Count(entries, "full_refused"),
                                  " refused\n");
  if (const std::string rate = Count(entries, "client_message_rate"); rate != "0")
    absl::StrAppend(&text, "An address may send ", rate, " messages a minute.\n");
  if (!clients.is_array() || clients.empty()) return text;
  TextTable table(0);
  table.Row({"BUSIEST", "is", "sessions", "messages"});
  for (const Json& each : clients) {
    const bool network = Text(each, "kind") == "network";
    table.Row({Text(each, "client"),
               Text(each, "kind"),
               OfLimit(each,
                       "sessions",
                       Member(entries, network ? "network_sessions_max" : "client_sessions_max")),
               OfLimit(each,
                       "messages",
                       Member(entries, network ? "network_messages_max" : "client_messages_max"))});
  }
  return text + "\n" + table.Text();
}

std::string QuotaText(const Json& answer) {
  TextTable table(0);
  table.Row({"LIMIT", "now", "of"});
  for (const Json& each : Member(answer, "limits"))
    table.Row({Text(each, "name"), Count(each, "now"), Count(each, "limit")});
  TextTable refusals(0);
  refusals.Row({"REFUSED BY"}, NamedCounts(Member(answer, "refusals")));
  return table.Text() + "\n" + refusals.Text() + ClientsText(answer);
}

}  // namespace

absl::StatusOr<AnswerText> TextOf(const std::string& answer) {
  const Json document = Json::parse(answer, nullptr, false);
  if (document.is_discarded() || Text(document, "format") != "millrace-control") {
    return absl::InvalidArgumentError("what answers there is no control socket of millrace");
  }
  if (Number(document, "version") > kVersionMax) {
    return absl::InvalidArgumentError(absl::StrCat("the daemon speaks version ",
                                                   Number(document, "version"),
                                                   ", this program knows ",
                                                   kVersionMax,
                                                   ": use the millracectl of its release"));
  }
  if (const std::string error = Text(document, "error"); !error.empty()) {
    return absl::FailedPreconditionError(error);
  }
  const std::string command = Text(document, "command");
  if (command == "queue") return AnswerText{.text = QueueText(document)};
  if (command == "scanners") return AnswerText{.text = ScannersText(document)};
  if (command == "quota") return AnswerText{.text = QuotaText(document)};
  return AnswerText{.text = StatusText(document),
                    .problems = !Member(document, "problems").empty()};
}

}  // namespace ctl
