// Walks the command line along the option table; usage and version texts.
//
//   -Bf   -d3   -d 3   --name   --name=value   --name value   --
// Order does not matter, the last of two values wins, the first error ends the walk; so do help and
// version. With --config the file is read first, and the options are applied to what it says.
#include "relay/config.h"

#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "millrace_build.h"
#include "relay/config_file.h"
#include "relay/config_keys.h"
#include "relay/config_options.h"

namespace relay {
namespace {

using Arguments = std::span<const char* const>;

// Walks the arguments; `line` collects what they say.
class Walk {
 public:
  Walk(Arguments arguments, CommandLine& line) : arguments_(arguments), line_(line) {}

  void Run() {
    while (!done() && next_ < arguments_.size()) {
      const std::string_view argument = arguments_[next_++];
      if (argument == "--") {
        if (next_ < arguments_.size())
          Fail("unexpected argument: " + std::string(arguments_[next_]));
        return;
      }
      if (argument.starts_with("--")) {
        Long(argument.substr(2));
      } else if (argument.size() > 1 && argument[0] == '-') {
        Cluster(argument.substr(1));
      } else {
        Fail("unexpected argument: " + std::string(argument));
      }
    }
  }

 private:
  // Help and version win over whatever would follow.
  bool done() const {
    return line_.kind != CommandLine::Kind::kRun && line_.kind != CommandLine::Kind::kCheckConfig;
  }

  void Fail(std::string error) {
    line_.kind = CommandLine::Kind::kUsageError;
    line_.error = std::move(error);
  }

  void Apply(const Option& option, std::string_view value) {
    std::string error = option.apply(option, value, line_);
    if (!error.empty()) Fail(std::move(error));
  }

  // The next argument is the option's value.
  void ApplyNext(const Option& option) {
    if (next_ == arguments_.size()) {
      Fail("option requires an argument: " + NamesOf(option));
    } else {
      Apply(option, arguments_[next_++]);
    }
  }

  void Long(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    for (const Option& option : Options()) {
      if (option.long_name != name) continue;
      if (equals == std::string_view::npos) {
        if (option.value_name.empty()) return Apply(option, "");
        return ApplyNext(option);
      }
      if (!option.value_name.empty()) return Apply(option, text.substr(equals + 1));
      return Fail("option takes no value: --" + std::string(text));
    }
    const std::string_view nearest = NearestOption(name);
    Fail("unknown option: --" + std::string(name) +
         (nearest.empty() ? "" : " (did you mean --" + std::string(nearest) + "?)"));
  }

  void Cluster(std::string_view letters) {
    while (!letters.empty() && !done()) {
      const Option* option = Find(letters[0]);
      if (option == nullptr) {
        return Fail(std::string("invalid option -- '") + letters[0] + "'");
      }
      letters.remove_prefix(1);
      if (option->value_name.empty()) {
        Apply(*option, "");
      } else if (letters.empty()) {
        return ApplyNext(*option);
      } else {
        return Apply(*option, letters);  // "-d3"
      }
    }
  }

  static const Option* Find(char letter) {
    for (const Option& option : Options()) {
      if (option.short_name == letter) return &option;
    }
    return nullptr;
  }

