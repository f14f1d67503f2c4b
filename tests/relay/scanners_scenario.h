// The fixture of the stories of several scanners: load, what it was told, what the breakers did.
#ifndef MILLRACE_TESTS_RELAY_SCANNERS_SCENARIO_H_
#define MILLRACE_TESTS_RELAY_SCANNERS_SCENARIO_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {

inline constexpr SessionMix kThree{
    .messages_max = 3, .recipients_max = 2, .body_bytes_max = 3000, .sendmail = 0};

class RelayScannersTest : public RelayScenarioTest {
 protected:
  // Two scanners with four slots each, unless said otherwise; `one`: the first of them alone.
  static WorldOptions Scanners(bool one = false) {
    WorldOptions options{.keep_log = true, .shards = 2, .scanner_slots = 4};
    options.scanner = Calm(std::chrono::milliseconds(200));
    if (!one) options.more_scanners = {{.plan = Calm(std::chrono::milliseconds(200)), .slots = 4}};
    options.config.scanners[0].scan_timeout = std::chrono::seconds(4);
    return options;
  }
  // A session every 100 ms for `lasts`: up to three messages each.
  void Load(engine::Time lasts) {
    for (engine::Time at = std::chrono::seconds(1); at < lasts;
         at += std::chrono::milliseconds(100))
      Play(relay_->MakeScript(kThree), milter::MtaKind::kPostfix, at);
  }
  template <typename What>
  void At(engine::Time at, What what) {
    relay_->world().At(at, std::move(what));
  }
  struct Tally {
    int accepted = 0;
    int tempfailed = 0;
    int other = 0;
  };
  // Of messages of sessions that came from `from` on.
  Tally Told(std::size_t from = 0) {
    Tally tally;
    for (std::size_t i = from; i < relay_->servers().size(); ++i) {
      const SimMailServer& server = *relay_->servers()[i];
      EXPECT_FALSE(server.lost()) << i;
      EXPECT_EQ(server.session().results().size(), server.script().transactions.size()) << i;
      for (const milter::TransactionResult& result : server.session().results()) {
        if (result.outcome == milter::Outcome::kAccepted) {
          ++tally.accepted;
        } else if (result.outcome == milter::Outcome::kTempfailed) {
          ++tally.tempfailed;
          EXPECT_TRUE(result.reply_text.starts_with("451 ")) << result.reply_text;
        } else {
          ++tally.other;
        }
      }
    }
    EXPECT_EQ(tally.other, 0);
    return tally;
  }
  // "closed>open" and so on, of all scanners, in order.
  std::vector<std::string> Changes() const {
    static const std::set<std::string> kDrawn = {"closed>open",
                                                 "slow-start>open",
                                                 "slow-start>closed",
                                                 "open>half-open",
                                                 "open>slow-start",
                                                 "half-open>slow-start",
                                                 "half-open>open"};
    std::vector<std::string> changes;
    for (const std::string& line : relay_->log_lines()) {
      const std::size_t from = line.find(" from=");
      const std::size_t to = line.find(" to=");
      if (line.find("scanner breaker") == std::string::npos) continue;
      const std::string change = line.substr(from + 6, to - from - 6) + ">" +
                                 line.substr(to + 4, line.find(' ', to + 1) - to - 4);
      EXPECT_TRUE(kDrawn.count(change)) << line;
      changes.push_back(change);
    }
    return changes;
  }
  relay::ScannerSnapshot Of(std::size_t index) { return relay_->groups().at(0).Snapshot()[index]; }
  std::uint64_t Counted(std::size_t index, relay::ScannerCount count) {
    return Of(index).counts[static_cast<std::size_t>(count)];
  }
  // engine::Time for slow start after the last message.
  void Settle() { relay_->world().Run(relay_->world().now() + std::chrono::seconds(20)); }
  void ExpectClosed(std::size_t index) {
    const relay::ScannerSnapshot scanner = Of(index);
    EXPECT_EQ(scanner.state, relay::BreakerState::kClosed);
    EXPECT_EQ(scanner.outstanding, 0U);
    EXPECT_EQ(scanner.limit_now, scanner.limit);
  }
};

}  // namespace relay_sim

#endif  // MILLRACE_TESTS_RELAY_SCANNERS_SCENARIO_H_
