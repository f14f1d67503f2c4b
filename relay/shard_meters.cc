// Recording of histograms and reasons.
#include "relay/shard_meters.h"

namespace relay {
namespace {

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
  ListenerMeters& of = listeners[message.listener];
  if (message.had_wait) of.wait.Record(Microseconds(message.waited));
  if (message.had_scan) of.scan.Record(Microseconds(message.scanned));
  of.total.Record(Microseconds(message.total));
  bytes.Record(message.bytes);
}

}  // namespace relay
