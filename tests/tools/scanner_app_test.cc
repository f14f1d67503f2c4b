// The scanner's connections, in virtual time: answers, delays, faults, and what counts as inside.
#include "tools/scanner/scanner_app.h"

#include <string>

#include <gtest/gtest.h>

#include "ampdp/framing.h"
#include "tests/ampdp/wire_fixture.h"
#include "tests/tools/scanner_world.h"
#include "tools/scanner/signatures.h"

namespace scanner {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ScannerConfig WithRules(const std::vector<std::string>& rules) {
  ScannerConfig config;
  for (const std::string& text : rules) {
    absl::StatusOr<Rule> rule = ParseRule(text);
    EXPECT_TRUE(rule.ok()) << rule.status();
    config.rules.push_back(*std::move(rule));
  }
  return config;
}

std::string VerdictOf(const TestClient& client) {
  const ampdp::ParsedReply parsed(client.heard);
  return parsed.error.ok() ? ampdp::VerdictText(parsed.reply.verdict)
                           : ampdp::ReplyFaultText(parsed.error.fault);
}

class ScannerAppTest : public testing::Test {
 protected:
  void Make(const ScannerConfig& config, const sim::SimFaults& faults = {}) {
    world_ = std::make_unique<ScannerWorld>(config, faults);
    world_->world.files().WriteFile("/spool/clean", "Subject: hi\n\nbody\n");
    world_->world.files().WriteFile("/spool/eicar", "Subject: hi\n\n" + EicarSignature() + "\n");
  }
  TestClient& Ask(const std::string& recipient, const std::string& file = "/spool/clean") {
    TestClient& client = world_->NewClient();
    client.Say(ScannerWorld::Request(recipient, file));
    return client;
  }
  const Statistics& statistics() { return world_->app->statistics(); }

