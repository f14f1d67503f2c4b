// Reloads: SIGHUP to "reloaded" or "reload refused".
//
//   read and check -> plan (reload_plan.h) -> open sockets -> settings by mail -> all have them ->
//   end
//         |               |                      |
//         '---------------'----------------------'--> refused: nothing has changed
#include <systemd/sd-daemon.h>

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "relay/daemon.h"
#include "relay/daemon_host.h"
#include "relay/startup.h"

namespace relay {
namespace {

void TellReloading() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t microseconds = now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
  ::sd_notify(0, absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", microseconds).c_str());
}

void TellReady() noexcept {
  ::sd_notify(0, "READY=1");
}

int BacklogOf(const ListenerConfig& listener) noexcept {
  return listener.backlog != 0 ? listener.backlog : engine::kBacklogDefault;
}

}  // namespace

void Daemon::RefuseReload(const std::vector<std::string>& errors) noexcept {
  for (const std::string& error : errors) {
    log_.Write(engine::Level::kError, engine::LogLine("reload refused").Field("error", error));
  }
  reloads_failed_.fetch_add(1, std::memory_order_relaxed);
  last_reload_failed_.store(true, std::memory_order_relaxed);
  log_.Write(engine::Level::kError,
             engine::LogLine("nothing was reloaded")
                 .Field("errors", errors.size())
                 .Field("reloads_failed", reloads_failed())
                 .Field("next", "the settings that were in force go on; mend the file"));
  TellReady();
}

void Daemon::CloseOpened(const PendingReload& reload) noexcept {
  for (const ListenerFd& opened : reload.opened) {
    engine::Listener& listener = (*listeners_)[opened.slot];
    listener.Unlink();
    listener = engine::Listener();
  }
}

// What would be done, in reload.plan. Answers what stands against it.
std::vector<std::string> Daemon::PlanReloadOf(const Config& config, PendingReload& reload) const {
  if (generations_alive() >= kGenerationsMax) {
    return {
        absl::StrCat("sessions without a new message hold on to ",
                     generations_alive(),
                     " sets of settings, the most there may be: try again when some have ended")};
  }
  absl::StatusOr<std::vector<engine::Address>> scanners =
      ScannerAddresses(config, source_.directory);
  if (!scanners.ok()) return {std::string(scanners.status().message())};
  reload.plan = PlanReload(*settings_, limits_, config, *std::move(scanners));
  if (!reload.plan.errors.empty()) return reload.plan.errors;
  std::vector<std::string> errors;
  for (const engine::Address& scanner : reload.plan.scanners) {
    // Who is there already may have changed hands, too.
    const absl::StatusOr<SpoolSharing> sharing = ShareSpool(scanner, config.spool.directory);
    if (!sharing.ok()) {
      errors.push_back(absl::StrCat("scanner ", scanner.text, ": ", sharing.status().message()));
    } else if (settings_->sharing.send_tempdir && !sharing->send_tempdir) {
      errors.push_back(absl::StrCat("scanner ",
                                    scanner.text,
                                    " runs as another user, and the spool is set up for scanners "
                                    "that run as ours: that needs a restart"));
    }
  }
  return errors;
}

// Opens the new sockets, then adjusts old ones. Answers what failed; then all is as it was.
std::vector<std::string> Daemon::OpenForReload(const Config& config, PendingReload& reload) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const ReloadPlan::Listener& step = reload.plan.listeners[i];
    if (!step.open) continue;
    absl::StatusOr<engine::Listener> opened =
        OpenListener(config.listeners[i], source_.identity, source_.directory);
    if (!opened.ok()) {
      CloseOpened(reload);
      return {std::string(opened.status().message())};
    }
    if (step.slot >= listeners_->size()) listeners_->resize(step.slot + 1);
    engine::Listener& place = (*listeners_)[step.slot];
    place = *std::move(opened);
    reload.opened.push_back({step.slot, place.fd()});
  }
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const ReloadPlan::Listener& step = reload.plan.listeners[i];
    if (!step.adjust) continue;
    const ListenerConfig& listener = config.listeners[i];
    const absl::Status adjusted = (*listeners_)[step.slot].Adjust(
        listener.socket_mode.value_or(kSocketModeDefault), BacklogOf(listener));
    if (adjusted.ok()) continue;
    for (std::size_t j = 0; j <= i; ++j) {
      const ReloadPlan::Listener& done = reload.plan.listeners[j];
      if (!done.adjust) continue;
      const ListenerSettings& before = settings_->listeners[done.slot];
      // What cannot be put back is as the file that was refused has it; nothing else can be done.
      [[maybe_unused]] const absl::Status back = (*listeners_)[done.slot].Adjust(
          before.socket_mode.value_or(kSocketModeDefault), BacklogOf(before));
    }
    CloseOpened(reload);
    return {std::string(adjusted.message())};
  }
  return {};
}

