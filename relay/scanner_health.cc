// The breaker's table as a function of one state and one event, and the word that it is kept in.
#include "relay/scanner_health.h"

#include <algorithm>

#include "engine/base/check.h"

namespace relay {
namespace {

using engine::Time;

//   word:  | at: 34 | outcomes: 10 | failures: 10 | streak: 4 | refused run: 3 | by refusal: 1 |
//          | state: 2 |          34 bits of 8 ms are four years of one process
constexpr unsigned kStateBits = 2;
constexpr unsigned kByRefusalBits = 1;
constexpr unsigned kRunBits = 3;
constexpr unsigned kStreakBits = 4;
constexpr unsigned kCountBits = 10;
constexpr unsigned kAtBits = 34;
static_assert(kStateBits + kByRefusalBits + kRunBits + kStreakBits + 2 * kCountBits + kAtBits ==
              64);
static_assert(Health::kCountMax < (1U << kCountBits));
static_assert(Health::kStreakMax < (1U << kStreakBits));
static_assert(Health::kRefusedRun < (1U << kRunBits));

// Rounded up, so that nothing is over before its time.
Time InUnits(Time time) noexcept {
  const auto unit = Health::kUnit.count();
  return Time((time.count() + unit - 1) / unit * unit);
}

void BeginWindow(Health& health, Time now) noexcept {
  health.outcomes = 0;
  health.failures = 0;
  health.refused_run = 0;
  health.at = InUnits(now);
}

// Windows that are over halve what they have counted.
void Age(Health& health, Time now) noexcept {
  if (health.state != BreakerState::kClosed || now < health.at + Health::kWindow) return;
  const auto over = (now - health.at) / Health::kWindow;
  const auto halvings = static_cast<unsigned>(std::min<std::int64_t>(over, kCountBits));
  health.outcomes = static_cast<std::uint16_t>(health.outcomes >> halvings);
  health.failures = static_cast<std::uint16_t>(health.failures >> halvings);
  health.at = InUnits(now);
}

// A quarter more or less, so that the daemons of several hosts do not probe in step.
Time BackOff(std::uint32_t streak, std::uint64_t chance) noexcept {
  const Time doubled = std::min(Health::kBackOffMin * (std::int64_t{1} << std::min(streak, 16U)),
                                Time(Health::kBackOffMax));
  const auto quarter = doubled.count() / 4;
  return doubled - Time(quarter) +
         Time(static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(2 * quarter + 1)));
}

void Open(Health& health, bool by_refusal, Time now, std::uint64_t chance) noexcept {
  health.state = BreakerState::kOpen;
  health.by_refusal = by_refusal;
  health.outcomes = 0;
  health.failures = 0;
  health.refused_run = 0;
  health.at = InUnits(now + BackOff(health.streak, chance));
  if (health.streak < Health::kStreakMax) ++health.streak;
}

void Count(Health& health, bool failed, Time now) noexcept {
  Age(health, now);
  if (health.outcomes == Health::kCountMax) {
    health.outcomes = static_cast<std::uint16_t>(health.outcomes / 2);
    health.failures = static_cast<std::uint16_t>(health.failures / 2);
  }
  ++health.outcomes;
  if (failed) ++health.failures;
}

// Closed and slow start.
void CountAndJudge(Health& health, HealthEvent event, Time now, std::uint64_t chance) noexcept {
  const bool refused = event == HealthEvent::kRefused || event == HealthEvent::kRefusedAlone;
  const bool alone = event == HealthEvent::kFailureAlone || event == HealthEvent::kRefusedAlone;
  const bool failed = refused || alone || event == HealthEvent::kFailure;
  Count(health, failed, now);
  if (refused) ++health.refused_run;
  if (!failed) health.refused_run = 0;
  const bool nobody_there = health.refused_run >= Health::kRefusedRun;
  const bool half_failed =
      !alone && health.outcomes >= Health::kRepliesMin && 2 * health.failures >= health.outcomes;
  if (failed && (nobody_there || half_failed)) Open(health, nobody_there, now, chance);
}

void EndSlowStart(Health& health, Time now) noexcept {
  if (health.state != BreakerState::kSlowStart || now < health.at + Health::kSlowStart) return;
  health.state = BreakerState::kClosed;
  health.streak = 0;
  BeginWindow(health, now);
}

void WhileInUse(Health& health, HealthEvent event, Time now, std::uint64_t chance) noexcept {
  EndSlowStart(health, now);
  switch (event) {
    case HealthEvent::kReply:
    case HealthEvent::kFailure:
    case HealthEvent::kFailureAlone:
    case HealthEvent::kRefused:
    case HealthEvent::kRefusedAlone: CountAndJudge(health, event, now, chance); return;
    // Of a probe that was given up for one that has replied since.
    case HealthEvent::kProbeReply: CountAndJudge(health, HealthEvent::kReply, now, chance); return;
    case HealthEvent::kProbeFailure:
    case HealthEvent::kProbeRefused:
      CountAndJudge(health, HealthEvent::kFailure, now, chance);
      return;
    case HealthEvent::kProbeTaken:
    case HealthEvent::kProbeUndecided:
    case HealthEvent::kConnected:
    case HealthEvent::kTick: return;
  }
}

void Recover(Health& health, Time now) noexcept {
  health.state = BreakerState::kSlowStart;
  health.by_refusal = false;
  BeginWindow(health, now);
}

void WhileOpen(Health& health, HealthEvent event, Time now) noexcept {
  switch (event) {
    case HealthEvent::kProbeTaken:
      health.state = BreakerState::kHalfOpen;
      health.at = InUnits(now + Health::kPatience);
      return;
    case HealthEvent::kProbeReply: Recover(health, now); return;
    case HealthEvent::kConnected:
      if (health.by_refusal) health.at = std::min(health.at, InUnits(now));
      return;
    case HealthEvent::kReply:
    case HealthEvent::kFailure:
    case HealthEvent::kFailureAlone:
    case HealthEvent::kRefused:
    case HealthEvent::kRefusedAlone:
    case HealthEvent::kProbeFailure:
    case HealthEvent::kProbeRefused:
    case HealthEvent::kProbeUndecided:
    case HealthEvent::kTick: return;
  }
}

void WhileHalfOpen(Health& health, HealthEvent event, Time now, std::uint64_t chance) noexcept {
  switch (event) {
    case HealthEvent::kProbeReply: Recover(health, now); return;
    // It was there, and the scan failed: what is told from here on must not be "unreachable".
    case HealthEvent::kProbeFailure: Open(health, false, now, chance); return;
    case HealthEvent::kProbeRefused: Open(health, health.by_refusal, now, chance); return;
    case HealthEvent::kProbeUndecided:
      health.state = BreakerState::kOpen;
      health.at = InUnits(now + BackOff(0, chance));
      return;
    case HealthEvent::kTick:
      if (now >= health.at) Open(health, false, now, chance);
      return;
    case HealthEvent::kReply:
    case HealthEvent::kFailure:
    case HealthEvent::kFailureAlone:
    case HealthEvent::kRefused:
    case HealthEvent::kRefusedAlone:
    case HealthEvent::kProbeTaken:
    case HealthEvent::kConnected: return;
  }
}

}  // namespace

