// Compares by the texts that the file would have.
#include "relay/config_diff.h"

namespace relay {
namespace {

struct Place {
  std::size_t from = 0;
  std::size_t to = 0;
  std::string name;
};

// Where a section stands in both.
std::vector<Place> Places(const Config& from, const Config& to, Section section) {
  if (!IsRepeated(section)) return {{}};
  std::vector<Place> places;
  const auto add = [&places](std::size_t at, std::optional<std::size_t> there, auto name) {
    if (there) places.push_back({at, *there, std::string(name)});
  };
  if (section == Section::kListener) {
    for (std::size_t i = 0; i < from.listeners.size(); ++i)
      add(i, FindListener(to, from.listeners[i].socket), NameOf(from.listeners[i]));
  } else if (section == Section::kScanner) {
    for (std::size_t i = 0; i < from.scanners.size(); ++i)
      add(i, FindScanner(to, NameOf(from.scanners[i])), NameOf(from.scanners[i]));
  } else {
    for (std::size_t i = 0; i < from.scanner_groups.size(); ++i)
      add(i, FindScannerGroup(to, from.scanner_groups[i].name), from.scanner_groups[i].name);
  }
  return places;
}

}  // namespace

std::string ChangedKeyText(const KeyChange& change) {
  std::string text =
      std::string(SectionName(change.key->section)) + "." + std::string(change.key->name);
  return change.name.empty() ? text : text + " of " + change.name;
}

std::string_view NameOf(const ListenerConfig& listener) noexcept {
  return listener.name.empty() ? listener.socket : listener.name;
}

std::string_view NameOf(const ScannerConfig& scanner) noexcept {
  return scanner.name.empty() ? scanner.socket : scanner.name;
}

std::optional<std::size_t> FindListener(const Config& config, std::string_view socket) noexcept {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (config.listeners[i].socket == socket) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> FindScanner(const Config& config, std::string_view name) noexcept {
  for (std::size_t i = 0; i < config.scanners.size(); ++i) {
    if (NameOf(config.scanners[i]) == name) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> FindScannerGroup(const Config& config, std::string_view name) noexcept {
  for (std::size_t i = 0; i < config.scanner_groups.size(); ++i) {
    if (config.scanner_groups[i].name == name) return i;
  }
  return std::nullopt;
}

std::vector<KeyChange> KeyChanges(const Config& from, const Config& to) {
  std::vector<KeyChange> changes;
  for (std::size_t s = 0; s < kSectionCount; ++s) {
    const auto section = static_cast<Section>(s);
    for (const Place& place : Places(from, to, section)) {
      const void* before = StructOf(from, section, place.from);
      const void* after = StructOf(to, section, place.to);
      for (const Key& key : Keys()) {
        if (key.section != section) continue;
        std::string old_text = key.text(key, before);
        std::string new_text = key.text(key, after);
        if (old_text == new_text) continue;
        changes.push_back({&key, place.name, std::move(old_text), std::move(new_text)});
      }
    }
  }
  return changes;
}

}  // namespace relay
