// The world itself: repeatable by its seed, orderly within a stream, with every fault that is asked
// for, and nothing left over at the end.
#include "tests/sim/sim_world.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/sim_loop_world.h"
#include "tests/sim/sim_peers.h"

namespace sim {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  std::uint64_t hash = 0;
  std::uint64_t notes = 0;
  int complete = 0;
  int broken = 0;
  std::size_t open_ends = 0;
};

// 60 clients on two loops, one echo server on a third.
Outcome RunEchoes(std::uint64_t seed, const SimFaults& faults) {
  SimWorld world(seed, faults);
  SimLoop& server_loop = world.AddLoop("server", "/server");
  SimLoop* client_loops[] = {&world.AddLoop("one", "/one"), &world.AddLoop("two", "/two")};
  EchoServer server(server_loop, world.Listen("/sockets/echo"));
  const engine::Address to = UnixAddress("/sockets/echo");
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (std::size_t i = 0; i < 60; ++i) {
    std::string text;
    for (std::size_t n = 1 + static_cast<std::size_t>(world.random().Below(20'000)); n > 0; --n)
      text += static_cast<char>(world.random().Below(256));
    clients.push_back(std::make_unique<EchoClient>(*client_loops[i % 2], text));
    EchoClient* client = clients.back().get();
    world.At(world.now() + world.random().Between(0s, 1s), [client, to] { client->Connect(to); });
  }
  world.Run(world.now() + 600s);
  Outcome outcome{.hash = world.trace_hash(), .notes = world.notes()};
  for (const auto& client : clients) {
    EXPECT_FALSE(client->wrong()) << "seed " << seed;
    EXPECT_NE(client->end(), EchoClient::End::kNone) << "seed " << seed;
    (client->end() == EchoClient::End::kComplete ? outcome.complete : outcome.broken) += 1;
  }
  outcome.open_ends = world.streams().open_ends();
  EXPECT_EQ(server.open(), 0U) << "seed " << seed;
  EXPECT_TRUE(world.broken().empty());
  return outcome;
}

TEST(SimWorldTest, BringsEverythingBackWithoutFaults) {
  const Outcome outcome = RunEchoes(1, SimFaults());
  EXPECT_EQ(outcome.complete, 60);
  EXPECT_EQ(outcome.open_ends, 0U);
}

TEST(SimWorldTest, RepeatsARunByItsSeed) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome first = RunEchoes(seed, SimFaults::Rough());
    const Outcome second = RunEchoes(seed, SimFaults::Rough());
    EXPECT_EQ(first.hash, second.hash) << seed;
    EXPECT_EQ(first.notes, second.notes) << seed;
    EXPECT_EQ(first.complete, second.complete) << seed;
  }
  EXPECT_NE(RunEchoes(1, SimFaults::Rough()).hash, RunEchoes(2, SimFaults::Rough()).hash);
}

TEST(SimWorldTest, EndsEveryStreamUnderFaults) {
  int complete = 0;
  int broken = 0;
  SimFaults faults = SimFaults::Rough();
  faults.cut = 300'000;
  faults.cut_within = 200ms;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Outcome outcome = RunEchoes(seed, faults);
    complete += outcome.complete;
    broken += outcome.broken;
    EXPECT_EQ(outcome.open_ends, 0U) << seed;
  }
  EXPECT_GT(complete, 0);
  EXPECT_GT(broken, 0);
}

TEST(SimWorldTest, RefusesByChanceOrFullBacklog) {
  SimWorld world(1);
  SimLoop& loop = world.AddLoop("loop", "/loop");
  world.Listen("/sockets/full", 1);
  EchoClient first(loop, "x");
  EchoClient second(loop, "x");
  EchoClient third(loop, "x");
  EXPECT_EQ(first.Connect(UnixAddress("/sockets/full")), 0);
  EXPECT_EQ(second.Connect(UnixAddress("/sockets/full")), EAGAIN);
  EXPECT_EQ(third.Connect(UnixAddress("/sockets/none")), ENOENT);
  world.faults().connect_refused = 1'000'000;
  EXPECT_EQ(third.Connect(UnixAddress("/sockets/full")), ECONNREFUSED);
}

TEST(SimWorldTest, TellsARefusalByNameLater) {
  SimWorld world(1);
  SimLoop& loop = world.AddLoop("loop", "/loop");
  engine::Address to;
  to.storage.ss_family = AF_INET;
  to.text = "inet:10024@127.0.0.1";
  EchoClient client(loop, "x");
  EXPECT_EQ(client.Connect(to), 0);
  EXPECT_EQ(client.end(), EchoClient::End::kNone);
  world.Run(world.now() + 1s);
  EXPECT_EQ(client.end(), EchoClient::End::kBroken);
  EXPECT_EQ(world.streams().open_ends(), 0U);
}

TEST(SimWorldTest, JumpsOverTimeInWhichNothingHappens) {
  SimWorld world(1);
  SimLoop& loop = world.AddLoop("loop", "/loop");
  struct Alarm : engine::Timer {
    Time fired_at{};
  } alarm;
  alarm.fire = [](engine::Timer& timer, Time now) noexcept {
    static_cast<Alarm&>(timer).fired_at = now;
  };
  const Time at = world.now() + 24h;
  loop.Set(alarm, at);
  EXPECT_TRUE(world.RunUntil([&] { return alarm.fired_at != Time{}; }, world.now() + 48h));
  EXPECT_GE(alarm.fired_at, at);
  EXPECT_LE(alarm.fired_at, at + 1ms);
  EXPECT_LT(world.notes(), 1000U);
  EXPECT_FALSE(world.Step());
}

TEST(SimWorldTest, LosesAShardsTimeInAStalledCall) {
  SimWorld world(1);
  SimLoop& loop = world.AddLoop("loop", "/loop");
  world.faults().disk_stall = 1'000'000;
  world.faults().stall_max = 10s;
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
  loop.disk().FreeSpace(&bytes, &inodes);
  EXPECT_GT(loop.disk().Blocked(), Time{});
  EXPECT_EQ(loop.busy_until(), world.now() + loop.disk().Blocked());
}

// Mail comes late, but in the order in which it was posted.
TEST(SimWorldTest, KeepsTheOrderOfMail) {
  struct Letter : engine::Mail {
    std::vector<int>* got = nullptr;
    int number = 0;
  };
  SimFaults faults;
  faults.mail_late = 500'000;
  SimWorld world(7, faults);
  SimLoop& loop = world.AddLoop("loop", "/loop");
  std::vector<int> got;
  std::vector<Letter> letters(50);
  for (int i = 0; i < 50; ++i) {
    Letter& letter = letters[static_cast<std::size_t>(i)];
    letter.number = i;
    letter.got = &got;
    letter.deliver = [](engine::Mail& mail) noexcept {
      auto& self = static_cast<Letter&>(mail);
      self.got->push_back(self.number);
    };
    world.At(world.now() + i * 100us, [&loop, &letter] { loop.Post(letter); });
  }
  world.Run(world.now() + 1s);
  ASSERT_EQ(got.size(), 50U);
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace sim
