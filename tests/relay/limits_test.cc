// The limits that follow from the number of open files.
#include "relay/limits.h"

#include <string>

#include <gtest/gtest.h>

namespace relay {
namespace {

std::uint64_t Sum(const Limits& limits) {
  return std::uint64_t{limits.sessions_max} + limits.messages_max + limits.scanner_connections_max +
         kDescriptorsPerShard * limits.shards + kDescriptorsReserve;
}

TEST(LimitsTest, DerivedLimitsFitIntoTheOpenFiles) {
  for (const std::uint64_t files : {512, 1024, 4096, 20'000, 524'288, 1'048'576}) {
    for (const std::uint32_t cores : {1U, 2U, 4U}) {
      const DerivedLimits derived = DeriveLimits(Config{}, cores, files);
      ASSERT_EQ(derived.error, "") << files;
      EXPECT_LE(Sum(derived.limits), files);
      EXPECT_EQ(Sum(derived.limits), derived.limits.descriptors_needed);
      EXPECT_GE(derived.limits.sessions_max, derived.limits.messages_max);
      EXPECT_GE(derived.limits.messages_max, derived.limits.scanner_connections_max);
      EXPECT_GT(derived.limits.scanner_connections_max, 0U);
      EXPECT_EQ(derived.limits.shards, cores);
    }
  }
}

TEST(LimitsTest, KeepsWhatTheOperatorSet) {
  Config config;
  config.engine.shards = 3;
  config.quota.sessions_max = 1000;
  config.quota.messages_max = 200;
  config.scanners[0].connections_max = 10;
  const DerivedLimits derived = DeriveLimits(config, 8, 10'000);
  EXPECT_EQ(derived.error, "");
  EXPECT_EQ(derived.limits.shards, 3U);
  EXPECT_EQ(derived.limits.sessions_max, 1000U);
  EXPECT_EQ(derived.limits.messages_max, 200U);
  EXPECT_EQ(derived.limits.scanner_connections_max, 10U);
}

TEST(LimitsTest, FewerScannerConnectionsLeaveMoreSessions) {
  Config config;
  config.scanners[0].connections_max = 4;
  EXPECT_GT(DeriveLimits(config, 1, 4096).limits.sessions_max,
            DeriveLimits(Config{}, 1, 4096).limits.sessions_max);
}

TEST(LimitsTest, WithAFileThereIsRoomForScannersThatAReloadAdds) {
  Config config;
  config.scanners[0].connections_max = 4;
  config.program.has_file = true;
  const Limits roomy = DeriveLimits(config, 1, 4096).limits;
  EXPECT_EQ(roomy.scanner_connections_max, roomy.messages_max);
  // What the operator has set is not refused for the sake of it.
  config.quota.sessions_max = 3000;
  config.quota.messages_max = 600;
  const DerivedLimits tight = DeriveLimits(config, 1, 4096);
  EXPECT_EQ(tight.error, "");
  EXPECT_EQ(tight.limits.scanner_connections_max, 4U);
}

TEST(LimitsTest, RefusesMoreThanFitsAndSaysWhatToRaise) {
  Config config;
  config.quota.sessions_max = 5000;
  const DerivedLimits derived = DeriveLimits(config, 1, 1024);
  EXPECT_NE(derived.error.find("limit of open files is 1024"), std::string::npos) << derived.error;
  EXPECT_NE(derived.error.find("5000 sessions"), std::string::npos) << derived.error;
  EXPECT_NE(derived.error.find("LimitNOFILE="), std::string::npos) << derived.error;
}

TEST(LimitsTest, RefusesAHopelessLimit) {
  EXPECT_NE(DeriveLimits(Config{}, 1, 100).error, "");
  EXPECT_NE(DeriveLimits(Config{}, 1, 0).error, "");
}

TEST(LimitsTest, FindsCoresAndOpenFiles) {
  EXPECT_GE(UsableCores(), 1U);
  const std::uint64_t files = RaiseOpenFiles();
  EXPECT_GT(files, 0U);
  EXPECT_EQ(RaiseOpenFiles(), files);  // already at the hard limit
}

TEST(LimitsTest, TextNamesEveryLimit) {
  const std::string text = LimitsText(DeriveLimits(Config{}, 2, 4096).limits);
  EXPECT_NE(text.find("shards: 2\n"), std::string::npos);
  EXPECT_NE(text.find("max_sessions: "), std::string::npos);
  EXPECT_NE(text.find("max_messages: "), std::string::npos);
  EXPECT_NE(text.find("max_scanner_connections: "), std::string::npos);
  EXPECT_NE(text.find("descriptors_available: 4096\n"), std::string::npos);
}

}  // namespace
}  // namespace relay
