// See the header.
#include "engine/io/file_calls.h"

namespace engine {

void MonitorSleep::Wake() noexcept {
  std::uint32_t asleep = kAsleep;
  if (word_.compare_exchange_strong(asleep, kAwake, std::memory_order_relaxed)) FutexWake(word_);
}

void MonitorSleep::Quit() noexcept {
  word_.store(kQuit, std::memory_order_seq_cst);
  FutexWake(word_);
}

bool MonitorSleep::FallAsleep() noexcept {
  std::uint32_t awake = kAwake;
  return word_.compare_exchange_strong(awake, kAsleep, std::memory_order_relaxed);
}

void MonitorSleep::StayAwake() noexcept {
  std::uint32_t asleep = kAsleep;
  word_.compare_exchange_strong(asleep, kAwake, std::memory_order_relaxed);
}

}  // namespace engine
