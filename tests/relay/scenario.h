// The fixture of the named situations: a simulated relay, mail servers that are added one by one,
// and the invariants at the end.
#ifndef MILLRACE_TESTS_RELAY_SCENARIO_H_
#define MILLRACE_TESTS_RELAY_SCENARIO_H_

#include <algorithm>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "tests/relay/relay_world.h"

namespace relay_sim {

// A scanner that takes exactly `time` and finds nothing.
inline ScannerPlan Calm(engine::Time time) {
  ScannerPlan plan;
  plan.delay_min = plan.delay_max = time;
  plan.reject = plan.discard = plan.tempfail = plan.leaves_parts = 0;
  return plan;
}

inline constexpr SessionMix kOne{
    .messages_max = 1, .recipients_max = 1, .body_bytes_max = 500, .sendmail = 0};

class RelayScenarioTest : public testing::Test {
 protected:
  void Begin(const WorldOptions& options) { relay_ = std::make_unique<RelayWorld>(1, options); }
  SimMailServer& Play(milter::MtaScript script,
                      milter::MtaKind kind = milter::MtaKind::kPostfix,
                      engine::Time at = {}) {
    milter::MtaOptions options;
    options.kind = kind;
    SimMailServer& server = relay_->AddServer(options, std::move(script));
    relay_->ConnectAt(server, std::max(at, relay_->world().now()));
    return server;
  }
  SimMailServer& PlayOne(engine::Time at = {}) {
    return Play(relay_->MakeScript(kOne), milter::MtaKind::kPostfix, at);
  }
  void RunAll() { ASSERT_TRUE(relay_->RunServers(std::chrono::hours(5))); }
  static const milter::TransactionResult& First(const SimMailServer& server) {
    return server.session().results().at(0);
  }
  void TearDown() override {
    for (const std::string& what : relay_->Finish())
      ADD_FAILURE() << what;
  }

  std::unique_ptr<RelayWorld> relay_;
};

}  // namespace relay_sim

#endif  // MILLRACE_TESTS_RELAY_SCENARIO_H_