void Daemon::BeginReload() noexcept {
  TellReloading();
  CommandLine line = ParseCommandLine(source_.argc, source_.argv, source_.directory);
  if (line.kind == CommandLine::Kind::kUsageError) line.config_errors = {line.error};
  if (!line.config_errors.empty()) return RefuseReload(line.config_errors);
  if (line.config_file.empty()) {
    log_.Write(engine::Level::kNotice,
               engine::LogLine("SIGHUP ignored: there is no --config to read again"));
    return TellReady();
  }
  for (const auto& warnings : {line.warnings, ConfigWarnings(line.config)}) {
    for (const std::string& warning : warnings)
      log_.Write(engine::Level::kWarning, warning);
  }
  MakePathsAbsolute(line.config, source_.directory);
  auto reload = std::make_unique<PendingReload>();
  auto next = std::make_unique<Settings>();
  std::vector<std::string> errors = PlanReloadOf(line.config, *reload);
  if (errors.empty()) {
    FillNextSettings(*settings_, limits_, line.config, reload->plan, next.get());
    const absl::Status room = scanners_.MayApply(ScannerGroupsOf(*next));
    if (!room.ok()) errors.emplace_back(room.message());
  }
  if (errors.empty()) errors = OpenForReload(line.config, *reload);
  if (!errors.empty()) {
    for (std::string& error : errors)
      error = absl::StrCat(line.config_file, ": ", error);
    return RefuseReload(errors);
  }

  next->alive = &next_generations_alive_;
  next->unused = [](const Settings& settings) noexcept {
    settings.alive->fetch_sub(1, std::memory_order_relaxed);
    delete &settings;
  };
  next_generations_alive_.fetch_add(1, std::memory_order_relaxed);
  reload->settings = next.release();
  // Before the shards: who has the new settings finds their groups.
  scanners_.Apply(ScannerGroupsOf(*reload->settings), engine::MonotonicNow());
  for (const std::uint32_t slot : reload->plan.removed) {
    engine::Listener& listener = (*listeners_)[slot];
    reload->removed.push_back({slot, listener.fd()});
    listener.Unlink();  // nobody finds it any more
  }
  log_.set_debug_level(line.config.log.debug_level);
  pending_ = std::move(reload);
  PostReload();
}

void Daemon::PostReload() noexcept {
  const std::uint32_t shards = group_->size();
  pending_->shards_without = shards;
  pending_->shards_left = shards;
  pending_->take = std::vector<PendingReload::ShardMail>(shards);
  pending_->listen = std::vector<PendingReload::ShardMail>(shards);
  for (std::uint32_t i = 0; i < shards; ++i) {
    for (auto* mails : {&pending_->take, &pending_->listen}) {
      (*mails)[i].host = hosts_[i].get();
      (*mails)[i].reload = pending_.get();
    }
    pending_->take[i].deliver = [](engine::Mail& arrived) noexcept {
      auto& mail = static_cast<PendingReload::ShardMail&>(arrived);
      mail.host->Take(*mail.reload);
    };
    pending_->listen[i].deliver = [](engine::Mail& arrived) noexcept {
      auto& mail = static_cast<PendingReload::ShardMail&>(arrived);
      mail.host->ListenToNew(*mail.reload);
    };
  }
  for (std::uint32_t i = 0; i < shards; ++i)
    group_->shard(engine::ShardId{i}).loop().Post(pending_->take[i]);
}

void Daemon::LogReload(const PendingReload& reload) noexcept {
  for (const KeyChange& change : reload.plan.changes) {
    log_.Write(engine::Level::kNotice,
               engine::LogLine("setting changed")
                   .Field("key", ChangedKeyText(change))
                   .Field("from", change.from)
                   .Field("to", change.to));
  }
  for (const ListenerFd& opened : reload.opened) {
    const ListenerSettings& listener = reload.settings->listeners[opened.slot];
    log_.Write(engine::Level::kNotice,
               engine::LogLine("listener added")
                   .Field("name", listener.name)
                   .Field("socket", listener.socket));
  }
  for (const std::string& name : reload.plan.scanners_added)
    log_.Write(engine::Level::kNotice, engine::LogLine("scanner added").Field("name", name));
  for (const std::string& name : reload.plan.scanners_removed) {
    log_.Write(engine::Level::kNotice,
               engine::LogLine("scanner removed")
                   .Field("name", name)
                   .Field("next", "what it has goes on"));
  }
  for (const ListenerFd& removed : reload.removed) {
    const ListenerSettings& listener = reload.settings->listeners[removed.slot];
    log_.Write(engine::Level::kNotice,
               engine::LogLine("listener removed")
                   .Field("name", listener.name)
                   .Field("socket", listener.socket)
                   .Field("next", "its sessions go on"));
  }
  log_.Write(engine::Level::kNotice,
             engine::LogLine("reloaded")
                 .Field("generation", reload.settings->generation)
                 .Field("settings_changed", reload.plan.changes.size())
                 .Field("listeners_added", reload.opened.size())
                 .Field("listeners_removed", reload.removed.size())
                 .Field("generations", generations_alive()));
}

void Daemon::EndReload() noexcept {
  if (pending_->shards_left.load(std::memory_order_acquire) != 0) return;
  const std::unique_ptr<PendingReload> reload = std::move(pending_);
  for (const ListenerFd& removed : reload->removed)
    (*listeners_)[removed.slot] = engine::Listener();
  const Settings* before = std::exchange(settings_, reload->settings);
  before->Release();
  scanners_.SetQueueBounds(QueueBoundsOf(settings_->config.queue));
  reloads_.fetch_add(1, std::memory_order_relaxed);
  last_reload_failed_.store(false, std::memory_order_relaxed);
  PublishFacts();
  LogReload(*reload);
  TellReady();
}

}  // namespace relay
