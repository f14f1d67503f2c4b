// TimerWheel: single rules by hand, then random set, cancel and advance against a std::multimap.
#include "engine/io/timer_wheel.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Noted : Timer {
  int fired = 0;
  Time fired_at{};
};

void Note(Timer& timer, Time now) noexcept {
  auto& noted = static_cast<Noted&>(timer);
  ++noted.fired;
  noted.fired_at = now;
}

Noted MakeNoted() {
  Noted timer;
  timer.fire = &Note;
  return timer;
}

TEST(TimerWheelTest, FiresAtItsTickAndNeverBefore) {
  TimerWheel wheel(Time::zero());
  Noted timer = MakeNoted();
  wheel.Set(timer, microseconds(1500));
  wheel.Advance(milliseconds(1));
  EXPECT_EQ(timer.fired, 0);
  wheel.Advance(microseconds(1999));
  EXPECT_EQ(timer.fired, 0);
  wheel.Advance(milliseconds(2));
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(timer.prev, nullptr);
  wheel.Advance(milliseconds(500));
  EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheelTest, FiresInTheNextAdvanceWhenSetForThePast) {
  TimerWheel wheel(milliseconds(100));
  Noted timer = MakeNoted();
  wheel.Set(timer, milliseconds(40));
  EXPECT_EQ(wheel.UntilNext(milliseconds(100)), Time::zero());
  wheel.Advance(milliseconds(100));
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(wheel.UntilNext(milliseconds(100)), kNever);
}

TEST(TimerWheelTest, DoesNotMoveATimerThatIsSetToLater) {
  TimerWheel wheel(Time::zero());
  Noted timer = MakeNoted();
  wheel.Set(timer, milliseconds(10));
  Timer* const head = timer.prev;
  wheel.Set(timer, milliseconds(5000));
  EXPECT_EQ(timer.prev, head);
  EXPECT_EQ(timer.filed, milliseconds(10));
  wheel.Advance(milliseconds(10));
  EXPECT_EQ(timer.fired, 0);
  EXPECT_EQ(timer.filed, milliseconds(5000));
  wheel.Advance(milliseconds(4999));
  EXPECT_EQ(timer.fired, 0);
  wheel.Advance(milliseconds(5000));
  EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheelTest, MovesATimerThatIsSetToEarlier) {
  TimerWheel wheel(Time::zero());
  Noted timer = MakeNoted();
  wheel.Set(timer, hours(1));
  wheel.Set(timer, milliseconds(3));
  EXPECT_EQ(wheel.size(), 1U);
  wheel.Advance(milliseconds(3));
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheelTest, IgnoresTheCancelOfAnUnfiledTimer) {
  TimerWheel wheel(Time::zero());
  Noted timer = MakeNoted();
  wheel.Cancel(timer);
  wheel.Set(timer, milliseconds(3));
  wheel.Cancel(timer);
  wheel.Cancel(timer);
  EXPECT_EQ(wheel.UntilNext(Time::zero()), kNever);
  wheel.Advance(hours(1));
  EXPECT_EQ(timer.fired, 0);
}

TEST(TimerWheelTest, HoldsTheLargestTime) {
  TimerWheel wheel(Time::zero());
  Noted timer = MakeNoted();
  wheel.Set(timer, kNever);
  EXPECT_GT(wheel.UntilNext(Time::zero()), hours(24 * 365 * 100));
  wheel.Advance(hours(24 * 365 * 200));
  EXPECT_EQ(timer.fired, 0);
  wheel.Cancel(timer);
}

struct Canceller : Timer {
  TimerWheel* wheel = nullptr;
  Timer* victim = nullptr;
};

TEST(TimerWheelTest, HonoursACancelMadeByATimerOfTheSameTick) {
  TimerWheel wheel(Time::zero());
  Noted victim = MakeNoted();
  Canceller canceller;
  canceller.wheel = &wheel;
  canceller.victim = &victim;
  canceller.fire = [](Timer& timer, Time) noexcept {
    auto& self = static_cast<Canceller&>(timer);
    self.wheel->Cancel(*self.victim);
  };
  wheel.Set(canceller, milliseconds(7));
  wheel.Set(victim, milliseconds(7));
  wheel.Advance(milliseconds(7));
  EXPECT_EQ(victim.fired, 0);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheelTest, LetsATimerSetItselfAgainForNowWithoutSpinning) {
  TimerWheel wheel(Time::zero());
  struct Again : Timer {
    TimerWheel* wheel = nullptr;
    int fired = 0;
  } again;
  again.wheel = &wheel;
  again.fire = [](Timer& timer, Time now) noexcept {
    auto& self = static_cast<Again&>(timer);
    ++self.fired;
    self.wheel->Set(self, now);
  };
  wheel.Set(again, milliseconds(2));
  wheel.Advance(milliseconds(2));
  EXPECT_EQ(again.fired, 1);
  EXPECT_EQ(wheel.UntilNext(milliseconds(2)), Time::zero());
  wheel.Advance(milliseconds(2));
  EXPECT_EQ(again.fired, 2);
  wheel.Cancel(again);
}

