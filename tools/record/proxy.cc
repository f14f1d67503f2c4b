// RunProxy: opens everything, turns the loop, drains, says what was recorded. See proxy.h.
#include "tools/record/proxy.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/io/acceptor.h"
#include "engine/io/signals.h"
#include "tools/command_line/program.h"
#include "tools/record/proxy_relay.h"
#include "tools/record/recorder.h"
#include "tools/scanner/no_disk.h"

namespace record {
namespace {

using command_line::Exit;

// Beside two per connection: listeners, pipes, the trace file, connections that are being refused.
constexpr std::uint32_t kSpareDescriptors = 128;
constexpr std::uint32_t kSpareSockets = 1024;  // closed ones that the kernel has not let go yet
constexpr engine::Time kStatusEvery = std::chrono::seconds(10);
constexpr engine::Time kLogWaitMax = std::chrono::seconds(1);
// As much at once, and splicing began to pay where it was measured (README.md).
constexpr std::size_t kSpliceFromBytes = 64 * engine::kKiB;

// Wall-clock time that never goes back while the program runs.
std::uint64_t SteadyWallMicroseconds() noexcept {
  static const engine::Time kBase = engine::WallNow() - engine::MonotonicNow();
  return static_cast<std::uint64_t>((kBase + engine::MonotonicNow()).count()) / 1000;
}

std::size_t SpliceFrom(ForwardMode mode) noexcept {
  switch (mode) {
    case ForwardMode::kCopy: return SIZE_MAX;
    case ForwardMode::kSplice: return 0;
    case ForwardMode::kAuto: break;
  }
  return kSpliceFromBytes;
}

// As many as descriptors allow; the soft limit is raised to the hard one first.
std::uint32_t ConnectionsFor(std::uint32_t wanted) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::max<std::uint32_t>(wanted, 1);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (wanted != 0) return std::min(wanted, kConnectionsMax);
  const rlim_t usable = limit.rlim_cur > kSpareDescriptors ? limit.rlim_cur - kSpareDescriptors : 2;
  return static_cast<std::uint32_t>(
      std::clamp<rlim_t>(usable / 2, 1, static_cast<rlim_t>(kConnectionsMax)));
}

int Fail(const absl::Status& status, Exit exit = Exit::kTrouble) {
  return command_line::Fail("millrace-record", status, exit);
}

// The loop's part of a run.
class Run {
 public:
  Run(const ProxyConfig& config, engine::Loop& loop, engine::Log& log, Recorder& recorder)
      : config_(config),
        loop_(loop),
        log_(log),
        recorder_(recorder),
        signals_(
            loop,
            [](void* context, int signal) noexcept {
              static_cast<Run*>(context)->OnSignal(signal);
            },
            this) {}

  absl::Status Open();
  void Turn();  // until it is over
  void LogCounts(std::string_view event) const;

 private:
  struct Tick : engine::Timer {
    Run* run = nullptr;
  };

  absl::Status OpenListeners(const std::vector<engine::Address>& addresses, LinkKind kind);
  void OnSignal(int signal) noexcept;

