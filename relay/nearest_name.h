// The name that somebody who mistyped one probably meant.
#ifndef MILLRACE_RELAY_NEAREST_NAME_H_
#define MILLRACE_RELAY_NEAREST_NAME_H_

#include <span>
#include <string_view>

namespace relay {

// The one of `names` closest to `name`, or empty when none is similar (or `name` is longer than any
// name could be). The beginning of a name counts as near.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> names);

}  // namespace relay

#endif  // MILLRACE_RELAY_NEAREST_NAME_H_
