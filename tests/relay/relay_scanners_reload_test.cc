// Scanners and groups that come, go and change by reload under load, in virtual time.
#include "tests/relay/scanners_scenario.h"

namespace relay_sim {
namespace {

using relay::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RelayScannersReloadTest : public RelayScannersTest {
 protected:
  // The configuration of a world with those scanners of it in service, with four slots each.
  static relay::Config With(const WorldOptions& options, const std::vector<std::size_t>& which) {
    relay::Config config = options.config;
    config.scanners.assign(which.size(), options.config.scanners[0]);
    for (std::size_t i = 0; i < which.size(); ++i) {
      config.scanners[i].name = std::to_string(which[i]);
      config.scanners[i].connections_max = 4;
    }
    return config;
  }
  void ReloadAt(engine::Time at, const relay::Config& config, std::vector<std::size_t> which) {
    At(at, [this, config, which = std::move(which)] {
      EXPECT_TRUE(relay_->ReloadScanners(config, which));
    });
  }
};

TEST_F(RelayScannersReloadTest, ScannersThatTakeTurnsFailNothing) {
  WorldOptions options = Scanners();
  Begin(options);
  Load(seconds(40));
  for (int i = 0; i < 12; ++i) {
    const std::vector<std::size_t> which = {static_cast<std::size_t>(i % 2)};
    ReloadAt(seconds(3 + 3 * i), With(options, which), which);
  }
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
}

// Waiters are told, whichever the scanner is that they waited for; and a lower limit is kept.
TEST_F(RelayScannersReloadTest, LimitsThatMoveUnderLoadFailNothing) {
  WorldOptions options = Scanners();
  Begin(options);
  Load(seconds(40));
  for (int i = 0; i < 12; ++i) {
    relay::Config config = With(options, {0, 1});
    config.scanners[0].connections_max = i % 3 == 0 ? 1 : 20;
    config.scanners[1].connections_max = i % 3 == 1 ? 1 : 3;
    config.scanners[1].drain = i % 4 == 3;
    ReloadAt(seconds(3 + 3 * i), config, {0, 1});
  }
  RunAll();
  EXPECT_EQ(Told().tempfailed, 0);
}

// It has no scanner any more: what was to go there comes again. It does not pass, whatever the
// policy says about scanners that cannot be reached.
TEST_F(RelayScannersReloadTest, MailOfAGroupThatIsTakenAwayDoesNotPass) {
  WorldOptions options = Scanners();
  options.scanner_slots = 1;
  options.scanner.delay_min = options.scanner.delay_max = seconds(1);
  options.more_scanners[0].group = "other";
  options.config.listeners[0].pass_on_failure = true;
  Begin(options);
  Load(seconds(10));
  relay::Config config = With(options, {1});
  config.scanners[0].group = "other";
  config.listeners[0].scanner_group = "other";
  ReloadAt(seconds(5), config, {1});
  RunAll();
  EXPECT_EQ(relay_->Sum(Count::kPassedUnscanned), 0U);
  EXPECT_GT(relay_->Sum(Count::kRefusedPassing), 5U);
  EXPECT_GT(Told().accepted, 50);
}

// Its number and its queue are the same; what its scanners had been through is, too.
TEST_F(RelayScannersReloadTest, AGroupThatComesBackServes) {
  WorldOptions options = Scanners();
  options.more_scanners[0].group = "other";
  Begin(options);
  Load(seconds(40));
  for (int i = 0; i < 10; ++i) {
    const std::size_t index = i % 2 == 0 ? 1 : 0;
    relay::Config config = With(options, {index});
    config.scanners[0].group = config.listeners[0].scanner_group = index == 1 ? "other" : "";
    ReloadAt(seconds(3 + 3 * i), config, {index});
  }
  RunAll();
  const std::size_t late = relay_->servers().size() - 50;
  EXPECT_EQ(Told(late).tempfailed, 0);
  EXPECT_EQ(relay_->Sum(Count::kRefusedUnreachable), 0U);
}

}  // namespace
}  // namespace relay_sim
