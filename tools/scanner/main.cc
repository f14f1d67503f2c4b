// millrace-scanner: the built-in AM.PDP scanner as a program. One thread, one loop.
//
// Exit status: 0 ended by SIGTERM or SIGINT; 1 more requests inside than --max-in-flight, or the
// loop or a socket could not be made; 64 wrong command line; 66 a file could not be read.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/make_loop.h"
#include "engine/net/listener.h"
#include "tools/command_line/program.h"
#include "tools/scanner/no_disk.h"
#include "tools/scanner/posix_host.h"
#include "tools/scanner/scanner_options.h"

namespace {

using command_line::Exit;

// How long a signal may go unnoticed.
constexpr engine::Time kSignalLook = std::chrono::milliseconds(100);
// Beyond max_connections: those being refused, and closed ones that the kernel has not let go yet.
constexpr std::uint32_t kSpareSockets = 1024;

constexpr const char* kName = "millrace-scanner";

int Fail(const absl::Status& status, Exit exit) {
  return command_line::Fail(kName, status, exit);
}

void PrintStatistics(const scanner::ScannerApp& app) {
  std::printf("statistics %s\n", scanner::StatisticsLine(app.statistics()).c_str());
  std::fflush(stdout);
}

absl::StatusOr<std::vector<engine::Listener>> OpenListeners(
    const scanner::ScannerOptions& options) {
  std::vector<engine::Listener> listeners;
  for (const std::string& text : options.listen) {
    const absl::StatusOr<engine::Address> address = engine::ParseAddress(text);
    if (!address.ok()) return address.status();
    absl::StatusOr<engine::Listener> listener =
        engine::Listener::Open(*address, {.mode = options.socket_mode});
    if (!listener.ok()) return listener.status();
    listeners.push_back(*std::move(listener));
  }
  return listeners;
}

int Serve(engine::Loop& loop, const scanner::ScannerOptions& options) {
  absl::StatusOr<std::vector<engine::Listener>> listeners = OpenListeners(options);
  if (!listeners.ok()) return Fail(listeners.status(), Exit::kTrouble);
  scanner::PosixHost host;
  int code = EXIT_SUCCESS;
  {
    scanner::ScannerApp app(loop, host, options.config);
    for (const engine::Listener& listener : *listeners) {
      app.Listen(listener.fd());
      std::printf("ready on %s\n", listener.address().text.c_str());
    }
    std::fflush(stdout);
    while (!command_line::StopAsked() && code == EXIT_SUCCESS) {
      loop.RunTurn(kSignalLook);
      if (command_line::SignalTaken(SIGUSR1)) PrintStatistics(app);
      if (app.over_limit()) {
        std::fprintf(stderr,
                     "millrace-scanner: more than %u requests inside at once\n",
                     options.config.max_in_flight);
        code = EXIT_FAILURE;
      }
    }
    PrintStatistics(app);
    for (engine::Listener& listener : *listeners) {
      loop.StopListening(listener.fd());
      listener.Unlink();
    }
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  absl::StatusOr<scanner::ScannerOptions> options = scanner::ParseScannerOptions(arguments);
  if (!options.ok()) {
    return absl::IsInvalidArgument(options.status())
               ? command_line::FailUsage(kName, options.status())
               : Fail(options.status(), Exit::kInput);
  }
  if (options->help) {
    std::fputs(scanner::ScannerUsage().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (options->version) {
    std::puts("millrace-scanner " MILLRACE_VERSION);
    return EXIT_SUCCESS;
  }
  options->config.log_id_number = static_cast<std::uint32_t>(::getpid());
  command_line::CatchSignals();
  command_line::CatchSignal(SIGUSR1);
  command_line::RaiseDescriptorLimit();
  scanner::NoDisk disk;
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::MakeLoop(
      options->io, {.disk = &disk, .sockets_max = options->config.connections_max + kSpareSockets});
  if (!loop.ok()) return Fail(loop.status(), Exit::kTrouble);
  return Serve(**loop, *options);
}
