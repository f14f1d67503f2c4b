// KeyTable in every order of its atomic operations, in small cases: who holds a count of a key
// holds the one entry of that key, limits hold at every moment, and at the end everything has been
// given back. Each case names the error that it would find.
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

// The definitions, for an Atomic that is not std::atomic.
#include "engine/quota/key_table.cc"  // NOLINT(bugprone-suspicious-include)
#include "tests/engine/interleaver.h"

namespace engine {
namespace {

using ModelTable = BasicKeyTable<ModelAtomic>;
using Routine = Interleaver::Routine;

constexpr TableKey kKey{.high = 1, .low = 1, .kind = 1};
constexpr TableKey kOther{.high = 2, .low = 1, .kind = 1};
constexpr TableKey kThird{.high = 3, .low = 1, .kind = 1};
constexpr HashSecret kSecret{7, 11};
constexpr Time kNow = std::chrono::seconds(1000);

// Another key whose first place in a table of `entries` is the one of kKey.
TableKey Neighbour(std::uint32_t entries) {
  const auto first_of = [entries](const TableKey& key) {
    KeyTable table({.entries = entries, .probes = 1, .secret = kSecret});
    KeyRef ref;
    EXPECT_EQ(table.Take(key, KeyCount::kConnections, 1, kNow, &ref), KeyAnswer::kTaken);
    return ref.index;
  };
  TableKey key{.high = 10, .low = 1, .kind = 1};
  while (first_of(key) != first_of(kKey))
    ++key.high;
  return key;
}

// A table and what its users hold, looked at after every change.
class World {
 public:
  explicit World(std::uint32_t entries, std::uint32_t probes)
      : table({.entries = entries, .probes = probes, .secret = kSecret, .patience = 1}) {}

  KeyAnswer Take(const TableKey& key, KeyRef* ref, std::uint32_t limit = ModelTable::kUnlimited) {
    const KeyAnswer answer = table.Take(key, KeyCount::kConnections, limit, kNow, ref);
    if (answer != KeyAnswer::kTaken) return answer;
    held.insert({key.high, ref->index});
    EXPECT_LE(Holders(key), limit);
    Look();
    return answer;
  }
  void Give(const TableKey& key, KeyRef ref) {
    held.erase(held.find({key.high, ref.index}));
    Look();
    table.Give(ref, KeyCount::kConnections);
  }
  void TakeAndGive(const TableKey& key, std::uint32_t limit = ModelTable::kUnlimited) {
    KeyRef ref;
    if (Take(key, &ref, limit) == KeyAnswer::kTaken) Give(key, ref);
  }
  std::uint64_t Holders(const TableKey& key) const {
    std::uint64_t count = 0;
    for (const auto& [name, index] : held)
      count += name == key.high ? 1 : 0;
    return count;
  }
  // One entry per key, one key per entry.
  void Look() const {
    std::map<std::uint64_t, std::uint32_t> entry_of;
    std::map<std::uint32_t, std::uint64_t> key_of;
    for (const auto& [name, index] : held) {
      EXPECT_EQ(entry_of.emplace(name, index).first->second, index) << "two entries of a key";
      EXPECT_EQ(key_of.emplace(index, name).first->second, name) << "two keys of an entry";
    }
  }
  void ExpectNothingTaken() const {
    EXPECT_EQ(table.Totals().keys, 0U);
    EXPECT_EQ(table.Totals().connections, 0U);
  }

