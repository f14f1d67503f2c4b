// Contract suite, part 4: timers, mail, the turn itself.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/loop_contract.h"
#include "tests/engine/recorder.h"

namespace engine {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Alarm : Timer {
  explicit Alarm(Loop& its_loop) : loop(&its_loop) { fire = &Fire; }
  static void Fire(Timer& timer, Time now) noexcept {
    auto& alarm = static_cast<Alarm&>(timer);
    EXPECT_GE(now, alarm.at) << "early";
    EXPECT_EQ(now, alarm.loop->now());
    EXPECT_EQ(alarm.prev, nullptr);
    ++alarm.fired;
    if (alarm.victim != nullptr) alarm.loop->Cancel(*alarm.victim);
    if (alarm.repeats-- > 0) alarm.loop->Set(alarm, now + milliseconds(1));
  }
  Loop* loop;
  int fired = 0;
  int repeats = 0;
  Timer* victim = nullptr;
};

TEST_P(LoopContractTest, HasAName) {
  EXPECT_STRNE(loop().source_name(), "");
}

TEST_P(LoopContractTest, FiresATimerOnceAndNeverEarly) {
  std::vector<Alarm> alarms(20, Alarm(loop()));
  const Time start = loop().now();
  for (std::size_t i = 0; i < alarms.size(); ++i)
    loop().Set(alarms[i], start + milliseconds(i));
  ASSERT_TRUE(world_->TurnUntil([&] { return alarms.back().fired == 1; }));
  world_->TurnFor(milliseconds(5));
  for (const Alarm& alarm : alarms)
    EXPECT_EQ(alarm.fired, 1);
}

TEST_P(LoopContractTest, WakesForATimerFromALongSleep) {
  Alarm alarm(loop());
  loop().Set(alarm, loop().now() + milliseconds(3));
  for (int turn = 0; turn < 10 && alarm.fired == 0; ++turn)
    loop().RunTurn(seconds(30));
  EXPECT_EQ(alarm.fired, 1);
}

TEST_P(LoopContractTest, KeepsATimerInItsPlaceWhenSetToLater) {
  Alarm alarm(loop());
  const Time start = loop().now();
  loop().Set(alarm, start + milliseconds(2));
  const Time filed = alarm.filed;
  loop().Set(alarm, start + milliseconds(20));
  EXPECT_EQ(alarm.filed, filed);
  while (loop().now() < start + milliseconds(15)) {
    loop().RunTurn(milliseconds(1));
    if (loop().now() < start + milliseconds(20)) {
      EXPECT_EQ(alarm.fired, 0);
    }
  }
  ASSERT_TRUE(world_->TurnUntil([&] { return alarm.fired == 1; }));
  EXPECT_GE(loop().now(), start + milliseconds(20));
}

TEST_P(LoopContractTest, MovesATimerToEarlierAndCancels) {
  Alarm moved(loop());
  Alarm cancelled(loop());
  loop().Set(moved, loop().now() + hours(1));
  loop().Set(moved, loop().now() + milliseconds(1));
  loop().Set(cancelled, loop().now() + milliseconds(1));
  loop().Cancel(cancelled);
  loop().Cancel(cancelled);
  ASSERT_TRUE(world_->TurnUntil([&] { return moved.fired == 1; }));
  world_->TurnFor(milliseconds(3));
  EXPECT_EQ(cancelled.fired, 0);
  EXPECT_EQ(moved.fired, 1);
}

TEST_P(LoopContractTest, HonoursACancelInsideAFireOfTheSameTime) {
  Alarm first(loop());
  Alarm second(loop());
  const Time at = loop().now() + milliseconds(2);
  first.victim = &second;
  second.victim = &first;
  loop().Set(first, at);
  loop().Set(second, at);
  ASSERT_TRUE(world_->TurnUntil([&] { return first.fired + second.fired > 0; }));
  world_->TurnFor(milliseconds(3));
  EXPECT_EQ(first.fired + second.fired, 1);
}

TEST_P(LoopContractTest, LetsATimerSetItselfAgain) {
  Alarm alarm(loop());
  alarm.repeats = 5;
  loop().Set(alarm, loop().now() - milliseconds(1));  // past: in the next turn
  loop().RunTurn(seconds(30));
  EXPECT_EQ(alarm.fired, 1);
  ASSERT_TRUE(world_->TurnUntil([&] { return alarm.fired == 6; }));
  world_->TurnFor(milliseconds(3));
  EXPECT_EQ(alarm.fired, 6);
}

struct Letter : Mail {
  std::vector<int>* delivered = nullptr;
  int number = 0;
  Loop* again = nullptr;
};

void NoteLetter(Mail& mail) noexcept {
  auto& letter = static_cast<Letter&>(mail);
  letter.delivered->push_back(letter.number);
  if (Loop* loop = std::exchange(letter.again, nullptr); loop != nullptr) loop->Post(letter);
}

TEST_P(LoopContractTest, DeliversMailInOrderAndNeverInsidePost) {
  std::vector<int> delivered;
  std::array<Letter, 3> letters{};
  for (std::size_t i = 0; i < letters.size(); ++i) {
    letters[i].deliver = &NoteLetter;
    letters[i].delivered = &delivered;
    letters[i].number = static_cast<int>(i);
  }
  letters[0].again = &loop();  // posts itself from its delivery
  for (Letter& letter : letters)
    loop().Post(letter);
  EXPECT_TRUE(delivered.empty());
  for (int turn = 0; turn < 5; ++turn)
    loop().RunTurn(delivered.size() < 4 ? Time(seconds(30)) : Time::zero());
  EXPECT_EQ(delivered, (std::vector<int>{0, 1, 2, 0}));
}

TEST_P(LoopContractTest, TakesMailFromOtherThreadsAndWakesForIt) {
  constexpr int kThreads = 3;
  constexpr int kEach = 2000;
  std::vector<std::vector<int>> delivered(kThreads);
  std::vector<std::vector<Letter>> letters;
  letters.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t)
    letters.emplace_back(kEach);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) {
      Letter& letter = letters[t][static_cast<std::size_t>(i)];
      letter.deliver = &NoteLetter;
      letter.delivered = &delivered[t];
      letter.number = i;
    }
    threads.emplace_back([&letters, t, this] {
      for (Letter& letter : letters[t])
        loop().Post(letter);
    });
  }
  const auto all = [&] {
    std::size_t count = 0;
    for (const auto& one : delivered)
      count += one.size();
    return count == std::size_t{kThreads} * kEach;
  };
  // Long sleeps: a lost wake-up would be a long wait, and in the end a failure.
  for (int turn = 0; turn < kThreads * kEach * 2 && !all(); ++turn)
    loop().RunTurn(seconds(5));
  for (std::thread& thread : threads)
    thread.join();
  ASSERT_TRUE(world_->TurnUntil(all));
  for (const auto& one : delivered) {
    for (std::size_t i = 0; i < one.size(); ++i)
      ASSERT_EQ(one[i], static_cast<int>(i));
  }
}

TEST_P(LoopContractTest, HasAClockThatOnlyMovesOn) {
  Time before = loop().now();
  for (int turn = 0; turn < 20; ++turn) {
    loop().RunTurn(Time::zero());
    EXPECT_GE(loop().now(), before);
    before = loop().now();
  }
  world_->TurnFor(milliseconds(4));
  EXPECT_GE(loop().now(), before + milliseconds(4));
}

}  // namespace
}  // namespace engine
