// millrace-replay: plays transactions against a milter socket. One thread, one loop.
//
// Exit status: 0 all as expected; 1 a session failed or an outcome was another; 64 wrong command
// line; 66 transactions could not be read.
#include <sys/resource.h>
#include <sysexits.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/io/make_loop.h"
#include "tools/replay/player.h"
#include "tools/replay/replay_options.h"
#include "tools/replay/report.h"
#include "tools/scanner/no_disk.h"

namespace {

constexpr engine::Time kSignalLook = std::chrono::milliseconds(100);
constexpr std::uint32_t kSpareSockets = 1024;

volatile sig_atomic_t stop_asked = 0;

void OnSignal(int /*signal*/) {
  stop_asked = 1;
}

void InstallSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int Fail(const absl::Status& status, int code) {
  std::fprintf(stderr, "millrace-replay: %s\n", std::string(status.message()).c_str());
  return code;
}

bool WriteJson(const std::string& file, const std::string& text) {
  if (file == "-") {
    std::fputs(text.c_str(), stdout);
    return true;
  }
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  return out.good();
}

// Runs to the end of the messages, of the time, or of patience (a second signal).
void Run(engine::Loop& loop, replay::Player& player, engine::Time duration, bool wait_out) {
  const engine::Time start = engine::MonotonicNow();
  player.Start();
  for (;;) {
    const bool over = duration > engine::Time{} && engine::MonotonicNow() - start >= duration;
    if (over || stop_asked != 0) player.Stop();
    if (player.done() && (!wait_out || over || stop_asked != 0)) return;
    loop.RunTurn(kSignalLook);
  }
}

int Play(const replay::ReplayOptions& options,
         const std::vector<replay::NamedTransaction>& transactions) {
  scanner::NoDisk disk;
  const absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::MakeLoop(
      options.io,
      {.disk = &disk,
       .sockets_max = options.player.sessions + options.player.idle + kSpareSockets});
  if (!loop.ok()) return Fail(loop.status(), EXIT_FAILURE);
  replay::Player player(**loop, options.player, transactions);
  const bool only_idle = !options.player.once && options.player.messages == 0;
  Run(**loop, player, options.duration, only_idle);
  const replay::PlayResult& result = player.result();
  if (options.json_file != "-") {
    std::fputs(replay::OnceTable(result, transactions).c_str(), stdout);
    std::fputs(replay::Totals(result).c_str(), stdout);
  }
  if (!options.json_file.empty() &&
      !WriteJson(options.json_file, replay::JsonReport(result, transactions))) {
    return Fail(absl::UnavailableError(options.json_file + ": cannot be written"), EX_CANTCREAT);
  }
  return replay::AllAsExpected(result, transactions) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  absl::StatusOr<replay::ReplayOptions> options = replay::ParseReplayOptions(arguments);
  if (!options.ok()) {
    std::fputs(replay::ReplayUsage(), stderr);
    return Fail(options.status(), EX_USAGE);
  }
  if (options->help) {
    std::fputs(replay::ReplayUsage(), stdout);
    return EXIT_SUCCESS;
  }
  if (options->version) {
    std::puts("millrace-replay " MILLRACE_VERSION);
    return EXIT_SUCCESS;
  }
  const absl::StatusOr<engine::Address> milter = engine::ParseAddress(options->milter);
  if (!milter.ok()) return Fail(milter.status(), EX_USAGE);
  options->player.milter = *milter;
  const absl::StatusOr<std::vector<replay::NamedTransaction>> transactions =
      replay::LoadTransactions(options->transactions, options->only);
  if (!transactions.ok()) return Fail(transactions.status(), EX_NOINPUT);
  InstallSignals();
  RaiseDescriptorLimit();
  return Play(*options, *transactions);
}
