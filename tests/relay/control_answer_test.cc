// The control socket's answers: against the stored ones, and what is called a problem.
#include "relay/control_answer.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "relay/metrics_text.h"
#include "tests/relay/made_snapshot.h"

namespace relay {
namespace {

TEST(ControlAnswerTest, IsAsStored) {
  for (const char* command : {"status", "queue", "scanners", "quota"}) {
    const std::string answer = ControlAnswer(command, MadeSnapshot());
    EXPECT_EQ(answer, GoldenControl(std::string(command) + ".json", answer)) << command;
  }
  const std::string quiet = ControlAnswer("status", QuietSnapshot());
  EXPECT_EQ(quiet, GoldenControl("quiet-status.json", quiet));
}

TEST(ControlAnswerTest, IsOneLine) {
  for (const char* command : {"status", "queue", "scanners", "quota", "no such"}) {
    const std::string answer = ControlAnswer(command, MadeSnapshot());
    EXPECT_EQ(answer.find('\n'), answer.size() - 1) << command;
  }
}

TEST(ControlAnswerTest, AnUnknownCommandIsToldWhatThereIs) {
  const std::string answer = ControlAnswer("stat", QuietSnapshot());
  EXPECT_NE(answer.find("\"error\":\"unknown command 'stat': status, queue, scanners, quota [N]"),
            std::string::npos)
      << answer;
  // Octets of any kind, and many of them.
  const std::string hostile = ControlAnswer("\xff\x01\"" + std::string(300, 'x'), QuietSnapshot());
  EXPECT_LT(hostile.size(), 300U);
}

TEST(ControlAnswerTest, QuotaTakesHowManyClients) {
  EXPECT_EQ(ClientsAsked("quota"), kClientsShown);
  EXPECT_EQ(ClientsAsked("quota 0"), 0U);
  EXPECT_EQ(ClientsAsked("quota 1000"), 1000U);
  EXPECT_EQ(ClientsAsked("status"), 0U);
  EXPECT_EQ(ControlAnswer("quota 7", MadeSnapshot()), ControlAnswer("quota", MadeSnapshot()));
  for (const char* wrong :
       {"quota ", "quota x", "quota -1", "quota 1001", "quota 7 ", "quotas 7"}) {
    EXPECT_EQ(ClientsAsked(wrong), 0U) << wrong;
    EXPECT_NE(ControlAnswer(wrong, MadeSnapshot()).find("unknown command"), std::string::npos)
        << wrong;
  }
}

// Who sends mail is for the control socket alone.
TEST(ControlAnswerTest, AddressesOfClientsAreInQuotaAlone) {
  constexpr std::string_view kAddress = "2001:db8::";
  EXPECT_NE(ControlAnswer("quota", MadeSnapshot()).find(kAddress), std::string::npos);
  for (const char* command : {"status", "queue", "scanners"})
    EXPECT_EQ(ControlAnswer(command, MadeSnapshot()).find(kAddress), std::string::npos) << command;
  for (const MetricsForm form : {MetricsForm::kOpenMetrics, MetricsForm::kPrometheusText})
    EXPECT_EQ(MetricsText(MadeSnapshot(), form).find(kAddress), std::string::npos);
}

bool Has(const std::vector<Problem>& problems, bool critical, std::string_view part) {
  for (const Problem& problem : problems) {
    if (problem.critical == critical && problem.text.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST(ControlProblemsTest, NothingIsWrongWithAQuietDaemon) {
  EXPECT_TRUE(ProblemsOf(QuietSnapshot()).empty());
}

TEST(ControlProblemsTest, WhatIsFullIsCriticalAndComesFirst) {
  const std::vector<Problem> problems = ProblemsOf(MadeSnapshot());
  EXPECT_TRUE(Has(problems, true, "messages in work at their limit: 200 of 200"));
  EXPECT_TRUE(Has(problems, false, "connections near their limit: 950 of 1000"));
  EXPECT_TRUE(Has(problems, true, "is full: 20 MiB free; below 32 MiB messages get 452"));
  EXPECT_TRUE(
      Has(problems,
          false,
          "42 messages wait for a scanner: all 10 slots are in use, the oldest waits for 31 s"));
  EXPECT_TRUE(Has(problems, true, "6 of 10 slots are held by requests that nobody waits for"));
  EXPECT_TRUE(Has(problems, false, "the last reload was refused"));
  EXPECT_TRUE(Has(problems, false, "17 log lines were lost"));
  bool warned = false;
  for (const Problem& problem : problems) {
    EXPECT_FALSE(warned && problem.critical) << problem.text;
    warned = warned || !problem.critical;
  }
}

TEST(ControlProblemsTest, ScannersThatFail) {
  Snapshot now = QuietSnapshot();
  now.scanners[0].now.state = BreakerState::kOpen;
  EXPECT_EQ(ProblemsOf(now).front().text, "no scanner works: messages are not scanned");
  now.scanners.push_back(now.scanners[0]);
  now.scanners[1].now.state = BreakerState::kClosed;
  EXPECT_FALSE(Has(ProblemsOf(now), true, "no scanner works"));
  EXPECT_TRUE(Has(ProblemsOf(now), false, "scanner local fails and gets no messages"));
  now.scanners[1].now.draining = true;
  EXPECT_TRUE(Has(ProblemsOf(now), true, "no scanner works"));
  now.scanners[0].now.state = BreakerState::kHalfOpen;
  EXPECT_TRUE(Has(ProblemsOf(now), false, "scanner local has failed and is being tried"));
  now.scanners[0].now.state = BreakerState::kSlowStart;
  now.scanners[0].now.limit_now = 3;
  EXPECT_FALSE(Has(ProblemsOf(now), true, "no scanner works"));
  EXPECT_TRUE(Has(ProblemsOf(now), false, "local works again and gets more by and by: 3 requests"));
}

TEST(ControlProblemsTest, AGroupWithoutALiveScannerIsNamed) {
  Snapshot now = QuietSnapshot();
  now.slots.emplace_back().group = "far";
  // Not configured any more: nothing is for it.
  EXPECT_TRUE(ProblemsOf(now).empty());
  now.scanners.push_back(now.scanners[0]);
  now.scanners[1].now.group = "far";
  now.scanners[1].now.draining = true;
  EXPECT_TRUE(Has(ProblemsOf(now), true, "group far: every scanner is drained"));
  now.scanners[1].now.state = BreakerState::kOpen;
  now.scanners[1].now.draining = false;
  EXPECT_TRUE(Has(ProblemsOf(now), true, "group far: no scanner works"));
  EXPECT_TRUE(Has(ProblemsOf(now), false, "scanner local of group far fails"));
  now.scanners[1].removed = true;
  EXPECT_TRUE(ProblemsOf(now).empty());
}

TEST(ControlProblemsTest, ATableOfClientsThatFillsUp) {
  Snapshot now = QuietSnapshot();
  now.client_table.capacity = 100;
  now.client_table.totals.keys = 95;
  EXPECT_TRUE(Has(ProblemsOf(now), false, "entries of the table of clients near their limit: 95"));
}

TEST(ControlProblemsTest, ADiskThatStalls) {
  Snapshot now = QuietSnapshot();
  now.spool.stalled = true;
  EXPECT_TRUE(Has(ProblemsOf(now), true, "the disk of /var/spool/amavisd/tmp stalls"));
}

TEST(ControlProblemsTest, AFileSystemThatCountsNoInodesIsNotOutOfThem) {
  Snapshot now = QuietSnapshot();
  now.spool.looked = true;
  now.spool.bytes_free = 1024 * engine::kMiB;
  now.spool.inodes_free = UINT64_MAX;
  EXPECT_TRUE(ProblemsOf(now).empty());
  now.spool.inodes_free = 999;
  EXPECT_TRUE(Has(ProblemsOf(now), true, "is out of inodes: 999 free"));
}

}  // namespace
}  // namespace relay
