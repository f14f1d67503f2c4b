// FairQueue: every short history and long random ones against a naive model, the fair share of
// every key, the table when it is full, ageing, and who is given back.
#include "engine/quota/fair_queue.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::seconds;

// ------------------------------------------------------------------------------------------------
// The rules again, with standard containers and no care for cost.

class Model {
 public:
  struct One {
    int id;
    std::uint64_t key;
    QueueClass queue_class;
    Time joined;
  };
  void Push(const One& one) {
    for (Key& key : ring_) {
      if (key.name != one.key) continue;
      key.waiters.push_back(one);
      return;
    }
    ring_.push_back({.name = one.key, .waiters = {one}, .left = 0, .served = Time{}});
  }
  void JoinAgain(const One& one) {
    const auto younger = [&one](const One& other) { return other.joined > one.joined; };
    back_.insert(std::find_if(back_.begin(), back_.end(), younger), one);
  }
  One Pop(Time now) {
    if (!back_.empty()) {
      const One one = back_.front();
      back_.pop_front();
      return one;
    }
    Key key = ring_.front();
    ring_.pop_front();
    const One one = key.waiters.front();
    if (key.left == 0) key.left = Weight(one, now - std::max(key.served, one.joined));
    key.waiters.pop_front();
    key.served = now;
    --key.left;
    if (!key.waiters.empty() && key.left > 0) ring_.push_front(key);
    if (!key.waiters.empty() && key.left == 0) ring_.push_back(key);
    return one;
  }
  void Erase(int id) {
    const auto is = [id](const One& one) { return one.id == id; };
    std::erase_if(back_, is);
    for (Key& key : ring_)
      std::erase_if(key.waiters, is);
    std::erase_if(ring_, [](const Key& key) { return key.waiters.empty(); });
  }
  bool empty() const { return ring_.empty() && back_.empty(); }
  std::size_t keys() const { return ring_.size(); }

 private:
  struct Key {
    std::uint64_t name;
    std::deque<One> waiters;
    int left;
    Time served;
  };
  static int Weight(const One& one, Time age) {
    const int lifted = static_cast<int>(one.queue_class) - static_cast<int>(age / seconds(15));
    static constexpr std::array<int, 3> kWeights = {4, 2, 1};
    return kWeights[static_cast<std::size_t>(std::max(lifted, 0))];
  }
  std::deque<Key> ring_;
  std::deque<One> back_;
};

struct Waiter : FairWaiter {
  int id = 0;
};

// Both side by side.
class Pair {
 public:
  explicit Pair(std::uint32_t keys_max = 64) : queue_({.keys_max = keys_max}) {}
  ~Pair() { Drain(); }

  void Push(std::uint64_t key, QueueClass queue_class) {
    auto& waiter = waiters_.emplace_back(std::make_unique<Waiter>());
    waiter->key = key;
    waiter->queue_class = queue_class;
    waiter->joined = now_;
    waiter->id = static_cast<int>(waiters_.size()) - 1;
    EXPECT_TRUE(queue_.Push(*waiter));
    in_.push_back(waiter->id);
    model_.Push(One(*waiter));
  }
  // The id of who came; -1: nobody waits.
  int Pop() {
    EXPECT_EQ(queue_.empty(), model_.empty());
    if (queue_.empty()) return -1;
    const int id = static_cast<Waiter&>(queue_.PopNext(now_)).id;
    EXPECT_EQ(id, model_.Pop(now_).id);
    std::erase(in_, id);
    popped_.push_back(id);
    EXPECT_EQ(queue_.keys(), model_.keys());
    return id;
  }
  // The n-th of those who wait.
  bool Erase(std::size_t n) {
    if (n >= in_.size()) return false;
    const int id = in_[n];
    in_.erase(in_.begin() + static_cast<std::ptrdiff_t>(n));
    queue_.Erase(*waiters_[static_cast<std::size_t>(id)]);
    model_.Erase(id);
    EXPECT_EQ(queue_.keys(), model_.keys());
    return true;
  }
  // The n-th of those who have been served.
  bool GiveBack(std::size_t n) {
    if (n >= popped_.size()) return false;
    const int id = popped_[n];
    popped_.erase(popped_.begin() + static_cast<std::ptrdiff_t>(n));
    Waiter& waiter = *waiters_[static_cast<std::size_t>(id)];
    queue_.JoinAgain(waiter);
    model_.JoinAgain(One(waiter));
    in_.push_back(id);
    return true;
  }
  void Pass(Time length) { now_ += length; }
  void Drain() {
    while (Pop() >= 0) {
    }
    EXPECT_EQ(queue_.round_grants(), 0U);
    EXPECT_EQ(queue_.keys(), 0U);
    EXPECT_EQ(queue_.oldest(), kNever);
  }
  FairQueue& queue() { return queue_; }
  std::size_t waiting() const { return in_.size(); }

