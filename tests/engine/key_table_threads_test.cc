// KeyTable under four threads that take, add, spend, give back and leave at random: keys have one
// entry, limits hold, nothing is lost. Worth most under the thread sanitizer.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/quota/key_table.h"
#include "engine/quota/shared_count.h"

namespace engine {
namespace {

constexpr std::uint64_t kKeys = 40;
constexpr std::uint32_t kLimit = 3;

// What the table should say, counted beside it.
struct Shared {
  explicit Shared(std::uint32_t entries, std::uint32_t probes)
      : table({.entries = entries, .probes = probes, .secret = {5, 6}}) {}
  KeyTable table;
  std::array<std::atomic<std::uint32_t>, kKeys> holders{};
  std::array<std::atomic<std::uint32_t>, kKeys> in_flight{};
  std::atomic<std::uint64_t> taken{0};
  std::atomic<std::uint64_t> at_limit{0};
  std::atomic<std::uint64_t> no_entry{0};
  std::atomic<std::uint32_t> wrong{0};
};

class Client {
 public:
  Client(Shared& shared, std::uint64_t seed) : shared_(&shared), state_(seed * 7919 + 1) {}

  void Run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      Held& held = held_[Next() % held_.size()];
      if (!held.ref) {
        Begin(held);
      } else if (Next() % 3 == 0) {
        GoOn(held);
      } else {
        End(held);
      }
    }
    for (Held& held : held_)
      if (held.ref) End(held);
  }

 private:
  struct Held {
    std::uint64_t key = 0;
    KeyRef ref;
    bool more = false;
  };

  void Begin(Held& held) {
    held.key = Next() % kKeys;
    const Time now(static_cast<std::int64_t>(Next() % 1'000'000));
    switch (shared_->table.Take(KeyOf(held.key), KeyCount::kConnections, kLimit, now, &held.ref)) {
      case KeyAnswer::kAtLimit: shared_->at_limit.fetch_add(1); return;
      case KeyAnswer::kNoEntry: shared_->no_entry.fetch_add(1); return;
      case KeyAnswer::kTaken: break;
    }
    shared_->taken.fetch_add(1);
    if (shared_->holders[held.key].fetch_add(1) >= kLimit) shared_->wrong.fetch_add(1);
    LookAt(held);
  }
  void GoOn(Held& held) {
    LookAt(held);
    const Rate rate{.every = Time(100), .burst = 5};
    static_cast<void>(
        shared_->table.Spend(held.ref, rate, Time(static_cast<std::int64_t>(Next() % 1'000'000))));
    if (held.more) return;
    if (shared_->table.TakeMore(held.ref, KeyCount::kInFlight, 2) != KeyAnswer::kTaken) return;
    held.more = true;
    if (shared_->in_flight[held.key].fetch_add(1) >= 2) shared_->wrong.fetch_add(1);
  }
  void End(Held& held) {
    LookAt(held);
    shared_->holders[held.key].fetch_sub(1);
    // The last count may be either.
    const bool connection_first = Next() % 2 == 0;
    if (connection_first) shared_->table.Give(held.ref, KeyCount::kConnections);
    if (held.more) {
      shared_->in_flight[held.key].fetch_sub(1);
      shared_->table.Give(held.ref, KeyCount::kInFlight);
    }
    if (!connection_first) shared_->table.Give(held.ref, KeyCount::kConnections);
    held = {};
  }
  // While it is held, the entry is its key's. (A busy entry may not be readable in one piece.)
  void LookAt(const Held& held) {
    KeyEntryView view;
    if (shared_->table.Read(held.ref.index, &view) && view.key != KeyOf(held.key))
      shared_->wrong.fetch_add(1);
  }
  static TableKey KeyOf(std::uint64_t number) { return {.high = number, .low = 9, .kind = 2}; }
  std::uint64_t Next() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }

  Shared* shared_;
  std::array<Held, 12> held_;
  std::uint64_t state_;
};

void RunFourThreads(Shared& shared, int rounds) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::uint64_t i = 1; i <= 4; ++i)
    threads.emplace_back([&shared, i, rounds] { Client(shared, i).Run(rounds); });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(shared.wrong.load(), 0U);
  const KeyTableTotals totals = shared.table.Totals();
  EXPECT_EQ(totals.keys, 0U);
  EXPECT_EQ(totals.connections, 0U);
  EXPECT_EQ(totals.in_flight, 0U);
  EXPECT_GT(shared.taken.load(), 0U);
}

TEST(KeyTableThreadsTest, CountsExactlyWithRoomForAll) {
  Shared shared(256, 16);
  RunFourThreads(shared, 60'000);
  EXPECT_GT(shared.at_limit.load(), 0U);
  EXPECT_EQ(shared.no_entry.load(), 0U);
}

// Entries change hands all the time.
TEST(KeyTableThreadsTest, CountsExactlyWhileEntriesAreReclaimed) {
  Shared shared(32, 8);
  RunFourThreads(shared, 60'000);
  EXPECT_GT(shared.no_entry.load(), 0U);
}

TEST(KeyTableThreadsTest, CountsExactlyInTheSmallestTable) {
  Shared shared(2, 2);
  RunFourThreads(shared, 60'000);
  EXPECT_GT(shared.no_entry.load(), 0U);
}

// All at once for a key that nobody has: each run makes its entry anew.
TEST(KeyTableThreadsTest, FirstComersOfAKeyMeetInOneEntry) {
  KeyTable table({.entries = 64, .probes = 8, .secret = {1, 1}});
  constexpr int kRuns = 3000;
  std::array<KeyRef, 4> refs;
  std::atomic<int> arrived{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(refs.size());
  for (std::size_t i = 0; i < refs.size(); ++i) {
    threads.emplace_back([&, i] {
      auto meet = [&arrived, count = 0]() mutable {
        arrived.fetch_add(1);
        for (count += 4; arrived.load() < count;)
          std::this_thread::yield();
      };
      for (int run = 0; run < kRuns; ++run) {
        meet();
        const TableKey key{.high = static_cast<std::uint64_t>(run), .low = 0, .kind = 1};
        if (table.Take(key, KeyCount::kConnections, 4, Time(1), &refs[i]) != KeyAnswer::kTaken)
          wrong.fetch_add(1);
        meet();
        if (refs[i] != refs[0]) wrong.fetch_add(1);
        meet();
        table.Give(refs[i], KeyCount::kConnections);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(table.Totals().keys, 0U);
}

struct Room {
  SharedCount count;
  std::atomic<std::uint32_t> inside{0};
  std::atomic<std::uint32_t> wrong{0};

  void Visit(bool stays) {
    if (!count.Take(2)) return;
    if (inside.fetch_add(1) >= 2) wrong.fetch_add(1);
    if (stays) std::this_thread::yield();
    inside.fetch_sub(1);
    count.Give();
  }
};

TEST(SharedCountThreadsTest, NeverExceedsItsLimitAndComesBackToZero) {
  Room room;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&room] {
      for (int round = 0; round < 50'000; ++round)
        room.Visit(round % 8 == 0);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(room.wrong.load(), 0U);
  EXPECT_EQ(room.count.value(), 0U);
}

}  // namespace
}  // namespace engine
