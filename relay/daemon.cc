// Starts the shards, waits for signals, ends the shards.
#include "relay/daemon.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "relay/daemon_host.h"

namespace relay {
namespace {

using engine::Time;

constexpr std::uint32_t kOtherSocketsPerShard = 64;

engine::IoChoice EngineChoice(IoChoice choice) noexcept {
  switch (choice) {
    case IoChoice::kAuto: return engine::IoChoice::kAuto;
    case IoChoice::kUring: return engine::IoChoice::kUring;
    case IoChoice::kUringRecv: return engine::IoChoice::kUringRecv;
    case IoChoice::kEpoll: return engine::IoChoice::kEpoll;
  }
  return engine::IoChoice::kAuto;
}

// In the monitor's thread.
void TellStall(void* log, engine::StallChange change, const engine::StallCounts& counts) noexcept {
  const bool stalls = change == engine::StallChange::kOnset;
  if (!stalls && change != engine::StallChange::kCleared) return;
  engine::LogLine line(stalls ? "spool disk stalls" : "spool disk is good again");
  line.Field("longest_call_ms",
             std::chrono::duration_cast<std::chrono::milliseconds>(counts.longest_call).count())
      .Field("onsets", counts.onsets)
      .Field("next",
             stalls ? "file work leaves the shards; a message that waits longer than 5 s gets 451"
                    : "file work is done in the shards");
  static_cast<engine::Log*>(log)->Write(stalls ? engine::Level::kWarning : engine::Level::kNotice,
                                        line);
}

timespec ToTimespec(Time length) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
  return {.tv_sec = seconds.count(), .tv_nsec = (length - seconds).count()};
}

}  // namespace

Daemon::Daemon(const Settings& settings,
               const Limits& limits,
               std::vector<std::string> shard_roots,
               engine::Log& log)
    : first_settings_(settings),
      settings_(&settings),
      limits_(limits),
      log_(log),
      scanners_(ScannerGroupsOf(settings), limits.shards, engine::MonotonicNow()),
      seed_(static_cast<std::uint64_t>(engine::MonotonicNow().count())),
      shared_(TableOptionsOf(settings.config.quota, engine::DrawHashSecret())),
      governor_(settings.config.spool.writes),
      roots_(std::move(shard_roots)) {
  scanners_.SetQueueBounds(QueueBoundsOf(settings.config.queue));
  ENGINE_CHECK(roots_.size() == limits.shards);
}

Daemon::~Daemon() {
  // The shards have ended, or never began: a reload that they did not take is over.
  if (pending_ != nullptr) pending_->settings->Release();
  settings_->Release();
}

absl::Status Daemon::Start(std::vector<engine::Listener>& listeners, ReloadSource source) {
  listeners_ = &listeners;
  for (std::uint32_t slot = 0; slot < listeners.size(); ++slot)
    first_listeners_.push_back({slot, listeners[slot].fd()});
  source_ = std::move(source);
  for (std::uint32_t i = 0; i < limits_.shards; ++i) {
    figures_.push_back(std::make_unique<ShardFigures>());
    hosts_.push_back(std::make_unique<Host>(*this, i));
  }
  if (absl::Status status = StartMonitor(); !status.ok()) return status;
  engine::LoopChoice choice = engine::ProbeLoop(EngineChoice(settings_->config.engine.io));
  absl::Status status = StartShards(choice.picked);
  if (!status.ok() && settings_->config.engine.io == IoChoice::kAuto &&
      choice.picked != engine::IoChoice::kEpoll) {
    // The probe had its ring, but not every shard got one: locked memory is a limit of the user.
    choice = {.picked = engine::IoChoice::kEpoll,
              .text = "epoll (" + std::string(status.message()) + ")"};
    status = StartShards(choice.picked);
  }
  if (!status.ok()) return status;
  // "epoll (io_uring_setup: EPERM)"
  const std::size_t reason = choice.text.find(" (");
  facts_.io_source = choice.text.substr(0, reason);
  if (reason != std::string::npos) facts_.io_reason = choice.text.substr(reason + 2);
  if (facts_.io_reason.ends_with(')')) facts_.io_reason.pop_back();
  facts_.started_at = engine::WallNow();
  PublishFacts();
  log_.Write(engine::Level::kNotice,
             engine::LogLine("started")
                 .Field("io", choice.text)
                 .Field("shards", limits_.shards)
                 .Field("sessions_max", limits_.sessions_max)
                 .Field("messages_max", limits_.messages_max)
                 .Field("spool_reuse", settings_->spool_reuse)
                 .Field("spool_writes", engine::FileWorkName(governor_.work())));
  return absl::OkStatus();
}