 private:
  static Model::One One(const Waiter& waiter) {
    return {waiter.id, waiter.key, waiter.queue_class, waiter.joined};
  }
  FairQueue queue_;
  Model model_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
  std::vector<int> in_;
  std::vector<int> popped_;
  Time now_ = seconds(1000);
};

// False: not possible there.
bool Apply(Pair& pair, int op) {
  switch (op) {
    case 0: pair.Push(7, QueueClass::kFirst); return true;
    case 1: pair.Push(8, QueueClass::kSecond); return true;
    case 2: pair.Push(9, QueueClass::kThird); return true;
    case 3: return pair.Pop() >= 0;
    case 4: return pair.Erase(0);
    case 5: return pair.Erase(1);
    case 6: return pair.GiveBack(0);
    default: pair.Pass(seconds(16)); return true;
  }
}
constexpr int kOperations = 8;

TEST(FairQueueTest, AgreesWithTheModelOnEveryShortHistory) {
  constexpr std::size_t kLength = 6;
  std::uint64_t agreed = 0;
  std::vector<int> history(kLength, 0);
  for (std::uint64_t number = 0; number < 262'144 && !HasFailure(); ++number) {
    std::uint64_t rest = number;
    Pair pair(16);
    bool possible = true;
    for (std::size_t i = 0; i < kLength && possible; ++i, rest /= kOperations) {
      history[i] = static_cast<int>(rest % kOperations);
      possible = Apply(pair, history[i]);
    }
    agreed += possible ? 1 : 0;
    pair.Drain();
  }
  EXPECT_GT(agreed, 30'000U);
  EXPECT_FALSE(HasFailure()) << testing::PrintToString(history);
}

TEST(FairQueueTest, AgreesWithTheModelOnLongRandomHistories) {
  for (std::uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    std::mt19937_64 random(seed);
    Pair pair(64);
    const std::uint64_t keys = 1 + random() % 30;
    for (int i = 0; i < 3000; ++i) {
      const std::uint64_t roll = random() % 100;
      const std::uint64_t key = 1'000'003 * (1 + random() % keys);
      if (roll < 45) {
        pair.Push(key, static_cast<QueueClass>(key % 3));
      } else if (roll < 80) {
        pair.Pop();
      } else if (roll < 90) {
        pair.Erase(random() % (pair.waiting() + 1));
      } else if (roll < 95) {
        pair.GiveBack(random() % 8);
      } else {
        pair.Pass(std::chrono::milliseconds(random() % 20'000));
      }
    }
    EXPECT_EQ(pair.queue().shared_key_pushes(), 0U);
    pair.Drain();
    EXPECT_FALSE(HasFailure()) << "seed " << seed;
  }
}

// ------------------------------------------------------------------------------------------------
// The bound of the header: of N grants in a row, a key that has waiters all along gets more than
// wN/W - w. W: the weights of all keys.

TEST(FairQueueTest, NoKeyIsAQuantumBehindItsShareInAnyStretch) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    FairQueue queue({.keys_max = 64});
    const std::size_t keys = 2 + random() % 12;
    double weights = 0;
    std::vector<std::vector<std::unique_ptr<Waiter>>> stock(keys);
    const auto add = [&](std::size_t key) {
      auto& waiter = stock[key].emplace_back(std::make_unique<Waiter>());
      waiter->key = 77 + key;
      waiter->queue_class = static_cast<QueueClass>(key % 3);
      waiter->id = static_cast<int>(key);
      EXPECT_TRUE(queue.Push(*waiter));
    };
    // The even keys always wait; the odd ones come and go as they like.
    for (std::size_t key = 0; key < keys; ++key) {
      weights += WeightOf(static_cast<QueueClass>(key % 3));
      for (int i = 0; i < (key % 2 == 0 ? 700 : 3); ++i)
        add(key);
    }
    std::vector<std::size_t> grants;
    for (int i = 0; i < 600; ++i) {
      grants.push_back(static_cast<std::size_t>(static_cast<Waiter&>(queue.PopNext(Time{})).id));
      if (keys > 1 && random() % 2 == 0) add(1 + 2 * (random() % (keys / 2)));
    }
    for (std::size_t key = 0; key < keys; key += 2) {
      const double weight = WeightOf(static_cast<QueueClass>(key % 3));
      // Got minus share, from the start on: a stretch is bad if this falls by a weight within it.
      double ahead = 0;
      double most = 0;
      for (const std::size_t granted : grants) {
        ahead += (granted == key ? 1.0 : 0.0) - weight / weights;
        most = std::max(most, ahead);
        ASSERT_GT(ahead, most - weight) << "seed " << seed << " key " << key;
      }
    }
    while (!queue.empty())
      queue.PopNext(Time{});
  }
}

TEST(FairQueueTest, ServesClassesFourToTwoToOne) {
  Pair pair;
  std::map<int, int> granted;
  for (int i = 0; i < 70; ++i) {
    pair.Push(10, QueueClass::kThird);
    pair.Push(11, QueueClass::kFirst);
    pair.Push(12, QueueClass::kSecond);
  }
  for (int i = 0; i < 70; ++i)
    ++granted[pair.Pop() % 3];
  EXPECT_EQ(granted[0], 10);
  EXPECT_EQ(granted[1], 40);
  EXPECT_EQ(granted[2], 20);
}

// ------------------------------------------------------------------------------------------------

TEST(FairQueueTest, LiftsAKeyThatHasNotBeenServedForFifteenSeconds) {
  Pair pair;
  for (int i = 0; i < 6; ++i)
    pair.Push(20, QueueClass::kThird);  // 0..5
  for (int i = 0; i < 8; ++i)
    pair.Push(21, QueueClass::kThird);  // 6..13
  EXPECT_EQ(pair.Pop(), 0);
  pair.Pass(seconds(15));  // both: one class up
  EXPECT_EQ(pair.Pop(), 6);
  EXPECT_EQ(pair.Pop(), 7);
  EXPECT_EQ(pair.Pop(), 1);
  EXPECT_EQ(pair.Pop(), 2);
  // Served just now, so key 21 has no age, however old its waiters are.
  EXPECT_EQ(pair.Pop(), 8);
  EXPECT_EQ(pair.Pop(), 3);
  pair.Pass(seconds(31));
  for (const int id : {9, 10, 11, 12, 4, 5, 13})
    EXPECT_EQ(pair.Pop(), id);
}

TEST(FairQueueTest, GivesBackToTheFrontInOrderOfAge) {
  Pair pair;
  for (int i = 0; i < 4; ++i) {
    pair.Push(30, QueueClass::kThird);
    pair.Pass(seconds(1));
  }
  for (const int id : {0, 1, 2})
    EXPECT_EQ(pair.Pop(), id);
  pair.GiveBack(2);
  pair.GiveBack(0);
  pair.GiveBack(0);
  for (const int id : {0, 1, 2, 3})
    EXPECT_EQ(pair.Pop(), id);
}

TEST(FairQueueTest, RefusesOneKeyAboveItsBoundAndOthersNot) {
  FairQueue queue;
  std::array<Waiter, 4> waiters;
  for (Waiter& waiter : waiters)
    waiter.key = 5;
  waiters[3].key = 6;
  EXPECT_TRUE(queue.Push(waiters[0], 2));
  EXPECT_TRUE(queue.Push(waiters[1], 2));
  EXPECT_FALSE(queue.Push(waiters[2], 2));
  EXPECT_TRUE(queue.Push(waiters[3], 2));
  EXPECT_EQ(queue.LengthOf({5, QueueClass::kThird}), 2U);
  queue.Erase(waiters[0]);
  EXPECT_TRUE(queue.Push(waiters[2], 2));
  while (!queue.empty())
    queue.PopNext(Time{});
}

TEST(FairQueueTest, TellsTheGrantsOfARoundAndTheOldest) {
  FairQueue queue;
  std::array<Waiter, 6> waiters;
  Time now = seconds(1);
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    waiters[i].key = i == 5 ? 1 : 2;
    waiters[i].queue_class = i == 5 ? QueueClass::kThird : QueueClass::kFirst;
    waiters[i].joined = now += seconds(1);
    EXPECT_TRUE(queue.Push(waiters[i]));
    EXPECT_EQ(queue.round_grants(), i < 4 ? i + 1 : i == 4 ? 4U : 5U);
  }
  EXPECT_EQ(queue.oldest(), seconds(2));
  queue.Erase(waiters[0]);
  EXPECT_EQ(queue.oldest(), seconds(3));
  EXPECT_EQ(&queue.PopNext(now), &waiters[1]);
  EXPECT_EQ(queue.round_grants(), 4U);
  while (!queue.empty())
    queue.PopNext(now);
  EXPECT_EQ(queue.round_grants(), 0U);
}

