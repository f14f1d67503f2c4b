// The keys of the configuration file: one row each, which drives the reader, its error texts, the
// list of what a reload changed, and the test of the manual page millrace.toml(5).
//
//   [section] or [[section]]   name = value      type, range, when a reload takes it, one line
//
// A key more is a field in relay/config.h and a row in config_keys.cc (listeners and scanners:
// config_tables.cc); MILLRACE_WRITE_MANUAL=1 build/dev/bin/relay_config_test then writes it into
// the manual page and the example. Defaults are those of the structs. Values are checked one by one
// here; what contradicts each other is found by relay/config.h's Contradictions().
#ifndef MILLRACE_RELAY_CONFIG_KEYS_H_
#define MILLRACE_RELAY_CONFIG_KEYS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/config.h"

namespace relay {

enum class Section : std::uint8_t {
  kProgram,
  kEngine,
  kSpool,
  kLog,
  kQuota,
  kQueue,
  kMetrics,
  kControl,
  kListener,  // from here on written [[section]], any number of times
  kScanner,
  kScannerGroup,
};
inline constexpr std::size_t kSectionCount = 11;

std::string_view SectionName(Section section) noexcept;
std::string_view SectionDoc(Section section) noexcept;  // a sentence or two
constexpr bool IsRepeated(Section section) noexcept {
  return section >= Section::kListener;
}

enum class KeyType : std::uint8_t {
  kFlag,    // true or false
  kNumber,  // min to max
  kTime,    // relay/config_value.h, min to max seconds
  kSize,    // likewise, min to max bytes
  kText,
  kChoice,       // one of a few words
  kMode,         // octal, in quotes
  kHeaderField,  // "Name: value"
  kNames,        // list of texts
};

// When a reload takes a new value.
enum class OnReload : std::uint8_t {
  kNow,      // from the next message of each session on
  kSession,  // from the next session on
  kRestart,  // never: a reload that changes it is refused
};

// A value as the file has it; monostate: of a type that no key has.
using KeyValue =
    std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<std::string>>;

struct Key {
  Section section;
  std::string_view name;
  KeyType type;
  OnReload reload;
  std::string_view doc;  // one line of the manual page
  std::int64_t min = 0;  // kNumber, kTime, kSize
  std::int64_t max = 0;
  std::span<const std::string_view> choices{};  // kChoice: in the order of the enum's values
  // kText, kNames: what is wrong with a text, or nothing.
  std::string (*check)(std::string_view text) = nullptr;
  // Puts the value into the section's struct, or answers what is wrong with it. `section`: the
  // struct of relay/config.h that belongs to Key::section.
  std::string (*set)(const Key& key, const KeyValue& value, void* section) = nullptr;
  // The value as the file would have it.
  std::string (*text)(const Key& key, const void* section) = nullptr;
};

// All rows, by section.
std::span<const Key> Keys();
const Key* FindKey(Section section, std::string_view name);

// How many of a section there are; 1 of a single one.
std::size_t CountOf(const Config& config, Section section) noexcept;
// The struct of a section; `index`: of a repeated one, below CountOf().
void* StructOf(Config& config, Section section, std::size_t index);
const void* StructOf(const Config& config, Section section, std::size_t index);

// "0s to 1d", "lf, crlf", "true, false": for errors and the manual page. Empty: any text.
std::string AllowedText(const Key& key);
std::string_view TypeText(KeyType type) noexcept;
std::string_view OnReloadText(OnReload reload) noexcept;

// The rows of the repeated sections (config_tables.cc).
std::span<const Key> ListenerKeys();
std::span<const Key> ScannerKeys();
std::span<const Key> ScannerGroupKeys();

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_KEYS_H_
