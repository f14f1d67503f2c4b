// The addresses in a header field: To, Cc, From, Return-Path.
//
//   Erin <erin@lab.test>, "x, y"@lab.test (a comment), Team: a@b, c@d;
//        ---------------  ---------------                    ---  ---
// Source: RFC 5322 3.4 and 4.4 (display names, comments, groups, routes before an address).
// What has no @ with something on both sides, or has control octets or blanks outside quotes, is no
// address. Limits: kAddressBytesMax octets each, kFieldAddressesMax of a field; the rest is left
// out. Not done: decoding of encoded words (none belong in an address), any check against DNS.
#ifndef MILLRACE_TOOLS_RECORD_ADDRESS_LIST_H_
#define MILLRACE_TOOLS_RECORD_ADDRESS_LIST_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace record {

inline constexpr std::size_t kAddressBytesMax = 1000;
inline constexpr std::size_t kFieldAddressesMax = 10'000;

// Without angle brackets.
std::vector<std::string> AddressesOf(std::string_view field);

// True for "<>" with white space and comments around it: nobody.
bool IsNullAddress(std::string_view field);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_ADDRESS_LIST_H_
