// SlotPool: bounds on those who wait, who waits again, the estimate of a wait and its error.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "engine/quota/slot_pool.h"
#include "tests/engine/mail_loop.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Waiter : Ticket {
  Waiter(Loop& loop, std::uint64_t in_key, std::vector<int>* in_order, int number)
      : Ticket(loop,
               {[](Ticket& ticket) noexcept {
                  auto& self = static_cast<Waiter&>(ticket);
                  self.order->push_back(self.id);
                },
                [](Ticket& ticket) noexcept { ++static_cast<Waiter&>(ticket).refused; },
                [](Ticket& ticket) noexcept { ++static_cast<Waiter&>(ticket).gone; }}),
        order(in_order),
        id(number) {
    key = in_key;
  }
  std::vector<int>* order;
  int id;
  int refused = 0;
  int gone = 0;
};

class SlotPoolWaitTest : public testing::Test {
 protected:
  Waiter& Make(std::uint64_t key = 1) {
    const int id = static_cast<int>(waiters_.size());
    return *waiters_.emplace_back(std::make_unique<Waiter>(loop_, key, &order_, id));
  }
  void Deliver() {
    while (loop_.DeliverOne()) {
    }
  }
  void Pass(Time length) { loop_.set_now(loop_.now() + length); }
  // Everyone is granted a slot and gives it back.
  void End(SlotPool& pool, int held) {
    for (; held > 0; --held)
      pool.Release(loop_.now());
    Deliver();
    while (pool.waiting() > 0) {
      pool.Release(loop_.now());
      Deliver();
    }
  }

  MailLoop loop_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
  std::vector<int> order_;
};

TEST_F(SlotPoolWaitTest, IsFullAtItsLengthAndHasRoomAgainAfterAGrant) {
  SlotPool pool(1);
  pool.SetBounds({.length_max = 2, .per_key_max = 0});
  ASSERT_TRUE(pool.TryAcquire());
  EXPECT_FALSE(pool.TryAcquire());
  EXPECT_EQ(pool.AcquireOrWait(Make()), SlotAnswer::kWaits);
  EXPECT_EQ(pool.AcquireOrWait(Make()), SlotAnswer::kWaits);
  Waiter& third = Make();
  EXPECT_EQ(pool.AcquireOrWait(third), SlotAnswer::kFull);
  EXPECT_EQ(pool.waiting(), 2U);
  EXPECT_EQ(pool.Figures(loop_.now()).refused_full, 1U);
  pool.Release(loop_.now());
  EXPECT_EQ(pool.AcquireOrWait(third), SlotAnswer::kWaits);
  Deliver();
  End(pool, 1);
  EXPECT_EQ(order_, (std::vector<int>{0, 1, 2}));
}

TEST_F(SlotPoolWaitTest, RefusesAKeyAboveItsBoundByMailAndTakesOthers) {
  SlotPool pool(1);
  pool.SetBounds({.length_max = 100, .per_key_max = 1});
  ASSERT_TRUE(pool.TryAcquire());
  EXPECT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  Waiter& second = Make(1);
  EXPECT_EQ(pool.AcquireOrWait(second), SlotAnswer::kWaits);
  EXPECT_EQ(pool.AcquireOrWait(Make(2)), SlotAnswer::kWaits);
  EXPECT_EQ(pool.waiting(), 2U);
  Deliver();
  EXPECT_EQ(second.refused, 1);
  EXPECT_EQ(pool.Figures(loop_.now()).refused_key, 1U);
  End(pool, 1);
  EXPECT_EQ(order_, (std::vector<int>{0, 2}));
}

TEST_F(SlotPoolWaitTest, TellsGoneLastWhenARefusalCrossesACancel) {
  SlotPool pool(1);
  pool.SetBounds({.length_max = 100, .per_key_max = 1});
  ASSERT_TRUE(pool.TryAcquire());
  EXPECT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  Waiter& second = Make(1);
  EXPECT_EQ(pool.AcquireOrWait(second), SlotAnswer::kWaits);
  pool.Cancel(second);
  EXPECT_TRUE(loop_.DeliverOne());
  EXPECT_EQ(second.refused, 1);
  EXPECT_EQ(second.gone, 0);
  Deliver();
  EXPECT_EQ(second.gone, 1);
  End(pool, 1);
}

