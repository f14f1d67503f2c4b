// Recording of histograms and reasons.
#include "relay/shard_meters.h"

#include <algorithm>
#include <chrono>

namespace relay {
namespace {

// Rounded up, so that a bound holds what is at most that long.
std::uint64_t Microseconds(engine::Time length) noexcept {
  const auto whole = std::chrono::ceil<std::chrono::microseconds>(length).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(whole, 0));
}

constexpr std::string_view kOtherReasons = "other";

}  // namespace

void RefusalReasons::Count(const Refusal& refusal) noexcept {
  const std::size_t used = used_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < used; ++i) {
    Entry& entry = entries_[i];
    const bool same = entry.failure == refusal.failure && entry.reason == refusal.reason;
    // The last place is for all that found none.
    if (!same && i + 1 < kReasonsMax) continue;
    entry.count.store(entry.count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return;
  }
  Entry& entry = entries_[used];
  entry.failure = refusal.failure;
  entry.reason = used + 1 < kReasonsMax ? refusal.reason : kOtherReasons;
  entry.count.store(1, std::memory_order_relaxed);
  used_.store(used + 1, std::memory_order_release);
}

void ShardMeters::Answered(const AnsweredMessage& message) noexcept {
  if (message.had_wait) wait.Record(Microseconds(message.waited));
  if (message.had_scan) scan.Record(Microseconds(message.scanned));
  total.Record(Microseconds(message.total));
  bytes.Record(message.bytes);
}

}  // namespace relay