Health NextHealth(Health health, HealthEvent event, Time now, std::uint64_t chance) noexcept {
  switch (health.state) {
    case BreakerState::kClosed:
    case BreakerState::kSlowStart: WhileInUse(health, event, now, chance); break;
    case BreakerState::kOpen: WhileOpen(health, event, now); break;
    case BreakerState::kHalfOpen: WhileHalfOpen(health, event, now, chance); break;
  }
  return health;
}

std::uint32_t RampedLimit(const Health& health, std::uint32_t limit, Time now) noexcept {
  if (health.state != BreakerState::kSlowStart) return std::max(limit, 1U);
  const auto passed = std::clamp(now - health.at, Time{}, Time(Health::kSlowStart));
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
  constexpr auto kWhole =
      std::chrono::duration_cast<std::chrono::milliseconds>(Health::kSlowStart).count();
  const std::int64_t share = std::int64_t{limit} * millis / kWhole;
  return static_cast<std::uint32_t>(std::max<std::int64_t>(share, 1));
}

std::uint64_t ScannerHealth::Pack(const Health& health, Time start) noexcept {
  const auto units = std::max<std::int64_t>((health.at - start) / Health::kUnit, 0);
  std::uint64_t word = static_cast<std::uint64_t>(units);
  word = word << kCountBits | health.outcomes;
  word = word << kCountBits | health.failures;
  word = word << kStreakBits | health.streak;
  word = word << kRunBits | health.refused_run;
  word = word << kByRefusalBits | (health.by_refusal ? 1U : 0U);
  return word << kStateBits | static_cast<std::uint64_t>(health.state);
}

Health ScannerHealth::Unpack(std::uint64_t word, Time start) noexcept {
  const auto take = [&word](unsigned bits) noexcept {
    const std::uint64_t field = word & ((std::uint64_t{1} << bits) - 1);
    word >>= bits;
    return field;
  };
  Health health;
  health.state = static_cast<BreakerState>(take(kStateBits));
  health.by_refusal = take(kByRefusalBits) != 0;
  health.refused_run = static_cast<std::uint8_t>(take(kRunBits));
  health.streak = static_cast<std::uint8_t>(take(kStreakBits));
  health.failures = static_cast<std::uint16_t>(take(kCountBits));
  health.outcomes = static_cast<std::uint16_t>(take(kCountBits));
  health.at = start + Health::kUnit * static_cast<std::int64_t>(take(kAtBits));
  return health;
}

ScannerHealth::ScannerHealth(Time start) noexcept
    : start_(Time(start.count() / Health::kUnit.count() * Health::kUnit.count())),
      word_(Pack({.at = start_}, start_)) {}

ScannerHealth::Change ScannerHealth::On(HealthEvent event,
                                        Time now,
                                        std::uint64_t chance) noexcept {
  std::uint64_t word = word_.load(std::memory_order_seq_cst);
  for (;;) {
    const Health before = Unpack(word, start_);
    const Health after = NextHealth(before, event, now, chance);
    ENGINE_CHECK(after.failures <= after.outcomes);
    const std::uint64_t next = Pack(after, start_);
    if (next == word) return {before, after};
    if (word_.compare_exchange_weak(
            word, next, std::memory_order_seq_cst, std::memory_order_seq_cst)) {
      return {before, after};
    }
  }
}

Health ScannerHealth::Read() const noexcept {
  return Unpack(word_.load(std::memory_order_seq_cst), start_);
}

}  // namespace relay