  std::unique_ptr<ScannerWorld> world_;
};

TEST_F(ScannerAppTest, AnswersByContent) {
  Make({});
  const TestClient& clean = Ask("<a@b>");
  const TestClient& eicar = Ask("<a@b>", "/spool/eicar");
  const TestClient& missing = Ask("<a@b>", "/spool/none");
  world_->Pass(seconds(1));
  EXPECT_EQ(VerdictOf(clean), "continue");
  EXPECT_EQ(VerdictOf(eicar), "reject");
  EXPECT_EQ(VerdictOf(missing), "tempfail");
  EXPECT_EQ(statistics().requests, 3U);
  EXPECT_EQ(statistics().inside, 0U);
  EXPECT_EQ(statistics().unreadable_files, 1U);
}

TEST_F(ScannerAppTest, ServesSeveralRequestsOnOneConnection) {
  Make({});
  TestClient& client = Ask("<a@b>");
  client.Say(ScannerWorld::Request("<a@b>", "/spool/eicar"));
  world_->Pass(seconds(1));
  const std::size_t first_end = client.heard.find("\r\n\r\n") + 4;
  EXPECT_EQ(ampdp::ParsedReply(client.heard.substr(0, first_end)).reply.verdict,
            ampdp::Verdict::kContinue);
  EXPECT_EQ(ampdp::ParsedReply(client.heard.substr(first_end)).reply.verdict,
            ampdp::Verdict::kReject);
  EXPECT_FALSE(client.gone);
}

TEST_F(ScannerAppTest, ManyPipelinedRequestsAreAnsweredInTurn) {
  Make({});
  TestClient& client = world_->NewClient();
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += ScannerWorld::Request("<a@b>", "/spool/clean");
  client.Say(all);
  world_->Pass(seconds(10));
  EXPECT_EQ(statistics().requests, 500U);
  EXPECT_EQ(statistics().inside_max, 1U);
}

TEST_F(ScannerAppTest, RoughSocketsChangeNothing) {
  sim::SimFaults faults;
  faults.short_receive = 500'000;
  faults.short_send = 500'000;
  faults.late_ready = 200'000;
  faults.buffer_min_bytes = 64;
  faults.buffer_max_bytes = 128;
  Make({}, faults);
  std::vector<TestClient*> clients;
  clients.reserve(50);
  for (int i = 0; i < 50; ++i)
    clients.push_back(&Ask("<a@b>", i % 2 == 0 ? "/spool/clean" : "/spool/eicar"));
  world_->Pass(seconds(10));
  for (std::size_t i = 0; i < clients.size(); ++i)
    EXPECT_EQ(VerdictOf(*clients[i]), i % 2 == 0 ? "continue" : "reject") << i;
}

TEST_F(ScannerAppTest, DelaysItsReply) {
  Make(WithRules({"rcpt=slow@* delay=5s"}));
  const TestClient& slow = Ask("<slow@b>");
  const TestClient& fast = Ask("<fast@b>");
  world_->Pass(seconds(4));
  EXPECT_EQ(slow.heard, "");
  EXPECT_NE(fast.heard, "");
  EXPECT_EQ(statistics().inside, 1U);
  world_->Pass(seconds(2));
  EXPECT_EQ(VerdictOf(slow), "continue");
}

TEST_F(ScannerAppTest, JitterStaysBelowItsBound) {
  ScannerConfig config;
  config.delay = seconds(1);
  config.jitter = seconds(2);
  Make(config);
  std::vector<TestClient*> clients;
  clients.reserve(40);
  for (int i = 0; i < 40; ++i)
    clients.push_back(&Ask("<a@b>"));
  world_->Pass(milliseconds(990));
  for (const TestClient* client : clients)
    EXPECT_EQ(client->heard, "");
  world_->Pass(milliseconds(1000));
  EXPECT_GT(statistics().inside, 0U);
  EXPECT_LT(statistics().inside, 40U);
  world_->Pass(milliseconds(1100));
  EXPECT_EQ(statistics().inside, 0U);
}

TEST_F(ScannerAppTest, GoneClientStaysInsideUntilItsScanEnds) {
  Make(WithRules({"delay=5s"}));
  TestClient& client = Ask("<a@b>");
  world_->Pass(seconds(1));
  client.Leave();
  world_->Pass(seconds(3));
  EXPECT_EQ(statistics().inside, 1U);
  EXPECT_EQ(statistics().gone_while_inside, 1U);
  world_->Pass(seconds(2));
  EXPECT_EQ(statistics().inside, 0U);
}

TEST_F(ScannerAppTest, FaultsAreAsAsked) {
  Make(WithRules({"rcpt=half@* fault=half",
                  "rcpt=garbage@* fault=garbage",
                  "rcpt=close@* fault=close",
                  "rcpt=reset@* fault=reset",
                  "rcpt=none@* fault=no-verdict",
                  "rcpt=two@* fault=two-verdicts"}));
  const TestClient& half = Ask("<half@b>");
  const TestClient& garbage = Ask("<garbage@b>");
  const TestClient& close = Ask("<close@b>");
  const TestClient& reset = Ask("<reset@b>");
  const TestClient& none = Ask("<none@b>");
  const TestClient& two = Ask("<two@b>");
  world_->Pass(seconds(1));
  EXPECT_EQ(VerdictOf(half), "ends before the empty line");
  EXPECT_NE(half.heard, "");
  EXPECT_TRUE(half.gone);
  EXPECT_EQ(VerdictOf(garbage), "line without \"=\"");
  EXPECT_EQ(close.heard, "");
  EXPECT_TRUE(close.gone);
  EXPECT_EQ(close.error, 0);
  EXPECT_EQ(reset.heard, "");
  EXPECT_TRUE(reset.gone);
  EXPECT_NE(reset.error, 0);
  EXPECT_EQ(VerdictOf(none), "no return_value");
  EXPECT_EQ(VerdictOf(two), "second return_value");
  EXPECT_EQ(statistics().faults, 6U);
  EXPECT_EQ(statistics().inside, 0U);
}

TEST_F(ScannerAppTest, HangsUntilTheClientLeaves) {
  Make(WithRules({"fault=hang"}));
  TestClient& client = Ask("<a@b>");
  world_->Pass(seconds(1000));
  EXPECT_EQ(client.heard, "");
  EXPECT_FALSE(client.gone);
  EXPECT_EQ(statistics().inside, 1U);
  client.Leave();
  world_->Pass(seconds(1));
  EXPECT_EQ(statistics().inside, 0U);
}

TEST_F(ScannerAppTest, LateReadSeesTheFileAsItIsThen) {
  Make(WithRules({"rcpt=late@* fault=late-read hold=10s"}));
  TestClient& stays = Ask("<late@b>");
  TestClient& leaves = Ask("<late@b>");
  world_->Pass(seconds(1));
  leaves.Leave();
  world_->world.files().WriteFile("/spool/clean", "Subject: other\n\n" + EicarSignature());
  world_->Pass(seconds(8));
  EXPECT_EQ(stays.heard, "");
  EXPECT_EQ(statistics().inside, 2U);
  world_->Pass(seconds(2));
  EXPECT_EQ(VerdictOf(stays), "reject");
  ASSERT_EQ(world_->late_reads.size(), 2U);
  EXPECT_TRUE(world_->late_reads[0].starts_with("4Q:Subject: other\n"));
  EXPECT_EQ(statistics().late_reads, 2U);
  EXPECT_EQ(statistics().inside, 0U);
}

TEST_F(ScannerAppTest, HalfLateReadBreaksOffAndReadsLater) {
  Make(WithRules({"fault=half-late-read hold=10s"}));
  const TestClient& client = Ask("<a@b>");
  world_->Pass(seconds(1));
  EXPECT_EQ(VerdictOf(client), "ends before the empty line");
  EXPECT_TRUE(client.gone);
  EXPECT_TRUE(world_->late_reads.empty());
  EXPECT_EQ(statistics().inside, 1U);
  world_->Pass(seconds(10));
  EXPECT_EQ(world_->late_reads.size(), 1U);
  EXPECT_EQ(statistics().inside, 0U);
}

TEST_F(ScannerAppTest, KeepsTheFileOpenBeyondItsReply) {
  Make(WithRules({"fault=keep-open hold=10s"}));
  TestClient& client = Ask("<a@b>");
  world_->Pass(seconds(1));
  EXPECT_EQ(VerdictOf(client), "continue");
  EXPECT_EQ(statistics().inside, 0U);
  client.Leave();
  world_->Pass(seconds(5));
  ASSERT_NE(world_->held, nullptr);
  EXPECT_EQ(world_->held->held, 1);
  world_->Pass(seconds(10));
  EXPECT_EQ(world_->held, nullptr);
}

TEST_F(ScannerAppTest, EveryNthMatchOnly) {
  Make(WithRules({"every=3 verdict=tempfail"}));
  std::string verdicts;
  for (int i = 0; i < 6; ++i) {
    const TestClient& client = Ask("<a@b>");
    world_->Pass(seconds(1));
    verdicts += VerdictOf(client) + " ";
  }
  EXPECT_EQ(verdicts, "continue continue tempfail continue continue tempfail ");
}

TEST_F(ScannerAppTest, FixedReplyNeedsNoFile) {
  ScannerConfig config;
  config.fixed_reply = "return_value=accept\r\n\r\n";
  Make(config);
  const TestClient& client = Ask("<a@b>", "/spool/none");
  world_->Pass(seconds(1));
  EXPECT_EQ(client.heard, config.fixed_reply);
  EXPECT_EQ(statistics().fixed_replies, 1U);
}

TEST_F(ScannerAppTest, NoticesTooManyInside) {
  ScannerConfig config = WithRules({"delay=1s"});
  config.max_in_flight = 2;
  Make(config);
  Ask("<a@b>");
  Ask("<a@b>");
  world_->Pass(milliseconds(500));
  EXPECT_FALSE(world_->app->over_limit());
  Ask("<a@b>");
  world_->Pass(milliseconds(100));
  EXPECT_TRUE(world_->app->over_limit());
  EXPECT_EQ(statistics().inside_max, 3U);
}

TEST_F(ScannerAppTest, BrokenRequestsAreAnsweredOrClosed) {
  Make({});
  TestClient& odd = world_->NewClient();
  odd.Say("request=AM.PDP\ngarbage\n\n");
  TestClient& other = world_->NewClient();
  other.Say("request=release\nmail_id=x\n\n");
  TestClient& endless = world_->NewClient();
  endless.Say(std::string(ampdp::kLineBytesMax + 2, 'x'));
  world_->Pass(seconds(5));
  EXPECT_EQ(VerdictOf(odd), "tempfail");
  EXPECT_EQ(VerdictOf(other), "tempfail");
  EXPECT_TRUE(endless.gone);
  EXPECT_EQ(statistics().broken_requests, 3U);
}

TEST_F(ScannerAppTest, ConnectionsBeyondTheLimitAreClosed) {
  ScannerConfig config;
  config.connections_max = 1;
  Make(config);
  TestClient& first = world_->NewClient();
  world_->Pass(seconds(1));
  TestClient& second = world_->NewClient();
  world_->Pass(seconds(1));
  EXPECT_FALSE(first.gone);
  EXPECT_TRUE(second.gone);
  first.Leave();
  world_->Pass(seconds(1));
  const TestClient& third = Ask("<a@b>");
  world_->Pass(seconds(1));
  EXPECT_EQ(VerdictOf(third), "continue");
}

TEST_F(ScannerAppTest, LogsOneLinePerRequestWhenVerbose) {
  ScannerConfig config;
  config.verbose = true;
  Make(config);
  Ask("<a@b>");
  world_->Pass(seconds(1));
  ASSERT_EQ(world_->log.size(), 1U);
  EXPECT_EQ(world_->log[0],
            "log_id=00001-01 queue_id=4Q recipients=1 bytes=18 verdict=continue fault=none");
}

TEST_F(ScannerAppTest, StatisticsAreOneLine) {
  Make({});
  Ask("<a@b>");
  world_->Pass(seconds(1));
  EXPECT_EQ(StatisticsLine(statistics()),
            "connections=1 requests=1 inside=0 inside_max=1 continue=1 accept=0 reject=0 discard=0 "
            "tempfail=0 fixed=0 faults=0 late_reads=0 broken_requests=0 unreadable_files=0 "
            "gone_while_inside=0");
}

}  // namespace
}  // namespace scanner
