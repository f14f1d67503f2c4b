// See sim_stalls.h.
#include "tests/sim/sim_stalls.h"

#include <algorithm>
#include <chrono>

#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_world.h"

namespace sim {
namespace {

constexpr PerMillion kAtOnce = 500'000;
constexpr Time kProbeMin = std::chrono::microseconds(20);
constexpr Time kProbeMax = std::chrono::microseconds(300);
constexpr Time kStallAfter = engine::StallGovernor::kStallAfter;

}  // namespace

Time SimStallPlan::HeldUp(Time at) const noexcept {
  Time held{};
  for (const Window& window : windows_) {
    if (at < window.from || at >= window.until) continue;
    held = std::max(held, window.each == engine::kNever ? window.until - at : window.each);
  }
  return held;
}

bool SimStallPlan::FrozenAt(Time at) const noexcept {
  return std::any_of(windows_.begin(), windows_.end(), [at](const Window& window) {
    return at >= window.from && at < window.until && window.each == engine::kNever;
  });
}

bool SimStallPlan::FrozenForEver(Time at) const noexcept {
  return FrozenAt(at) && HeldUp(at) >= engine::kNever - at;
}

void SimStallPlan::EndAll(Time now) noexcept {
  for (Window& window : windows_)
    window.until = std::min(window.until, now);
}

void SimStallMonitor::OnFileCall(Time begins, Time lasts) {
  if (lasts <= kStallAfter) return;
  if (world_->random().Chance(kAtOnce)) {
    CallLasted(lasts);
  } else {
    world_->At(begins + kStallAfter, [this] { CallLasted(kStallAfter + Time(1)); });
  }
  world_->At(begins + lasts, [this, lasts] { CallLasted(lasts); });
}

void SimStallMonitor::OnOperation(Time took) {
  governor_->OnOperation(world_->now(), took);
  Note(governor_->Look(world_->now()));
}

void SimStallMonitor::CallLasted(Time lasted) {
  Note(governor_->OnCall(world_->now(), lasted));
}

void SimStallMonitor::Note(engine::StallChange change) {
  if (change != engine::StallChange::kNone) {
    changes_.push_back(change);
    world_->Note("stall", static_cast<std::uint64_t>(change), changes_.size());
  }
  if (!governor_->probing() || probe_planned_) return;
  probe_planned_ = true;
  BeginProbe();
}

void SimStallMonitor::BeginProbe() {
  const SimFaults& faults = world_->faults();
  Time takes = world_->random().Between(kProbeMin, kProbeMax);
  if (world_->random().Chance(faults.disk_stall))
    takes = world_->random().Between(Time{}, faults.stall_max);
  takes += probed_->HeldUp(world_->now());
  world_->At(world_->now() + takes, [this, takes] {
    probe_planned_ = false;
    const engine::StallChange change = governor_->OnProbe(world_->now(), takes, true);
    if (!governor_->probing()) return Note(change);
    probe_planned_ = true;
    Note(change);
    world_->At(world_->now() + engine::StallGovernor::kProbeEvery, [this] { BeginProbe(); });
  });
}

}  // namespace sim
