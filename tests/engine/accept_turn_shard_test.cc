// Who accepts: the rule of the turn, and shards as threads, some of which hang.
//
// A shard hangs here in a mail that waits for the test, as it would in a file call. Every
// connection must be answered by a shard that does not; a test that fails stands still.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/clock.h"
#include "engine/io/accept_turn.h"
#include "engine/io/shard.h"
#include "engine/io/signals.h"
#include "engine/net/listener.h"
#include "tests/engine/counting_app.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

constexpr Time kNow = std::chrono::seconds(1000);
constexpr Time kLong = Placement::kHangsAfter + std::chrono::microseconds(1);

TEST(AcceptTurnTest, TheFirstWhoListensHasIt) {
  Placement placement(2);
  AcceptTurn turn(placement);
  EXPECT_FALSE(turn.Has({0}) || turn.Has({1}));
  EXPECT_TRUE(turn.Join({1}));
  EXPECT_FALSE(turn.Join({0}));
  EXPECT_TRUE(turn.Has({1}));
  EXPECT_FALSE(turn.Take({0}, kNow));
}

TEST(AcceptTurnTest, IsTakenFromOneThatHangsAndFromNobodyElse) {
  Placement placement(2);
  AcceptTurn turn(placement);
  turn.Join({0});
  turn.Join({1});
  placement.clock({0}).Begin(kNow);
  EXPECT_FALSE(turn.Take({1}, kNow + Placement::kHangsAfter));
  placement.clock({0}).Sleep(kNow);
  EXPECT_FALSE(turn.Take({1}, kNow + std::chrono::hours(1)));  // asleep, it will be woken
  placement.clock({0}).Begin(kNow);
  EXPECT_FALSE(turn.Take({0}, kNow + kLong));  // it has it
  EXPECT_TRUE(turn.Take({1}, kNow + kLong));
  EXPECT_TRUE(turn.Has({1}));
  EXPECT_FALSE(turn.Has({0}));
  EXPECT_EQ(turn.taken(), 1U);
}

TEST(AcceptTurnTest, IsThereForTheNextWhenItsOwnerListensNoMore) {
  Placement placement(3);
  AcceptTurn turn(placement);
  turn.Join({0});
  turn.Join({1});
  turn.Leave({1});  // had it not
  EXPECT_TRUE(turn.Has({0}));
  turn.Leave({0});
  EXPECT_FALSE(turn.Has({0}));
  EXPECT_TRUE(turn.Join({2}));
  turn.Leave({2});
  EXPECT_TRUE(turn.Take({1}, kNow));
  EXPECT_EQ(turn.taken(), 0U);
}

TEST(AcceptTurnTest, GoesFromABusyOneToTheIdlestSleeper) {
  Placement placement(4);
  AcceptTurn turn(placement);
  for (std::uint32_t i = 0; i < 3; ++i)
    turn.Join({i});
  placement.Add({1}, 2);
  placement.Add({2}, 1);  // and 3 does not listen
  const Time busy = kNow - AcceptTurn::kBusyAfter;
  EXPECT_EQ(turn.Next({0}, kNow, kNow), std::nullopt);
  EXPECT_EQ(turn.Next({0}, busy, kNow), ShardId{2});
  placement.clock({2}).Begin(kNow);
  EXPECT_EQ(turn.Next({0}, busy, kNow), ShardId{1});
  placement.clock({1}).Begin(kNow);
  EXPECT_EQ(turn.Next({0}, busy, kNow), std::nullopt);

  EXPECT_TRUE(turn.Receive({1}, {0}));
  EXPECT_FALSE(turn.Receive({2}, {0}));  // not the giver's any more
  EXPECT_FALSE(turn.Receive({3}, {1}));  // does not listen
  EXPECT_TRUE(turn.Has({1}));
}

TEST(AcceptTurnTest, LooksOftenWhileItsOwnerIsAtWork) {
  Placement placement(2);
  AcceptTurn turn(placement);
  Time seen{};
  EXPECT_FALSE(turn.AtWork(&seen));  // nobody
  turn.Join({0});
  EXPECT_FALSE(turn.AtWork(&seen));
  placement.clock({0}).Begin(kNow);
  EXPECT_TRUE(turn.AtWork(&seen));
  EXPECT_TRUE(turn.AtWork(&seen));  // the same turn: maybe it hangs
  placement.clock({0}).Sleep(kNow);
  EXPECT_FALSE(turn.AtWork(&seen));
  placement.clock({0}).Begin(kNow + kLong);
  placement.clock({0}).Sleep(kNow + kLong);
  EXPECT_TRUE(turn.AtWork(&seen));
  EXPECT_FALSE(turn.AtWork(&seen));
}