TEST_F(SlotPoolWaitTest, WaitsAgainAtTheFrontWithoutLosingASlot) {
  SlotPool pool(2);
  ASSERT_TRUE(pool.TryAcquire());
  Waiter& first = Make(1);
  const Time since = loop_.now();
  ASSERT_EQ(pool.AcquireOrWait(first), SlotAnswer::kTaken);
  Pass(seconds(1));
  ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  pool.Resize(-1, loop_.now());  // the breaker of one of two has opened
  pool.WaitAgain(first, since);
  EXPECT_EQ(pool.free_slots(), 0);
  EXPECT_EQ(pool.waiting(), 2U);
  Deliver();
  EXPECT_TRUE(order_.empty());
  pool.Release(loop_.now());
  Deliver();
  EXPECT_EQ(order_, (std::vector<int>{0}));
  End(pool, 1);
  EXPECT_EQ(order_, (std::vector<int>{0, 1}));
}

TEST_F(SlotPoolWaitTest, CancelsWhoWaitsAgain) {
  SlotPool pool(1);
  Waiter& first = Make(1);
  ASSERT_EQ(pool.AcquireOrWait(first), SlotAnswer::kTaken);
  pool.Resize(-1 + 1, loop_.now());
  ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  pool.Resize(-1, loop_.now());
  pool.WaitAgain(first, loop_.now());
  pool.Cancel(first);
  Deliver();
  EXPECT_EQ(first.gone, 1);
  EXPECT_EQ(pool.waiting(), 1U);
  pool.Resize(1, loop_.now());
  Deliver();
  End(pool, 1);
}

// Four slots, each held for 200 ms: one grant each 50 ms.
TEST_F(SlotPoolWaitTest, EstimatesTheWaitOfANewcomerFromItsKeysTurn) {
  SlotPool pool(4);
  loop_.set_now(seconds(100));
  const Time hold = milliseconds(200);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(pool.TryAcquire());
    pool.Release(loop_.now(), hold);
    ASSERT_TRUE(pool.TryAcquire());
    pool.Release(loop_.now(), hold);
  }
  EXPECT_EQ(pool.EstimateWait({}, loop_.now()), Time{});
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(pool.TryAcquire());
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(pool.AcquireOrWait(Make(2 + static_cast<std::uint64_t>(i))), SlotAnswer::kWaits);
  // 11 keys wait: a new one's turn comes in a round; key 1's newest has 100 rounds ahead of it.
  EXPECT_EQ(pool.EstimateWait({99, QueueClass::kThird}, loop_.now()), milliseconds(50) * 12);
  EXPECT_EQ(pool.EstimateWait({1, QueueClass::kThird}, loop_.now()),
            milliseconds(50) * (100 * 11 + 12));
  EXPECT_EQ(pool.EstimateWait({1, QueueClass::kFirst}, loop_.now()),
            milliseconds(50) * (25 * 11 + 12));
  for (int i = 0; i < 110; ++i) {
    Pass(milliseconds(50));
    pool.Release(loop_.now(), hold);
    Deliver();
  }
  EXPECT_EQ(pool.waiting(), 0U);
  End(pool, 4);
}

