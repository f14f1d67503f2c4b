// What a shard does for the scanner groups, and tells the log of them.
#include <algorithm>

#include "relay/shard_app.h"

namespace relay {

using engine::Time;

void ShardApp::NoteScannerError(std::string_view scanner,
                                std::string_view what,
                                int error) noexcept {
  counters_.Add(Count::kScannerErrors);
  const auto suppressed = scanner_errors_.Admit(parts_.loop.now());
  if (!suppressed) return;
  engine::LogLine line = Line("scanner failed");
  line.Field("scanner", scanner).Field("at", what);
  if (error != 0) {
    line.Errno("error", error);
  } else {
    line.Field("error", "closed the connection");
  }
  Write(engine::Level::kWarning, line.Field("suppressed", *suppressed));
}

void ShardApp::NoteBrokenReply(std::string_view scanner, std::string_view what) noexcept {
  counters_.Add(Count::kBrokenReplies);
  const auto suppressed = broken_replies_.Admit(parts_.loop.now());
  if (!suppressed) return;
  Write(engine::Level::kWarning,
        Line("broken reply of the scanner")
            .Field("scanner", scanner)
            .Field("fault", what)
            .Field("suppressed", *suppressed));
}

// splitmix64, as tests/sim/sim_random.h; nothing here is a secret.
ScannerMoment ShardApp::Moment() noexcept {
  chance_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = chance_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return {.shard = parts_.shard, .now = parts_.loop.now(), .chance = z ^ (z >> 31U)};
}

void ShardApp::JudgeScanner(ScannerGroup& group,
                            PickedScanner* picked,
                            ScanOutcome outcome,
                            Time scan_time) noexcept {
  const std::uint8_t index = picked->index;
  const ScannerHealth::Change change = group.Report(Moment(), picked, outcome, scan_time);
  if (change.of_state()) NoteBreaker(group, index, change);
}

// Each change comes once, from the shard that made it; back-offs keep them rare.
void ShardApp::NoteBreaker(const ScannerGroup& group,
                           std::uint8_t index,
                           const ScannerHealth::Change& change) noexcept {
  const bool opens = change.after.state == BreakerState::kOpen;
  engine::LogLine line = Line("scanner breaker");
  line.Field("scanner", group.address(index).text)
      .Field("from", BreakerStateName(change.before.state))
      .Field("to", BreakerStateName(change.after.state));
  if (opens) {
    const Time until = std::max(change.after.at - parts_.loop.now(), Time{});
    line.Field("cause", change.after.by_refusal ? "refused" : "failures")
        .Field("next_try_ms", std::chrono::duration_cast<std::chrono::milliseconds>(until).count());
  }
  Write(opens ? engine::Level::kWarning : engine::Level::kNotice, line);
}

void ShardApp::NoteProbe(const ScannerGroup& group, std::uint8_t index) noexcept {
  Write(engine::Level::kNotice,
        Line("scanner breaker")
            .Field("scanner", group.address(index).text)
            .Field("from", BreakerStateName(BreakerState::kOpen))
            .Field("to", BreakerStateName(BreakerState::kHalfOpen)));
}

void ShardApp::TickScanners() noexcept {
  struct Context {
    ShardApp* app;
    ScannerGroup* group;
  };
  const std::size_t groups = parts_.scanners.size();
  for (std::size_t i = 0; i < groups; ++i) {
    Context context{this, &parts_.scanners.at(i)};
    context.group->Tick(
        Moment(),
        [](void* told, std::uint8_t index, const ScannerHealth::Change& change) noexcept {
          const auto* to = static_cast<Context*>(told);
          to->app->NoteBreaker(*to->group, index, change);
        },
        &context);
  }
  if (probes_ && !stopping_) probes_->Tick(Moment());
}

}  // namespace relay
