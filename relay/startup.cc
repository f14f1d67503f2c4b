// The start-up steps in order: see the header. Printing happens in AnswerAtOnce() alone.
#include "relay/startup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/spool/spool_dir.h"
#include "relay/failure_policy.h"

namespace relay {
namespace {

constexpr mode_t kUmask = 0027;
constexpr std::string_view kAmbiguousName = "amavis-";  // amavisd takes what follows for its log id

std::string Absolute(const std::string& path, const std::string& directory) {
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

// An address whose path, if it has one, does not depend on the current folder.
absl::StatusOr<engine::Address> AbsoluteAddress(const std::string& text,
                                                const std::string& directory) {
  absl::StatusOr<engine::Address> address = engine::ParseAddress(text);
  if (!address.ok() || !address->is_unix() || address->path().starts_with('/')) return address;
  return engine::ParseAddress("unix:" + Absolute(std::string(address->path()), directory));
}

absl::Status CannotOpen(const ListenerConfig& listener, const absl::Status& why) {
  return absl::Status(
      why.code(),
      absl::StrCat("could not open milter socket ", listener.socket, ": ", why.message()));
}

absl::Status Named(std::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(std::string(what), ": ", status.message()));
}

void ToNull() noexcept {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(null, stream);
  if (null > STDERR_FILENO) ::close(null);
}

// In the parent: waits for the daemon's word. Its error text went to our common standard error.
[[noreturn]] void WaitAndExit(int pipe, pid_t child) noexcept {
  char word = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &word, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) ::_exit(0);
  int status = 0;
  ::waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kExitStart;
  ::_exit(code != 0 ? code : kExitStart);
}

// The answer to --check-config.
int ReportCheck(const absl::Status& status, const Startup& startup, const Config& config) {
  const std::string& program = config.program.name;
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), std::string(status.message()).c_str());
    return kExitStart;
  }
  for (const std::string& warning : startup.warnings()) {
    std::fprintf(stderr, "%s: warning: %s\n", program.c_str(), warning.c_str());
  }
  // A start hears the same from the spool (engine/spool/spool_dir.h).
  if (config.spool.directory.find(kAmbiguousName) != std::string::npos) {
    std::fprintf(
        stderr,
        "%s: warning: working directory %s: '%s' in it makes amavisd's log ids ambiguous\n",
        program.c_str(),
        config.spool.directory.c_str(),
        kAmbiguousName.data());
  }
  std::fputs((LimitsText(startup.limits()) + startup.observers().Text()).c_str(), stdout);
  return 0;
}

}  // namespace

std::optional<int> AnswerAtOnce(const CommandLine& line) {
  const std::string& program = line.config.program.name;
  switch (line.kind) {
    case CommandLine::Kind::kRun: return std::nullopt;
    case CommandLine::Kind::kHelp: std::fputs(UsageText(program).c_str(), stdout); return 0;
    case CommandLine::Kind::kVersion: std::fputs(VersionText(program).c_str(), stdout); return 0;
    case CommandLine::Kind::kUsageError:
      std::fprintf(
          stderr, "%s: %s\n\n%s", program.c_str(), line.error.c_str(), UsageText(program).c_str());
      return kExitUsage;
    case CommandLine::Kind::kConfigError:
      for (const std::string& error : line.config_errors)
        std::fprintf(stderr, "%s: %s\n", program.c_str(), error.c_str());
      return kExitConfig;
    case CommandLine::Kind::kCheckConfig: break;
  }
  Startup startup;
  startup.warnings_ = line.warnings;
  Config config = line.config;
  const absl::Status status = startup.Check(config);
  return ReportCheck(status, startup, config);
}

absl::StatusOr<Startup> Startup::Prepare(Config& config) {
  Startup startup;
  ::umask(kUmask);
  absl::Status status = startup.Check(config);
  if (status.ok()) status = startup.OpenPidFile(config);
  if (status.ok()) status = startup.observers_.Open(startup.identity_, &startup.warnings_);
  // Last: who can connect to them takes the daemon for one that is there.
  if (status.ok()) status = startup.OpenSockets(config);
  if (status.ok()) status = BecomeForGood(startup.identity_);
  if (!status.ok()) {
    startup.CleanUp();
    return status;
  }
  return startup;
}

