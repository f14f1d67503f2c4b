// KeyTable by itself: limits, reclaiming, the probe limit, a full table.
#include "engine/quota/key_table.h"

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::seconds;

constexpr Time kNow = seconds(1000);
constexpr HashSecret kSecret{3, 4};

TableKey KeyOf(std::uint64_t number) {
  return {.high = number, .low = ~number, .kind = 1};
}

KeyAnswer TakeConnection(KeyTable& table,
                         std::uint64_t key,
                         KeyRef* ref,
                         std::uint32_t limit = KeyTable::kUnlimited,
                         Time now = kNow) {
  return table.Take(KeyOf(key), KeyCount::kConnections, limit, now, ref);
}

TEST(KeyTableTest, TakesUpToTheLimitOfEachKey) {
  KeyTable table({.entries = 64, .secret = kSecret});
  std::array<KeyRef, 3> refs;
  for (KeyRef& ref : refs)
    EXPECT_EQ(TakeConnection(table, 1, &ref, 3), KeyAnswer::kTaken);
  EXPECT_EQ(refs[0], refs[1]);
  KeyRef refused;
  EXPECT_EQ(TakeConnection(table, 1, &refused, 3), KeyAnswer::kAtLimit);
  EXPECT_FALSE(refused);
  KeyRef other;
  EXPECT_EQ(TakeConnection(table, 2, &other, 3), KeyAnswer::kTaken);
  EXPECT_NE(other, refs[0]);
  table.Give(refs[0], KeyCount::kConnections);
  EXPECT_EQ(TakeConnection(table, 1, &refs[0], 3), KeyAnswer::kTaken);
  EXPECT_EQ(table.Totals().connections, 4U);
  EXPECT_EQ(table.Totals().keys, 2U);
}

TEST(KeyTableTest, CountsBothKindsApart) {
  KeyTable table({.entries = 64, .secret = kSecret});
  KeyRef ref;
  ASSERT_EQ(TakeConnection(table, 1, &ref, 1), KeyAnswer::kTaken);
  EXPECT_EQ(table.TakeMore(ref, KeyCount::kInFlight, 2), KeyAnswer::kTaken);
  EXPECT_EQ(table.TakeMore(ref, KeyCount::kInFlight, 2), KeyAnswer::kTaken);
  EXPECT_EQ(table.TakeMore(ref, KeyCount::kInFlight, 2), KeyAnswer::kAtLimit);
  KeyEntryView view;
  ASSERT_TRUE(table.Read(ref.index, &view));
  EXPECT_EQ(view.key, KeyOf(1));
  EXPECT_EQ(view.connections, 1U);
  EXPECT_EQ(view.in_flight, 2U);
  table.Give(ref, KeyCount::kConnections);
  EXPECT_EQ(table.Totals().in_flight, 2U);  // keeps the entry
  table.Give(ref, KeyCount::kInFlight);
  table.Give(ref, KeyCount::kInFlight);
  EXPECT_FALSE(table.Read(ref.index, &view));
  EXPECT_EQ(table.Totals().keys, 0U);
}

TEST(KeyTableTest, EachPartOfAKeyMatters) {
  KeyTable table({.entries = 64, .secret = kSecret});
  for (const TableKey key :
       {TableKey{1, 1, 1}, TableKey{2, 1, 1}, TableKey{1, 2, 1}, TableKey{1, 1, 2}}) {
    KeyRef ref;
    EXPECT_EQ(table.Take(key, KeyCount::kConnections, 1, kNow, &ref), KeyAnswer::kTaken);
  }
  EXPECT_EQ(table.Totals().keys, 4U);
}

// Without limits of the caller's: what an entry can count.
TEST(KeyTableTest, RefusesWhatAnEntryCannotCount) {
  KeyTable table({.entries = 2, .probes = 2, .secret = kSecret});
  KeyRef ref;
  ASSERT_EQ(TakeConnection(table, 1, &ref), KeyAnswer::kTaken);
  for (std::uint32_t i = 0; i < KeyTable::kInFlightMax; ++i)
    ASSERT_EQ(table.TakeMore(ref, KeyCount::kInFlight, KeyTable::kUnlimited), KeyAnswer::kTaken);
  EXPECT_EQ(table.TakeMore(ref, KeyCount::kInFlight, KeyTable::kUnlimited), KeyAnswer::kAtLimit);
  EXPECT_EQ(table.Totals().connections, 1U);
  EXPECT_EQ(table.Totals().in_flight, KeyTable::kInFlightMax);
}

