// Puts the parts of a run together.
#include "tools/replay/replay_run.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/net/listener.h"
#include "tools/command_line/files.h"
#include "tools/command_line/program.h"
#include "tools/replay/live_display.h"
#include "tools/replay/null_milter.h"
#include "tools/replay/report_json.h"
#include "tools/replay/report_page.h"
#include "tools/replay/report_text.h"
#include "tools/replay/set_source.h"
#include "tools/replay/trace_source.h"
#include "tools/scanner/no_disk.h"

namespace replay {
namespace {

using command_line::Code;
using command_line::Exit;

constexpr engine::Time kSignalLook = std::chrono::milliseconds(100);
constexpr std::uint32_t kSpareSockets = 1024;
constexpr std::size_t kSpareDescriptors = 64;
constexpr std::size_t kSessionsDefaultMax = 100'000;
constexpr const char* kDamagedRecord = "trace: damaged record";

int Fail(const absl::Status& status, Exit exit) {
  return command_line::Fail(kProgramName, status, exit);
}

struct OpenedSource {
  std::unique_ptr<Source> source{};
  const TraceSource* trace = nullptr;  // the same one, where it is a trace
};

absl::StatusOr<OpenedSource> OpenTrace(const ReplayOptions& options) {
  TraceOptions trace{.kind = options.kind,
                     .messages_per_session = options.messages_per_session,
                     .rounds = options.rounds,
                     .limit = options.limit,
                     .shuffle_seed = options.shuffle_seed,
                     .first_with_session = !options.player.recorded_pace};
  const bool by_message = options.player.mode == RunMode::kOnce ||
                          (options.player.mode == RunMode::kOpen && !options.player.recorded_times);
  if (by_message && trace.messages_per_session == 0) trace.messages_per_session = 1;
  for (const std::string& name : options.only) {
    const absl::StatusOr<std::uint64_t> number =
        command_line::ReadNumber(name, {.min = 1, .max = UINT64_MAX});
    if (!number.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("--only \"", name, "\": expected the number of a session of the trace"));
    trace.only.push_back(*number);
  }
  absl::StatusOr<std::unique_ptr<TraceSource>> source = TraceSource::Open(options.trace, trace);
  if (!source.ok()) return source.status();
  OpenedSource opened{.trace = source->get()};
  opened.source = *std::move(source);
  return opened;
}

absl::StatusOr<OpenedSource> OpenSource(const ReplayOptions& options) {
  if (!options.trace.empty()) return OpenTrace(options);
  if (options.transactions.empty()) return OpenedSource{};  // idle sessions alone
  absl::StatusOr<std::vector<NamedTransaction>> set =
      LoadTransactions(options.transactions, options.only);
  if (!set.ok()) return set.status();
  if (options.limit != 0 && options.limit < set->size())
    set->erase(set->begin() + static_cast<std::ptrdiff_t>(options.limit), set->end());
  const bool once = options.player.mode == RunMode::kOnce;
  const SetOptions how{
      .kind = options.kind.value_or(milter::MtaKind::kPostfix),
      .messages_per_session = once ? 1 : std::max(1U, options.messages_per_session),
      .rounds = once ? 1U : 0U,
      .shuffle_seed = options.shuffle_seed};
  return OpenedSource{.source = std::make_unique<SetSource>(*std::move(set), how)};
}

RunDescription Describe(const ReplayOptions& options, const Source* source, const char* version) {
  const PlayerConfig& player = options.player;
  RunDescription described{.label = options.label,
                           .source = options.trace.empty() ? options.transactions : options.trace,
                           .target_address = player.address.text,
                           .mode = player.mode,
                           .target = player.target,
                           .options = options.described,
                           .seed = player.seed,
                           .version = version,
                           .started_at = engine::WallNow(),
                           .planned_duration = options.duration};
  described.planned = source == nullptr ? 0 : source->messages();
  if (player.messages != 0)
    described.planned =
        described.planned == 0 ? player.messages : std::min(described.planned, player.messages);
  if (player.mode == RunMode::kIdle) described.planned = 0;
  return described;
}

// Runs to the end of the messages, of the time, or of patience (a second signal).
void Run(engine::Loop& loop,
         Player& player,
         const ReplayOptions& options,
         const ResultsRecorder& recorder) {
  LiveDisplay display(LiveDisplay::Choose(options.quiet));
  const bool wait_out = options.player.mode == RunMode::kIdle;
  const engine::Time start = engine::MonotonicNow();
  player.Start();
  for (;;) {
    const engine::Time now = engine::MonotonicNow();
    const bool over = options.duration > engine::Time{} && now - start >= options.duration;
    const int stops = command_line::StopsAsked();
    if (over || stops > 0) player.Stop();
    if (stops > 1 || (player.done() && (!wait_out || over || stops > 0))) return;
    engine::Time sleep = std::min(kSignalLook, player.NextDue() - now);
    if (options.duration > engine::Time{} && !over)
      sleep = std::min(sleep, options.duration - (now - start));
    loop.RunTurn(std::max(sleep, engine::Time{}));
    player.Serve();
    display.Update(recorder.results(), now);
  }
}

// Before the run: after an hour of it is late to learn that a folder is missing.
absl::Status CheckOutputs(const ReplayOptions& options) {
  for (const std::string& file : {options.json_file, options.html_file}) {
    absl::Status status = file.empty() ? absl::OkStatus() : command_line::CheckWritable(file);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Each as far as it goes; the first error.
absl::Status WriteResults(const ReplayOptions& options, const RunResults& results) {
  const std::string json = JsonReport(results);
  absl::Status status;
  if (!options.json_file.empty()) status = command_line::WriteFile(options.json_file, json, true);
  if (options.html_file.empty()) return status;
  const absl::StatusOr<Report> report = ReadReport(json, options.html_file);
  status.Update(report.ok()
                    ? command_line::WriteFile(options.html_file, ReportPage({&*report, 1}), true)
                    : report.status());
  return status;
}

// No text at the end: not wanted, or something else goes to standard output.
bool Silent(const ReplayOptions& options) {
  return options.quiet || options.json_file == "-" || options.html_file == "-";
}

void PrintText(const ReplayOptions& options, const RunResults& results) {
  if (Silent(options)) return;
  std::fputs(OnceTable(results).c_str(), stdout);
  std::fputs(Totals(results, options.diff).c_str(), stdout);
}

int ExitOf(const ReplayOptions& options, const RunResults& results, const TraceSource* trace) {
  std::uint64_t damaged = 0;
  for (const auto& [kind, count] : results.errors)
    damaged += kind == kDamagedRecord ? count : 0;
  const bool unexpected = std::any_of(
      results.played.begin(), results.played.end(), [](const PlayedTransaction& played) {
        return !played.error.empty() ||
               (played.expected && *played.expected != played.result.outcome);
      });
  // That nothing was compared is not that nothing has changed.
  const bool asked = options.diff || options.expect_same;
  const bool changed = asked && (results.verdicts_changed > 0 || !results.compared);
  if (asked && !results.compared)
    Fail(absl::NotFoundError("no verdict was compared: nothing that was played to its end has a "
                             "recorded one"),
         Exit::kTrouble);
  const bool given_up = results.in_flight > 0;  // by a second signal
  if (results.errors_count > damaged || given_up || unexpected || changed) {
    const std::string troubles = Silent(options) ? Troubles(results) : "";
    return troubles.empty() ? Code(Exit::kTrouble)
                            : Fail(absl::AbortedError(troubles), Exit::kTrouble);
  }
  if (damaged > 0 || (trace != nullptr && !trace->ending().ok())) return kExitDamaged;
  return Code(Exit::kOk);
}

// The configuration with what depends on the address and the descriptors there may be.
absl::StatusOr<PlayerConfig> CompletedConfig(const ReplayOptions& options) {
  PlayerConfig config = options.player;
  absl::StatusOr<engine::Address> address =
      engine::ParseAddress(options.smtp.empty() ? options.milter : options.smtp);
  if (!address.ok()) return address.status();
  config.address = *std::move(address);
  const std::size_t descriptors = command_line::RaiseDescriptorLimit();
  if (config.mode != RunMode::kOpen) return config;
  const std::size_t taken = kSpareDescriptors + config.idle;
  config.sessions = static_cast<std::uint32_t>(std::clamp<std::size_t>(
      descriptors > taken ? descriptors - taken : 1, 1, kSessionsDefaultMax));
  if (options.sessions_max != 0) config.sessions = options.sessions_max;
  return config;
}

}  // namespace

int RunReplay(const ReplayOptions& given, const char* version) {
  ReplayOptions options = given;
  absl::StatusOr<PlayerConfig> config = CompletedConfig(options);
  if (!config.ok()) return command_line::FailUsage(kProgramName, config.status());
  options.player = *std::move(config);
  const absl::Status writable = CheckOutputs(options);
  if (!writable.ok()) return Fail(writable, Exit::kOutput);
  absl::StatusOr<OpenedSource> opened = OpenSource(options);
  if (!opened.ok()) {
    return absl::IsInvalidArgument(opened.status()) && !options.trace.empty()
               ? command_line::FailUsage(kProgramName, opened.status())
               : Fail(opened.status(), Exit::kInput);
  }
  if (opened->trace != nullptr && !opened->trace->ending().ok())
    Fail(opened->trace->ending(), Exit::kInput);  // told; what is there is played
  std::optional<ProcessSampler> sampler;
  if (options.pid != 0) {
    absl::StatusOr<ProcessSampler> watched = ProcessSampler::Open(static_cast<pid_t>(options.pid));
    if (!watched.ok()) return Fail(watched.status(), Exit::kInput);
    sampler.emplace(*std::move(watched));
  }
  command_line::CatchSignals();
  scanner::NoDisk disk;
  const absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::MakeLoop(
      options.io,
      {.disk = &disk,
       .sockets_max = options.player.sessions + options.player.idle + kSpareSockets});
  if (!loop.ok()) return Fail(loop.status(), Exit::kTrouble);
  ResultsRecorder recorder(Describe(options, opened->source.get(), version),
                           engine::MonotonicNow(),
                           sampler ? &*sampler : nullptr);
  Player player(**loop, options.player, opened->source.get(), recorder);
  Run(**loop, player, options, recorder);
  recorder.Finish(engine::MonotonicNow());
  PrintText(options, recorder.results());
  const absl::Status written = WriteResults(options, recorder.results());
  if (!written.ok()) return Fail(written, Exit::kOutput);
  return ExitOf(options, recorder.results(), opened->trace);
}

int RunNull(const NullOptions& options) {
  const absl::StatusOr<engine::Address> address = engine::ParseAddress(options.listen);
  if (!address.ok()) return command_line::FailUsage(kProgramName, address.status());
  command_line::CatchSignals();
  command_line::RaiseDescriptorLimit();
  scanner::NoDisk disk;
  const absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::MakeLoop(
      options.io, {.disk = &disk, .sockets_max = options.connections_max + kSpareSockets});
  if (!loop.ok()) return Fail(loop.status(), Exit::kTrouble);
  absl::StatusOr<engine::Listener> listener = engine::Listener::Open(*address, {});
  if (!listener.ok()) return Fail(listener.status(), Exit::kTrouble);
  NullMilter milter(**loop, options.connections_max);
  milter.Listen(listener->fd());
  std::printf("ready on %s\n", address->text.c_str());
  std::fflush(stdout);
  while (!command_line::StopAsked())
    (*loop)->RunTurn(kSignalLook);
  (*loop)->StopListening(listener->fd());
  listener->Unlink();
  std::printf("%llu messages in %llu sessions, %llu broken\n",
              static_cast<unsigned long long>(milter.messages()),
              static_cast<unsigned long long>(milter.sessions()),
              static_cast<unsigned long long>(milter.broken()));
  return Code(Exit::kOk);
}

}  // namespace replay
