// What two configurations differ in, key by key: for the log of a reload, and for what it may not
// change.
//
// Listeners are known by their socket, scanners by their name (or, without one, by their socket),
// so that their order does not matter.
#ifndef MILLRACE_RELAY_CONFIG_DIFF_H_
#define MILLRACE_RELAY_CONFIG_DIFF_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/config.h"
#include "relay/config_keys.h"

namespace relay {

struct KeyChange {
  const Key* key;
  std::string name;  // of the listener or scanner; empty: a single section
  std::string from;  // as the file would have it
  std::string to;
};

// "queue.wait_max" or "listener.answer_within of mx".
std::string ChangedKeyText(const KeyChange& change);

std::string_view NameOf(const ListenerConfig& listener) noexcept;
std::string_view NameOf(const ScannerConfig& scanner) noexcept;

// Where it is.
std::optional<std::size_t> FindListener(const Config& config, std::string_view socket) noexcept;
std::optional<std::size_t> FindScanner(const Config& config, std::string_view name) noexcept;
std::optional<std::size_t> FindScannerGroup(const Config& config, std::string_view name) noexcept;

// In the sections, listeners, scanners and groups that both have.
std::vector<KeyChange> KeyChanges(const Config& from, const Config& to);

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_DIFF_H_
