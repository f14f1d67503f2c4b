// Slots, changes, refusals.
#include "relay/reload_plan.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

constexpr std::uint32_t kNoSlot = UINT32_MAX;

std::uint32_t SlotOf(const Settings& running, const ListenerConfig& wanted) {
  for (const ListenerSettings& listener : running.listeners) {
    if (listener.present && listener.socket == wanted.socket) return listener.index;
  }
  return kNoSlot;
}

// A slot that was never used, or the tombstone that is oldest (ids count up, and so do retirements
// as a rule; what matters is that it is none of the last reload's).
std::uint32_t FreeSlot(const Settings& running, const std::vector<bool>& taken) {
  for (std::uint32_t slot = 0; slot < kListenersMax; ++slot) {
    if (!taken[slot] && slot >= running.listeners.size()) return slot;
  }
  std::uint32_t best = kNoSlot;
  for (std::uint32_t slot = 0; slot < running.listeners.size(); ++slot) {
    const ListenerSettings& listener = running.listeners[slot];
    if (taken[slot] || listener.present) continue;
    if (best == kNoSlot || listener.removed_at < running.listeners[best].removed_at) best = slot;
  }
  return best;
}

void PlanListeners(const Settings& running, const Config& wanted, ReloadPlan* plan) {
  std::vector<bool> taken(kListenersMax, false);
  for (const ListenerConfig& listener : wanted.listeners) {
    const std::uint32_t slot = SlotOf(running, listener);
    ReloadPlan::Listener step{.slot = slot, .open = slot == kNoSlot, .adjust = false};
    if (!step.open) {
      taken[slot] = true;
      const ListenerSettings& now = running.listeners[slot];
      step.adjust = now.backlog != listener.backlog || now.socket_mode != listener.socket_mode;
    }
    plan->listeners.push_back(step);
  }
  for (const ListenerSettings& listener : running.listeners) {
    if (!listener.present || taken[listener.index]) continue;
    plan->removed.push_back(listener.index);
  }
  for (ReloadPlan::Listener& step : plan->listeners) {
    if (!step.open) continue;
    step.slot = FreeSlot(running, taken);
    if (step.slot == kNoSlot) {
      plan->errors.push_back(
          "no room for another listener: listeners that went since the start "
          "keep their places for their sessions until the next reload");
      return;
    }
    taken[step.slot] = true;
  }
}

void RefuseWhatNeedsRestart(ReloadPlan* plan) {
  for (const KeyChange& change : plan->changes) {
    if (change.key->reload != OnReload::kRestart) continue;
    plan->errors.push_back(ChangedKeyText(change) + ": " + change.from + " -> " + change.to +
                           " needs a restart");
  }
}

bool IsThere(const std::vector<engine::Address>& addresses, const engine::Address& address) {
  return std::any_of(addresses.begin(), addresses.end(), [&](const engine::Address& other) {
    return other.SameAs(address);
  });
}

// Known by their addresses, as their groups know them.
void PlanScanners(const Settings& running,
                  const Limits& limits,
                  const Config& wanted,
                  ReloadPlan* plan) {
  std::vector<engine::Address> before;
  for (const ScannerSettings& scanner : running.scanners) {
    before.push_back(scanner.address);
    if (!IsThere(plan->scanners, scanner.address))
      plan->scanners_removed.emplace_back(NameOf(scanner));
  }
  for (std::size_t i = 0; i < wanted.scanners.size(); ++i) {
    const std::string name(NameOf(wanted.scanners[i]));
    if (IsThere(before, plan->scanners[i])) continue;
    plan->scanners_added.push_back(name);
    if (running.spool_reuse && !plan->scanners[i].is_this_host()) {
      plan->errors.push_back("new scanner " + name +
                             " is on another host, and spool files are used again: that needs a "
                             "restart");
    }
  }
  const std::uint32_t connections = ScannerConnections(wanted, limits.messages_max);
  if (connections > limits.scanner_connections_max) {
    plan->errors.push_back("scanners may have " + std::to_string(connections) +
                           " connections, and descriptors were kept for " +
                           std::to_string(limits.scanner_connections_max) +
                           ": more need a restart");
  }
}

}  // namespace

ReloadPlan PlanReload(const Settings& running,
                      const Limits& limits,
                      const Config& wanted,
                      std::vector<engine::Address> scanners) {
  ReloadPlan plan;
  plan.scanners = std::move(scanners);
  plan.changes = KeyChanges(running.config, wanted);
  RefuseWhatNeedsRestart(&plan);
  PlanScanners(running, limits, wanted, &plan);
  PlanListeners(running, wanted, &plan);
  return plan;
}

void FillNextSettings(const Settings& running,
                      const Limits& limits,
                      const Config& wanted,
                      const ReloadPlan& plan,
                      Settings* next) {
  engine::SpoolDirReport spool;
  spool.reuse_allowed = running.spool_reuse;
  spool.file_system = running.spool_file_system;
  FillSettings(wanted, limits, plan.scanners, spool, next);
  next->generation = running.generation + 1;
  next->sharing = running.sharing;
  next->block_bytes_max = running.block_bytes_max;
  next->last_listener_id = running.last_listener_id;

  std::vector<ListenerSettings> wanted_listeners = std::move(next->listeners);
  next->listeners = running.listeners;
  for (ListenerSettings& listener : next->listeners) {
    if (std::exchange(listener.present, false)) listener.removed_at = next->generation;
  }
  for (std::size_t i = 0; i < wanted_listeners.size(); ++i) {
    const ReloadPlan::Listener& step = plan.listeners[i];
    // New slots are given in order.
    if (step.slot == next->listeners.size()) next->listeners.push_back(wanted_listeners[i]);
    ListenerSettings& place = next->listeners[step.slot];
    const std::uint64_t id = step.open ? ++next->last_listener_id : place.id;
    place = std::move(wanted_listeners[i]);
    place.index = step.slot;
    place.id = id;
    place.present = true;
  }
  for (ListenerSettings& listener : next->listeners)
    listener.settings = next;
}

}  // namespace relay
