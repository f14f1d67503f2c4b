// millrace-floor: the smallest program that does millrace's job, to measure against. No product.
//
// What it is, and what it leaves out: bench/floor/floor_loop.h.
// Exit status: 64 wrong command line, 1 anything else that ended it; signals end it as they find
// it, sockets and spool stay behind.
#include <sysexits.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/floor/floor_loop.h"

namespace {

constexpr char kUsage[] =
    "usage: millrace-floor --listen PATH --scanner PATH --work DIR [--newlines lf|crlf]\n"
    "The least work that millrace's job can be, for bench/compare. No product: it has no limits.\n"
    "\n"
    "  --listen PATH        Unix socket to make, for the mail server\n"
    "  --scanner PATH       Unix socket of the AM.PDP scanner\n"
    "  --work DIR           empty folder for spool files\n"
    "  --newlines lf|crlf   the line ends of the spool: crlf leaves the body as it came (lf)\n";

int Usage(const std::string& wrong) {
  std::fprintf(stderr, "%smillrace-floor: %s\n", kUsage, wrong.c_str());
  return EX_USAGE;
}

// Empty, or what is wrong with the option.
std::string Set(std::string_view name,
                std::string_view value,
                millrace_floor::FloorConfig* config) {
  const std::string_view path = value.starts_with("unix:") ? value.substr(5) : value;
  if (name == "--listen") {
    config->listen = path;
  } else if (name == "--scanner") {
    config->scanner = path;
  } else if (name == "--work") {
    config->work = value;
  } else if (name == "--newlines" && (value == "lf" || value == "crlf")) {
    config->newlines =
        value == "lf" ? millrace_floor::Newlines::kLf : millrace_floor::Newlines::kCrlf;
  } else {
    return "unknown option or value: " + std::string(name) + " " + std::string(value);
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  millrace_floor::FloorConfig config;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--help" || arguments[i] == "-h") {
      std::fputs(kUsage, stdout);
      return EXIT_SUCCESS;
    }
    const std::size_t equals = arguments[i].find('=');
    const std::string_view name = arguments[i].substr(0, equals);
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = arguments[i].substr(equals + 1);
    } else if (++i < arguments.size()) {
      value = arguments[i];
    }
    const std::string wrong = Set(name, value, &config);
    if (!wrong.empty()) return Usage(wrong);
  }
  if (config.listen.empty() || config.scanner.empty() || config.work.empty())
    return Usage("--listen, --scanner and --work are needed");
  millrace_floor::FloorLoop loop(config);
  if (!loop.Listen()) {
    std::perror(("millrace-floor: cannot listen on " + config.listen).c_str());
    return EXIT_FAILURE;
  }
  loop.Run();
  std::perror("millrace-floor: epoll_wait");
  return EXIT_FAILURE;
}