TEST(KeyTableTest, FullMeansNoEntryAndTakesNothing) {
  KeyTable table({.entries = 8, .probes = 8, .secret = kSecret});
  std::vector<KeyRef> refs(8);
  for (std::uint64_t key = 0; key < 8; ++key)
    ASSERT_EQ(TakeConnection(table, key, &refs[key]), KeyAnswer::kTaken);
  KeyRef ref;
  EXPECT_EQ(TakeConnection(table, 99, &ref), KeyAnswer::kNoEntry);
  EXPECT_FALSE(ref);
  EXPECT_EQ(table.Totals().connections, 8U);
  // A key that has its entry still finds it.
  EXPECT_EQ(TakeConnection(table, 5, &ref), KeyAnswer::kTaken);
  EXPECT_EQ(ref, refs[5]);
  table.Give(ref, KeyCount::kConnections);
  table.Give(refs[3], KeyCount::kConnections);
  EXPECT_EQ(TakeConnection(table, 99, &ref), KeyAnswer::kTaken);
  EXPECT_EQ(ref, refs[3]);
}

TEST(KeyTableTest, LooksNoFurtherThanItsProbes) {
  KeyTable table({.entries = 1024, .probes = 1, .secret = kSecret});
  std::uint32_t taken = 0;
  std::uint32_t none = 0;
  for (std::uint64_t key = 0; key < 1024; ++key) {
    KeyRef ref;
    (TakeConnection(table, key, &ref) == KeyAnswer::kTaken ? taken : none) += 1;
  }
  // 1024 keys on 1024 places with one try each: about 1/e of the places stay empty.
  EXPECT_NEAR(none, 1024 / 2.718, 60);
  EXPECT_EQ(table.Totals().keys, taken);
}

// What the default gives: half full, all but nobody is without an entry.
TEST(KeyTableTest, SixteenProbesFindRoomInATableHalfFull) {
  KeyTable table({.secret = kSecret});
  std::uint32_t none = 0;
  for (std::uint64_t key = 0; key < table.entries() / 2; ++key) {
    KeyRef ref;
    if (TakeConnection(table, key, &ref) != KeyAnswer::kTaken) ++none;
  }
  EXPECT_LE(none, 8U);
}

TEST(KeyTableTest, IdleEntriesAreReclaimedForEver) {
  KeyTable table({.entries = 4, .probes = 4, .secret = kSecret});
  for (std::uint64_t key = 0; key < 10'000; ++key) {
    KeyRef ref;
    ASSERT_EQ(TakeConnection(table, key, &ref, 1), KeyAnswer::kTaken) << key;
    KeyEntryView view;
    ASSERT_TRUE(table.Read(ref.index, &view));
    ASSERT_EQ(view.key, KeyOf(key));
    table.Give(ref, KeyCount::kConnections);
  }
  EXPECT_EQ(table.Totals().keys, 0U);
}

TEST(KeyTableTest, AnEntryThatOwesIsNotIdle) {
  const Rate rate{.every = seconds(10), .burst = 1};
  KeyTable table({.entries = 2, .probes = 2, .secret = kSecret});
  std::array<KeyRef, 2> refs;
  for (std::uint64_t key = 0; key < 2; ++key) {
    ASSERT_EQ(TakeConnection(table, key, &refs[key]), KeyAnswer::kTaken);
    EXPECT_TRUE(table.Spend(refs[key], rate, kNow));
    EXPECT_FALSE(table.Spend(refs[key], rate, kNow));
    table.Give(refs[key], KeyCount::kConnections);
  }
  KeyRef ref;
  EXPECT_EQ(TakeConnection(table, 7, &ref), KeyAnswer::kNoEntry);
  // Its key finds it again, with what it owes.
  ASSERT_EQ(TakeConnection(table, 1, &ref), KeyAnswer::kTaken);
  EXPECT_FALSE(table.Spend(ref, rate, kNow + seconds(9)));
  table.Give(ref, KeyCount::kConnections);
  // Once the bucket is full again there is nothing to remember.
  ASSERT_EQ(TakeConnection(table, 7, &ref, 1, kNow + seconds(10)), KeyAnswer::kTaken);
  EXPECT_TRUE(table.Spend(ref, rate, kNow + seconds(10)));
}

TEST(KeyTableTest, AnotherSecretPutsKeysElsewhere) {
  KeyTable table({.secret = {1, 2}});
  KeyTable other({.secret = {1, 3}});
  std::uint32_t same = 0;
  for (std::uint64_t key = 0; key < 1000; ++key) {
    KeyRef a;
    KeyRef b;
    ASSERT_EQ(TakeConnection(table, key, &a), KeyAnswer::kTaken);
    ASSERT_EQ(TakeConnection(other, key, &b), KeyAnswer::kTaken);
    same += a == b ? 1 : 0;
  }
  EXPECT_LE(same, 3U);
}

}  // namespace
}  // namespace engine
