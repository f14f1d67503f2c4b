// Values between shards: an intrusive many-producer queue, and the mailbox that wakes its loop.
//
//   producers:  exchange tail_, then link the old tail  ->  [stub] -> [mail] -> [mail] <- tail_
//   consumer:   head_ -----------------------------------------^
//
// The nodes live in their owners, so a queue is never full and a Push never waits. A producer that
// was stopped between its exchange and its link hides the later nodes for that moment: Pop()
// answers nullptr, empty() answers false. The order of the tail exchanges is the order of Pop().
//
// Source: D. Vyukov, "Intrusive MPSC node-based queue" (1024cores.net).
//
// Sleeping: the consumer raises `asleep_`, then looks at the tail; a producer exchanges the tail,
// then looks at `asleep_`. All four are sequentially consistent, so one of the two sees the other:
// mail is found before the sleep, or the eventfd is written. Awake, a Post is one exchange and one
// store, no system call.
//
// It knows nothing of what the mail means, and never touches a mail after Pop() has answered it.
#ifndef MILLRACE_ENGINE_IO_MAILBOX_H_
#define MILLRACE_ENGINE_IO_MAILBOX_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/io/loop.h"

namespace engine {

// Push: any thread. Pop, empty: one consumer at a time (its right handed over by the caller's own
// synchronisation).
class MpscQueue {
 public:
  MpscQueue() noexcept : tail_(&stub_), head_(&stub_) {}
  MpscQueue(const MpscQueue&) = delete;
  MpscQueue& operator=(const MpscQueue&) = delete;

  // `mail` must be in no queue, and live until Pop() has answered it.
  void Push(Mail& mail) noexcept {
    mail.next.store(nullptr, std::memory_order_relaxed);
    Mail* before = tail_.exchange(&mail, std::memory_order_seq_cst);
    before->next.store(&mail, std::memory_order_release);
  }

  // The oldest mail, or nullptr: none, or the oldest is hidden by a Push that is still under way.
  Mail* Pop() noexcept {
    Mail* first = head_;
    Mail* next = first->next.load(std::memory_order_acquire);
    if (first == &stub_) {
      if (next == nullptr) return nullptr;
      head_ = first = next;
      next = first->next.load(std::memory_order_acquire);
    }
    if (next == nullptr) {
      if (first != tail_.load(std::memory_order_acquire)) return nullptr;  // a Push is under way
      // The last node cannot be given away while it is the tail: the stub takes its place.
      Push(stub_);
      next = first->next.load(std::memory_order_acquire);
      if (next == nullptr) return nullptr;
    }
    head_ = next;
    return first;
  }

  // False also while a Push is under way.
  bool empty() const noexcept {
    return head_ == &stub_ && tail_.load(std::memory_order_seq_cst) == &stub_;
  }

 private:
  alignas(64) std::atomic<Mail*> tail_;
  alignas(64) Mail* head_;
  Mail stub_;
};

// The queue of one loop, with the descriptor that wakes it.
class Mailbox {
 public:
  static constexpr std::size_t kDeliveriesPerTurnMax = 256;

  Mailbox() noexcept : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Mailbox() {
    if (wake_ >= 0) ::close(wake_);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // The eventfd, which the loop watches; -1: descriptors had run out (the loop's maker says so).
  int wake_descriptor() const noexcept { return wake_; }

  // Any thread. The mailbox must outlive every thread that may post to it.
  void Post(Mail& mail) noexcept {
    queue_.Push(mail);
    if (asleep_.load(std::memory_order_seq_cst) &&
        asleep_.exchange(false, std::memory_order_seq_cst)) {
      const std::uint64_t one = 1;
      // It cannot fail: the counter stays far below its maximum, as Wake() empties it.
      ENGINE_CHECK(::write(wake_, &one, sizeof one) == static_cast<ssize_t>(sizeof one));
    }
  }

  // The owner's thread, all below.

  // True: nothing is there, and a Post from now on writes the eventfd. False: do not sleep.
  bool PrepareSleep() noexcept {
    asleep_.store(true, std::memory_order_seq_cst);
    if (queue_.empty()) return true;
    Awake();
    return false;
  }

  // After the sleep: later Posts write nothing.
  void Awake() noexcept { asleep_.store(false, std::memory_order_seq_cst); }

  // When the eventfd was found readable.
  void DrainWake() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_, &count, sizeof count);
  }

  // Delivers what is there, at most kDeliveriesPerTurnMax. True: more may be left.
  bool Deliver() noexcept {
    for (std::size_t i = 0; i < kDeliveriesPerTurnMax; ++i) {
      Mail* mail = queue_.Pop();
      if (mail == nullptr) return !queue_.empty();
      mail->deliver(*mail);
    }
    return true;
  }

 private:
  MpscQueue queue_;
  alignas(64) std::atomic<bool> asleep_{false};
  int wake_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_MAILBOX_H_
