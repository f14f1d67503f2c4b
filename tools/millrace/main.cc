// The daemon's program: command line, start-up order, the daemon, the way out.
//
// Exit status: 0 stopped by a signal, kExitUsage for a usage error, kExitStart when it could not
// start or did not end in time.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/absl_text.h"
#include "engine/base/log.h"
#include "engine/io/signals.h"
#include "engine/spool/spool_dir.h"
#include "relay/config.h"
#include "relay/daemon.h"
#include "relay/observers.h"
#include "relay/settings.h"
#include "relay/spool_sharing.h"
#include "relay/startup.h"

namespace {

constexpr engine::Time kLogFlushWithin = std::chrono::milliseconds(500);
constexpr const char* kInstancePrefix = "millrace-";
constexpr const char* kIncumbentPrefix = "af";     // amavisd-milter's directories
constexpr const char* kAmbiguousPath = "amavis-";  // amavisd would take what follows for its log id

int Fail(const std::string& program, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), std::string(status.message()).c_str());
  return relay::kExitStart;
}

std::unique_ptr<engine::LogSink> MakeSink(const relay::Config& config) {
  if (config.program.foreground) return engine::MakeStreamSink(STDERR_FILENO);
  return engine::MakeSyslogSink({.ident = config.program.name});
}

void LogSpool(engine::Log& log, const engine::SpoolDirReport& report, bool reuse) {
  for (const std::string& warning : report.warnings)
    log.Write(engine::Level::kWarning, warning);
  for (const std::string& failure : report.leftovers.failures) {
    log.Write(engine::Level::kWarning, engine::LogLine("not swept").Field("directory", failure));
  }
  engine::LogLine line("spool");
  line.Field("file_system", report.file_system).Field("reuse", reuse);
  if (!report.reuse_allowed) line.Field("because", report.reuse_reason);
  line.Field("dead_instances_removed", report.leftovers.instances_removed)
      .Field("instances_alive", report.leftovers.instances_alive)
      .Field("old_directories_removed", report.leftovers.foreign_removed);
  log.Write(engine::Level::kNotice, line);
}

int Serve(relay::CommandLine& line, relay::Startup& startup, int argc, char** argv) {
  relay::Config& config = line.config;
  absl::StatusOr<relay::SpoolSharing> sharing =
      relay::ShareSpool(startup.scanners(), config.spool.directory);
  if (!sharing.ok()) return Fail(config.program.name, sharing.status());
  engine::SpoolDirReport report;
  auto instance = engine::SpoolInstance::Prepare(
      {.working_directory = config.spool.directory,
       .leftovers = {.instance_prefix = kInstancePrefix, .foreign_prefix = kIncumbentPrefix},
       .discouraged_text = kAmbiguousPath,
       .directory_mode = sharing->directory_mode,
       .shards = startup.limits().shards},
      &report);
  if (!instance.ok()) return Fail(config.program.name, instance.status());
  const absl::Status detached = startup.Detach();
  if (!detached.ok()) return Fail(config.program.name, detached);

  engine::BlockSignals();
  engine::Log log(MakeSink(config));
  log.set_debug_level(config.log.debug_level);
  log.Start();
  for (const auto& warnings : {line.warnings, startup.warnings()}) {
    for (const std::string& warning : warnings)
      log.Write(engine::Level::kWarning, warning);
  }

  relay::Settings settings;
  relay::FillSettings(config, startup.limits(), startup.scanners(), report, &settings);
  settings.sharing = *std::move(sharing);
  if (!settings.sharing.note.empty()) log.Write(engine::Level::kNotice, settings.sharing.note);
  LogSpool(log, report, settings.spool_reuse);
  std::vector<std::string> roots;
  for (std::uint32_t i = 0; i < startup.limits().shards; ++i)
    roots.push_back(instance->ShardRoot(i));
  relay::Daemon daemon(settings, startup.limits(), std::move(roots), log);
  const absl::Status started = daemon.Start(startup.listeners(),
                                            {.argc = argc,
                                             .argv = argv,
                                             .directory = startup.directory(),
                                             .identity = startup.identity()});
  if (!started.ok()) {
    [[maybe_unused]] const absl::Status removed = instance->Remove();  // else the next start does
    return Fail(config.program.name, started);
  }
  relay::Observers observers;
  const absl::Status seen = observers.Start(
      {.metrics = startup.observers().metrics(), .control = startup.observers().control()}, daemon);
  // Mail does not wait for it.
  if (!seen.ok()) log.Write(engine::Level::kError, engine::ToStd(seen.message()));
  startup.Ready();
  daemon.Run();
  startup.Stopping();
  const bool ended = daemon.Stop();
  // Shards that did not end wait for the disk, as a rule, and so would the removal, without end.
  // The next start removes what is there.
  const absl::Status removed =
      ended ? instance->Remove() : absl::UnavailableError("shards still run");
  if (!removed.ok()) {
    log.Write(engine::Level::kWarning,
              engine::LogLine("spool not removed").Field("why", std::string(removed.message())));
  }
  if (ended) return 0;
  log.Write(engine::Level::kError, "not everything ended in time");
  log.Stop(kLogFlushWithin);
  startup.CleanUp();
  ::_exit(relay::kExitStart);  // shards still run: nothing here may be destroyed under them
}

}  // namespace

int main(int argc, char** argv) {
  relay::CommandLine line = relay::ParseCommandLine(argc, argv);
  if (const std::optional<int> status = relay::AnswerAtOnce(line)) return *status;
  absl::StatusOr<relay::Startup> startup = relay::Startup::Prepare(line.config);
  if (!startup.ok()) return Fail(line.config.program.name, startup.status());
  const int status = Serve(line, *startup, argc, argv);
  startup->CleanUp();
  return status;
}
