// Whether a scanner is fit for work, judged by what its requests come to: a circuit breaker, one
// for each scanner, shared by all shards.
//
//               half of at least kRepliesMin outcomes failed,
//               or kRefusedRun connects in a row were refused
//   [closed] --------------------------------------------------> [open] <-----------.
//      ^                                                         |    ^             |
//      | kSlowStart is over         the same      probe taken,   |    | undecided:  | failed, or
//      |                                |         back-off over  |    | back-off    | kPatience
//   [slow start] -----------------------'---> [open]             v    | as short    | over:
//      ^                                                     [half open]-------------'  doubled
//      '------------------------- the probe has replied ---------'
//
//   event             closed, slow start     open                        half open
//   kReply            counted                -                           -
//   kFailure          counted, may open      -                           -
//   kFailureAlone     counted                -                           -
//   kRefused          counted, may open      -                           -
//   kRefusedAlone     counted, opens in a    -                           -
//                     row
//   kProbeTaken       -                      half open                   -
//   kProbeReply       as kReply              slow start (a late one)     slow start
//   kProbeFailure     as kFailure            -                           open, doubled; not by
//                                                                        refusal from here on
//   kProbeRefused     as kFailure            -                           open, doubled
//   kProbeUndecided   -                      -                           open, as short as possible
//   kConnected        -                      after refusals: back-off    -
//                                            is over
//   kTick             slow start over:       -                           kPatience over: open,
//                     closed                                             doubled
//
// What is judged is the share of failures among all outcomes of a window. A window that is over
// halves its counts instead of forgetting them, so that a failure does not depend on where a window
// began. One message that times out or kills its scanner is one failure in at least kRepliesMin,
// and never opens a breaker. Nobody listening is another matter: kRefusedRun connects in a row,
// with no reply between them, open it at whatever rate messages come. The last scanner of a group
// that is live is left out only for that: one that fails half of its mail is better than none.
// The probe is a real message: nothing else shows that a scanner scans. A connect that is taken
// (kConnected, relay/scanner_probe.h) only ends the back-off, and only where refused connects began
// it: a scanner that hangs takes connects, too.
// Chance (the back-off's jitter) and time are passed in. The whole state is one atomic word.
#ifndef MILLRACE_RELAY_SCANNER_HEALTH_H_
#define MILLRACE_RELAY_SCANNER_HEALTH_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"

namespace relay {

enum class BreakerState : std::uint8_t { kClosed, kSlowStart, kOpen, kHalfOpen };

constexpr std::string_view BreakerStateName(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::kClosed: return "closed";
    case BreakerState::kSlowStart: return "slow-start";
    case BreakerState::kOpen: return "open";
    case BreakerState::kHalfOpen: return "half-open";
  }
  return "";
}

enum class HealthEvent : std::uint8_t {
  kReply,           // a whole reply that says something, whatever its verdict
  kFailure,         // timed out, broke off, half a reply, nonsense
  kFailureAlone,    // likewise, of the only scanner that is live
  kRefused,         // nobody listens
  kRefusedAlone,    // likewise, at the only scanner that is live
  kProbeTaken,      // a message has been chosen to be the probe
  kProbeReply,      // ... and how that ended
  kProbeFailure,    // ... as kFailure
  kProbeRefused,    // ... as kRefused
  kProbeUndecided,  // it never came to the scanner (backlog full, nothing of ours left)
  kConnected,       // the active probe: somebody listens
  kTick,
};

struct Health {
  static constexpr std::uint32_t kRepliesMin = 5;
  static constexpr std::uint32_t kRefusedRun = 3;
  static constexpr std::uint32_t kCountMax = 1023;  // both counts are halved there
  static constexpr std::uint32_t kStreakMax = 15;
  static constexpr engine::Time kWindow = std::chrono::seconds(10);
  static constexpr engine::Time kBackOffMin = std::chrono::milliseconds(500);
  static constexpr engine::Time kBackOffMax = std::chrono::seconds(30);
  static constexpr engine::Time kPatience = std::chrono::seconds(30);   // with a probe
  static constexpr engine::Time kSlowStart = std::chrono::seconds(10);  // from one to the limit
  static constexpr engine::Time kUnit = std::chrono::milliseconds(8);   // of `at`

  BreakerState state = BreakerState::kClosed;
  std::uint8_t streak = 0;       // times it has opened without being closed in between
  std::uint8_t refused_run = 0;  // refused connects without a reply in between
  bool by_refusal = false;       // open: refused connects did it
  std::uint16_t outcomes = 0;    // of the window
  std::uint16_t failures = 0;
  // Closed: the window's begin; slow start: its own; open: the back-off's end; half open: the end
  // of the patience. A point in time after the start of the process, in multiples of kUnit.
  engine::Time at{};

  friend bool operator==(const Health&, const Health&) = default;
};

// The whole of the table above. `chance`: 64 random bits.
Health NextHealth(Health health,
                  HealthEvent event,
                  engine::Time now,
                  std::uint64_t chance) noexcept;

// What the breaker leaves of a scanner's limit, at least 1. Closed and slow start alone.
std::uint32_t RampedLimit(const Health& health, std::uint32_t limit, engine::Time now) noexcept;

// Open: a message may be the probe.
inline bool BackOffOver(const Health& health, engine::Time now) noexcept {
  return health.state == BreakerState::kOpen && now >= health.at;
}

// One scanner's health. Any thread.
//
// Memory orders: the word carries all of the state, and no other memory is handed over by it, so
// each change needs to be atomic and no more. They are sequentially consistent nevertheless, for
// ScannerGroup::Refresh: it writes the scanner's room and then looks whether the health that it was
// derived from still holds, while another thread changes the health and then looks at the room. One
// of the two must see the other's write.
class ScannerHealth {
 public:
  struct Change {
    Health before;
    Health after;
    bool of_state() const noexcept { return before.state != after.state; }
  };

  // `start`: a time before which no event comes.
  explicit ScannerHealth(engine::Time start) noexcept;
  ScannerHealth(const ScannerHealth&) = delete;
  ScannerHealth& operator=(const ScannerHealth&) = delete;

  Change On(HealthEvent event, engine::Time now, std::uint64_t chance) noexcept;
  Health Read() const noexcept;

  static std::uint64_t Pack(const Health& health, engine::Time start) noexcept;
  static Health Unpack(std::uint64_t word, engine::Time start) noexcept;

 private:
  engine::Time start_;
  std::atomic<std::uint64_t> word_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCANNER_HEALTH_H_
