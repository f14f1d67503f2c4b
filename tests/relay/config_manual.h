// What the key table would write into the manual page millrace.toml(5) and the example file.
#ifndef MILLRACE_TESTS_RELAY_CONFIG_MANUAL_H_
#define MILLRACE_TESTS_RELAY_CONFIG_MANUAL_H_

#include <map>
#include <string>
#include <string_view>

#include "relay/config_keys.h"

namespace relay {

inline std::string DefaultText(const Key& key) {
  static const Config config = [] {
    Config made = DefaultConfig("millrace");
    made.scanner_groups.resize(1);
    return made;
  }();
  return key.text(key, StructOf(config, key.section, 0));
}

// "number, 0 to 256, default 0; takes effect: restart"
inline std::string FactsText(const Key& key) {
  static const std::map<KeyType, std::string_view> kTypes = {
      {KeyType::kFlag, "flag"},
      {KeyType::kNumber, "number"},
      {KeyType::kTime, "time"},
      {KeyType::kSize, "size"},
      {KeyType::kText, "text"},
      {KeyType::kChoice, "choice"},
      {KeyType::kMode, "octal mode"},
      {KeyType::kHeaderField, "header field"},
      {KeyType::kNames, "list of texts"}};
  const std::string allowed = AllowedText(key);
  const std::string standard = DefaultText(key);
  return std::string(kTypes.at(key.type)) + (allowed.empty() ? "" : ": " + allowed) + "; default " +
         (standard == "\"\"" ? "none" : standard) +
         "; reload: " + std::string(OnReloadText(key.reload));
}

// A value to show where the default is none.
inline std::string SampleText(const Key& key) {
  static const std::map<std::string_view, std::string_view> kSamples = {
      {"user", "\"amavis\""},
      {"group", "\"amavis\""},
      {"name", "\"incoming\""},
      {"socket_mode", "\"0660\""},
      {"socket_owner", "\"postfix\""},
      {"socket_group", "\"postfix\""},
      {"scanner_group", "\"amavis\""},
      {"policy_banks", "[\"INCOMING\"]"},
      {"client_networks", "[\"192.0.2.0/24\"]"},
      {"exempt", "[\"192.0.2.0/24\"]"},
      {"known_networks", "[\"192.0.2.0/24\"]"},
      {"unscanned_header", "\"X-Unscanned: yes\""},
      {"scanner_unreachable_reply", "\"451 4.6.0 Our scanner is being mended\""},
      {"scan_failed_reply", "\"451 4.6.0 Our scanner could not read this\""},
      {"overload_reply", "\"451 4.3.2 Too much mail at once, please try later\""},
      {"internal_reply", "\"451 4.3.0 Please try again later\""},
      {"message_limit_reply", "\"552 5.3.4 The message is beyond our limits\""}};
  const std::string standard = DefaultText(key);
  if (standard != "\"\"" && standard != "[]") return standard;
  if (key.section == Section::kMetrics) return "\"inet:9127@127.0.0.1\"";
  if (key.section == Section::kControl) return "\"/run/amavisd/millrace.ctl\"";
  const auto sample = kSamples.find(key.name);
  if (sample != kSamples.end()) return std::string(sample->second);
  return key.type == KeyType::kNames ? "[\"text\"]" : "\"text\"";
}

inline std::string Heading(Section section) {
  const std::string name(SectionName(section));
  return IsRepeated(section) ? "[[" + name + "]]" : "[" + name + "]";
}

inline std::string Roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '-') out += '\\';
    out += c == '\\' ? 'e' : c;
  }
  return out;
}

// Between the lines .\" keys begin and .\" keys end.
inline std::string ManualKeys() {
  std::string text;
  for (std::size_t s = 0; s < kSectionCount; ++s) {
    const auto section = static_cast<Section>(s);
    bool first = true;
    for (const Key& key : Keys()) {
      if (key.section != section) continue;
      if (first) text += ".SS " + Heading(section) + "\n" + Roff(SectionDoc(section)) + "\n";
      first = false;
      text += ".TP\n.B " + Roff(key.name) + "\n" + Roff(key.doc) + "\n.br\n" +
              Roff(FactsText(key)) + "\n";
    }
  }
  return text;
}

// The whole example; `active`: with every key in force.
inline std::string ExampleText(bool active) {
  std::string text =
      "# Example of a configuration file of millrace: every key with its default, as a comment.\n"
      "# What each means is told in millrace.toml(5). Check a file with\n"
      "#     millrace --config FILE --check-config\n"
      "# and have the running daemon read it again by SIGHUP (systemctl reload millrace): all of "
      "it\n"
      "# is taken, or nothing. Options on the command line win over the file.\n";
  for (std::size_t s = 0; s < kSectionCount; ++s) {
    const auto section = static_cast<Section>(s);
    bool first = true;
    for (const Key& key : Keys()) {
      if (key.section != section) continue;
      if (first) {
        // Nothing of it has a default, so the whole section is a comment.
        const bool optional = section == Section::kScannerGroup;
        text += "\n# " + std::string(SectionDoc(section)) + "\n" +
                (optional && !active ? "#" : "") + Heading(section) + "\n";
      }
      first = false;
      const bool in_force = active || (key.name == "socket" && IsRepeated(section));
      text += "\n# " + std::string(key.doc) + "\n# " + FactsText(key) + "\n" +
              (in_force ? "" : "#") + std::string(key.name) + " = " + SampleText(key) + "\n";
    }
  }
  return text;
}

}  // namespace relay

#endif  // MILLRACE_TESTS_RELAY_CONFIG_MANUAL_H_