  const ProxyConfig& config_;
  engine::Loop& loop_;
  engine::Log& log_;
  Recorder& recorder_;
  engine::PosixPipe pipe_;
  engine::PosixPipe copy_;
  std::unique_ptr<MessageReader> reader_;
  std::unique_ptr<ProxyRelay> relay_;
  std::vector<engine::Listener> listeners_;
  engine::SignalWatch signals_;
  Tick status_;
  Tick drain_;
  bool draining_ = false;
  bool over_ = false;
};

absl::Status Run::OpenListeners(const std::vector<engine::Address>& addresses, LinkKind kind) {
  for (const engine::Address& address : addresses) {
    absl::StatusOr<engine::Listener> listener = engine::Listener::Open(address, config_.socket);
    if (!listener.ok()) return listener.status();
    listeners_.push_back(*std::move(listener));
    relay_->Listen(listeners_.back().fd(), kind);
    std::printf("ready on %s\n", address.text.c_str());
  }
  return absl::OkStatus();
}

absl::Status Run::Open() {
  RelayOptions options;
  if (config_.milter) options.to[static_cast<std::size_t>(LinkKind::kMilter)] = *config_.milter;
  if (config_.amavisd) options.to[static_cast<std::size_t>(LinkKind::kAmpdp)] = *config_.amavisd;
  options.connections_max = ConnectionsFor(config_.connections);
  if (config_.forward != ForwardMode::kCopy && pipe_.ok() && copy_.ok()) {
    options.pipe = &pipe_;
    options.copy = &copy_;
    options.splice_from_bytes = SpliceFrom(config_.forward);
  }
  options.recorder = &recorder_;
  if (!config_.listen_ampdp.empty()) reader_ = std::make_unique<MessageReader>();
  options.copier = reader_.get();
  options.now_us = &SteadyWallMicroseconds;
  relay_ = std::make_unique<ProxyRelay>(loop_, options);
  for (Tick* tick : {&status_, &drain_})
    tick->run = this;
  status_.fire = [](engine::Timer& timer, engine::Time now) noexcept {
    Run& run = *static_cast<Tick&>(timer).run;
    run.LogCounts("status");
    run.loop_.Set(timer, now + kStatusEvery);
  };
  drain_.fire = [](engine::Timer& timer, engine::Time) noexcept {
    static_cast<Tick&>(timer).run->over_ = true;
  };
  if (absl::Status status = signals_.Start(); !status.ok()) return status;
  if (absl::Status status = OpenListeners(config_.listen, LinkKind::kMilter); !status.ok())
    return status;
  if (absl::Status status = OpenListeners(config_.listen_ampdp, LinkKind::kAmpdp); !status.ok())
    return status;
  std::fflush(stdout);
  if (config_.verbose) loop_.Set(status_, loop_.now() + kStatusEvery);
  return absl::OkStatus();
}

void Run::OnSignal(int signal) noexcept {
  if (signal == SIGUSR1) return LogCounts("status");
  if (signal != SIGTERM && signal != SIGINT) return;
  if (draining_) {
    over_ = true;
    return;
  }
  draining_ = true;
  relay_->StopListening();
  for (engine::Listener& listener : listeners_)
    listener.Unlink();
  listeners_.clear();
  loop_.Set(drain_, loop_.now() + config_.drain);
  if (relay_->open() == 0) return;
  engine::LogLine line("stopping: waiting for open connections; a second signal ends them");
  line.Field("open", relay_->open());
  log_.Write(engine::Level::kNotice, line);
}

void Run::Turn() {
  while (!over_ && !(draining_ && relay_->open() == 0))
    loop_.RunTurn(engine::kNever);
  loop_.Cancel(status_);
  loop_.Cancel(drain_);
  relay_->StopLinks();
  signals_.Stop();
}

void Run::LogCounts(std::string_view event) const {
  const LinkCounts& links = relay_->link_counts();
  engine::LogLine line(event);
  line.Field("recording", RecorderEndText(recorder_.end()))
      .Field("open", relay_->open())
      .Field("accepted", relay_->counts().accepted)
      .Field("over_limit", relay_->counts().refused)
      .Field("unreachable", links.unreachable)
      .Field("to_filter_bytes", links.to_filter_bytes)
      .Field("to_server_bytes", links.to_server_bytes)
      .Field("sends", links.sends)
      .Field("splices", links.splices)
      .Field("short_sends", links.short_sends)
      .Field("sessions", recorder_.count(Recorded::kSessions))
      .Field("transactions", recorder_.count(Recorded::kTransactions))
      .Field("scans", recorder_.count(Recorded::kScans))
      .Field("bodies_kept", recorder_.count(Recorded::kBodiesKept))
      .Field("bodies_known", recorder_.count(Recorded::kBodiesKnown))
      .Field("not_captured", recorder_.count(Recorded::kNotCaptured))
      .Field("not_understood", relay_->scans_lost())
      .Field("cut", recorder_.count(Recorded::kCut))
      .Field("dropped", recorder_.dropped())
      .Field("waiting_bytes", recorder_.waiting_bytes());
  log_.Write(engine::Level::kNotice, line);
}

absl::Status CheckConfig(const ProxyConfig& config) {
  if (config.listen.empty() && config.listen_ampdp.empty())
    return absl::InvalidArgumentError("nothing to listen on: give a listening socket");
  if (config.listen.empty() == config.milter.has_value() ||
      config.listen_ampdp.empty() == config.amavisd.has_value()) {
    return absl::InvalidArgumentError(
        "listening sockets and what they are forwarded to go together: give both");
  }
  if (config.listen.size() + config.listen_ampdp.size() <= engine::Acceptor::kListenersMax)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("too many listening sockets: at most ", engine::Acceptor::kListenersMax));
}

absl::StatusOr<std::unique_ptr<RecorderOutput>> OpenTrace(const ProxyConfig& config) {
  absl::StatusOr<std::unique_ptr<trace::TraceWriter>> writer =
      trace::TraceWriter::Open(config.trace_file, config.writer);
  if (!writer.ok()) return writer.status();
  return std::make_unique<TraceOutput>(*std::move(writer));
}

int Forward(const ProxyConfig& config, engine::Log& log, Recorder& recorder) {
  scanner::NoDisk disk;
  const std::uint32_t connections = ConnectionsFor(config.connections);
  const engine::LoopChoice choice = engine::ProbeLoop(config.io);
  const absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::MakeLoop(
      choice.picked, {.disk = &disk, .sockets_max = 2 * connections + kSpareSockets});
  if (!loop.ok()) return Fail(loop.status());
  Run run(config, **loop, log, recorder);
  if (const absl::Status status = run.Open(); !status.ok()) return Fail(status);
  run.Turn();
  // The disk may hang: from here on SIGTERM ends the process.
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGUSR1, SIG_IGN);
  engine::UnblockSignals();
  recorder.Stop();
  run.LogCounts("recorded");
  return recorder.end() == RecorderEnd::kStopped ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int RunProxy(const ProxyConfig& config) {
  if (const absl::Status status = CheckConfig(config); !status.ok())
    return Fail(status, Exit::kUsage);
  engine::BlockSignals();
  absl::StatusOr<std::unique_ptr<RecorderOutput>> output = OpenTrace(config);
  if (!output.ok()) return Fail(output.status(), Exit::kOutput);
  engine::Log log(engine::MakeStreamSink(STDERR_FILENO));
  log.Start();
  int status = EXIT_FAILURE;
  {
    Recorder recorder(
        *std::move(output),
        {.buffer_bytes = std::clamp(config.buffer_bytes, kBufferBytesMin, kBufferBytesMax),
         .filter = config.filter,
         .sync_every_second = config.sync_every_second,
         .log = &log,
         .program = config.program});
    const absl::Status started = recorder.Start();
    status = started.ok() ? Forward(config, log, recorder) : Fail(started);
  }
  log.Stop(kLogWaitMax);
  return status;
}

}  // namespace record
