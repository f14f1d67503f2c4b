// Reloads of the simulated relay.
#include <memory>

#include "engine/base/check.h"
#include "relay/reload_plan.h"
#include "tests/relay/relay_world.h"

namespace relay_sim {

void RelayWorld::Reload(const relay::Config& config) {
  // The scanners that the world knows are added beside the file: they stay.
  std::vector<engine::Address> scanners;
  for (const relay::ScannerSettings& scanner : newest_->scanners)
    scanners.push_back(scanner.address);
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
  for (const auto& shard : shards_)
    shard->Take(*next);
  if (newest_ != &settings_) newest_->Release();
  newest_ = next.release();
}

}  // namespace relay_sim