  ModelTable table;
  std::multiset<std::pair<std::uint64_t, std::uint32_t>> held;
};

// Explores `routines` of a fresh world, prepared by `prepare`; stops at the first failure.
void Explore(
    int preemptions,
    std::uint32_t entries,
    std::uint32_t probes,
    const std::function<void(World&)>& prepare,
    const std::function<std::vector<Routine>(World&)>& routines,
    const std::function<void(World&)>& check = [](World& world) { world.ExpectNothingTaken(); }) {
  Interleaver interleaver(preemptions);
  std::unique_ptr<World> world;
  interleaver.Explore(
      [&]() -> std::vector<Routine> {
        if (testing::Test::HasFailure()) return {};
        world = std::make_unique<World>(entries, probes);
        prepare(*world);
        return routines(*world);
      },
      [&] {
        if (!testing::Test::HasFailure()) check(*world);
      });
  EXPECT_GT(interleaver.runs(), 100U);
}

void Nothing(World&) {}

// Both miss the key, and both make an entry for it.
TEST(KeyTableOrdersTest, TwoFirstComersOfAKeyGetOneEntry) {
  Explore(4, 4, 4, Nothing, [](World& world) -> std::vector<Routine> {
    const auto take = [&world] { world.TakeAndGive(kKey); };
    return {take, take};
  });
}

TEST(KeyTableOrdersTest, ThreeFirstComersOfAKeyGetOneEntry) {
  Explore(2, 4, 4, Nothing, [](World& world) -> std::vector<Routine> {
    const auto take = [&world] { world.TakeAndGive(kKey); };
    return {take, take, take};
  });
}

// The first place of the key becomes idle while one has walked past it and the other has not.
TEST(KeyTableOrdersTest, AnEntryThatBecomesIdleMeanwhileMakesNoSecondOne) {
  const TableKey neighbour = Neighbour(4);
  KeyRef front;
  Explore(
      3,
      4,
      2,
      [&](World& world) { ASSERT_EQ(world.Take(neighbour, &front), KeyAnswer::kTaken); },
      [&](World& world) -> std::vector<Routine> {
        return {[&world] { world.TakeAndGive(kKey); },
                [&world] { world.TakeAndGive(kKey); },
                [&world, &front, &neighbour] { world.Give(neighbour, front); }};
      });
}

// The same, and the two hold on to what they have got.
TEST(KeyTableOrdersTest, TwoThatStayAreInOneEntry) {
  const TableKey neighbour = Neighbour(4);
  std::array<KeyRef, 3> refs;
  Explore(
      3,
      4,
      4,
      [&](World& world) { ASSERT_EQ(world.Take(neighbour, &refs[2]), KeyAnswer::kTaken); },
      [&](World& world) -> std::vector<Routine> {
        return {[&] { EXPECT_EQ(world.Take(kKey, &refs[0]), KeyAnswer::kTaken); },
                [&] { EXPECT_EQ(world.Take(kKey, &refs[1]), KeyAnswer::kTaken); },
                [&] { world.Give(neighbour, refs[2]); }};
      },
      [&](World& world) {
        EXPECT_EQ(refs[0], refs[1]);
        EXPECT_EQ(world.table.Totals().keys, 1U);
        EXPECT_EQ(world.table.Totals().connections, 2U);
      });
}

TEST(KeyTableOrdersTest, ALimitOfOneIsNeverTwo) {
  Explore(3, 4, 2, Nothing, [](World& world) -> std::vector<Routine> {
    const auto take = [&world] {
      world.TakeAndGive(kKey, 1);
      world.TakeAndGive(kKey, 1);
    };
    return {take, take};
  });
}

// The idle entry of a key is taken by its key and reclaimed by another at once.
TEST(KeyTableOrdersTest, ReclaimingNeverTakesAnEntryFromItsHolder) {
  const auto idle = [](World& world) { world.TakeAndGive(kKey); };
  const TableKey neighbour = Neighbour(2);
  Explore(4, 2, 1, idle, [&neighbour](World& world) -> std::vector<Routine> {
    return {[&world] {
              world.TakeAndGive(kKey);
              world.TakeAndGive(kKey);
            },
            [&world, &neighbour] {
              world.TakeAndGive(neighbour);
              world.TakeAndGive(neighbour);
            }};
  });
  Explore(2, 2, 2, idle, [](World& world) -> std::vector<Routine> {
    return {[&world] { world.TakeAndGive(kKey); },
            [&world] { world.TakeAndGive(kOther); },
            [&world] { world.TakeAndGive(kThird); }};
  });
}

// A holder adds to an entry whose other counts are being given back.
TEST(KeyTableOrdersTest, AHolderCanAddToItsEntryWhateverOthersDo) {
  Explore(3, 2, 1, Nothing, [](World& world) -> std::vector<Routine> {
    return {[&world] {
              KeyRef ref;
              if (world.Take(kKey, &ref) != KeyAnswer::kTaken) return;
              EXPECT_EQ(world.table.TakeMore(ref, KeyCount::kInFlight, 1), KeyAnswer::kTaken);
              world.Give(kKey, ref);
              world.table.Give(ref, KeyCount::kInFlight);
            },
            [&world] { world.TakeAndGive(kKey); },
            [&world] { world.TakeAndGive(kOther); }};
  });
}

// What was spent is forgotten because another key got the entry in between.
TEST(KeyTableOrdersTest, ReclaimingNeverForgetsWhatWasSpent) {
  const Rate once{.every = std::chrono::seconds(60), .burst = 1};
  const TableKey neighbour = Neighbour(2);
  const auto idle = [](World& world) { world.TakeAndGive(kKey); };
  Explore(4, 2, 1, idle, [&](World& world) -> std::vector<Routine> {
    return {[&world, &once] {
              KeyRef ref;
              if (world.Take(kKey, &ref) != KeyAnswer::kTaken) return;
              EXPECT_TRUE(world.table.Spend(ref, once, kNow));
              world.Give(kKey, ref);
              if (world.Take(kKey, &ref) != KeyAnswer::kTaken) return;
              EXPECT_FALSE(world.table.Spend(ref, once, kNow));
              world.Give(kKey, ref);
            },
            [&] {
              world.TakeAndGive(neighbour);
              world.TakeAndGive(neighbour);
            }};
  });
}

TEST(KeyTableOrdersTest, OfTwoThatSpendTheLastOneOneGoesEmpty) {
  const Rate once{.every = std::chrono::seconds(60), .burst = 1};
  int spent = 0;
  Explore(
      4,
      2,
      2,
      [&spent](World&) { spent = 0; },
      [&once, &spent](World& world) -> std::vector<Routine> {
        const auto spend = [&world, &once, &spent] {
          KeyRef ref;
          if (world.Take(kKey, &ref) != KeyAnswer::kTaken) return;
          spent += world.table.Spend(ref, once, kNow) ? 1 : 0;
          world.Give(kKey, ref);
        };
        return {spend, spend};
      },
      [&spent](World& world) {
        EXPECT_EQ(spent, 1);
        world.ExpectNothingTaken();
      });
}

}  // namespace
}  // namespace engine
