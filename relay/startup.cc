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
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/spool/spool_dir.h"
#include "relay/failure_policy.h"

namespace relay {
namespace {

constexpr mode_t kUmask = 0027;
constexpr std::string_view kAmbiguousName = "amavis-";  // amavisd takes what follows for its log id

std::string Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

// An address whose path, if it has one, does not depend on the current folder.
absl::StatusOr<engine::Address> AbsoluteAddress(const std::string& text) {
  absl::StatusOr<engine::Address> address = engine::ParseAddress(text);
  if (!address.ok() || !address->is_unix() || address->path().starts_with('/')) return address;
  return engine::ParseAddress("unix:" + Absolute(std::string(address->path())));
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
    case CommandLine::Kind::kCheckConfig: break;
  }
  Startup startup;
  Config config = line.config;
  const absl::Status status = startup.Check(config);
  return ReportCheck(status, startup, config);
}

absl::StatusOr<Startup> Startup::Prepare(Config& config) {
  Startup startup;
  ::umask(kUmask);
  absl::Status status = startup.Check(config);
  if (status.ok()) status = startup.OpenPidFile(config);
  if (status.ok()) status = startup.OpenSocket(config);
  if (status.ok()) status = startup.observers_.Open(startup.identity_, &startup.warnings_);
  if (status.ok()) status = BecomeForGood(startup.identity_);
  if (!status.ok()) {
    startup.CleanUp();
    return status;
  }
  return startup;
}

absl::Status Startup::Check(Config& config) {
  foreground_ = config.program.foreground;
  DerivedLimits derived = DeriveLimits(config, UsableCores(), RaiseOpenFiles());
  if (!derived.error.empty()) return absl::ResourceExhaustedError(derived.error);
  limits_ = derived.limits;

  absl::StatusOr<Identity> identity = ResolveIdentity(config);
  if (!identity.ok()) return identity.status();
  identity_ = *std::move(identity);

  absl::StatusOr<engine::Address> address = AbsoluteAddress(config.listeners[0].socket);
  if (!address.ok()) {
    return Named(absl::StrCat("could not open milter socket ", config.listeners[0].socket),
                 address.status());
  }
  address_ = *std::move(address);
  for (const ScannerConfig& scanner : config.scanners) {
    absl::StatusOr<engine::Address> at = AbsoluteAddress(scanner.socket);
    if (!at.ok()) return Named("amavisd socket", at.status());
    scanners_.push_back(*std::move(at));
  }

  config.spool.directory = Absolute(config.spool.directory);
  config.program.pid_file = Absolute(config.program.pid_file);
  CollectWarnings(config);
  const absl::Status observers = observers_.Check(config, &warnings_);
  if (!observers.ok()) return observers;
  return CheckWorkingDirectory(config);
}

void Startup::CollectWarnings(const Config& config) {
  for (const ListenerConfig& listener : config.listeners) {
    for (std::string& warning : FailureWarnings(FailureOptionsOf(listener))) {
      warnings_.push_back(config.listeners.size() == 1
                              ? std::move(warning)
                              : absl::StrCat("listener ", listener.socket, ": ", warning));
    }
  }
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

absl::Status Startup::OpenSocket(const Config& config) {
  engine::ListenOptions options;
  options.mode = config.listeners[0].socket_mode.value_or(kSocketModeDefault);
  if (config.listeners[0].backlog != 0) options.backlog = config.listeners[0].backlog;
  if (::geteuid() == 0) {
    options.owner = identity_.user;
    options.group = identity_.group;
  }
  if (!config.listeners[0].socket_owner.empty()) {
    const absl::StatusOr<uid_t> owner = ResolveUser(config.listeners[0].socket_owner);
    if (!owner.ok()) return Named("--socket-owner", owner.status());
    options.owner = *owner;
  }
  if (!config.listeners[0].socket_group.empty()) {
    const absl::StatusOr<gid_t> group = ResolveGroup(config.listeners[0].socket_group);
    if (!group.ok()) return Named("--socket-group", group.status());
    options.group = *group;
  }
  absl::StatusOr<engine::Listener> listener = engine::Listener::Open(address_, options);
  if (listener.ok()) {
    listener_ = *std::move(listener);
    return absl::OkStatus();
  }
  const bool asked =
      !config.listeners[0].socket_owner.empty() || !config.listeners[0].socket_group.empty();
  if (asked && ::geteuid() != 0 && absl::IsPermissionDenied(listener.status())) {
    return absl::PermissionDeniedError(
        absl::StrCat("could not open milter socket: ",
                     listener.status().message(),
                     "; only root can give a socket to another user: start as root with --user"));
  }
  return Named("could not open milter socket", listener.status());
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
  listener_.Unlink();
  observers_.Unlink();
  pid_file_.Remove();
}

}  // namespace relay