absl::Status Startup::Check(Config& config) {
  std::error_code error;
  directory_ = std::filesystem::current_path(error).string();
  foreground_ = config.program.foreground;
  DerivedLimits derived = DeriveLimits(config, UsableCores(), RaiseOpenFiles());
  if (!derived.error.empty()) return absl::ResourceExhaustedError(derived.error);
  limits_ = derived.limits;

  absl::StatusOr<Identity> identity = ResolveIdentity(config);
  if (!identity.ok()) return identity.status();
  identity_ = *std::move(identity);

  for (const ListenerConfig& listener : config.listeners) {
    const absl::StatusOr<engine::Address> address = AbsoluteAddress(listener.socket, directory_);
    if (!address.ok()) return CannotOpen(listener, address.status());
  }
  absl::StatusOr<std::vector<engine::Address>> scanners = ScannerAddresses(config, directory_);
  if (!scanners.ok()) return scanners.status();
  scanners_ = *std::move(scanners);

  MakePathsAbsolute(config, directory_);
  for (std::string& warning : ConfigWarnings(config))
    warnings_.push_back(std::move(warning));
  absl::Status observers = observers_.Check(config, &warnings_);
  if (!observers.ok()) return observers;
  return CheckWorkingDirectory(config);
}

std::vector<std::string> ConfigWarnings(const Config& config) {
  std::vector<std::string> warnings;
  for (const ListenerConfig& listener : config.listeners) {
    for (std::string& warning : FailureWarnings(FailureOptionsOf(listener))) {
      warnings.push_back(config.listeners.size() == 1
                             ? std::move(warning)
                             : absl::StrCat("listener ", listener.socket, ": ", warning));
    }
  }
  std::map<std::string, bool> drains;
  for (const ScannerConfig& scanner : config.scanners)
    drains.emplace(scanner.group, true).first->second &= scanner.drain;
  for (const auto& [group, all] : drains) {
    if (!all) continue;
    warnings.push_back(absl::StrCat("all scanners",
                                    group.empty() ? "" : absl::StrCat(" of group ", group),
                                    " drain: their mail is refused with 451"));
  }
  return warnings;
}

absl::Status Startup::CheckWorkingDirectory(const Config& config) {
  const std::string& path = config.spool.directory;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return absl::NotFoundError(absl::StrCat(
        "could not stat() to working directory ", path, ": ", ::strerrordesc_np(errno)));
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not directory"));
  }
  if ((status.st_mode & S_IRWXO) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "working directory ", path, " is world accessible (chmod o= ", path, " ends that)"));
  }
  return engine::CheckWorkingDirectory(path);  // its form
}

absl::Status Startup::OpenPidFile(const Config& config) {
  absl::StatusOr<PidFile> file = PidFile::Open(config.program.pid_file, identity_);
  if (file.ok()) {
    pid_file_ = *std::move(file);
    return absl::OkStatus();
  }
  // In the foreground a supervisor knows the process; the incumbent goes on there as well.
  if (!foreground_ || absl::IsAlreadyExists(file.status())) return file.status();
  warnings_.emplace_back(file.status().message());
  return absl::OkStatus();
}

