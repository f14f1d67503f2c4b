// The scanner's table of options; files that it names are read as they come.
#include "tools/scanner/scanner_options.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ampdp/framing.h"
#include "tools/command_line/files.h"

namespace scanner {
namespace {

constexpr std::uint32_t kConnectionsMax = 1'000'000;
constexpr std::size_t kFileBytesMax = 16 * engine::kMiB;

absl::Status AddRule(const std::string& text, std::vector<Rule>* rules) {
  absl::StatusOr<Rule> rule = ParseRule(text);
  if (!rule.ok())
    return absl::InvalidArgumentError(absl::StrCat("--rule ", text, ": ", rule.status().message()));
  rules->push_back(*std::move(rule));
  return absl::OkStatus();
}

absl::Status AddRules(const std::string& path, std::vector<Rule>* rules) {
  absl::StatusOr<std::string> text = command_line::ReadFile(path, kFileBytesMax);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<Rule>> read = ParseRules(*text);
  if (!read.ok())
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", read.status().message()));
  for (Rule& rule : *read)
    rules->push_back(std::move(rule));
  return absl::OkStatus();
}

absl::Status SetReplyFile(const std::string& path, ScannerConfig* config) {
  absl::StatusOr<std::string> text = command_line::ReadFile(path, kFileBytesMax);
  if (!text.ok()) return text.status();
  ampdp::BlockReader reader;
  if (reader.Scan(*text) != ampdp::BlockStatus::kComplete || reader.block_bytes() != text->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not one whole reply (attribute lines and an empty line)"));
  }
  config->fixed_reply = *std::move(text);
  return absl::OkStatus();
}

command_line::OptionTable MakeTable(ScannerOptions* options) {
  command_line::OptionTable table(
      {.name = "millrace-scanner",
       .synopsis = {"--listen SOCKET [options]"},
       .purpose = "An AM.PDP scanner for demos, tests and benchmarks: finds EICAR and GTUBE.",
       .ending = "SIGUSR1 prints statistics; SIGTERM and SIGINT print them and end."});
  ScannerConfig* config = &options->config;
  table.Texts("--listen SOCKET",
              &options->listen,
              "unix:/path, local:/path, /path, inet:port@host or inet6:port@host; may be given "
              "several times");
  table.Mode("--socket-mode MODE", &options->socket_mode, "rights of a Unix socket");
  table.Custom(
      "--rule RULE",
      [config](const std::string& text) { return AddRule(text, &config->rules); },
      "what to do about some messages, see millrace-scanner(8); may be given several times, the "
      "first match counts");
  table.Custom(
      "--rules FILE",
      [config](const std::string& path) { return AddRules(path, &config->rules); },
      "rules, one a line");
  table.Duration("--delay TIME", &config->delay, "wait before each reply");
  table.Duration("--jitter TIME", &config->jitter, "a random share of this on top");
  table.Custom(
      "--reply-file FILE",
      [config](const std::string& path) { return SetReplyFile(path, config); },
      "send these octets to every request, read no message");
  table.Number("--max-in-flight N",
               &config->max_in_flight,
               {},
               "end with exit status 1 when more requests are inside at once");
  table.Number("--max-connections N",
               &config->connections_max,
               {.min = 1, .max = kConnectionsMax},
               "connections served at once");
  table.Number("--seed N", &config->seed, {}, "of the random share");
  table.Choice<engine::IoChoice>("--io HOW",
                                 &options->io,
                                 {{"auto", engine::IoChoice::kAuto},
                                  {"uring", engine::IoChoice::kUring},
                                  {"uring-recv", engine::IoChoice::kUringRecv},
                                  {"epoll", engine::IoChoice::kEpoll}},
                                 "auto, uring, uring-recv or epoll");
  table.Flag("-v, --verbose", &config->verbose, "one line per request on standard output");
  table.HelpAndVersion();
  return table;
}

}  // namespace

absl::StatusOr<ScannerOptions> ParseScannerOptions(std::span<const std::string> arguments) {
  ScannerOptions options;
  command_line::OptionTable table = MakeTable(&options);
  absl::Status status = table.Parse(arguments);
  if (!status.ok()) return status;
  options.help = table.help();
  options.version = table.version();
  if (options.listen.empty() && !options.help && !options.version)
    return absl::InvalidArgumentError("--listen is needed: a socket to serve");
  if (options.config.rules.size() > kRulesMax) return absl::InvalidArgumentError("too many rules");
  return options;
}

std::string ScannerUsage() {
  ScannerOptions defaults;
  return MakeTable(&defaults).Usage();
}

}  // namespace scanner
