// Points in time as mail and tables write them, to microseconds since 1970 UTC and back.
//
//   RFC 5322   Tue, 3 Mar 2026 08:05:09 +0100 (CET)      Date: of a message
//   From line  Tue Mar  3 08:05:09 2026                  mbox; taken for UTC
//   RFC 3339   2026-03-03T08:05:09.250Z                  options and tables
//
// Source: RFC 5322 3.3 and 4.3 (two-digit years, zone names), asctime(3), RFC 3339.
// Tolerant where mail is: comments and a missing weekday or second are passed over. nullopt: not
// understood, or outside 1970 to 2200. No locale, no time zone data: names other than those of
// RFC 5322 4.3 are UTC.
#ifndef MILLRACE_TOOLS_RECORD_MAIL_DATE_H_
#define MILLRACE_TOOLS_RECORD_MAIL_DATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace record {

std::optional<std::uint64_t> ReadMailDate(std::string_view text);
// What follows the address in "From a@b Tue Mar  3 08:05:09 2026".
std::optional<std::uint64_t> ReadFromLineDate(std::string_view text);
std::optional<std::uint64_t> ReadRfc3339(std::string_view text);

// "Tue, 3 Mar 2026 08:05:09 +0000".
std::string MailDate(std::uint64_t time_us);
// "2026-03-03T08:05:09.250000Z".
std::string Rfc3339(std::uint64_t time_us);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_MAIL_DATE_H_
