// millrace-record: records mail transactions, and makes, changes and reads traces.
//
// Exit status: 0 done; 1 not all could be done (a damaged trace, messages left out, a recording
// that ended early); 64 wrong command line; 66 input; 73 output.
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace_build.h"
#include "tools/anonymise/record_anonymiser.h"
#include "tools/command_line/program.h"
#include "tools/record/actions.h"
#include "tools/record/proxy.h"
#include "tools/record/record_options.h"

namespace {

using command_line::Exit;

constexpr const char* kName = "millrace-record";

absl::Status ParseAddresses(const std::vector<std::string>& texts,
                            std::vector<engine::Address>* to) {
  for (const std::string& text : texts) {
    absl::StatusOr<engine::Address> address = engine::ParseAddress(text);
    if (!address.ok()) return address.status();
    to->push_back(*std::move(address));
  }
  return absl::OkStatus();
}

absl::Status ParsePeer(const std::string& text, std::optional<engine::Address>* to) {
  if (text.empty()) return absl::OkStatus();
  absl::StatusOr<engine::Address> address = engine::ParseAddress(text);
  if (!address.ok()) return address.status();
  *to = *std::move(address);
  return absl::OkStatus();
}

int Record(const record::RecordOptions& options, record::RecordFilter* filter) {
  record::ProxyConfig config;
  absl::Status status = ParseAddresses(options.listen, &config.listen);
  status.Update(ParseAddresses(options.listen_ampdp, &config.listen_ampdp));
  status.Update(ParsePeer(options.milter, &config.milter));
  status.Update(ParsePeer(options.amavisd, &config.amavisd));
  if (!status.ok()) return command_line::FailUsage(kName, status);
  config.socket.mode = options.socket_mode;
  config.trace_file = options.out;
  config.writer = {.append = options.append, .level = static_cast<int>(options.level)};
  config.filter = filter;
  config.program = std::string(kName) + " " + std::string(millrace_build::kVersion);
  config.forward = options.forward;
  config.io = options.io;
  config.buffer_bytes = options.buffer_bytes;
  config.drain = options.drain;
  config.connections = options.connections_max;
  config.sync_every_second = options.sync;
  config.verbose = options.verbose;
  return record::RunProxy(config);
}

int Run(const record::RecordOptions& options, record::RecordFilter* filter) {
  switch (options.action) {
    case record::Action::kRecord: return Record(options, filter);
    case record::Action::kImport: return record::RunImport(options, filter);
    case record::Action::kGenerate: return record::RunGenerate(options, filter);
    case record::Action::kCopy: return record::RunCopy(options, filter);
    case record::Action::kExportEml:
    case record::Action::kExportJson: return record::RunExport(options);
    case record::Action::kInfo: return record::RunInfo(options);
    case record::Action::kHelp: std::fputs(record::RecordUsage().c_str(), stdout); break;
    case record::Action::kVersion:
      std::printf("%s %s\n", kName, std::string(millrace_build::kVersion).c_str());
      break;
    case record::Action::kNone: break;
  }
  return command_line::Code(Exit::kOk);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const absl::StatusOr<record::RecordOptions> options = record::ParseRecordOptions(arguments);
  if (!options.ok()) {
    return absl::IsInvalidArgument(options.status())
               ? command_line::FailUsage(kName, options.status())
               : command_line::Fail(kName, options.status(), Exit::kInput);
  }
  // A file may not grow beyond a limit of the system: that is an error of the write, no signal.
  std::signal(SIGXFSZ, SIG_IGN);
  command_line::RaiseDescriptorLimit();
  // The proxy has the signals for itself.
  if (options->action != record::Action::kRecord) command_line::CatchSignals();
  std::unique_ptr<anonymise::RecordAnonymiser> anonymiser;
  if (options->anonymise) {
    anonymiser = std::make_unique<anonymise::RecordAnonymiser>(options->key, options->kept_domains);
  }
  return Run(*options, anonymiser.get());
}
