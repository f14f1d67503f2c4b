// SlotPool under four threads: random cancels and resizes, counts exact. Worth most under the
// thread sanitizer.
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/quota/slot_pool.h"
#include "tests/engine/mail_loop.h"

namespace engine {
namespace {

struct Shared {
  explicit Shared(int limit) : pool(limit, {.keys_max = 16}) {}
  SlotPool pool;
  std::atomic<int> in_use{0};
  std::atomic<int> in_use_max{0};
  std::atomic<std::uint64_t> granted{0};
  std::atomic<std::uint64_t> gone{0};
  std::atomic<std::uint64_t> cancelled{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> full{0};

  void Hold() {
    const int now = in_use.fetch_add(1) + 1;
    int seen = in_use_max.load();
    while (now > seen && !in_use_max.compare_exchange_weak(seen, now)) {
    }
  }
  void LetGo() {
    in_use.fetch_sub(1);
    pool.Release(Time{}, Time{1000});
  }
};

// One thread with its loop and its tickets, which acquire, wait, cancel, hold and release at
// random.
class Worker {
 public:
  Worker(Shared& shared, std::uint64_t seed) : shared_(&shared), state_(seed * 7919 + 1) {
    for (int i = 0; i < 40; ++i)
      jobs_.push_back(std::make_unique<Job>(*this));
  }

  void Run(int rounds, bool resize) {
    int grown = 0;
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < 8; ++i)
        Step(*jobs_[Next() % jobs_.size()]);
      for (int i = 0; i < 16 && loop_.DeliverOne(); ++i) {
      }
      if (resize && Next() % 16 == 0) {
        const int delta = grown > 3 ? -7 : 1 + static_cast<int>(Next() % 4);
        shared_->pool.Resize(delta, {});
        grown += delta;
      }
    }
    shared_->pool.Resize(-grown, {});
    Finish();
  }

 private:
  enum class State : std::uint8_t { kIdle, kWaiting, kLeaving, kHolding };
  struct Job : Ticket {
    explicit Job(Worker& owner)
        : Ticket(owner.loop_, {&Job::OnGranted, &Job::OnRefused, &Job::OnGone}), worker(&owner) {}
    static void OnGranted(Ticket& ticket) noexcept {
      auto& self = static_cast<Job&>(ticket);
      self.worker->shared_->granted.fetch_add(1);
      self.worker->shared_->Hold();
      if (self.state == State::kLeaving) {
        self.worker->shared_->LetGo();
        return;
      }
      ENGINE_CHECK(self.state == State::kWaiting);
      self.state = State::kHolding;
    }
    static void OnRefused(Ticket& ticket) noexcept {
      auto& self = static_cast<Job&>(ticket);
      self.worker->shared_->refused.fetch_add(1);
      if (self.state == State::kWaiting) self.state = State::kIdle;
    }
    static void OnGone(Ticket& ticket) noexcept {
      auto& self = static_cast<Job&>(ticket);
      ENGINE_CHECK(self.state == State::kLeaving);
      self.worker->shared_->gone.fetch_add(1);
      self.state = State::kIdle;
    }
    Worker* worker;
    State state = State::kIdle;
  };

  void Step(Job& job) {
    switch (job.state) {
      case State::kIdle:
        job.key = Next() % 12;
        job.queue_class = static_cast<QueueClass>(job.key % 3);
        switch (shared_->pool.AcquireOrWait(job)) {
          case SlotAnswer::kWaits: job.state = State::kWaiting; return;
          case SlotAnswer::kFull: shared_->full.fetch_add(1); return;
          case SlotAnswer::kTaken:
            shared_->Hold();
            job.state = State::kHolding;
            return;
        }
        return;
      case State::kWaiting:
        // What other threads may ask at any time.
        shared_->pool.WouldWaitLonger(job, Time{1}, Time{});
        if (Next() % 4 == 0) Leave(job);
        return;
      case State::kHolding:
        if (Next() % 16 == 0) {
          shared_->in_use.fetch_sub(1);
          job.state = State::kWaiting;
          shared_->pool.WaitAgain(job, Time{});
          return;
        }
        shared_->LetGo();
        job.state = State::kIdle;
        return;
      case State::kLeaving: return;
    }
  }
  void Leave(Job& job) {
    job.state = State::kLeaving;
    shared_->cancelled.fetch_add(1);
    shared_->pool.Cancel(job);
  }
  void Finish() {
    for (bool busy = true; busy;) {
      busy = false;
      while (loop_.DeliverOne()) {
      }
      for (auto& job : jobs_) {
        if (job->state == State::kHolding) Step(*job);
        busy = busy || job->state != State::kIdle;
      }
      if (busy) std::this_thread::yield();
    }
  }
  std::uint64_t Next() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }

  Shared* shared_;
  MailLoop loop_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::uint64_t state_;
};

void RunFourThreads(Shared& shared, int rounds, bool resize) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint64_t i = 0; i < 4; ++i)
    workers.push_back(std::make_unique<Worker>(shared, i + 1));
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (auto& worker : workers)
    threads.emplace_back([&worker, rounds, resize] { worker->Run(rounds, resize); });
  for (auto& thread : threads)
    thread.join();
}

TEST(SlotPoolThreadsTest, NeverExceedsItsLimitUnderFourThreadsWithCancels) {
  Shared shared(10);
  RunFourThreads(shared, 15000, false);
  EXPECT_LE(shared.in_use_max.load(), 10);
  EXPECT_EQ(shared.in_use.load(), 0);
  EXPECT_EQ(shared.pool.free_slots(), 10);
  EXPECT_EQ(shared.pool.waiting(), 0U);
  EXPECT_EQ(shared.gone.load(), shared.cancelled.load());
  EXPECT_GT(shared.granted.load(), 0U);
}

// A lost turn is repaired by whatever comes next; only at the end of a run it shows, as a waiter
// that waits for ever. So: many short runs.
TEST(SlotPoolThreadsTest, LeavesNobodyWaitingAtTheEndOfManyShortRuns) {
  for (int run = 0; run < 100; ++run) {
    Shared shared(2);
    RunFourThreads(shared, 60, false);
    ASSERT_EQ(shared.pool.free_slots(), 2) << run;
    ASSERT_EQ(shared.pool.waiting(), 0U) << run;
  }
}

TEST(SlotPoolThreadsTest, CountsExactlyAtItsBoundsUnderFourThreads) {
  Shared shared(3);
  shared.pool.SetBounds({.length_max = 12, .per_key_max = 2});
  RunFourThreads(shared, 10000, false);
  EXPECT_LE(shared.in_use_max.load(), 3);
  EXPECT_EQ(shared.pool.free_slots(), 3);
  EXPECT_EQ(shared.pool.waiting(), 0U);
  EXPECT_EQ(shared.gone.load(), shared.cancelled.load());
  const SlotPoolFigures figures = shared.pool.Figures(Time{});
  EXPECT_EQ(figures.refused_full, shared.full.load());
  EXPECT_EQ(figures.refused_key, shared.refused.load());
  EXPECT_GT(shared.full.load(), 0U);
  EXPECT_GT(shared.refused.load(), 0U);
}

TEST(SlotPoolThreadsTest, CountsExactlyUnderFourThreadsWithResizes) {
  Shared shared(10);
  RunFourThreads(shared, 15000, true);
  EXPECT_EQ(shared.in_use.load(), 0);
  EXPECT_EQ(shared.pool.free_slots(), 10);
  EXPECT_EQ(shared.pool.waiting(), 0U);
  EXPECT_EQ(shared.gone.load(), shared.cancelled.load());
}

}  // namespace
}  // namespace engine