TEST(TurnClockTest, ANapIsNoSleep) {
  TurnClock clock;
  EXPECT_TRUE(clock.asleep());
  clock.Begin(kNow);
  clock.Sleep(kNow + kLong);
  clock.Begin(kNow + kLong + TurnClock::kNap - Time(1));
  EXPECT_EQ(clock.awake_since(), kNow);
  EXPECT_EQ(clock.since(), kNow + kLong + TurnClock::kNap - Time(1));
  clock.Sleep(kNow + 2 * kLong);
  EXPECT_EQ(clock.since(), Time::zero());
  clock.Begin(kNow + 3 * kLong);
  EXPECT_EQ(clock.awake_since(), kNow + 3 * kLong);
}

// Holds up the shard that it is posted to, until it is let go.
class Hang {
 public:
  Hang(ShardGroup& group, ShardId shard) : group_(group), shard_(shard) {
    mail_.hang = this;
    mail_.deliver = [](Mail& mail) noexcept {
      Hang& hang = *static_cast<HangMail&>(mail).hang;
      hang.Enter(kHeld);
      hang.state_.wait(kHeld);
      hang.state_.store(kOver);  // the last touch: it goes away now
    };
    group_.shard(shard).loop().Post(mail_);
    state_.wait(kSent);
    // Its clock says so: whoever accepts from now on gives it nothing.
    while (!group_.placement().Hangs(shard_, MonotonicNow()))
      std::this_thread::yield();
  }
  ~Hang() {
    Enter(kLetGo);
    while (state_.load() != kOver)
      std::this_thread::yield();
  }
  Hang(const Hang&) = delete;
  Hang& operator=(const Hang&) = delete;

 private:
  enum State : int { kSent, kHeld, kLetGo, kOver };
  struct HangMail : Mail {
    Hang* hang = nullptr;
  };
  void Enter(State state) noexcept {
    state_.store(state);
    state_.notify_all();
  }

  ShardGroup& group_;
  ShardId shard_;
  HangMail mail_;
  std::atomic<int> state_{kSent};
};

class AcceptShardTest : public testing::TestWithParam<IoChoice> {
 protected:
  AcceptShardTest() { BlockSignals(); }
  ~AcceptShardTest() override {
    for (const int fd : fars_)
      ::close(fd);
  }

  void Start(std::uint32_t shards) {
    absl::StatusOr<Listener> opened = Listener::Open(at_, {});
    ASSERT_TRUE(opened.ok());
    listener_.emplace(*std::move(opened));
    std::vector<ShardApp*> apps;
    ShardOptions options;
    options.io = GetParam();
    options.disk.root = dir_.path();
    options.sockets_max = 64;
    for (std::uint32_t i = 0; i < shards; ++i) {
      apps_.push_back(std::make_unique<CountingApp>(listener_->fd(), true));
      apps.push_back(apps_.back().get());
    }
    group_ = std::make_unique<ShardGroup>(apps, std::vector<ShardOptions>(shards, options));
    ASSERT_TRUE(group_->Start().ok());
  }

  // One that has not been answered yet.
  int Connect() {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, at_.raw(), at_.length), 0);
    fars_.push_back(fd);
    return fd;
  }
  static bool Answered(int fd) {
    char byte = 0;
    return ::read(fd, &byte, 1) == 1;
  }

  int Accepted() const {
    int sum = 0;
    for (const auto& app : apps_)
      sum += app->accepted();
    return sum;
  }
  ShardId Holder() const {
    for (;;) {
      for (std::uint32_t i = 0; i < group_->size(); ++i) {
        if (group_->accept_turn().Has({i})) return {i};
      }
    }
  }

  TempDir dir_;
  const Address at_ = *ParseAddress("unix:" + (dir_ / "s"));
  std::optional<Listener> listener_;
  std::vector<std::unique_ptr<CountingApp>> apps_;
  std::unique_ptr<ShardGroup> group_;  // goes first
  std::vector<int> fars_;
};

INSTANTIATE_TEST_SUITE_P(Loops,
                         AcceptShardTest,
                         testing::Values(IoChoice::kEpoll, IoChoice::kUring, IoChoice::kUringRecv));

