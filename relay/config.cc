// Walks the command line along the option table; usage and version texts.
//
//   -Bf   -d3   -d 3   --name   --name=value   --name value   --
// Order does not matter, the last of two values wins, the first error ends the walk; so do help and
// version.
#include "relay/config.h"

#include <span>
#include <string_view>

#include "millrace_build.h"
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

// What no single option can see.
std::string Contradiction(const Config& config) {
  const ListenerConfig& listener = config.listeners.front();
  const bool inet = listener.socket.starts_with("inet:") || listener.socket.starts_with("inet6:");
  if (inet &&
      (listener.socket_mode || !listener.socket_owner.empty() || !listener.socket_group.empty())) {
    return "--socket-mode, --socket-owner and --socket-group are for Unix sockets, not for " +
           listener.socket;
  }
  if (config.quota.sessions_max != 0 && config.quota.messages_max > config.quota.sessions_max) {
    return "--max-messages " + std::to_string(config.quota.messages_max) +
           " exceeds --max-sessions " + std::to_string(config.quota.sessions_max) +
           " (a session has one message at a time)";
  }
  if (config.spool.newlines == Newlines::kCrlf &&
      config.scanners[0].kind == ScannerKind::kAmavisd) {
    return "--spool-newlines=crlf is not for amavisd: it reads files of LF lines, with CRLF DKIM "
           "verification fails and large spam passes; leave the option out, or say "
           "--scanner-kind=other for a scanner that wants CRLF";
  }
  if (config.spool.splice == SpliceChoice::kOn && config.spool.newlines != Newlines::kCrlf) {
    return "--spool-splice=on needs --spool-newlines=crlf: line ends cannot be changed in octets "
           "that are moved without being looked at";
  }
  if (config.spool.splice == SpliceChoice::kOn && config.spool.writes == engine::FileWork::kAsync) {
    return "--spool-splice=on contradicts --spool-writes=async: splice(2) into a file waits for "
           "the "
           "disk; leave one of them out";
  }
  return "";
}

std::string_view BaseName(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  Arguments arguments(argv, static_cast<std::size_t>(argc < 0 ? 0 : argc));
  Config& config = line.config;
  config.program.name = arguments.empty() ? "" : BaseName(arguments[0]);
  if (config.program.name.empty()) config.program.name = "millrace";
  const std::string run_dir(millrace_build::kRunDir);
  config.listeners[0].socket = run_dir + "/amavisd-milter.sock";
  config.scanners[0].socket = run_dir + "/amavisd.sock";
  config.program.pid_file = run_dir + "/amavisd-milter.pid";
  config.spool.directory = millrace_build::kWorkDir;

  if (!arguments.empty()) Walk(arguments.subspan(1), line).Run();
  if (line.kind == CommandLine::Kind::kRun || line.kind == CommandLine::Kind::kCheckConfig) {
    line.error = Contradiction(config);
    if (!line.error.empty()) line.kind = CommandLine::Kind::kUsageError;
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
