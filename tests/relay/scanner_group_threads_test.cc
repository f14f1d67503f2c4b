// A group under four threads that pick, move, wait again, report, give back, drain and let time
// pass at random: no scanner ever has more than its limit, and at the end every account is what it
// was; also while a fifth thread reloads scanners, limits and the queue's bounds. Worth most under
// the thread sanitizer.
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "relay/scanner_group.h"
#include "tests/engine/mail_loop.h"

namespace relay {
namespace {

using engine::Time;

constexpr std::uint32_t kThreads = 4;
constexpr std::uint32_t kLimits[] = {3, 5, 1};
constexpr Time kStart = std::chrono::seconds(1);

ScannerSpec Spec(std::uint32_t number, std::uint32_t limit) {
  auto address = engine::ParseAddress("unix:/run/s" + std::to_string(number));
  ENGINE_CHECK(address.ok());
  return {.address = *address, .limit = limit};
}

std::vector<ScannerSpec> Specs() {
  std::vector<ScannerSpec> specs;
  for (const std::uint32_t limit : kLimits)
    specs.push_back(Spec(limit, limit));
  return specs;
}

struct Shared {
  ScannerGroup group{"default", Specs(), kThreads, kStart};
  std::atomic<std::int64_t> now{kStart.count()};
  std::atomic<std::uint32_t> picked{0};
  std::atomic<std::uint32_t> none_live{0};
  bool limits_move = false;
};

class Worker {
 public:
  Worker(Shared& shared, std::uint32_t number)
      : shared_(&shared), number_(number), state_(number * 7919 + 1) {
    for (int i = 0; i < 12; ++i)
      jobs_.push_back(std::make_unique<Job>(*this));
  }

  void Run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      Step(*jobs_[Next() % jobs_.size()]);
      for (int i = 0; i < 16 && loop_.DeliverOne(); ++i) {
      }
      if (Next() % 8 == 0) Meddle();
    }
    Finish();
  }

 private:
  enum class State : std::uint8_t { kIdle, kWaiting, kHolding };
  struct Job : engine::Ticket {
    explicit Job(Worker& owner)
        : Ticket(owner.loop_, {&Job::OnGranted, &Job::OnRefused, [](Ticket&) noexcept {}}),
          worker(&owner) {}
    static void OnRefused(Ticket& ticket) noexcept {
      static_cast<Job&>(ticket).state = State::kIdle;
    }
    static void OnGranted(Ticket& ticket) noexcept {
      auto& self = static_cast<Job&>(ticket);
      self.worker->Granted(self);
    }
    Worker* worker;
    PickedScanner picked;
    State state = State::kIdle;
  };

  ScannerMoment At() { return {number_, Time(shared_->now.load()), Next()}; }

  void Granted(Job& job) noexcept {
    ScannerGroup& group = shared_->group;
    const ScannerGroup::Pick pick = group.PickFor(At(), 0, &job.picked);
    if (pick == ScannerGroup::Pick::kPicked) {
      shared_->picked.fetch_add(1);
      job.state = State::kHolding;
      return;
    }
    if (pick == ScannerGroup::Pick::kNoneLive) shared_->none_live.fetch_add(1);
    if (pick == ScannerGroup::Pick::kNoRoom && Next() % 2 == 0) {
      job.state = State::kWaiting;
      group.slots().WaitAgain(job, At().now);
      return;
    }
    job.state = State::kIdle;
    group.slots().Release(At().now);
  }

  void Step(Job& job) {
    ScannerGroup& group = shared_->group;
    switch (job.state) {
      case State::kIdle:
        job.state = State::kWaiting;
        switch (group.slots().AcquireOrWait(job)) {
          case engine::SlotAnswer::kTaken: Granted(job); return;
          case engine::SlotAnswer::kWaits: return;
          case engine::SlotAnswer::kFull: job.state = State::kIdle; return;
        }
        return;
      case State::kWaiting: return;
      case State::kHolding: {
        const std::uint64_t what = Next() % 16;
        if (what < 3) {
          group.GiveButKeepSlot(At(), &job.picked);
          Granted(job);
          return;
        }
        if (what < 10) group.Report(At(), &job.picked, Outcome(), std::chrono::milliseconds(5));
        if (what < 5) return;  // an orphan: reported, and not given back yet
        group.Give(At(), &job.picked);
        job.state = State::kIdle;
        return;
      }
    }
  }
  ScanOutcome Outcome() {
    constexpr ScanOutcome kOutcomes[] = {ScanOutcome::kReply,
                                         ScanOutcome::kReply,
                                         ScanOutcome::kReply,
                                         ScanOutcome::kTimeout,
                                         ScanOutcome::kBrokeOff,
                                         ScanOutcome::kRefused,
                                         ScanOutcome::kBusy,
                                         ScanOutcome::kUndecided};
    return kOutcomes[Next() % 8];
  }
  void Meddle() {
    ScannerGroup& group = shared_->group;
    shared_->now.fetch_add(std::chrono::nanoseconds(std::chrono::milliseconds(200)).count());
    group.Tick(
        At(), [](void*, std::uint8_t, const ScannerHealth::Change&) noexcept {}, nullptr);
    if (Next() % 16 == 0) group.Drain("unix:/run/s5", Next() % 2 == 0, At().now);
    for (const ScannerSnapshot& snapshot : group.Snapshot())
      ENGINE_CHECK(shared_->limits_move || snapshot.outstanding <= snapshot.limit);
  }
  void Finish() {
    for (bool busy = true; busy;) {
      busy = false;
      while (loop_.DeliverOne()) {
      }
      for (auto& job : jobs_) {
        if (job->state == State::kHolding) {
          shared_->group.Give(At(), &job->picked);
          job->state = State::kIdle;
        }
        busy = busy || job->state != State::kIdle;
      }
      // Who waits for a probe's outcome waits for time to pass.
      if (busy) Meddle();
    }
  }
  std::uint64_t Next() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }

  Shared* shared_;
  std::uint32_t number_;
  engine::MailLoop loop_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::uint64_t state_;
};

