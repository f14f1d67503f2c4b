// MpscQueue and Mailbox: order, reuse of nodes, and no lost mail or lost wake-up under threads.
#include "engine/io/mailbox.h"

#include <poll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace engine {
namespace {

struct Numbered : Mail {
  int producer = 0;
  int number = 0;
};

TEST(MpscQueueTest, PopsInOrderOfPush) {
  MpscQueue queue;
  std::array<Numbered, 5> mails{};
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Pop(), nullptr);
  for (Numbered& mail : mails) {
    queue.Push(mail);
    EXPECT_FALSE(queue.empty());
  }
  for (Numbered& mail : mails)
    EXPECT_EQ(queue.Pop(), &mail);
  EXPECT_EQ(queue.Pop(), nullptr);
  EXPECT_TRUE(queue.empty());
}

TEST(MpscQueueTest, TakesANodeAgainRightAfterItsPop) {
  MpscQueue queue;
  Numbered a;
  Numbered b;
  for (int i = 0; i < 100; ++i) {
    queue.Push(a);
    if (i % 3 == 0) queue.Push(b);
    EXPECT_EQ(queue.Pop(), &a);
    if (i % 3 == 0) {
      queue.Push(a);
      EXPECT_EQ(queue.Pop(), &b);
      EXPECT_EQ(queue.Pop(), &a);
    }
    EXPECT_EQ(queue.Pop(), nullptr);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(MpscQueueTest, KeepsEveryProducersOrderUnderThreads) {
  constexpr int kProducers = 4;
  constexpr int kMailsEach = 5000;
  MpscQueue queue;
  std::vector<std::vector<Numbered>> mails;
  mails.reserve(kProducers);
  for (int p = 0; p < kProducers; ++p)
    mails.emplace_back(kMailsEach);
  std::vector<std::thread> threads;
  threads.reserve(kProducers);
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&mails, &queue, p] {
      for (int i = 0; i < kMailsEach; ++i) {
        Numbered& mail = mails[static_cast<std::size_t>(p)][static_cast<std::size_t>(i)];
        mail.producer = p;
        mail.number = i;
        queue.Push(mail);
      }
    });
  }
  std::array<int, kProducers> expected{};
  for (int popped = 0; popped < kProducers * kMailsEach;) {
    Mail* mail = queue.Pop();
    if (mail == nullptr) {
      std::this_thread::yield();
      continue;
    }
    const Numbered& numbered = static_cast<Numbered&>(*mail);
    ASSERT_EQ(numbered.number, expected[static_cast<std::size_t>(numbered.producer)]++);
    ++popped;
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(queue.Pop(), nullptr);
  EXPECT_TRUE(queue.empty());
}

bool WakeIsReadable(const Mailbox& mailbox) {
  pollfd poll_one{mailbox.wake_descriptor(), POLLIN, 0};
  return ::poll(&poll_one, 1, 0) == 1;
}

void DeliverNothing(Mail&) noexcept {}

TEST(MailboxTest, WritesTheEventfdOnlyWhenAsleep) {
  Mailbox mailbox;
  Mail first;
  Mail second;
  first.deliver = second.deliver = &DeliverNothing;
  mailbox.Post(first);
  EXPECT_FALSE(WakeIsReadable(mailbox));
  EXPECT_FALSE(mailbox.PrepareSleep());  // mail is there
  EXPECT_FALSE(mailbox.Deliver());
  EXPECT_TRUE(mailbox.PrepareSleep());
  mailbox.Post(second);
  EXPECT_TRUE(WakeIsReadable(mailbox));
  mailbox.Awake();
  mailbox.DrainWake();
  EXPECT_FALSE(WakeIsReadable(mailbox));
  EXPECT_FALSE(mailbox.Deliver());
}

TEST(MailboxTest, SaysThatMoreIsLeftAfterTheTurnsShare) {
  Mailbox mailbox;
  std::vector<Mail> mails(Mailbox::kDeliveriesPerTurnMax + 1);
  for (Mail& mail : mails) {
    mail.deliver = &DeliverNothing;
    mailbox.Post(mail);
  }
  EXPECT_TRUE(mailbox.Deliver());
  EXPECT_FALSE(mailbox.PrepareSleep());
  EXPECT_FALSE(mailbox.Deliver());
  EXPECT_TRUE(mailbox.PrepareSleep());
}

// A ping-pong of two threads, each of which sleeps in poll() without a time limit: a lost wake-up
// would hang it.
struct Ball : Mail {
  Mailbox* to = nullptr;
  Mailbox* back = nullptr;
  int left = 0;
  std::atomic<bool>* over = nullptr;
};

void Hit(Mail& mail) noexcept {
  Ball& ball = static_cast<Ball&>(mail);
  if (--ball.left <= 0) ball.over->store(true);
  std::swap(ball.to, ball.back);
  ball.to->Post(ball);
}

// A thread with a mailbox: sleeps while it is empty, until the game is over.
void Play(Mailbox& mine, const std::atomic<bool>& over) {
  while (!over.load()) {
    if (mine.PrepareSleep()) {
      pollfd poll_one{mine.wake_descriptor(), POLLIN, 0};
      ::poll(&poll_one, 1, -1);
      mine.Awake();
      mine.DrainWake();
    }
    mine.Deliver();
  }
}

TEST(MailboxTest, LosesNoWakeUp) {
  std::array<Mailbox, 2> boxes;
  std::atomic<bool> over{false};
  std::array<Ball, 3> balls{};
  for (Ball& ball : balls) {
    ball.deliver = &Hit;
    ball.to = &boxes[0];
    ball.back = &boxes[1];
    ball.left = 20000;
    ball.over = &over;
    boxes[0].Post(ball);
  }
  std::array<std::thread, 2> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&boxes, &over, i] { Play(boxes[i], over); });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_TRUE(over.load());
}

}  // namespace
}  // namespace engine
