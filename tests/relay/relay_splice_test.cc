// Bodies by splice(2): the octets that the scanner reads, and every way in which it can end early.
#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/relay/raw_peer.h"

namespace relay_sim {
namespace {

using milter::Outcome;
using relay::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace): for "\0" in texts

WorldOptions SpliceOptions() {
  WorldOptions options{.shards = 1, .scanner = Calm(seconds(1))};
  options.config.scanners[0].kind = relay::ScannerKind::kOther;
  options.config.spool.newlines = relay::Newlines::kCrlf;
  options.config.spool.splice = relay::SpliceChoice::kOn;
  options.spool_writes = engine::FileWork::kAuto;  // asynchronous work splices nothing
  return options;
}

// Octets that show when any of them is lost, doubled or moved.
std::string Numbered(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i)
    text += std::to_string(i) + (i % 3 == 0 ? "\r\n" : i % 3 == 1 ? "\n" : "\r");
  text.resize(bytes);
  return text;
}

class RelaySpliceTest : public RelayScenarioTest {
 protected:
  // A message whose body is `body`, entered in the ledger.
  milter::MtaScript ScriptOf(const std::string& body) {
    milter::MtaScript script = relay_->MakeScript(kOne);
    milter::Transaction& message = script.transactions[0];
    message.headers = {{"Subject", " x"}};
    message.body = body;
    relay_->ledger()[message.queue_id].content = "Subject: x\r\n\r\n" + body;
    return script;
  }
  Outcome OutcomeOf(const std::string& body) {
    SimMailServer& server = Play(ScriptOf(body));
    RunAll();
    EXPECT_FALSE(server.lost());
    return First(server).outcome;
  }
};

TEST_F(RelaySpliceTest, ContentIsTheSameForSizesAroundAllThresholds) {
  constexpr std::size_t kThresholds[] = {0,
                                         65535,
                                         262144,                        // one receive
                                         512 * engine::kKiB,            // a drain
                                         engine::kTurnBytesMax,         // a turn
                                         engine::Pipe::kCapacityBytes,  // a pipe
                                         3 * engine::kMiB};
  Begin(SpliceOptions());
  std::size_t messages = 0;
  std::size_t sent = 0;
  for (const std::size_t threshold : kThresholds) {
    for (const std::size_t more : {0U, 1U, 2U, 3U, 4U, 5U, 6U}) {
      if (threshold + more < 3) continue;
      ++messages;
      sent += threshold + more - 3;
      ASSERT_EQ(OutcomeOf(Numbered(threshold + more - 3)), Outcome::kAccepted) << threshold;
    }
  }
  EXPECT_GT(relay_->Sum(Count::kBodiesSpliced), messages / 2);
  // All but what came before the mode was granted.
  EXPECT_GT(relay_->Sum(Count::kBytesSpliced), sent / 2);
}

TEST_F(RelaySpliceTest, MoreBodiesAtOnceThanPipesAreWritten) {
  Begin(SpliceOptions());
  std::vector<SimMailServer*> servers;
  for (std::size_t i = 0; i < 3 * engine::PipePool::kPipesMax; ++i)
    servers.push_back(&Play(ScriptOf(Numbered(2'000'000 + i))));
  RunAll();
  for (const SimMailServer* server : servers)
    EXPECT_EQ(First(*server).outcome, Outcome::kAccepted);
  EXPECT_GE(relay_->Sum(Count::kBodiesSpliced), engine::PipePool::kPipesMax);
  EXPECT_GT(relay_->Sum(Count::kSplicesRefused), 0U);
}

TEST_F(RelaySpliceTest, RefusedPipesAreCountedAndToldOnce) {
  WorldOptions options = SpliceOptions();
  options.faults.pipe_refused = 1'000'000;
  options.keep_log = true;
  Begin(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(OutcomeOf(Numbered(1'000'000)), Outcome::kAccepted);
    relay_->world().Run(relay_->world().now() + seconds(20));
  }
  EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), 0U);
  EXPECT_EQ(relay_->Sum(Count::kSplicesRefused), 3U);
  int told = 0;
  for (const std::string& line : relay_->log_lines())
    told += line.find("no pipe of a useful size") != std::string::npos ? 1 : 0;
  EXPECT_EQ(told, 1);
}

