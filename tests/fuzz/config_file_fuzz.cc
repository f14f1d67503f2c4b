// Fuzzes the configuration file.
//
// Input:  a file.
// Checks: every error names the file; what was read without one is written and read back the same,
//         key by key.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "relay/config_diff.h"
#include "relay/config_file.h"

namespace {

// The configuration as a file.
std::string FileOf(const relay::Config& config) {
  std::string text;
  for (std::size_t s = 0; s < relay::kSectionCount; ++s) {
    const auto section = static_cast<relay::Section>(s);
    for (std::size_t i = 0; i < relay::CountOf(config, section); ++i) {
      const std::string name(relay::SectionName(section));
      text += relay::IsRepeated(section) ? "[[" + name + "]]\n" : "[" + name + "]\n";
      for (const relay::Key& key : relay::Keys()) {
        if (key.section != section) continue;
        const std::string value = key.text(key, relay::StructOf(config, section, i));
        // Nothing is said of what cannot be said: a text that is not there.
        if (value == "\"\"") continue;
        text += std::string(key.name) + " = " + value + "\n";
      }
    }
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  relay::Config config = relay::DefaultConfig("millrace");
  const auto errors = relay::ParseConfigText(text, "input", &config);
  for (const std::string& error : errors)
    ENGINE_CHECK(error.starts_with("input:"));
  ENGINE_CHECK(errors.size() <= relay::kConfigErrorsMax + 1);
  if (!errors.empty()) return 0;
  static_cast<void>(relay::Contradictions(config));
  relay::Config again = relay::DefaultConfig("millrace");
  ENGINE_CHECK(relay::ParseConfigText(FileOf(config), "again", &again).empty());
  ENGINE_CHECK(relay::KeyChanges(config, again).empty());
  return 0;
}