  Arguments arguments_;
  std::size_t next_ = 0;
  CommandLine& line_;
};

std::string_view BaseName(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool IsComplete(const CommandLine& line) {
  return line.kind == CommandLine::Kind::kRun || line.kind == CommandLine::Kind::kCheckConfig;
}

std::string InDirectory(const std::string& path, const std::string& directory) {
  std::error_code error;
  const std::filesystem::path below(directory.empty() ? path : directory + "/" + path);
  if (path.starts_with('/')) return path;
  const std::filesystem::path absolute = std::filesystem::absolute(below, error);
  return error ? path : absolute.lexically_normal().string();
}

// False: line->config_errors says why.
bool ReadFileOf(CommandLine* line) {
  const absl::StatusOr<std::string> text = ReadConfigFile(line->config_file);
  if (text.ok()) {
    line->config_errors = ParseConfigText(*text, line->config_file, &line->config);
  } else {
    line->config_errors.emplace_back(text.status().message());
  }
  if (!line->config_errors.empty()) line->kind = CommandLine::Kind::kConfigError;
  return line->config_errors.empty();
}

// Options are older than the second listener: which one they mean is said at start.
void WarnOfFirstAlone(const Config& file_alone, CommandLine* line) {
  std::string texts[2];
  for (const Key& key : Keys()) {
    // No option is about a group.
    if (!IsRepeated(key.section) || key.section == Section::kScannerGroup) continue;
    const bool listener = key.section == Section::kListener;
    if (CountOf(line->config, key.section) == 1) continue;
    if (key.text(key, StructOf(file_alone, key.section, 0)) ==
        key.text(key, StructOf(std::as_const(line->config), key.section, 0))) {
      continue;
    }
    std::string& text = texts[listener ? 0 : 1];
    text += (text.empty() ? "" : ", ") + std::string(key.name);
  }
  for (const bool listener : {true, false}) {
    const std::string& text = texts[listener ? 0 : 1];
    if (text.empty()) continue;
    line->warnings.push_back("options on the command line hold for the first " +
                             std::string(listener ? "[[listener]]" : "[[scanner]]") +
                             " alone: " + text);
  }
}

}  // namespace

Config DefaultConfig(std::string_view program_name) {
  Config config;
  const std::string run_dir(millrace_build::kRunDir);
  config.program.name = program_name.empty() ? "millrace" : program_name;
  config.program.pid_file = run_dir + "/amavisd-milter.pid";
  config.listeners[0].socket = run_dir + "/amavisd-milter.sock";
  config.scanners[0].socket = run_dir + "/amavisd.sock";
  config.spool.directory = millrace_build::kWorkDir;
  return config;
}

CommandLine ParseCommandLine(int argc, const char* const* argv, const std::string& directory) {
  CommandLine line;
  Arguments arguments(argv, static_cast<std::size_t>(argc < 0 ? 0 : argc));
  line.config = DefaultConfig(arguments.empty() ? "" : BaseName(arguments[0]));
  if (arguments.empty()) return line;
  Walk(arguments.subspan(1), line).Run();
  if (!IsComplete(line)) return line;
  if (!line.config_file.empty()) {
    CommandLine with_file;
    with_file.config = DefaultConfig(line.config.program.name);
    with_file.config_file = InDirectory(line.config_file, directory);
    const std::string path = with_file.config_file;
    if (!ReadFileOf(&with_file)) return with_file;
    const Config file_alone = with_file.config;
    Walk(arguments.subspan(1), with_file).Run();
    with_file.config_file = path;
    with_file.config.program.has_file = true;
    line = std::move(with_file);
    WarnOfFirstAlone(file_alone, &line);
  }
  const std::vector<std::string> contradictions = Contradictions(line.config);
  if (contradictions.empty()) return line;
  if (line.config_file.empty()) {
    line.kind = CommandLine::Kind::kUsageError;
    line.error = contradictions.front();
  } else {
    line.kind = CommandLine::Kind::kConfigError;
    for (const std::string& text : contradictions)
      line.config_errors.push_back(line.config_file + ": " + text);
  }
  return line;
}

std::string UsageText(const std::string& program_name) {
  constexpr std::size_t kHelpColumn = 40;
  std::string text = "Usage: " + program_name + " [OPTIONS]\nOptions are:\n";
  for (const Option& option : Options()) {
    std::string row =
        option.short_name != 0 ? "    " + NamesOf(option) : "        " + NamesOf(option);
    if (!option.value_name.empty())
      row += (option.short_name != 0 ? " " : "=") + std::string(option.value_name);
    std::string_view help = option.help;
    if (row.size() + 1 >= kHelpColumn) {
      text += row + "\n";
      row.clear();
    }
    while (!help.empty()) {
      const std::size_t end = std::min(help.find('\n'), help.size());
      row.resize(kHelpColumn, ' ');
      text += row + std::string(help.substr(0, end)) + "\n";
      row.clear();
      help.remove_prefix(std::min(end + 1, help.size()));
    }
  }
  return text;
}

std::string VersionText(const std::string& program_name) {
  const std::string version = "millrace " + std::string(millrace_build::kVersion);
  return program_name == "millrace" ? version + "\n" : program_name + " (" + version + ")\n";
}

}  // namespace relay