TEST_F(RelaySpliceTest, AFullDiskIsThatMessagesTemporaryFailure) {
  Begin(SpliceOptions());
  sim::SimFiles& files = relay_->world().files();
  files.bytes_max = files.bytes_used() + 700'000;
  EXPECT_EQ(OutcomeOf(Numbered(2'000'000)), Outcome::kTempfailed);
  files.bytes_max = sim::SimFiles::kBytesUnlimited;
  EXPECT_EQ(OutcomeOf(Numbered(2'000'000)), Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), 2U);
}

TEST_F(RelaySpliceTest, WhereTheFileSystemCannotSpliceBodiesAreWrittenToldOnce) {
  WorldOptions options = SpliceOptions();
  options.keep_log = true;
  Begin(options);
  relay_->disk(0).FailNext(sim::DiskCall::kSpliceFrom, EINVAL, INT_MAX);
  std::vector<SimMailServer*> servers;  // several have a pipe when that is found
  for (std::size_t i = 0; i < engine::PipePool::kPipesMax; ++i)
    servers.push_back(&Play(ScriptOf(Numbered(2'000'000 + i))));
  RunAll();
  for (const SimMailServer* server : servers)
    EXPECT_EQ(First(*server).outcome, Outcome::kAccepted);
  const std::int64_t spliced = relay_->Sum(Count::kBodiesSpliced);
  EXPECT_GT(spliced, 1);
  EXPECT_EQ(OutcomeOf(Numbered(2'000'000)), Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), spliced);
  EXPECT_EQ(relay_->Sum(Count::kSplicingEnded), 1);
  EXPECT_EQ(relay_->disk(0).calls(sim::DiskCall::kSpliceFrom), 1U);
  int told = 0;
  for (const std::string& line : relay_->log_lines())
    told += line.find("cannot splice") != std::string::npos ? 1 : 0;
  EXPECT_EQ(told, 1);
}

TEST_F(RelaySpliceTest, OffMeansWritten) {
  WorldOptions options = SpliceOptions();
  options.config.spool.splice = relay::SpliceChoice::kOff;
  Begin(options);
  EXPECT_EQ(OutcomeOf(Numbered(2'000'000)), Outcome::kAccepted);
  EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), 0U);
}

struct AutoCase {
  const char* socket;
  const char* file_system;
  bool splices;
};

TEST_F(RelaySpliceTest, AutoSplicesFromOneMebibyteOnWhereThatWasMeasuredToGain) {
  constexpr AutoCase kCases[] = {{"unix:/run/milter.sock", "tmpfs", false},
                                 {"unix:/run/milter.sock", "ext4", true},
                                 {"inet:1@127.0.0.1", "tmpfs", true},
                                 {"inet6:1@::1", "ext4", true}};
  for (const AutoCase& one : kCases) {
    WorldOptions options = SpliceOptions();
    options.config.spool.splice = relay::SpliceChoice::kAuto;
    options.config.listeners[0].socket = one.socket;
    options.spool_file_system = one.file_system;
    Begin(options);
    EXPECT_EQ(OutcomeOf(Numbered(engine::kMiB - 100)), Outcome::kAccepted);
    EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), 0U) << one.socket << one.file_system;
    EXPECT_EQ(OutcomeOf(Numbered(4 * engine::kMiB)), Outcome::kAccepted);
    EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), one.splices ? 1U : 0U)
        << one.socket << one.file_system;
    EXPECT_LE(relay_->Sum(Count::kBytesSpliced), 3 * engine::kMiB);
    EXPECT_EQ(relay_->Finish(), std::vector<std::string>());
  }
}

TEST_F(RelaySpliceTest, BodiesWhoseLineEndsChangeAreWritten) {
  WorldOptions options = SpliceOptions();
  options.config.spool.newlines = relay::Newlines::kLf;  // the command line refuses this
  Begin(options);
  PlayOne();
  RunAll();
  EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), 0U);
}

TEST_F(RelaySpliceTest, ShutdownInTheMiddleOfABodyAnswersAndCleansUp) {
  WorldOptions options = SpliceOptions();
  options.faults.buffer_min_bytes = options.faults.buffer_max_bytes = 1000;
  options.faults.delay_min = options.faults.delay_max = milliseconds(5);
  Begin(options);
  Play(ScriptOf(Numbered(8'000'000)));
  relay_->world().Run(relay_->world().now() + seconds(2));
  EXPECT_EQ(relay_->Sum(Count::kBodiesSpliced), 1U);
  relay_->StopShards();
  RunAll();
}

