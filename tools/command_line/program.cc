// Signal flags are the only state of a process here: a handler has nowhere else to write.
#include "tools/command_line/program.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

namespace command_line {
namespace {

constexpr std::size_t kSignals = 65;

volatile sig_atomic_t stops_asked = 0;
std::array<volatile sig_atomic_t, kSignals> taken{};

void OnStop(int /*signal*/) {
  stops_asked = stops_asked + 1;
}

void OnSignal(int signal) {
  taken[static_cast<std::size_t>(signal)] = 1;
}

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void CatchSignals() {
  Handle(SIGTERM, OnStop);
  Handle(SIGINT, OnStop);
  Handle(SIGPIPE, SIG_IGN);
}

bool StopAsked() noexcept {
  return stops_asked != 0;
}

int StopsAsked() noexcept {
  return stops_asked;
}

void CatchSignal(int signal) {
  if (signal > 0 && static_cast<std::size_t>(signal) < kSignals) Handle(signal, OnSignal);
}

bool SignalTaken(int signal) noexcept {
  if (signal <= 0 || static_cast<std::size_t>(signal) >= kSignals) return false;
  const bool came = taken[static_cast<std::size_t>(signal)] != 0;
  taken[static_cast<std::size_t>(signal)] = 0;
  return came;
}

std::size_t RaiseDescriptorLimit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

int Fail(const std::string& program, const absl::Status& status, Exit exit) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), std::string(status.message()).c_str());
  return Code(exit);
}

int FailUsage(const std::string& program, const absl::Status& status) {
  Fail(program, status, Exit::kUsage);
  std::fprintf(stderr, "%s --help lists the options.\n", program.c_str());
  return Code(Exit::kUsage);
}

bool AnsweredHelp(const OptionTable& table, const std::string& program, const char* version) {
  if (table.help()) {
    std::fputs(table.Usage().c_str(), stdout);
  } else if (table.version()) {
    std::printf("%s %s\n", program.c_str(), version);
  } else {
    return false;
  }
  return true;
}

}  // namespace command_line
