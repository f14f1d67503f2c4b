// Reads a configuration file (TOML 1.0, millrace.toml(5)) into a Config.
//
//   FILE:LINE:COLUMN: section.key: what is wrong (allowed: what is)
//
// All errors are found at once, up to kConfigErrorsMax; of a file that is no TOML, the first. Keys
// are those of relay/config_keys.h; an unknown one is an error that names the nearest. What is not
// in the file stays as it was. Bounded: kConfigFileBytesMax, kListenersMax, kScannersMax. Nothing
// is resolved, and no other file is read.
#ifndef MILLRACE_RELAY_CONFIG_FILE_H_
#define MILLRACE_RELAY_CONFIG_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "relay/config.h"

namespace relay {

inline constexpr std::size_t kConfigFileBytesMax = 256 * 1024;
inline constexpr std::size_t kConfigErrorsMax = 20;

// The file's text; an error names the file.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

// Fills *config from `text`; answers the errors in the order of the file, one line each. `path`:
// what they call the file. With errors *config is of no use. The first [[listener]] and the first
// [[scanner]] begin with what config->listeners[0] and config->scanners[0] are, all others with the
// defaults of the struct.
std::vector<std::string> ParseConfigText(std::string_view text,
                                         const std::string& path,
                                         Config* config);

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_FILE_H_