// With packets that the test cuts as it likes.
class RelaySplicePeerTest : public RelayProtocolTest {
 protected:
  RelaySplicePeerTest() : RelayProtocolTest(SpliceOptions()) {}
  void BeginMessage(std::string_view offer) {
    Play({std::string(offer)});
    NextMessage("Q1");
  }
  static constexpr std::string_view kHeader = "Subject: x\r\n\r\n";
  void NextMessage(const std::string& id) {
    Play({"DMi\0"s + id + "\0"s, "M<a@b>\0"s, "R<c@d>\0"s, "LSubject\0 x\0"s, "N", "Bfirst "});
    content_ = std::string(kHeader) + "first ";
  }
  void SendInPieces(const std::string& stream, std::size_t piece) {
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      peer_->SendPart(stream.substr(at, piece));
      Wait(milliseconds(20));
    }
  }
  void End(const std::string& id) {
    relay_.ledger()[id].content = content_;
    Play({"E"});
    Wait(seconds(3));
  }
  std::string content_;
};

TEST_F(RelaySplicePeerTest, PacketsCutAnywhereAreTheSameBody) {
  BeginMessage(kOfferVersion6);
  for (const std::size_t piece : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 100U}) {
    const std::string stream = RawPeer::Packet("Bone\r\n") + RawPeer::Packet("B") +
                               RawPeer::Packet("B2") + RawPeer::Packet("Bthree");
    SendInPieces(stream, piece);
    content_ += "one\r\n2three";
  }
  End("Q1");
  EXPECT_EQ(peer_->replies(), "Oic");
  EXPECT_EQ(relay_.Sum(Count::kBodiesSpliced), 1U);
}

// The octets that end a message may come before the loop has granted the reading by splice(2).
class RelaySpliceLateTest : public RelayProtocolTest {
 protected:
  RelaySpliceLateTest() : RelayProtocolTest(Options()) {}
  static WorldOptions Options() {
    WorldOptions options = SpliceOptions();
    options.faults.lending = 1'000'000;
    options.faults.delay_min = options.faults.delay_max = milliseconds(50);
    options.scanner = Calm(seconds(60));
    return options;
  }
};

TEST_F(RelaySpliceLateTest, NoPipeIsHeldWhileAMessageIsScanned) {
  std::vector<std::unique_ptr<RawPeer>> waiting;
  for (std::size_t i = 0; i <= engine::PipePool::kPipesMax; ++i) {
    const std::string id = "Q" + std::to_string(i);
    relay_.ledger()[id].content = "Subject: x\r\n\r\nbody";
    Play({std::string(kOfferVersion6), "DMi\0"s + id + "\0"s, "M<a@b>\0"s, "R<c@d>\0"s});
    Play({"LSubject\0 x\0"s, "N", "Bbody", "E"});
    Wait(seconds(1));
    waiting.push_back(std::move(peer_));
    peer_ = std::make_unique<RawPeer>(relay_.peer_loop(), relay_.milter_address());
    Wait(seconds(1));
  }
  EXPECT_EQ(relay_.Sum(Count::kBodiesSpliced), engine::PipePool::kPipesMax + 1);
  EXPECT_EQ(relay_.Sum(Count::kSplicesRefused), 0U);
  Wait(seconds(120));
  for (const auto& peer : waiting)
    EXPECT_EQ(peer->replies().back(), 'c');
}

TEST_F(RelaySplicePeerTest, RepliesThatAreDueComeOnceForEachPacket) {
  const std::string subject = "LSubject\0x\0"s;  // an old mail server: no white space is kept
  Play({std::string(kOfferVersion2), "DMi\0Q1\0"s, "M<a@b>\0"s, "R<c@d>\0"s, subject, "N", "Ba"});
  content_ = std::string(kHeader) + "a";
  SendInPieces(RawPeer::Packet("Bbcdef") + RawPeer::Packet("B") + RawPeer::Packet("Bg"), 2);
  content_ += "bcdefg";
  End("Q1");
  EXPECT_EQ(peer_->replies(), "Occccccccic");
  EXPECT_EQ(relay_.Sum(Count::kBodiesSpliced), 1U);
}

TEST_F(RelaySplicePeerTest, AbortInAPacketsMiddleOrBehindItLeavesNothingBehind) {
  BeginMessage(kOfferVersion6);
  Play({"Bof a message that is given up", "A"});
  NextMessage("Q2");
  Play({"Bof another"});
  content_ += "of another";
  End("Q2");
  EXPECT_EQ(peer_->replies(), "Oic");
  EXPECT_EQ(relay_.Sum(Count::kBodiesSpliced), 2U);
  EXPECT_EQ(relay_.Sum(Count::kMessagesAborted), 1U);
  NextMessage("Q3");
  peer_->SendPart(RawPeer::Packet("Bhalf a packet").substr(0, 9));
  Wait(milliseconds(50));
  peer_.reset();  // the pipe has octets of Q3 in it
  Wait(seconds(1));
  EXPECT_EQ(relay_.Sum(Count::kMessagesAborted), 2U);
  EXPECT_EQ(relay_.shard(0).sessions(), 0U);
}

