// SlotPool in one thread: short histories against a model, the limit of one pass, a shrunk limit.
#include "engine/quota/slot_pool.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/mail_loop.h"

namespace engine {
namespace {

// ------------------------------------------------------------------------------------------------
// All histories of `kLength` operations over three tickets.

constexpr int kTickets = 3;
enum Operation : std::uint8_t {
  kAcquire0,
  kAcquire1,
  kAcquire2,
  kCancel0,
  kCancel1,
  kCancel2,
  kRelease,
  kGrow,
  kShrink,
  kDeliver,
  kOperationCount
};

// What the pool must do, written down with a queue and two numbers.
struct Model {
  enum class Ticket : std::uint8_t { kIdle, kWaiting, kAnswered };
  int free = 0;
  int held = 0;
  std::deque<int> queue;
  std::deque<std::string> mail;
  std::array<Ticket, kTickets> ticket{};
  std::array<bool, kTickets> cancelled{};
  std::string log;

  bool Valid(int op) const {
    if (op <= kAcquire2) return ticket[Index(op)] == Ticket::kIdle;
    if (op <= kCancel2)
      return ticket[Index(op - kCancel0)] != Ticket::kIdle && !cancelled[Index(op - kCancel0)];
    if (op == kRelease) return held > 0;
    return op != kDeliver || !mail.empty();
  }
  void Apply(int op) {
    if (op <= kAcquire2) {
      if (free > 0 && queue.empty()) {
        --free;
        ++held;
        log += "t";
      } else {
        ticket[Index(op)] = Ticket::kWaiting;
        queue.push_back(op);
      }
    } else if (op <= kCancel2) {
      const int i = op - kCancel0;
      cancelled[Index(i)] = true;
      std::erase(queue, i);
      ticket[Index(i)] = Ticket::kAnswered;
      mail.push_back("x" + std::to_string(i));
    } else if (op == kDeliver) {
      Deliver();
    } else {
      if (op == kRelease) --held;
      free += op == kShrink ? -1 : 1;
    }
    Grant();
  }
  void Grant() {
    for (; free > 0 && !queue.empty(); --free) {
      ticket[Index(queue.front())] = Ticket::kAnswered;
      mail.push_back("g" + std::to_string(queue.front()));
      queue.pop_front();
    }
  }
  void Deliver() {
    const std::string word = mail.front();
    mail.pop_front();
    log += word;
    const auto i = Index(word[1] - '0');
    if (word[0] == 'g' && cancelled[i]) ++free;
    if (word[0] == 'g' && !cancelled[i]) ++held;
    if (word[0] == 'g' && cancelled[i]) return;
    ticket[i] = Ticket::kIdle;
    cancelled[i] = false;
  }
  static std::size_t Index(int i) { return static_cast<std::size_t>(i); }
};

// The same with the real pool.
class Real {
 public:
  explicit Real(int limit) : pool_(limit, {.keys_max = 16}) {
    for (int i = 0; i < kTickets; ++i)
      tickets_.push_back(std::make_unique<Waiter>(*this, i));
  }
  void Apply(int op) {
    if (op <= kAcquire2) {
      if (pool_.AcquireOrWait(*tickets_[Model::Index(op)]) == SlotAnswer::kTaken) log_ += "t";
    } else if (op <= kCancel2) {
      tickets_[Model::Index(op - kCancel0)]->cancelled = true;
      pool_.Cancel(*tickets_[Model::Index(op - kCancel0)]);
    } else if (op == kDeliver) {
      loop_.DeliverOne();
    } else if (op == kRelease) {
      pool_.Release({});
    } else {
      pool_.Resize(op == kShrink ? -1 : 1, {});
    }
  }
  SlotPool& pool() { return pool_; }
  const std::string& log() const { return log_; }
  // Lets every ticket go, so that nothing waits when the pool ends.
  void End() {
    pool_.Resize(100, {});
    while (loop_.DeliverOne()) {
    }
  }

 private:
  struct Waiter : Ticket {
    Waiter(Real& owner, int number)
        : Ticket(owner.loop_, {&Waiter::OnGranted, &Waiter::OnRefused, &Waiter::OnGone}),
          real(&owner),
          i(number) {}
    static void OnGranted(Ticket& ticket) noexcept {
      auto& self = static_cast<Waiter&>(ticket);
      self.real->log_ += "g" + std::to_string(self.i);
      if (self.cancelled) self.real->pool_.Release({});
    }
    static void OnRefused(Ticket&) noexcept { ADD_FAILURE() << "no bound is set"; }
    static void OnGone(Ticket& ticket) noexcept {
      auto& self = static_cast<Waiter&>(ticket);
      self.real->log_ += "x" + std::to_string(self.i);
      self.cancelled = false;
    }
    Real* real;
    int i;
    bool cancelled = false;
  };

