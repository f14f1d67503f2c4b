// Reloads of the simulated relay.
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "relay/reload_plan.h"
#include "tests/relay/relay_world.h"

namespace relay_sim {

std::unique_ptr<relay::Settings> RelayWorld::NextSettings(
    const relay::Config& config, const std::vector<engine::Address>& scanners) {
  const relay::ReloadPlan plan = relay::PlanReload(*newest_, limits_, config, scanners);
  ENGINE_CHECK(plan.errors.empty());
  auto next = std::make_unique<relay::Settings>();
  relay::FillNextSettings(*newest_, limits_, config, plan, next.get());
  next->alive = &generations_alive_;
  next->unused = [](const relay::Settings& settings) noexcept {
    settings.alive->fetch_sub(1);
    delete &settings;
  };
  generations_alive_.fetch_add(1);
  return next;
}

void RelayWorld::Reload(const relay::Config& config) {
  // The scanners that the world knows are added beside the file: they stay.
  std::vector<engine::Address> scanners;
  for (const relay::ScannerSettings& scanner : newest_->scanners)
    scanners.push_back(scanner.address);
  std::unique_ptr<relay::Settings> next = NextSettings(config, scanners);
  for (const auto& shard : shards_)
    shard->Take(*next);
  if (newest_ != &settings_) newest_->Release();
  newest_ = next.release();
}

bool RelayWorld::ReloadScanners(const relay::Config& config,
                                const std::vector<std::size_t>& which) {
  if (shards_without_newest_ != 0) return false;
  std::vector<engine::Address> scanners;
  scanners.reserve(which.size());
  for (const std::size_t index : which)
    scanners.push_back(ScannerAddress(index));
  const relay::Settings* next = NextSettings(config, scanners).release();
  ENGINE_CHECK(groups_->MayApply(relay::ScannerGroupsOf(*next)).ok());
  groups_->Apply(relay::ScannerGroupsOf(*next), world_.now());
  shards_without_newest_ = shards_.size();
  for (const auto& shard : shards_) {
    const engine::Time at =
        world_.now() + world_.random().Between(engine::Time{}, std::chrono::seconds(2));
    world_.At(at, [this, next, to = shard.get()] {
      to->Take(*next);
      if (--shards_without_newest_ != 0) return;
      if (newest_ != &settings_) newest_->Release();
      newest_ = next;
      groups_->SetQueueBounds(relay::QueueBoundsOf(next->config.queue));
    });
  }
  return true;
}

}  // namespace relay_sim