namespace {

absl::StatusOr<engine::ListenOptions> ListenOptionsOf(const ListenerConfig& listener,
                                                      const Identity& identity) {
  engine::ListenOptions options;
  options.mode = listener.socket_mode.value_or(kSocketModeDefault);
  if (listener.backlog != 0) options.backlog = listener.backlog;
  if (::geteuid() == 0) {
    options.owner = identity.user;
    options.group = identity.group;
  }
  if (!listener.socket_owner.empty()) {
    const absl::StatusOr<uid_t> owner = ResolveUser(listener.socket_owner);
    if (!owner.ok()) return Named("--socket-owner", owner.status());
    options.owner = *owner;
  }
  if (!listener.socket_group.empty()) {
    const absl::StatusOr<gid_t> group = ResolveGroup(listener.socket_group);
    if (!group.ok()) return Named("--socket-group", group.status());
    options.group = *group;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::vector<engine::Address>> ScannerAddresses(const Config& config,
                                                              const std::string& directory) {
  std::vector<engine::Address> addresses;
  for (const ScannerConfig& scanner : config.scanners) {
    absl::StatusOr<engine::Address> at = AbsoluteAddress(scanner.socket, directory);
    if (!at.ok()) return Named("amavisd socket", at.status());
    // It would get as much as the limits of both allow, and be its own second try.
    for (const engine::Address& other : addresses) {
      if (other.length != at->length ||
          std::memcmp(&other.storage, &at->storage, other.length) != 0)
        continue;
      return absl::InvalidArgumentError(
          absl::StrCat("amavisd socket: two scanners lead to one place, ",
                       other.text,
                       " and ",
                       at->text,
                       "; leave one of them out"));
    }
    addresses.push_back(*std::move(at));
  }
  return addresses;
}

void MakePathsAbsolute(Config& config, const std::string& directory) {
  config.spool.directory = Absolute(config.spool.directory, directory);
  config.program.pid_file = Absolute(config.program.pid_file, directory);
}

absl::StatusOr<engine::Listener> OpenListener(const ListenerConfig& config,
                                              const Identity& identity,
                                              const std::string& directory) {
  const absl::StatusOr<engine::Address> address = AbsoluteAddress(config.socket, directory);
  if (!address.ok()) return CannotOpen(config, address.status());
  const absl::StatusOr<engine::ListenOptions> options = ListenOptionsOf(config, identity);
  if (!options.ok()) return options.status();
  absl::StatusOr<engine::Listener> listener = engine::Listener::Open(*address, *options);
  if (listener.ok()) return listener;
  const bool asked = !config.socket_owner.empty() || !config.socket_group.empty();
  if (asked && ::geteuid() != 0 && absl::IsPermissionDenied(listener.status())) {
    return absl::PermissionDeniedError(
        absl::StrCat("could not open milter socket: ",
                     listener.status().message(),
                     "; only root can give a socket to another user: start as root with --user"));
  }
  return Named("could not open milter socket", listener.status());
}

absl::Status Startup::OpenSockets(const Config& config) {
  for (const ListenerConfig& one : config.listeners) {
    absl::StatusOr<engine::Listener> listener = OpenListener(one, identity_, directory_);
    if (!listener.ok()) return listener.status();
    listeners_.push_back(*std::move(listener));
  }
  return absl::OkStatus();
}

absl::Status Startup::Detach() {
  if (foreground_) return pid_file_.Write();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::UnavailableError(
        absl::StrCat("could not make a pipe: ", ::strerrordesc_np(errno)));
  }
  const pid_t child = ::fork();
  if (child < 0) {
    const int error = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return absl::UnavailableError(absl::StrCat("could not fork: ", ::strerrordesc_np(error)));
  }
  if (child > 0) {
    ::close(ends[1]);
    WaitAndExit(ends[0], child);
  }
  ::close(ends[0]);
  parent_ = ends[1];
  ::setsid();
  if (::chdir("/") != 0) {
    return absl::UnavailableError(absl::StrCat("could not go to /: ", ::strerrordesc_np(errno)));
  }
  return pid_file_.Write();
}

void Startup::Ready() noexcept {
  if (parent_ >= 0) {
    ToNull();
    [[maybe_unused]] const ssize_t told = ::write(parent_, "r", 1);
    ::close(std::exchange(parent_, -1));
  }
  ::sd_notify(0, "READY=1");
}

void Startup::Stopping() noexcept {
  ::sd_notify(0, "STOPPING=1");
}

void Startup::CleanUp() noexcept {
  for (engine::Listener& listener : listeners_)
    listener.Unlink();
  observers_.Unlink();
  pid_file_.Remove();
}

}  // namespace relay
