// See the header.
#include "engine/io/stall_governor.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace engine {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"inline", "async", "auto"};
constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

}  // namespace

std::optional<FileWork> ParseFileWork(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == text) return static_cast<FileWork>(i);
  }
  return std::nullopt;
}

std::string_view FileWorkName(FileWork work) noexcept {
  return kNames[static_cast<std::size_t>(work)];
}

void StallGovernor::NoteLongest(Time took) noexcept {
  std::int64_t longest = longest_.load(kRelaxed);
  while (took.count() > longest && !longest_.compare_exchange_weak(longest, took.count(), kRelaxed))
    continue;
}

void StallGovernor::OnOperation(Time now, Time took) noexcept {
  if (took <= kOperationStallAfter) return;
  NoteLongest(took);
  operation_bad_at_.store(now.count(), kRelaxed);
}

StallChange StallGovernor::OnBad(Time now) noexcept {
  good_ = false;
  if (work_ != FileWork::kAuto || async()) return StallChange::kNone;
  onset_at_.store(now.count(), kRelaxed);
  onsets_.fetch_add(1, kRelaxed);
  async_.store(true, kRelaxed);
  return StallChange::kOnset;
}

StallChange StallGovernor::OnCall(Time now, Time lasted) noexcept {
  if (lasted <= kStallAfter) return StallChange::kNone;
  NoteLongest(lasted);
  return OnBad(now);
}

StallChange StallGovernor::Look(Time now) noexcept {
  const std::int64_t bad_at = operation_bad_at_.load(kRelaxed);
  if (bad_at == weighed_) return StallChange::kNone;
  weighed_ = bad_at;
  return OnBad(now);
}

StallChange StallGovernor::OnProbe(Time now, Time took, bool ok) noexcept {
  NoteLongest(took);
  probes_.fetch_add(1, kRelaxed);
  const StallChange before = Look(now);
  if (took > kStallAfter || !ok) {
    probes_bad_.fetch_add(1, kRelaxed);
    OnBad(now);
    return before;
  }
  if (!good_) {
    good_ = true;
    good_since_ = now - took;
  }
  if (!probing() || now - good_since_ < kGoodFor) return before;
  good_ = false;
  time_async_.fetch_add(now.count() - onset_at_.exchange(0, kRelaxed), kRelaxed);
  async_.store(false, kRelaxed);
  return StallChange::kCleared;
}

StallCounts StallGovernor::counts(Time now) const noexcept {
  StallCounts counts;
  counts.async = async();
  counts.onsets = onsets_.load(kRelaxed);
  counts.time_async = Time(time_async_.load(kRelaxed));
  const Time onset_at(onset_at_.load(kRelaxed));
  if (onset_at != Time::zero()) counts.time_async += std::max(now - onset_at, Time::zero());
  counts.longest_call = Time(longest_.load(kRelaxed));
  counts.probes = probes_.load(kRelaxed);
  counts.probes_bad = probes_bad_.load(kRelaxed);
  return counts;
}

}  // namespace engine