// ------------------------------------------------------------------------------------------------
// More keys than places: those without one share a key of their class.

TEST(FairQueueTest, SharesOneKeyOfTheClassWhenTheTableIsFull) {
  constexpr std::size_t kPlaces = 16;
  FairQueue queue({.keys_max = kPlaces});
  std::vector<std::unique_ptr<Waiter>> waiters;
  const auto push = [&](std::uint64_t key, QueueClass queue_class) {
    auto& waiter = waiters.emplace_back(std::make_unique<Waiter>());
    waiter->key = key;
    waiter->queue_class = queue_class;
    waiter->id = static_cast<int>(waiters.size()) - 1;
    EXPECT_TRUE(queue.Push(*waiter, 2)) << "the bound of one key is not the shared key's";
  };
  for (std::uint64_t key = 1; key <= kPlaces; ++key)
    push(key, QueueClass::kThird);  // 0..15
  EXPECT_EQ(queue.shared_key_pushes(), 0U);
  for (std::uint64_t key = 100; key < 104; ++key)
    push(key, QueueClass::kThird);  // 16..19: one key
  push(200, QueueClass::kFirst);    // 20: another class, another key
  EXPECT_EQ(queue.shared_key_pushes(), 5U);
  EXPECT_EQ(queue.keys(), kPlaces + 2);
  EXPECT_EQ(queue.LengthOf({101, QueueClass::kThird}), 4U);
  std::vector<int> order;
  for (std::size_t i = 0; i < kPlaces + 2; ++i)
    order.push_back(static_cast<Waiter&>(queue.PopNext(Time{})).id);
  EXPECT_EQ(order[kPlaces], 16);
  EXPECT_EQ(order[kPlaces + 1], 20);
  // There are places again, but 102's older waiter is in the shared key: it stays behind it.
  push(102, QueueClass::kThird);  // 21
  order.clear();
  while (!queue.empty())
    order.push_back(static_cast<Waiter&>(queue.PopNext(Time{})).id);
  EXPECT_EQ(order, (std::vector<int>{17, 18, 19, 21}));
  push(102, QueueClass::kThird);
  EXPECT_EQ(queue.shared_key_pushes(), 6U) << "nobody shares any more: it has a place of its own";
  queue.PopNext(Time{});
}

}  // namespace
}  // namespace engine
