// One function a group of options; unknown and malformed ones are named.
#include "tools/scanner/scanner_options.h"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ampdp/attribute.h"
#include "ampdp/framing.h"

namespace scanner {
namespace {

constexpr std::uint32_t kConnectionsMax = 1'000'000;
constexpr std::uint32_t kModeMax = 0777;

// One option with its value, however it was written.
struct Option {
  std::string name{};
  std::string value{};
  bool has_value = false;
};

absl::Status Wrong(const Option& option, const char* expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(option.name, " \"", option.value, "\": expected ", expected));
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::Status AddRules(const std::string& path, std::vector<Rule>* rules) {
  absl::StatusOr<std::string> text = ReadWhole(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<Rule>> read = ParseRules(*text);
  if (!read.ok())
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", read.status().message()));
  for (Rule& rule : *read)
    rules->push_back(std::move(rule));
  return absl::OkStatus();
}

absl::Status SetReplyFile(const Option& option, ScannerConfig* config) {
  absl::StatusOr<std::string> text = ReadWhole(option.value);
  if (!text.ok()) return text.status();
  ampdp::BlockReader reader;
  if (reader.Scan(*text) != ampdp::BlockStatus::kComplete || reader.block_bytes() != text->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option.value, ": not one whole reply (attribute lines and an empty line)"));
  }
  config->fixed_reply = *std::move(text);
  return absl::OkStatus();
}

absl::Status SetNumber(const Option& option, std::uint32_t max, std::uint32_t* number) {
  if (ampdp::ParseNumber(option.value, max, number)) return absl::OkStatus();
  return Wrong(option, "a number");
}

absl::Status SetSocket(const Option& option, ScannerOptions* options, bool* known) {
  *known = true;
  if (option.name == "--listen") {
    options->listen.push_back(option.value);
  } else if (option.name == "--socket-mode") {
    std::uint32_t mode = 0;
    const char* end = option.value.data() + option.value.size();
    const std::from_chars_result read = std::from_chars(option.value.data(), end, mode, 8);
    if (read.ec != std::errc() || read.ptr != end || mode > kModeMax)
      return Wrong(option, "an octal mode such as 0660");
    options->socket_mode = static_cast<mode_t>(mode);
  } else if (option.name == "--io") {
    const std::optional<engine::IoChoice> choice = engine::ParseIoChoice(option.value);
    if (!choice) return Wrong(option, "auto, uring or epoll");
    options->io = *choice;
  } else {
    *known = false;
  }
  return absl::OkStatus();
}

absl::Status SetBehaviour(const Option& option, ScannerConfig* config, bool* known) {
  *known = true;
  if (option.name == "--rule") {
    absl::StatusOr<Rule> rule = ParseRule(option.value);
    if (!rule.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("--rule ", option.value, ": ", rule.status().message()));
    config->rules.push_back(*std::move(rule));
    return absl::OkStatus();
  }
  if (option.name == "--rules") return AddRules(option.value, &config->rules);
  if (option.name == "--reply-file") return SetReplyFile(option, config);
  if (option.name == "--delay" || option.name == "--jitter") {
    engine::Time* time = option.name == "--delay" ? &config->delay : &config->jitter;
    return ParseDuration(option.value, time) ? absl::OkStatus() : Wrong(option, "a time as 1.5s");
  }
  if (option.name == "--max-in-flight")
    return SetNumber(option, UINT32_MAX, &config->max_in_flight);
  if (option.name == "--max-connections") {
    const absl::Status status = SetNumber(option, kConnectionsMax, &config->connections_max);
    return status.ok() && config->connections_max == 0 ? Wrong(option, "at least 1") : status;
  }
  if (option.name == "--seed") {
    std::uint32_t seed = 0;
    absl::Status status = SetNumber(option, UINT32_MAX, &seed);
    config->seed = seed;
    return status;
  }
  *known = false;
  return absl::OkStatus();
}

bool SetFlag(const std::string& argument, ScannerOptions* options) {
  if (argument == "--help" || argument == "-h") {
    options->help = true;
  } else if (argument == "--version" || argument == "-V") {
    options->version = true;
  } else if (argument == "--verbose" || argument == "-v") {
    options->config.verbose = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ScannerOptions> ParseScannerOptions(std::span<const std::string> arguments) {
  ScannerOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (SetFlag(arguments[i], &options)) continue;
    const std::size_t equals = arguments[i].find('=');
    Option option{.name = arguments[i].substr(0, equals), .has_value = equals != std::string::npos};
    if (option.has_value) option.value = arguments[i].substr(equals + 1);
    if (!option.has_value && i + 1 < arguments.size()) {
      option.value = arguments[++i];
      option.has_value = true;
    }
    bool known = false;
    absl::Status status = SetSocket(option, &options, &known);
    if (!known) status = SetBehaviour(option, &options.config, &known);
    if (!known) return absl::InvalidArgumentError(absl::StrCat("unknown option ", option.name));
    if (!option.has_value)
      return absl::InvalidArgumentError(absl::StrCat(option.name, " needs a value"));
    if (!status.ok()) return status;
  }
  if (options.listen.empty() && !options.help && !options.version)
    return absl::InvalidArgumentError("--listen is needed: a socket to serve");
  if (options.config.rules.size() > kRulesMax) return absl::InvalidArgumentError("too many rules");
  return options;
}

const char* ScannerUsage() {
  return "usage: millrace-scanner --listen SOCKET [options]\n"
         "An AM.PDP scanner for demos, tests and benchmarks: finds EICAR and GTUBE.\n"
         "\n"
         "  --listen SOCKET      unix:/path, local:/path, /path, inet:port@host or\n"
         "                       inet6:port@host; may be given several times\n"
         "  --socket-mode MODE   rights of a Unix socket (0660)\n"
         "  --rule RULE          what to do about some messages, see millrace-scanner(8);\n"
         "                       may be given several times, the first match counts\n"
         "  --rules FILE         rules, one a line\n"
         "  --delay TIME         wait before each reply (0s)\n"
         "  --jitter TIME        a random share of this on top (0s)\n"
         "  --reply-file FILE    send these octets to every request, read no message\n"
         "  --max-in-flight N    end with exit status 1 when more requests are inside at once\n"
         "  --max-connections N  connections served at once (65536)\n"
         "  --seed N             of the random share (1)\n"
         "  --io HOW             auto, uring or epoll (auto)\n"
         "  -v, --verbose        one line per request on standard output\n"
         "  -h, --help           this text\n"
         "  -V, --version        the version\n"
         "\n"
         "SIGUSR1 prints statistics; SIGTERM and SIGINT print them and end.\n";
}

}  // namespace scanner