TEST_P(AcceptShardTest, AHungShardDoesNotHoldUpNewConnections) {
  Start(3);
  EXPECT_TRUE(Answered(Connect()));
  // One after the other, each one that accepts; the last accepts for all.
  std::vector<std::unique_ptr<Hang>> hangs;
  for (int i = 0; i < 2; ++i) {
    const ShardId holder = Holder();
    hangs.push_back(std::make_unique<Hang>(*group_, holder));
    const int before = apps_[holder.value]->accepted();
    for (int k = 0; k < 20; ++k)
      EXPECT_TRUE(Answered(Connect()));
    EXPECT_EQ(apps_[holder.value]->accepted(), before);
  }
  hangs.clear();
  for (int k = 0; k < 20; ++k)
    EXPECT_TRUE(Answered(Connect()));
  EXPECT_EQ(Accepted(), 61);
}

// The kernel has told a shard of a connection, and that shard never comes to it.
TEST_P(AcceptShardTest, WhatAHungShardWasToldOfIsAccepted) {
  Start(2);
  EXPECT_TRUE(Answered(Connect()));
  const ShardId holder = Holder();
  Hang hang(*group_, holder);
  const int before = apps_[holder.value]->accepted();
  EXPECT_TRUE(Answered(Connect()));  // with no other to follow
  EXPECT_EQ(apps_[holder.value]->accepted(), before);
}

TEST_P(AcceptShardTest, NoConnectionIsLostHoweverShardsHangAndReturn) {
  constexpr std::uint32_t kShards = 4;
  constexpr int kRounds = 12;
  Start(kShards);
  std::minstd_rand random(7);
  int connections = 0;
  for (int round = 0; round < kRounds; ++round) {
    const unsigned long free = random() % kShards;  // the others may hang
    std::vector<std::unique_ptr<Hang>> hangs;
    for (std::uint32_t i = 0; i < kShards; ++i) {
      if (i != free && random() % 3 != 0)
        hangs.push_back(std::make_unique<Hang>(*group_, ShardId{i}));
    }
    std::vector<int> waiting;
    for (unsigned long k = 1 + random() % 10; k > 0; --k, ++connections)
      waiting.push_back(Connect());
    if (random() % 2 == 0) hangs.clear();
    for (const int fd : waiting)
      EXPECT_TRUE(Answered(fd));
    for (; !fars_.empty(); fars_.pop_back())
      ::close(fars_.back());
  }
  EXPECT_EQ(Accepted(), connections);
}

TEST_P(AcceptShardTest, StopsWhileOneHangs) {
  Start(2);
  EXPECT_TRUE(Answered(Connect()));
  auto hang = std::make_unique<Hang>(*group_, Holder());
  EXPECT_TRUE(Answered(Connect()));
  std::thread stopper([this] { group_->Stop(); });
  hang.reset();
  stopper.join();
  EXPECT_TRUE(apps_[0]->stopped() && apps_[1]->stopped());
  EXPECT_FALSE(group_->accept_turn().Has({0}) || group_->accept_turn().Has({1}));
}

// Runs once in the shard's thread.
class Ask {
 public:
  static std::uint64_t Pauses(Loop& loop) {
    Ask ask;
    ask.mail_.ask = &ask;
    ask.mail_.loop = &loop;
    ask.mail_.deliver = [](Mail& mail) noexcept {
      const auto& asked = static_cast<AskMail&>(mail);
      Ask& here = *asked.ask;
      here.answer_ = asked.loop->accept_pauses();
      here.done_.store(true);
    };
    loop.Post(ask.mail_);
    while (!ask.done_.load())
      std::this_thread::yield();
    return ask.answer_;
  }

 private:
  struct AskMail : Mail {
    Ask* ask = nullptr;
    Loop* loop = nullptr;
  };
  AskMail mail_;
  std::uint64_t answer_ = 0;
  std::atomic<bool> done_{false};
};

TEST_P(AcceptShardTest, WhatWaitsForADescriptorIsAcceptedByWhoeverHasTheTurn) {
  Start(2);
  EXPECT_TRUE(Answered(Connect()));
  const int near = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool connected = ::connect(near, at_.raw(), at_.length) == 0;
  Loop& first = group_->shard({0}).loop();
  Loop& second = group_->shard({1}).loop();
  while (connected && Ask::Pauses(first) + Ask::Pauses(second) == 0)
    std::this_thread::yield();
  {
    // The one that waits for a descriptor hangs as well.
    const Hang hang(*group_, Holder());
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(connected && Answered(near));
  }
  ::close(near);
}

}  // namespace
}  // namespace engine