// The model: what is set, by due tick. The wheel must agree after every step.
class WheelModel {
 public:
  explicit WheelModel(std::uint64_t seed)
      : random_(seed), now_(microseconds(random_() % 100000000)), wheel_(now_), timers_(200) {
    for (Noted& timer : timers_)
      timer.fire = &Note;
  }

  void Step() {
    switch (Below(4)) {
      case 0:
      case 1: Set(Below(timers_.size())); break;
      case 2: Cancel(Below(timers_.size())); break;
      default: Advance(); break;
    }
    ASSERT_EQ(wheel_.size(), model_.size());
    CheckUntilNext();
  }

 private:
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  // From microseconds to centuries, also into the past.
  Time SomeDistance() {
    const auto bits = static_cast<int>(Below(62));
    return Time(static_cast<std::int64_t>(random_() >> (64 - bits - 1)));
  }

  void Erase(std::size_t index) {
    for (auto it = model_.begin(); it != model_.end(); ++it) {
      if (it->second != index) continue;
      model_.erase(it);
      return;
    }
  }

  void Set(std::size_t index) {
    const Time distance = SomeDistance();
    Time at =
        Below(8) == 0 ? now_ - std::min(now_, distance) : now_ + std::min(distance, kNever - now_);
    if (Below(50) == 0) at = kNever;
    Erase(index);
    model_.emplace(at, index);
    wheel_.Set(timers_[index], at);
  }

  void Cancel(std::size_t index) {
    Erase(index);
    wheel_.Cancel(timers_[index]);
    ASSERT_EQ(timers_[index].prev, nullptr);
  }

  void Advance() {
    Time distance = SomeDistance();
    if (distance > hours(24 * 365)) distance = milliseconds(Below(5000));
    now_ += distance;
    const Time whole = now_ / TimerWheel::kTick * TimerWheel::kTick;
    for (Noted& timer : timers_)
      timer.fired = 0;
    wheel_.Advance(now_);
    for (auto it = model_.begin(); it != model_.end() && it->first <= whole;) {
      ASSERT_EQ(timers_[it->second].fired, 1);
      timers_[it->second].fired = 0;
      it = model_.erase(it);
    }
    for (const Noted& timer : timers_)
      ASSERT_EQ(timer.fired, 0);  // nothing else fired
  }

  void CheckUntilNext() {
    const Time until = wheel_.UntilNext(now_);
    if (model_.empty()) {
      ASSERT_EQ(until, kNever);
      return;
    }
    ASSERT_GE(until, Time::zero());
    const Time earliest = model_.begin()->first;
    // Never later than the tick at which the earliest is due.
    if (earliest < kNever - TimerWheel::kTick) {
      ASSERT_LE(until, std::max(Time::zero(), earliest + TimerWheel::kTick - now_));
    }
  }

  std::mt19937_64 random_;
  Time now_;
  TimerWheel wheel_;
  std::vector<Noted> timers_;
  std::multimap<Time, std::size_t> model_;
};

TEST(TimerWheelTest, AgreesWithAModelOverRandomSteps) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    WheelModel model(seed);
    for (int step = 0; step < 5000; ++step) {
      model.Step();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

std::vector<Time>* order_fired = nullptr;

TEST(TimerWheelTest, FiresInOrderOfTicksWithinOneAdvance) {
  std::vector<Time> fired;
  order_fired = &fired;
  std::mt19937_64 random(7);
  TimerWheel wheel(milliseconds(12345));
  std::vector<Timer> timers(1000);
  for (Timer& timer : timers) {
    timer.fire = [](Timer& self, Time) noexcept { order_fired->push_back(self.at); };
    wheel.Set(timer, milliseconds(12346 + random() % 100000));
  }
  wheel.Advance(hours(1));
  EXPECT_EQ(fired.size(), timers.size());
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  order_fired = nullptr;
}

}  // namespace
}  // namespace engine