TEST_F(RelaySplicePeerTest, APeerThatStopsInMidPacketRunsIntoTheDeadline) {
  BeginMessage(kOfferVersion6);
  peer_->SendPart(RawPeer::Packet("Bhalf a packet").substr(0, 9));
  Wait(seconds(119));
  EXPECT_FALSE(peer_->gone());
  peer_->SendPart("x");  // an octet restarts it
  Wait(seconds(119));
  EXPECT_FALSE(peer_->gone());
  Wait(seconds(3));
  EXPECT_TRUE(peer_->gone());
  EXPECT_EQ(relay_.Sum(Count::kSessionsTimedOut), 1U);
}

TEST_F(RelaySplicePeerTest, MacrosBeforeEachPacketDoNotEndIt) {
  BeginMessage(kOfferVersion6);
  const std::string none = RawPeer::Packet("DB");
  const std::string many = RawPeer::Packet("DB" + "i\0Q1\0"s + "x\0"s + std::string(2000, 'y'));
  for (const std::size_t piece : {1000U, 1U, 2U, 5U, 6U, 7U, 511U}) {
    SendInPieces(none + RawPeer::Packet("Bone") + many + none + RawPeer::Packet("Btwo"), piece);
    content_ += "onetwo";
  }
  End("Q1");
  EXPECT_EQ(peer_->replies(), "Oic");
  EXPECT_EQ(relay_.Sum(Count::kBodiesSpliced), 1U);
  EXPECT_EQ(relay_.Sum(Count::kBytesSpliced), content_.size() - kHeader.size());
}

TEST_F(RelaySplicePeerTest, OtherCommandsAmongBodiesAreReadAsEver) {
  BeginMessage(kOfferVersion6);
  Play({"Bsecond ", "Uwhatever\0"s, "Bthird "});
  content_ += "second third ";
  relay_.ledger()["Q1"].content = content_ + "tail";
  Play({"Etail"});
  Wait(seconds(3));
  EXPECT_EQ(peer_->replies(), "Oic");
}

TEST_F(RelaySplicePeerTest, BrokenHeadsCloseTheConnection) {
  BeginMessage(kOfferVersion6);
  peer_->SendPart("\0\0\0\0B"s);
  Wait(seconds(1));
  EXPECT_TRUE(peer_->gone());
  EXPECT_EQ(relay_.Sum(Count::kSessionsBroken), 1U);
}

TEST_F(RelaySplicePeerTest, WhereTheFileSystemCannotSplicePacketsCutAnywhereAreTheSameBody) {
  relay_.disk(0).FailNext(sim::DiskCall::kSpliceFrom, EINVAL, INT_MAX);
  BeginMessage(kOfferVersion6);
  SendInPieces(RawPeer::Packet("Bone\r\n") + RawPeer::Packet("B2") + RawPeer::Packet("Bthree"), 7);
  content_ += "one\r\n2three";
  End("Q1");
  NextMessage("Q2");
  Play({"Bof another"});
  content_ += "of another";
  End("Q2");
  EXPECT_EQ(peer_->replies(), "Oicic");
  EXPECT_EQ(relay_.Sum(Count::kBodiesSpliced), 1U);
  EXPECT_EQ(relay_.Sum(Count::kSplicingEnded), 1U);
}

TEST_F(RelaySplicePeerTest, AFailedDrainDropsTheRestAndAnswersAtTheEnd) {
  BeginMessage(kOfferVersion6);
  constexpr std::string_view kRefused =
      "y(451 4.3.0 Temporary local problem, please try again later)";
  relay_.world().faults().disk_error = 1'000'000;
  Play({"Bnever written", "Bnor this"});
  Play({"E"});
  EXPECT_EQ(peer_->replies(), "O" + std::string(kRefused));
  relay_.world().faults().disk_error = 0;
  NextMessage("Q2");
  End("Q2");
  EXPECT_EQ(peer_->replies(), "O" + std::string(kRefused) + "ic");
}

}  // namespace
}  // namespace relay_sim