  MailLoop loop_;
  SlotPool pool_;
  std::vector<std::unique_ptr<Waiter>> tickets_;
  std::string log_;
};

// Runs one history through both; false when its last operation is not possible there.
bool Agrees(const std::vector<int>& history) {
  Model model;
  model.free = 1;
  Real real(1);
  for (const int op : history) {
    if (!model.Valid(op)) {
      real.End();
      return false;
    }
    model.Apply(op);
    real.Apply(op);
    EXPECT_EQ(real.log(), model.log);
    EXPECT_EQ(real.pool().free_slots(), model.free);
    EXPECT_EQ(real.pool().waiting(), model.queue.size());
  }
  real.End();
  return true;
}

std::uint64_t Explore(std::vector<int>& history, std::size_t length) {
  std::uint64_t count = 0;
  for (int op = 0; op < kOperationCount && !testing::Test::HasFailure(); ++op) {
    history.push_back(op);
    if (Agrees(history)) {
      ++count;
      if (history.size() < length) count += Explore(history, length);
    }
    if (testing::Test::HasFailure()) return count;
    history.pop_back();
  }
  return count;
}

TEST(SlotPoolTest, AgreesWithTheModelOnEveryShortHistory) {
  std::vector<int> history;
  EXPECT_GT(Explore(history, 6), 10000U);
  std::string failed;
  for (const int op : history)
    failed += std::to_string(op) + " ";
  EXPECT_TRUE(history.empty()) << failed;
}

// ------------------------------------------------------------------------------------------------

struct Counted : Ticket {
  Counted(Loop& loop, int* granted_count)
      : Ticket(loop,
               {[](Ticket& ticket) noexcept { ++*static_cast<Counted&>(ticket).count; },
                [](Ticket& ticket) noexcept { ++static_cast<Counted&>(ticket).refused; },
                [](Ticket& ticket) noexcept { ++static_cast<Counted&>(ticket).gone; }}),
        count(granted_count) {}
  int* count;
  int refused = 0;
  int gone = 0;
};

TEST(SlotPoolTest, GrantsAtMostSixtyFourInAPassAndTheRestOnDelivery) {
  MailLoop loop;
  MailLoop serving;
  SlotPool pool(1);
  int granted = 0;
  Counted holder(serving, &granted);
  ASSERT_EQ(pool.AcquireOrWait(holder), SlotAnswer::kTaken);
  std::vector<std::unique_ptr<Counted>> tickets;
  for (int i = 0; i < 200; ++i) {
    tickets.push_back(std::make_unique<Counted>(loop, &granted));
    ASSERT_EQ(pool.AcquireOrWait(*tickets.back()), SlotAnswer::kWaits);
  }
  pool.Resize(150, {});
  EXPECT_EQ(pool.waiting(), 200U - 64U);
  EXPECT_EQ(pool.free_slots(), 150 - 64);
  Counted late(loop, &granted);
  EXPECT_EQ(pool.AcquireOrWait(late), SlotAnswer::kWaits)
      << "overtakes those who wait while slots are free";
  while (loop.DeliverOne()) {
  }
  EXPECT_EQ(granted, 150);
  EXPECT_EQ(pool.waiting(), 51U);
  EXPECT_EQ(pool.free_slots(), 0);
  for (int i = 0; i < 51; ++i)
    pool.Release({});
  while (loop.DeliverOne()) {
  }
  EXPECT_EQ(granted, 201);
}

// What other threads do while someone serves, put there by the one call that a server makes.
struct MeddlingLoop : MailLoop {
  void Post(Mail& mail) noexcept override {
    MailLoop::Post(mail);
    if (pool == nullptr) return;
    SlotPool* const meddled = std::exchange(pool, nullptr);
    EXPECT_EQ(meddled->AcquireOrWait(*newcomer), SlotAnswer::kWaits);
    meddled->Release({});
  }
  SlotPool* pool = nullptr;
  Ticket* newcomer = nullptr;
};

TEST(SlotPoolTest, ServesWhatChangesWhileSomeoneServes) {
  MeddlingLoop loop;
  SlotPool pool(1);
  int granted = 0;
  Counted holder(loop, &granted);
  Counted first(loop, &granted);
  Counted second(loop, &granted);
  ASSERT_EQ(pool.AcquireOrWait(holder), SlotAnswer::kTaken);
  ASSERT_EQ(pool.AcquireOrWait(first), SlotAnswer::kWaits);
  loop.pool = &pool;
  loop.newcomer = &second;
  pool.Release({});  // grants to `first`; during that, `second` comes and the slot is free again
  EXPECT_EQ(pool.waiting(), 0U);
  EXPECT_EQ(pool.free_slots(), 0);
  while (loop.DeliverOne()) {
  }
  EXPECT_EQ(granted, 2);
}

TEST(SlotPoolTest, StaysBelowZeroUntilAShrunkLimitIsMet) {
  MailLoop loop;
  SlotPool pool(3);
  int granted = 0;
  Counted one(loop, &granted);
  Counted two(loop, &granted);
  ASSERT_EQ(pool.AcquireOrWait(one), SlotAnswer::kTaken);
  ASSERT_EQ(pool.AcquireOrWait(one), SlotAnswer::kTaken);
  ASSERT_EQ(pool.AcquireOrWait(one), SlotAnswer::kTaken);
  pool.Resize(-2, {});
  EXPECT_EQ(pool.free_slots(), -2);
  ASSERT_EQ(pool.AcquireOrWait(two), SlotAnswer::kWaits);
  pool.Release({});
  pool.Release({});
  EXPECT_FALSE(loop.DeliverOne());
  pool.Release({});
  EXPECT_TRUE(loop.DeliverOne());
  EXPECT_EQ(granted, 1);
}

}  // namespace
}  // namespace engine
