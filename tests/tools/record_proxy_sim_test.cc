// The proxy's forwarding in simulated time: whatever happens, both ends get what the other sent, in
// order, and the recorder gets what passed.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/engine/recorder.h"
#include "tests/tools/record_talkers.h"

namespace record {
namespace {

constexpr const char* kFront = "/run/front.sock";
constexpr const char* kMilter = "/run/milter.sock";

std::uint64_t Seeds(std::uint64_t count) {
  return std::getenv("MILLRACE_TEST_FULL") != nullptr ? 20 * count : count;
}

engine::Address At(const char* path) {
  return *engine::ParseAddress(std::string("unix:") + path);
}

// A proxy between talkers; the far ends are made as they are accepted.
struct ProxyWorld {
  ProxyWorld(std::uint64_t seed, const sim::SimFaults& faults, std::size_t splice_from)
      : world(seed, faults) {
    options.to[0] = At(kMilter);
    options.connections_max = 64;
    options.pipe = &pipe;
    options.copy = &copy;
    options.splice_from_bytes = splice_from;
    options.recorder = &recorder;
    front = world.Listen(kFront);
  }
  void Start() {
    relay = std::make_unique<ProxyRelay>(proxy, options);
    relay->Listen(front, LinkKind::kMilter);
  }
  void StartMilter() {
    peers.Listen(
        world.Listen(kMilter),
        [](void* context, int fd) noexcept { static_cast<ProxyWorld*>(context)->Accepted(fd); },
        this);
  }
  void Accepted(int fd) {
    filters.push_back(MakeTalker(static_cast<int>(servers.size() + filters.size()) + 1000));
    filters.back()->answers_only = filters_answer_only;
    filters.back()->Adopt(fd);
  }
  std::unique_ptr<Talker> MakeTalker(int number) {
    const auto size = static_cast<std::size_t>(world.random().Between(0, text_max));
    auto talker = std::make_unique<Talker>(world, peers, number, engine::Pattern(size));
    talker->piece_max = piece_max;
    if (world.random().Chance(leaves_early))
      talker->leaves_after = static_cast<std::size_t>(world.random().Between(0, size + 8));
    return talker;
  }
  void Connect(int count) {
    for (int i = 0; i < count; ++i) {
      servers.push_back(MakeTalker(static_cast<int>(servers.size())));
      servers.back()->Connect(At(kFront));
    }
  }
  bool AllOver() const {
    const auto over = [](const auto& talker) { return talker->over(); };
    return relay->open() == 0 && std::all_of(servers.begin(), servers.end(), over) &&
           std::all_of(filters.begin(), filters.end(), over);
  }
  bool Run() {
    return world.RunUntil([this] { return AllOver(); }, world.now() + std::chrono::hours(1));
  }
  const Talker* WhoSaid(const std::string& heard) const {
    if (heard.size() < Talker::kNameBytes) return nullptr;
    for (const auto* talkers : {&servers, &filters}) {
      for (const auto& talker : *talkers) {
        if (heard.compare(0, Talker::kNameBytes, talker->text(), 0, Talker::kNameBytes) == 0)
          return talker.get();
      }
    }
    return nullptr;
  }

