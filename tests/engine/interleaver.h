// Runs a few routines on one thread in every order of their atomic operations, up to a number of
// preemptions: a small model checker.
//
//   ModelAtomic<T> in the place of std::atomic<T>: each operation first comes back to the
//   interleaver, which decides whose operation is next.
//
//   Explore(): run once by the first choices, then again with the last choice that has an
//   alternative changed, until there is none: a depth-first walk of the tree of choices.
//
// Changing over to another routine while the current one could go on is a preemption. Nearly all
// errors of this kind need few of them (Musuvathi and Qadeer, "Iterative context bounding", 2007).
// Sequentially consistent orders alone: what weaker memory orders allow is not tried.
// Routines are contexts of ucontext(3), so a run costs microseconds and is the same every time.
#ifndef MILLRACE_TESTS_ENGINE_INTERLEAVER_H_
#define MILLRACE_TESTS_ENGINE_INTERLEAVER_H_

#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/base/check.h"

namespace engine {

class Interleaver {
 public:
  using Routine = std::function<void()>;

  explicit Interleaver(int preemptions_max) : preemptions_max_(preemptions_max) {}

  // The runs tried so far.
  std::uint64_t runs() const { return runs_; }

  // `make` begins a run anew and answers its routines; `check` looks at what is left after it.
  template <typename Make, typename Check>
  void Explore(Make make, Check check) {
    do {
      Run(make());
      check();
      ++runs_;
    } while (NextChoices());
  }

  // Before each atomic operation of a routine; elsewhere it does nothing.
  static void Point() {
    if (Interleaver* self = current_; self != nullptr && self->running_ >= 0)
      ::swapcontext(&self->fibers_[static_cast<std::size_t>(self->running_)].context,
                    &self->scheduler_);
  }

 private:
  static constexpr std::size_t kStackBytes = 256 * 1024;
  struct Fiber {
    ucontext_t context{};
    std::unique_ptr<std::array<std::byte, kStackBytes>> stack;
    Routine routine;
    bool done = false;
  };
  struct Choice {
    std::size_t taken = 0;
    std::size_t options = 1;
  };

  static void Enter() {
    Interleaver& self = *current_;
    Fiber& fiber = self.fibers_[static_cast<std::size_t>(self.running_)];
    fiber.routine();
    fiber.done = true;
    ::swapcontext(&fiber.context, &self.scheduler_);
  }

  void Run(std::vector<Routine> routines) {
    if (fibers_.size() < routines.size()) fibers_.resize(routines.size());
    active_ = routines.size();
    for (std::size_t i = 0; i < active_; ++i) {
      Fiber& fiber = fibers_[i];
      if (!fiber.stack) fiber.stack = std::make_unique<std::array<std::byte, kStackBytes>>();
      fiber.routine = std::move(routines[i]);
      fiber.done = false;
      ENGINE_CHECK(::getcontext(&fiber.context) == 0);
      fiber.context.uc_stack.ss_sp = fiber.stack->data();
      fiber.context.uc_stack.ss_size = kStackBytes;
      fiber.context.uc_link = nullptr;
      ::makecontext(&fiber.context, &Interleaver::Enter, 0);
    }
    current_ = this;
    depth_ = 0;
    int preemptions = 0;
    for (int last = -1;;) {
      std::vector<int> options;  // the one that ran last comes first
      const bool goes_on = last >= 0 && !fibers_[static_cast<std::size_t>(last)].done;
      if (goes_on) options.push_back(last);
      if (!goes_on || preemptions < preemptions_max_) {
        for (int i = 0; i < static_cast<int>(active_); ++i)
          if (i != last && !fibers_[static_cast<std::size_t>(i)].done) options.push_back(i);
      }
      if (options.empty()) break;
      const std::size_t taken = Choose(options.size());
      if (goes_on && taken > 0) ++preemptions;
      last = options[taken];
      running_ = last;
      ::swapcontext(&scheduler_, &fibers_[static_cast<std::size_t>(last)].context);
      running_ = -1;
    }
    current_ = nullptr;
  }

  std::size_t Choose(std::size_t options) {
    if (depth_ == choices_.size()) choices_.push_back({0, options});
    ENGINE_CHECK(choices_[depth_].options == options);  // else a run is not repeatable
    return choices_[depth_++].taken;
  }

  bool NextChoices() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().options)
      choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

  static inline Interleaver* current_ = nullptr;
  int preemptions_max_;
  std::vector<Fiber> fibers_;
  std::vector<Choice> choices_;
  std::size_t depth_ = 0;
  std::size_t active_ = 0;
  int running_ = -1;
  ucontext_t scheduler_{};
  std::uint64_t runs_ = 0;
};

// As much of std::atomic as the code under test uses. Memory orders are taken and ignored.
template <typename T>
class ModelAtomic {
 public:
  T load(std::memory_order) const {
    Interleaver::Point();
    return value_;
  }
  void store(T value, std::memory_order) {
    Interleaver::Point();
    value_ = value;
  }
  T fetch_sub(T amount, std::memory_order) {
    Interleaver::Point();
    const T before = value_;
    value_ = before - amount;
    return before;
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order, std::memory_order) {
    Interleaver::Point();
    if (value_ == expected) {
      value_ = desired;
      return true;
    }
    expected = value_;
    return false;
  }
  bool compare_exchange_weak(T& expected,
                             T desired,
                             std::memory_order success,
                             std::memory_order failure) {
    return compare_exchange_strong(expected, desired, success, failure);
  }

 private:
  T value_;
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_INTERLEAVER_H_
