// Fuzzes reading a report of millrace-replay, and what is made of it.
//
// Input:  a report as JSON.
// Checks: what was read is a report again, the same one; its page holds the data as one script
//         element that nothing in it can end; table and JSON of the comparison can be made.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "tools/replay/compare.h"
#include "tools/replay/report_page.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto report = replay::ReadReport(text, "input");
  if (!report.ok()) {
    ENGINE_CHECK(!report.status().message().empty());
    return 0;
  }
  const auto again = replay::ReadReport(report->data, "again");
  ENGINE_CHECK(again.ok());
  ENGINE_CHECK(again->data == report->data);
  ENGINE_CHECK(replay::EscapedForScript(report->data).find_first_of("<>&") == std::string::npos);
  const replay::Report both[] = {*report, *again};
  ENGINE_CHECK(!replay::ReportPage(both).empty());
  ENGINE_CHECK(!replay::CompareText(both).empty());
  ENGINE_CHECK(!replay::CompareJson(both).empty());
  return 0;
}