TEST_F(SlotPoolWaitTest, LearnsTheRateFromGrantsAndRecordsItsError) {
  SlotPool pool(4);
  loop_.set_now(seconds(100));
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(pool.TryAcquire());
  pool.Release(loop_.now(), milliseconds(10));  // holds say 10 ms / 4, but three slots are stuck
  ASSERT_TRUE(pool.TryAcquire());
  std::uint64_t errors = 0;
  for (int i = 0; i < 400; ++i) {
    while (pool.waiting() < 20)
      ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
    Pass(milliseconds(100));
    pool.Release(loop_.now());
    Deliver();
    if (i == 300) errors = pool.estimate_errors_us().sum();
  }
  EXPECT_NEAR(static_cast<double>(pool.EstimateWait({1, QueueClass::kThird}, loop_.now()).count()),
              20 * 100e6,
              150e6);
  const std::uint64_t late = (pool.estimate_errors_us().sum() - errors) / 99;
  EXPECT_LT(late, 100'000U) << "at most one grant of twenty";
  EXPECT_EQ(pool.Figures(loop_.now()).granted_waiters, 400U);
  End(pool, 4);
}

TEST_F(SlotPoolWaitTest, SeesAQueueThatStandsStillAndForgetsItSoon) {
  SlotPool pool(1);
  loop_.set_now(seconds(100));
  ASSERT_TRUE(pool.TryAcquire());
  for (int i = 0; i < 200; ++i) {
    while (pool.waiting() < 10)
      ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
    Pass(milliseconds(100));
    pool.Release(loop_.now(), milliseconds(100));
    Deliver();
  }
  const Time before = pool.EstimateWait({1, QueueClass::kThird}, loop_.now());
  Pass(seconds(60));
  EXPECT_GT(pool.EstimateWait({1, QueueClass::kThird}, loop_.now()), before * 20);
  pool.Release(loop_.now(), milliseconds(100));
  Deliver();
  EXPECT_LT(pool.EstimateWait({1, QueueClass::kThird}, loop_.now()), before * 3);
  End(pool, 1);
}

TEST_F(SlotPoolWaitTest, CountsOrphansAsSlotsThatDoNotTurn) {
  SlotPool pool(4);
  loop_.set_now(seconds(100));
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(pool.TryAcquire());
  pool.Release(loop_.now(), milliseconds(400));
  ASSERT_TRUE(pool.TryAcquire());
  EXPECT_EQ(pool.EstimateWait({}, loop_.now()), milliseconds(100));
  pool.CountOrphan(+2);
  EXPECT_EQ(pool.EstimateWait({}, loop_.now()), milliseconds(200));
  EXPECT_EQ(pool.Figures(loop_.now()).orphans, 2);
  pool.CountOrphan(-2);
  End(pool, 4);
}

// Above the limit, on; below it, still on; below three quarters, off. Each key by itself.
TEST_F(SlotPoolWaitTest, ShedsOneKeyWithHysteresis) {
  SlotPool pool(1);
  loop_.set_now(seconds(100));
  ASSERT_TRUE(pool.TryAcquire());
  pool.Release(loop_.now(), milliseconds(100));
  ASSERT_TRUE(pool.TryAcquire());
  const QueuePlace flooder{1, QueueClass::kThird};
  const QueuePlace other{2, QueueClass::kThird};
  EXPECT_FALSE(pool.WouldWaitLonger(flooder, milliseconds(1), loop_.now())) << "nobody waits";
  while (pool.EstimateWait(flooder, loop_.now()) <= seconds(2))
    ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  EXPECT_TRUE(pool.WouldWaitLonger(flooder, seconds(2), loop_.now()));
  EXPECT_FALSE(pool.WouldWaitLonger(other, seconds(2), loop_.now()));
  const auto serve = [&] {
    Pass(milliseconds(100));
    pool.Release(loop_.now(), milliseconds(100));
    Deliver();
  };
  for (int i = 0; i < 3; ++i)
    serve();
  EXPECT_LT(pool.EstimateWait(flooder, loop_.now()), seconds(2));
  EXPECT_TRUE(pool.WouldWaitLonger(flooder, seconds(2), loop_.now()));
  for (int i = 0; i < 4; ++i)
    serve();
  EXPECT_FALSE(pool.WouldWaitLonger(flooder, seconds(2), loop_.now()));
  End(pool, 1);
}

TEST_F(SlotPoolWaitTest, TellsTheAgeOfTheOldest) {
  SlotPool pool(1);
  loop_.set_now(seconds(100));
  ASSERT_TRUE(pool.TryAcquire());
  EXPECT_EQ(pool.Figures(loop_.now()).oldest_age, Time{});
  ASSERT_EQ(pool.AcquireOrWait(Make(1)), SlotAnswer::kWaits);
  Pass(seconds(3));
  ASSERT_EQ(pool.AcquireOrWait(Make(2)), SlotAnswer::kWaits);
  EXPECT_EQ(pool.Figures(loop_.now()).oldest_age, seconds(3));
  EXPECT_EQ(pool.Figures(loop_.now()).keys, 2U);
  pool.Release(loop_.now());
  Deliver();
  EXPECT_EQ(pool.Figures(loop_.now()).oldest_age, Time{});
  End(pool, 1);
}

}  // namespace
}  // namespace engine
