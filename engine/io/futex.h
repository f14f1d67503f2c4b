// futex(2) on an atomic word of this process, with a limit of time (std::atomic::wait has none).
//
// Order between threads is the atomic's own affair: these two only sleep and wake.
#ifndef MILLRACE_ENGINE_IO_FUTEX_H_
#define MILLRACE_ENGINE_IO_FUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>

#include "engine/base/units.h"

namespace engine {

using FutexWord = std::atomic<std::uint32_t>;
static_assert(sizeof(FutexWord) == sizeof(std::uint32_t) && FutexWord::is_always_lock_free);

// Sleeps while `word` is `value`, for at most `at_most` (kNever: no limit). May end earlier.
inline void FutexWait(const FutexWord& word, std::uint32_t value, Time at_most) noexcept {
  if (at_most <= Time::zero()) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec limit{static_cast<time_t>(seconds.count()),
                       static_cast<long>((at_most - seconds).count())};
  const timespec* const timeout = at_most == kNever ? nullptr : &limit;
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, timeout, nullptr, 0);
}

// Wakes all that sleep on it.
inline void FutexWake(const FutexWord& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FUTEX_H_
