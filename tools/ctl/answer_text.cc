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

std::string QuotaText(const Json& answer) {
  TextTable table(0);
  table.Row({"LIMIT", "now", "of"});
  for (const Json& each : Member(answer, "limits"))
    table.Row({Text(each, "name"), Count(each, "now"), Count(each, "limit")});
  return table.Text();
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
