// What whole messages the relay is measured with: plain, long, large, left, refused, edited.
//
// Each scenario is played again and again by a RelayDriver: a play is `sessions` connections at
// once, each with the script's transactions. All that a play may ask of the heap, it must have had
// after `warm_up` plays.
#ifndef MILLRACE_BENCH_MICRO_RELAY_SCENARIOS_H_
#define MILLRACE_BENCH_MICRO_RELAY_SCENARIOS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/micro/relay_driver.h"
#include "milter/mta_session.h"

namespace bench {

struct RelayScenario {
  std::string name;
  RelayOptions options;
  milter::MtaScript script;
  std::uint32_t sessions = 1;
  std::uint32_t warm_up = 20;
  milter::Outcome outcome = milter::Outcome::kAccepted;  // of every message; kNone: left early
  bool refused_sessions = false;                         // told 421, no message is begun

  // Of one play; a refused session counts as one.
  std::uint64_t messages() const noexcept {
    const std::size_t each = refused_sessions ? 1 : script.transactions.size();
    return std::uint64_t{sessions} * each;
  }
};

// All of them, on loops of the kind `io`. Allocates.
std::vector<RelayScenario> RelayScenarios(engine::IoChoice io);

// True when every message of `plays` plays had the outcome that is due.
bool WentWell(const RelayScenario& scenario, const Tally& tally, std::uint64_t plays) noexcept;

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_RELAY_SCENARIOS_H_
