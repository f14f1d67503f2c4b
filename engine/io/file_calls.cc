// See the header.
#include "engine/io/file_calls.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace engine {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));  // futex(2) wants it

void MonitorSleep::Wake() noexcept {
  std::uint32_t asleep = kAsleep;
  if (!word_.compare_exchange_strong(asleep, kAwake, std::memory_order_relaxed)) return;
  ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void MonitorSleep::Quit() noexcept {
  word_.store(kQuit, std::memory_order_release);
  ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

bool MonitorSleep::FallAsleep() noexcept {
  std::uint32_t awake = kAwake;
  return word_.compare_exchange_strong(awake, kAsleep, std::memory_order_relaxed);
}

void MonitorSleep::StayAwake() noexcept {
  std::uint32_t asleep = kAsleep;
  word_.compare_exchange_strong(asleep, kAwake, std::memory_order_relaxed);
}

void MonitorSleep::Wait(Word word, Time at_most) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec limit{static_cast<time_t>(seconds.count()),
                       static_cast<long>((at_most - seconds).count())};
  const timespec* const timeout = at_most == kNever ? nullptr : &limit;
  ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, word, timeout, nullptr, 0);
}

}  // namespace engine
