// What became of requests, and what each scanner may have.
#include "tools/ctl/scanners_text.h"

#include "tools/ctl/status_text.h"

namespace ctl {
namespace {

std::string StateText(const Json& scanner) {
  const std::string breaker = Text(scanner, "breaker");
  if (Flag(scanner, "removed")) return "removed";
  std::string state = breaker == "open" ? "FAILS" : breaker == "closed" ? "works" : breaker;
  if (!Flag(scanner, "draining")) return state;
  return breaker == "closed" ? "draining" : state + ", draining";
}

std::string LimitText(const Json& scanner) {
  const std::string limit = Count(scanner, "limit_now") + " of " + Count(scanner, "limit");
  return Flag(scanner, "limit_learnt") ? limit + " learnt" : limit;
}

double Failures(const Json& counts) {
  double failures = 0;
  for (const char* name :
       {"timeouts", "broke_off", "half_replies", "broken_replies", "not_taken", "refused"})
    failures += Number(counts, name);
  return failures;
}

std::string GroupText(const Json& scanner) {
  const std::string group = Text(scanner, "group");
  return group.empty() ? "(all)" : group;
}

}  // namespace

std::string ScannersTable(const Json& scanners) {
  if (!scanners.is_array() || scanners.empty()) return "";
  TextTable table;
  table.Row({"SCANNER",
             "group",
             "is",
             "now",
             "limit",
             "weight",
             "replies",
             "failures",
             "scan p50",
             "p90"},
            "address");
  for (const Json& scanner : scanners) {
    const Json& counts = Member(scanner, "since_start");
    const Json& scan = Member(Member(scanner, "times"), "scan");
    table.Row({Text(scanner, "name"),
               GroupText(scanner),
               StateText(scanner),
               Count(scanner, "requests_now"),
               LimitText(scanner),
               Count(scanner, "weight"),
               Count(counts, "replies"),
               CountText(Failures(counts)),
               Seconds(scan, "p50_s"),
               Seconds(scan, "p90_s")},
              Text(scanner, "address"));
  }
  return "\n" + table.Text();
}

std::string ScannersText(const Json& answer) {
  TextTable table;
  for (const Json& scanner : Member(answer, "scanners"))
    table.Row({Text(scanner, "name")}, NamedCounts(Member(scanner, "since_start")));
  const std::string text = ScannersTable(Member(answer, "scanners")) + "\nSINCE THE START\n" +
                           table.Text() + TimesText(Member(answer, "times"));
  return text.substr(text.find_first_not_of('\n'));
}

}  // namespace ctl
