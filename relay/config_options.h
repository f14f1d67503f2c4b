// The table of command-line options: names, values, help text, and how each one changes the
// configuration.
//
// One row per option serves parsing, --help and the suggestion for a mistyped name; the man page
// millrace(8) lists the same rows (a test compares them).
#ifndef MILLRACE_RELAY_CONFIG_OPTIONS_H_
#define MILLRACE_RELAY_CONFIG_OPTIONS_H_

#include <span>
#include <string>
#include <string_view>

#include "relay/config.h"

namespace relay {

struct Option {
  char short_name;              // 0: none
  std::string_view long_name;   // without the dashes
  std::string_view value_name;  // empty: takes none
  std::string_view help;        // lines separated by \n
  // Applies the value to line.config, or sets line.kind. Answers an error text, empty when fine.
  std::string (*apply)(const Option& option, std::string_view value, CommandLine& line);
};

std::span<const Option> Options();

// "-m, --max-connections" or "--shards".
std::string NamesOf(const Option& option);

// Puts an RFC 5322 field name, one colon, and a value of one line into `listener`; false: it is
// none.
bool SplitHeader(std::string_view field, ListenerConfig* listener);

// The long name closest to `name` (as typed, without dashes), or empty when none is similar.
std::string_view NearestOption(std::string_view name);

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_OPTIONS_H_