absl::Status Daemon::StartMonitor() {
  if (governor_.work() != engine::FileWork::kAuto) return absl::OkStatus();
  // Beside the shards' own directories: what a killed process leaves goes with its instance.
  const std::string& root = roots_.front();
  auto monitor = engine::StallMonitor::Start({.governor = &governor_,
                                              .shards = limits_.shards,
                                              .probe_directory = root.substr(0, root.rfind('/')),
                                              .changed = &TellStall,
                                              .context = &log_});
  if (!monitor.ok()) return monitor.status();
  monitor_ = *std::move(monitor);
  return absl::OkStatus();
}

absl::Status Daemon::StartShards(engine::IoChoice io) {
  std::vector<engine::ShardApp*> apps;
  std::vector<engine::ShardOptions> options;
  for (std::uint32_t i = 0; i < limits_.shards; ++i) {
    apps.push_back(hosts_[i].get());
    options.push_back({.io = io,
                       .disk = {.root = roots_[i],
                                .directory_mode = settings_->sharing.directory_mode,
                                .file_mode = settings_->sharing.file_mode},
                       .sockets_max = limits_.sessions_max + limits_.messages_max +
                                      kOtherSocketsPerShard + relay::ShardApp::kRefusingSessionsMax,
                       .stalls = &governor_,
                       .stall_monitor = monitor_.get(),
                       .turns = &figures_[i]->turns});
  }
  group_ = std::make_unique<engine::ShardGroup>(apps, options);
  return group_->Start();
}

void Daemon::Run() noexcept {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    ::sigaddset(&wanted, signal);
  bool reload_wanted = false;
  for (;;) {
    const timespec look_again = ToTimespec(kReloadLookEvery);
    const int signal =
        ::sigtimedwait(&wanted, nullptr, pending_ != nullptr ? &look_again : nullptr);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGUSR1) LogCounters("counters");
    if (signal == SIGHUP) reload_wanted = true;
    if (pending_ != nullptr) EndReload();
    if (pending_ == nullptr && std::exchange(reload_wanted, false)) BeginReload();
  }
}

bool Daemon::Stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  timespec begun{};
  ::clock_gettime(CLOCK_MONOTONIC, &begun);
  log_.Write(engine::Level::kNotice,
             engine::LogLine("stopping").Field("messages", shared_.messages.value()));
  for (std::uint32_t i = 0; i < group_->size(); ++i) {
    group_->shard(engine::ShardId{i}).loop().Post(hosts_[i]->stop_mail());
  }
  sigset_t told;
  ::sigemptyset(&told);
  ::sigaddset(&told, SIGUSR1);
  for (;;) {
    if (shards_done_.load(std::memory_order_acquire) == group_->size()) break;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const Time spent = std::chrono::seconds(now.tv_sec - begun.tv_sec) +
                       std::chrono::nanoseconds(now.tv_nsec - begun.tv_nsec);
    if (spent >= kStopAtLatest) return false;
    const timespec rest = ToTimespec(kStopAtLatest - spent);
    ::sigtimedwait(&told, nullptr, &rest);
  }
  group_->Stop();
  if (monitor_ != nullptr) monitor_->Stop();
  LogCounters("stopped");
  return true;
}

std::uint64_t Daemon::Sum(Count count) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& host : hosts_) {
    if (host->app() != nullptr) sum += host->app()->counters().Read(count);
  }
  return sum;
}

void Daemon::LogCounters(std::string_view event) noexcept {
  engine::LogLine line(event);
  line.Field("sessions", shared_.sessions.value()).Field("messages", shared_.messages.value());
  if (settings_->clients.any()) {
    const engine::KeyTableTotals totals = shared_.clients.Totals();
    line.Field("quota_keys", totals.keys)
        .Field("quota_connections", totals.connections)
        .Field("quota_in_flight", totals.in_flight);
  }
  if (reloads_ + reloads_failed_ != 0) {
    line.Field("reloads", reloads()).Field("reloads_failed", reloads_failed());
    line.Field("generations", generations_alive());
  }
  for (const CountRow& row : kCountRows) {
    const std::uint64_t sum = Sum(row.count);
    if (sum != 0) line.Field(row.log_name, sum);
  }
  if (group_ != nullptr && group_->accept_turn().taken() != 0)
    line.Field("accept_turns_taken", group_->accept_turn().taken());
  log_.Write(engine::Level::kNotice, line);
}

}  // namespace relay
