// Limits, timers, mail between shards, histograms: what each message touches once or a few times.
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "engine/base/check.h"
#include "engine/base/histogram.h"
#include "engine/io/mailbox.h"
#include "engine/io/make_loop.h"
#include "engine/io/posix_disk.h"
#include "engine/io/timer_wheel.h"
#include "engine/quota/slot_pool.h"

namespace {

// A loop whose mail alone is used. The disk is only there to make it.
struct RealLoop {
  std::unique_ptr<engine::PosixDisk> disk;
  std::unique_ptr<engine::Loop> loop;
};

RealLoop MakeRealLoop() {
  RealLoop made;
  absl::StatusOr<std::unique_ptr<engine::PosixDisk>> disk =
      engine::PosixDisk::Open({.root = "/dev/shm"});
  ENGINE_CHECK(disk.ok());
  made.disk = *std::move(disk);
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop =
      engine::MakeLoop(engine::IoChoice::kEpoll, {.disk = made.disk.get(), .sockets_max = 64});
  ENGINE_CHECK(loop.ok());
  made.loop = *std::move(loop);
  return made;
}

std::uint64_t granted_count = 0;

void OnGranted(engine::Ticket& /*ticket*/) noexcept {
  ++granted_count;
}

void OnGone(engine::Ticket& /*ticket*/) noexcept {}

constexpr engine::Time kNow = std::chrono::seconds(1);
constexpr engine::Time kHeld = std::chrono::milliseconds(200);
constexpr engine::Ticket::Words kWords = {OnGranted, OnGone, OnGone};

// A slot is free and nobody waits: the common case.
void BM_SlotPool_Free(benchmark::State& state) {
  const RealLoop real = MakeRealLoop();
  engine::SlotPool pool(static_cast<std::int32_t>(state.range(0)));
  engine::Ticket ticket(*real.loop, kWords);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    const engine::SlotAnswer answer = pool.AcquireOrWait(ticket);
    ENGINE_CHECK(answer == engine::SlotAnswer::kTaken);
    pool.Release(kNow, kHeld);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SlotPool_Free)->ArgName("slots")->Arg(4);

// None is free: wait in the queue, be granted by a release, hear of it by mail (one loop turn).
void BM_SlotPool_WaitThenGrant(benchmark::State& state) {
  const RealLoop real = MakeRealLoop();
  engine::SlotPool pool(1);
  engine::Ticket ticket(*real.loop, kWords);
  ENGINE_CHECK(pool.TryAcquire());
  granted_count = 0;
  std::uint64_t expected = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    const engine::SlotAnswer answer = pool.AcquireOrWait(ticket);
    ENGINE_CHECK(answer == engine::SlotAnswer::kWaits);
    pool.Release(kNow, kHeld);
    for (++expected; granted_count < expected;)
      real.loop->RunTurn(engine::Time{});
  }
  none.Finish();
  pool.Release(kNow);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SlotPool_WaitThenGrant);

// Two shards at one pool: with two slots nobody waits, and what is measured is the shared cache
// line; with one slot whoever comes second waits for the other's release and the mail of it.
engine::SlotPool* shared_pool = nullptr;

struct GrantedTicket : engine::Ticket {
  explicit GrantedTicket(engine::Loop& loop)
      : engine::Ticket(loop,
                       {[](engine::Ticket& ticket) noexcept {
                          static_cast<GrantedTicket&>(ticket).granted = true;
                        },
                        OnGone,
                        OnGone}) {}
  bool granted = false;
};

void BM_SlotPool_Contended(benchmark::State& state) {
  if (state.thread_index() == 0)
    shared_pool = new engine::SlotPool(static_cast<std::int32_t>(state.range(0)));
  const RealLoop real = MakeRealLoop();
  GrantedTicket ticket(*real.loop);
  std::uint64_t waits = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    if (shared_pool->AcquireOrWait(ticket) == engine::SlotAnswer::kWaits) {
      ++waits;
      while (!ticket.granted)
        real.loop->RunTurn(engine::Time{});
      ticket.granted = false;
    }
    shared_pool->Release(kNow, kHeld);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
  state.counters["waits"] =
      benchmark::Counter(static_cast<double>(waits), benchmark::Counter::kAvgIterations);
  if (state.thread_index() == 0) delete std::exchange(shared_pool, nullptr);
}
BENCHMARK(BM_SlotPool_Contended)->ArgName("slots")->Arg(2)->Arg(1)->Threads(2)->UseRealTime();

struct Timers {
  explicit Timers(std::size_t count) : all(count) {
    for (engine::Timer& timer : all)
      timer.fire = [](engine::Timer&, engine::Time) noexcept {};
  }
  std::vector<engine::Timer> all;
};

// A deadline set and cancelled, among as many others.
void BM_TimerWheel_SetCancel(benchmark::State& state) {
  Timers timers(static_cast<std::size_t>(state.range(0)));
  const engine::Time now = std::chrono::seconds(1);
  engine::TimerWheel wheel(now);
  for (std::size_t i = 0; i < timers.all.size(); ++i)
    wheel.Set(timers.all[i], now + std::chrono::milliseconds(1 + i * 7919 % 600'000));
  std::size_t next = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    engine::Timer& timer = timers.all[next];
    wheel.Cancel(timer);
    wheel.Set(timer, now + std::chrono::milliseconds(1 + next * 104'729 % 600'000));
    if (++next == timers.all.size()) next = 0;
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
  for (engine::Timer& timer : timers.all)
    wheel.Cancel(timer);
}
BENCHMARK(BM_TimerWheel_SetCancel)->ArgName("timers")->Arg(64)->Arg(10000);

// The deadline that every receive pushes on.
void BM_TimerWheel_PushOn(benchmark::State& state) {
  Timers timers(static_cast<std::size_t>(state.range(0)));
  engine::Time now = std::chrono::seconds(1);
  engine::TimerWheel wheel(now);
  std::size_t next = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    now += std::chrono::microseconds(10);
    wheel.Set(timers.all[next], now + std::chrono::seconds(600));
    wheel.Advance(now);
    if (++next == timers.all.size()) next = 0;
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
  for (engine::Timer& timer : timers.all)
    wheel.Cancel(timer);
}
BENCHMARK(BM_TimerWheel_PushOn)->ArgName("timers")->Arg(64)->Arg(10000);

// Post and deliver in one thread, the consumer awake: no system call.
void BM_Mailbox_PostDeliver(benchmark::State& state) {
  engine::Mailbox mailbox;
  std::vector<engine::Mail> mails(static_cast<std::size_t>(state.range(0)));
  for (engine::Mail& mail : mails)
    mail.deliver = [](engine::Mail&) noexcept {};
  bench::NoAllocations none(state);
  for (auto _ : state) {
    for (engine::Mail& mail : mails)
      mailbox.Post(mail);
    const bool more = mailbox.Deliver();
    ENGINE_CHECK(!more);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Mailbox_PostDeliver)->ArgName("mails")->Arg(1)->Arg(64);

void BM_Histogram_Record(benchmark::State& state) {
  engine::Histogram histogram;
  std::uint64_t value = 1;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    histogram.Record(value);
    value = (value * 2'862'933'555'777'941'757U + 3'037'000'493U) >> 40;
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
  benchmark::DoNotOptimize(histogram);
}
BENCHMARK(BM_Histogram_Record);

}  // namespace