  sim::SimWorld world;
  sim::SimLoop& proxy = world.AddLoop("proxy", "/proxy");
  sim::SimLoop& peers = world.AddLoop("peers", "/peers");
  sim::SimPipe pipe;
  sim::SimPipe copy;
  HeardRecorder recorder;
  RelayOptions options;
  int front = -1;
  std::size_t text_max = 30'000;
  std::size_t piece_max = 8'000;
  sim::PerMillion leaves_early = 0;
  bool filters_answer_only = false;
  std::unique_ptr<ProxyRelay> relay;
  std::deque<std::unique_ptr<Talker>> servers;
  std::deque<std::unique_ptr<Talker>> filters;
};

bool IsPrefix(const std::string& part, const std::string& whole) {
  return whole.compare(0, part.size(), part) == 0;
}

void ExpectPrefixes(const ProxyWorld& w) {
  for (const auto* talkers : {&w.servers, &w.filters}) {
    for (const auto& talker : *talkers) {
      const Talker* const other = w.WhoSaid(talker->heard());
      EXPECT_TRUE(other == nullptr || IsPrefix(talker->heard(), other->text()));
    }
  }
  for (const auto& [number, heard] : w.recorder.sessions) {
    EXPECT_EQ(heard.closes, 1);
    for (const std::string* stream : {&heard.to_filter, &heard.to_server}) {
      const Talker* const from = w.WhoSaid(*stream);
      if (from == nullptr) continue;
      EXPECT_TRUE(IsPrefix(*stream, from->text()));
      EXPECT_LE(stream->size(), from->sent());
    }
  }
}

// What somebody has heard the recorder has, too.
void ExpectHeardIsRecorded(const ProxyWorld& w) {
  for (const auto& talker : w.filters) {
    if (talker->heard().size() < Talker::kNameBytes) continue;
    const auto recorded = std::count_if(
        w.recorder.sessions.begin(), w.recorder.sessions.end(), [&](const auto& session) {
          return IsPrefix(talker->heard(), session.second.to_filter);
        });
    EXPECT_EQ(recorded, 1);
  }
}

void ExpectWhole(const ProxyWorld& w) {
  EXPECT_EQ(w.servers.size(), w.filters.size());
  for (const auto* talkers : {&w.servers, &w.filters}) {
    for (const auto& talker : *talkers) {
      const Talker* const other = w.WhoSaid(talker->heard());
      ASSERT_NE(other, nullptr);
      EXPECT_TRUE(talker->heard() == other->text());
      EXPECT_TRUE(talker->heard_end());
      EXPECT_EQ(talker->error(), 0);
    }
  }
  for (const auto& [number, heard] : w.recorder.sessions) {
    EXPECT_TRUE(heard.to_filter == w.WhoSaid(heard.to_filter)->text());
    EXPECT_TRUE(heard.to_server == w.WhoSaid(heard.to_server)->text());
  }
}

constexpr std::size_t kNeverSplice = SIZE_MAX;
constexpr std::size_t kAlwaysSplice = 0;
constexpr std::size_t kAutoSplice = 3'000;

TEST(RecordProxySimTest, ForwardsBothDirectionsUntilBothEnd) {
  for (std::uint64_t seed = 1; seed <= Seeds(60); ++seed) {
    sim::SimFaults faults = sim::SimFaults::Rough();
    faults.cut = 0;
    faults.connect_refused = 0;
    const std::size_t splice[] = {kNeverSplice, kAlwaysSplice, kAutoSplice};
    ProxyWorld w(seed, faults, splice[seed % 3]);
    w.filters_answer_only = seed % 2 == 0;
    w.Start();
    w.StartMilter();
    // A mail server waits in connect(2) where the simulated talker would be told to come again.
    w.world.faults().connect_again = 0;
    w.Connect(5);
    ASSERT_TRUE(w.Run()) << "seed " << seed;
    ExpectWhole(w);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(RecordProxySimTest, ForwardsAPrefixWhateverBreaks) {
  for (std::uint64_t seed = 1; seed <= Seeds(90); ++seed) {
    sim::SimFaults faults = sim::SimFaults::Rough();
    faults.cut = 300'000;
    faults.cut_within = std::chrono::milliseconds(100);
    const std::size_t splice[] = {kNeverSplice, kAlwaysSplice, kAutoSplice};
    ProxyWorld w(seed, faults, splice[seed % 3]);
    w.leaves_early = 300'000;
    w.filters_answer_only = seed % 2 == 0;
    w.Start();
    w.StartMilter();
    w.Connect(8);
    ASSERT_TRUE(w.Run()) << "seed " << seed;
    ExpectPrefixes(w);
    ExpectHeardIsRecorded(w);
    EXPECT_EQ(w.proxy.open_sockets(), 0U);
    EXPECT_TRUE(w.world.broken().empty());
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(RecordProxySimTest, SmallPipesLoseNothing) {
  for (std::uint64_t seed = 1; seed <= Seeds(10); ++seed) {
    ProxyWorld w(seed, sim::SimFaults(), kAlwaysSplice);
    sim::SimPipe small(5000);
    w.options.copy = &small;
    w.text_max = 100'000;
    w.piece_max = 100'000;
    w.Start();
    w.StartMilter();
    w.Connect(3);
    ASSERT_TRUE(w.Run()) << "seed " << seed;
    ExpectWhole(w);
    EXPECT_EQ(w.pipe.bytes() + small.bytes(), 0U);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(RecordProxySimTest, ForwardsWhenNothingIsRecordedAnyMore) {
  for (const std::size_t splice : {kNeverSplice, kAlwaysSplice}) {
    ProxyWorld w(7, sim::SimFaults(), splice);
    w.recorder.on = false;
    w.Start();
    w.StartMilter();
    w.Connect(4);
    ASSERT_TRUE(w.Run());
    for (const auto& server : w.servers)
      EXPECT_TRUE(server->heard() == w.WhoSaid(server->heard())->text());
    EXPECT_TRUE(w.recorder.sessions.begin()->second.to_filter.empty());
  }
}

TEST(RecordProxySimTest, AMilterThatIsNotThereClosesTheMailServersConnection) {
  ProxyWorld w(3, sim::SimFaults(), kAutoSplice);
  w.Start();
  w.Connect(1);
  ASSERT_TRUE(w.Run());
  ASSERT_EQ(w.recorder.sessions.size(), 1U);
  const Heard& heard = w.recorder.sessions.begin()->second;
  EXPECT_EQ(heard.ending, trace::Ending::kFilterRefused);
  EXPECT_EQ(heard.error, ENOENT);
  EXPECT_EQ(w.relay->link_counts().unreachable, 1U);
}

TEST(RecordProxySimTest, AFullBacklogIsWaitedFor) {
  ProxyWorld w(4, sim::SimFaults(), kAutoSplice);
  w.Start();
  const int listener = w.world.Listen(kMilter, 1);
  w.Connect(4);
  w.world.Run(w.world.now() + std::chrono::seconds(2));
  EXPECT_EQ(w.relay->open(), 4U) << "waiting, as a mail server would in connect(2)";
  w.peers.Listen(
      listener,
      [](void* context, int fd) noexcept { static_cast<ProxyWorld*>(context)->Accepted(fd); },
      &w);
  ASSERT_TRUE(w.Run());
  ExpectWhole(w);
}

TEST(RecordProxySimTest, GivesABacklogUpAfterAWhile) {
  ProxyWorld w(5, sim::SimFaults(), kAutoSplice);
  w.Start();
  w.world.Listen(kMilter, 1);
  w.Connect(3);
  w.world.Run(w.world.now() + kBacklogWaitMax + std::chrono::seconds(1));
  EXPECT_EQ(w.relay->open(), 1U) << "the one that the backlog took";
  EXPECT_EQ(w.relay->link_counts().unreachable, 2U);
}

TEST(RecordProxySimTest, OneConnectionTooManyIsClosedAtOnce) {
  ProxyWorld w(6, sim::SimFaults(), kAutoSplice);
  w.options.connections_max = 2;
  w.Start();
  w.world.Listen(kMilter, 100);
  w.Connect(3);
  w.world.Run(w.world.now() + std::chrono::seconds(1));
  EXPECT_EQ(w.relay->open(), 2U);
  EXPECT_EQ(w.relay->counts().refused, 1U);
  EXPECT_EQ(w.recorder.sessions.size(), 2U);
  EXPECT_EQ(std::count_if(
                w.servers.begin(), w.servers.end(), [](const auto& one) { return one->over(); }),
            1);
}

TEST(RecordProxySimTest, StoppingClosesAndSaysSo) {
  ProxyWorld w(8, sim::SimFaults(), kAutoSplice);
  w.Start();
  w.world.Listen(kMilter, 100);
  w.Connect(2);
  for (const auto& server : w.servers)
    server->answers_only = true;
  w.world.Run(w.world.now() + std::chrono::seconds(1));
  ASSERT_EQ(w.relay->open(), 2U);
  w.relay->StopListening();
  w.relay->StopLinks();
  EXPECT_EQ(w.relay->open(), 0U);
  for (const auto& [number, heard] : w.recorder.sessions) {
    EXPECT_EQ(heard.closes, 1);
    EXPECT_EQ(heard.ending, trace::Ending::kRecorderClosed);
  }
}

// A slow reader holds the other up, and the proxy's memory with it.
TEST(RecordProxySimTest, BackPressureReachesTheSender) {
  ProxyWorld w(9, sim::SimFaults(), kAutoSplice);
  w.Start();
  const int listener = w.world.Listen(kMilter, 100);
  w.text_max = 64 * engine::kMiB;
  Talker big(w.world, w.peers, 1, engine::Pattern(32 * engine::kMiB));
  big.piece_max = engine::kMiB;
  big.Connect(At(kFront));
  w.world.Run(w.world.now() + std::chrono::seconds(5));
  EXPECT_LT(big.sent(), 2 * engine::kMiB);
  const std::uint64_t taken = w.relay->link_counts().to_filter_bytes;
  EXPECT_LE(taken, kPieceBytesMax + 208 * engine::kKiB + engine::kScratchBytes);
  EXPECT_GE(w.relay->link_counts().short_sends, 1U);
  static_cast<void>(listener);
}

}  // namespace
}  // namespace record