// As the main thread does: lists of scanners, limits, weights, bounds, until `done`.
void ReloadUntil(Shared& shared, const std::atomic<bool>& done) {
  std::mt19937 generator(17);
  const auto random = [&generator] { return static_cast<std::uint32_t>(generator()); };
  while (!done.load()) {
    std::vector<ScannerSpec> specs;
    for (std::uint32_t number = 1; number <= 6; ++number) {
      if (random() % 3 == 0) continue;
      const bool learns = random() % 4 == 0;
      specs.push_back(Spec(number, learns ? ScannerLimit::kLearn : 1 + random() % 6));
      specs.back().weight = 1 + random() % 3;
      specs.back().drain = random() % 5 == 0;
    }
    shared.group.Apply(specs, Time(shared.now.load()));
    shared.group.slots().SetBounds({.length_max = 1 + random() % 50, .per_key_max = random() % 20});
    std::this_thread::yield();
  }
}

void RunThreads(Shared& shared, int rounds) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t i = 0; i < kThreads; ++i)
    workers.push_back(std::make_unique<Worker>(shared, i));
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (auto& worker : workers)
    threads.emplace_back([&worker, rounds] { worker->Run(rounds); });
  for (auto& thread : threads)
    thread.join();
}

// Whatever has happened, a probe's reply and the slow start bring everything back.
void Recover(ScannerGroup& group, Time now) {
  for (const ScannerSnapshot& snapshot : group.Snapshot())
    group.Drain(snapshot.address, false, now);
  const auto nothing = [](void*, std::uint8_t, const ScannerHealth::Change&) noexcept {};
  for (int i = 0; i < 40; ++i) {
    now += std::chrono::seconds(31);
    group.Tick({0, now, 0}, nothing, nullptr);
    group.Tick({0, now, 0}, nothing, nullptr);
    for (std::uint8_t s = 0; s < 3; ++s) {
      if (!group.slots().TryAcquire()) continue;  // not its turn yet
      PickedScanner picked;
      if (group.PickFor({0, now, 0}, ~ScannerGroup::MaskOf(s), &picked) ==
          ScannerGroup::Pick::kPicked) {
        group.Report({0, now, 0}, &picked, ScanOutcome::kReply, std::chrono::milliseconds(5));
        group.Give({0, now, 0}, &picked);
      } else {
        group.slots().Release(now);
      }
    }
  }
}

TEST(ScannerGroupThreadsTest, EveryAccountIsExactAfterAStorm) {
  for (int run = 0; run < 20; ++run) {
    Shared shared;
    RunThreads(shared, 1500);
    EXPECT_EQ(shared.group.slots().waiting(), 0U);
    std::uint32_t limits = 0;
    for (const ScannerSnapshot& snapshot : shared.group.Snapshot()) {
      EXPECT_EQ(snapshot.outstanding, 0U) << snapshot.address;
      limits += snapshot.limit_now;
    }
    const std::int32_t flush = limits == 0 ? ScannerGroup::kFlush : 0;
    ASSERT_EQ(shared.group.slots().free_slots(), static_cast<std::int32_t>(limits) + flush) << run;
    Recover(shared.group, Time(shared.now.load()));
    ASSERT_EQ(shared.group.slots().free_slots(), 3 + 5 + 1) << run;
    EXPECT_GT(shared.picked.load(), 0U);
  }
}

TEST(ScannerGroupThreadsTest, EveryAccountIsExactAfterAStormOfReloads) {
  for (int run = 0; run < 20; ++run) {
    Shared shared;
    shared.limits_move = true;
    std::atomic<bool> done{false};
    std::thread reloads([&shared, &done] { ReloadUntil(shared, done); });
    RunThreads(shared, 1500);
    done.store(true);
    reloads.join();
    EXPECT_EQ(shared.group.slots().waiting(), 0U);
    for (const ScannerSnapshot& snapshot : shared.group.Snapshot())
      EXPECT_EQ(snapshot.outstanding, 0U) << snapshot.address;
    shared.group.Apply(Specs(), Time(shared.now.load()));
    Recover(shared.group, Time(shared.now.load()));
    ASSERT_EQ(shared.group.slots().free_slots(), 3 + 5 + 1) << run;
    ASSERT_EQ(shared.group.slots().Figures(Time(shared.now.load())).limit, 3 + 5 + 1) << run;
    EXPECT_GT(shared.picked.load(), 0U);
  }
}

}  // namespace
}  // namespace relay
