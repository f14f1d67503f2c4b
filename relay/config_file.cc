// Walks the tables that toml++ makes of a file along the table of keys.
//
// toml++ is compiled here alone, as headers without exceptions: Debian's shared library has them.
#include "relay/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "relay/config_keys.h"
#include "relay/config_rows.h"
#include "relay/nearest_name.h"

namespace relay {
namespace {

struct Fault {
  toml::source_position at;
  std::string text;
};

KeyValue ValueOf(const toml::node& node) {
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* text = node.as_string()) return text->get();
  const toml::array* list = node.as_array();
  if (list == nullptr) return std::monostate();
  std::vector<std::string> texts;
  for (const toml::node& element : *list) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::monostate();
    texts.push_back(text->get());
  }
  return texts;
}

class Walk {
 public:
  explicit Walk(Config& config) : config_(config) {}

  void File(const toml::table& file) {
    for (auto&& [name, node] : file)
      TopLevel(name, node);
  }

  std::vector<Fault> TakeFaults() { return std::move(faults_); }

 private:
  void Fail(const toml::source_position& at, std::string text) {
    faults_.push_back({at, std::move(text)});
  }

  void TopLevel(const toml::key& name, const toml::node& node) {
    const std::string text(name.str());
    for (std::size_t i = 0; i < kSectionCount; ++i) {
      const auto section = static_cast<Section>(i);
      if (SectionName(section) != text) continue;
      if (IsRepeated(section)) return Repeated(section, name, node);
      if (const toml::table* table = node.as_table()) return Entries(section, *table, 0);
      return Fail(name.source().begin, absl::StrCat(text, " is a section: write [", text, "]"));
    }
    Fail(name.source().begin, UnknownSection(text));
  }

  static std::string UnknownSection(const std::string& name) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < kSectionCount; ++i)
      names.push_back(SectionName(static_cast<Section>(i)));
    const std::string_view nearest = NearestName(name, names);
    std::string text = "unknown section " + QuotedText(name);
    if (!nearest.empty()) return text + " (did you mean " + std::string(nearest) + "?)";
    text += " (allowed: ";
    for (std::size_t i = 0; i < names.size(); ++i)
      absl::StrAppend(&text, i == 0 ? "" : ", ", std::string(names[i]));
    return text + ")";
  }

  static std::size_t CountMax(Section section) {
    if (section == Section::kListener) return kListenersMax;
    return section == Section::kScanner ? kScannersMax : kScannerGroupsMax;
  }

  void Repeated(Section section, const toml::key& name, const toml::node& node) {
    const toml::array* tables = node.as_array();
    const std::string text(name.str());
    if (tables == nullptr || !tables->is_array_of_tables()) {
      return Fail(name.source().begin, "there may be several: write [[" + text + "]]");
    }
    const std::size_t max = CountMax(section);
    if (tables->size() > max) {
      return Fail((*tables)[max].source().begin,
                  absl::StrCat("more than ", max, " of [[", text, "]]"));
    }
    if (section == Section::kListener) config_.listeners.resize(tables->size());
    if (section == Section::kScanner) config_.scanners.resize(tables->size());
    if (section == Section::kScannerGroup) config_.scanner_groups.resize(tables->size());
    for (std::size_t i = 0; i < tables->size(); ++i)
      Entries(section, *(*tables)[i].as_table(), i);
    // The first listener and the first scanner may have their socket from an option.
    const bool group = section == Section::kScannerGroup;
    const std::string_view needed = group ? "name" : "socket";
    for (std::size_t i = group ? 0 : 1; i < tables->size(); ++i) {
      if (!(*tables)[i].as_table()->contains(needed))
        Fail((*tables)[i].source().begin, text + "." + std::string(needed) + ": missing");
    }
  }

  void Entries(Section section, const toml::table& table, std::size_t index) {
    void* place = StructOf(config_, section, index);
    for (auto&& [name, node] : table) {
      const Key* key = FindKey(section, name.str());
      const std::string path =
          std::string(SectionName(section)) + "." + std::string(name.str().substr(0, 64));
      if (key == nullptr) {
        Fail(name.source().begin, path + ": " + UnknownKey(section, name.str()));
        continue;
      }
      std::string error = key->set(*key, ValueOf(node), place);
      if (!error.empty()) Fail(node.source().begin, absl::StrCat(path, ": ", error));
    }
  }

  static std::string UnknownKey(Section section, std::string_view name) {
    std::vector<std::string_view> names;
    for (const Key& key : Keys()) {
      if (key.section == section) names.push_back(key.name);
    }
    for (const Key& key : Keys()) {
      if (key.name != name) continue;
      const std::string other(SectionName(key.section));
      return "unknown key; it belongs into " +
             (IsRepeated(key.section) ? "[[" + other + "]]" : "[" + other + "]");
    }
    const std::string_view nearest = NearestName(name, names);
    if (nearest.empty()) return "unknown key";
    return "unknown key (did you mean " + std::string(nearest) + "?)";
  }

  Config& config_;
  std::vector<Fault> faults_;
};

// toml++ 3.3.0 relies on what it has not checked when letters beyond ASCII stand where it expects a
// key, so it is shown none: in lines of comment they are masked. Answers where one stands
// elsewhere.
std::optional<toml::source_position> MaskComments(std::string* text) {
  toml::source_position at{1, 1};
  bool only_blank = true;
  bool comment = false;
  for (char& c : *text) {
    if (c == '\n') {
      at = {at.line + 1, 1};
      only_blank = true;
      comment = false;
      continue;
    }
    comment = comment || (only_blank && c == '#');
    only_blank = only_blank && (c == ' ' || c == '\t');
    if (static_cast<unsigned char>(c) >= 0x80) {
      if (!comment) return at;
      c = '?';
    }
    ++at.column;
  }
  return std::nullopt;
}

absl::Status Failed(const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("configuration file ", path, ": ", std::string(why)));
}

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return Failed(path, ::strerrordesc_np(errno));
  struct stat status {};
  std::string text;
  std::string error;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) error = "not a plain file";
  std::array<char, 16 * 1024> piece{};
  while (error.empty()) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = ::strerrordesc_np(errno);
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > kConfigFileBytesMax) {
      error = absl::StrCat("longer than ", kConfigFileBytesMax / 1024, " KiB");
    }
  }
  ::close(fd);
  if (!error.empty()) return Failed(path, error);
  return text;
}

std::vector<std::string> ParseConfigText(std::string_view text,
                                         const std::string& path,
                                         Config* config) {
  const auto line = [&path](const toml::source_position& at, std::string_view what) {
    return absl::StrCat(path, ":", at.line, ":", at.column, ": ", std::string(what));
  };
  if (text.size() > kConfigFileBytesMax) {
    return {absl::StrCat(path, ": longer than ", kConfigFileBytesMax / 1024, " KiB")};
  }
  std::string masked(text);
  if (const auto wrong = MaskComments(&masked)) {
    return {line(*wrong, "only ASCII is allowed, but for lines that begin with #")};
  }
  const toml::parse_result file = toml::parse(masked);
  if (!file) return {line(file.error().source().begin, file.error().description())};
  Walk walk(*config);
  walk.File(file.table());
  std::vector<Fault> faults = walk.TakeFaults();
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
    return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
  });
  std::vector<std::string> lines;
  for (const Fault& fault : faults) {
    if (lines.size() == kConfigErrorsMax) {
      lines.push_back(absl::StrCat(path, ": and ", faults.size() - kConfigErrorsMax, " more"));
      break;
    }
    lines.push_back(line(fault.at, fault.text));
  }
  return lines;
}

}  // namespace relay
