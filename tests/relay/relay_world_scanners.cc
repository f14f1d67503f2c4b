// The scanners of the simulated relay: where they listen, what the relay knows of them, and that
// every slot comes back.
#include <algorithm>
#include <memory>
#include <vector>

#include "engine/base/check.h"
#include "tests/relay/relay_world.h"

namespace relay_sim {
namespace {

std::string ScannerPath(std::size_t index) {
  return index == 0 ? "/run/scanner.sock" : "/run/scanner" + std::to_string(index) + ".sock";
}

ScannerPlan WithLineEnds(ScannerPlan plan, relay::Newlines newlines) {
  if (newlines == relay::Newlines::kCrlf) plan.line_end = "\r\n";
  return plan;
}

}  // namespace

engine::Address RelayWorld::ScannerAddress(std::size_t index) {
  auto address = engine::ParseAddress("unix:" + ScannerPath(index));
  ENGINE_CHECK(address.ok());
  return *std::move(address);
}

void RelayWorld::AddScanners() {
  const relay::ScannerConfig& config = options_.config.scanners[0];
  std::vector<relay::ScannerGroupSpec> groups(1);  // the first scanner's has no name
  for (std::size_t i = 0; i <= options_.more_scanners.size(); ++i) {
    const WorldScanner one =
        i == 0 ? WorldScanner{.slots = options_.scanner_slots} : options_.more_scanners[i - 1];
    auto group = std::find_if(
        groups.begin(), groups.end(), [&one](const auto& g) { return g.name == one.group; });
    if (group == groups.end()) group = groups.insert(group, {.name = one.group, .scanners = {}});
    group->scanners.push_back({.address = ScannerAddress(i),
                               .weight = one.weight,
                               .limit = one.slots,
                               .scan_timeout = config.scan_timeout,
                               .orphan_limit = config.orphan_limit});
  }
  groups_ = std::make_unique<relay::ScannerGroups>(groups, options_.shards, world_.now());
  groups_->SetQueueBounds(relay::QueueBoundsOf(options_.config.queue));
}

void RelayWorld::StartScanners() {
  for (std::size_t i = 0; i <= options_.more_scanners.size(); ++i) {
    const bool first = i == 0;
    const ScannerPlan& plan = first ? options_.scanner : options_.more_scanners[i - 1].plan;
    scanners_.push_back(std::make_unique<SimScanner>(
        world_, *peers_, ledger_, WithLineEnds(plan, options_.config.spool.newlines)));
    scanners_.back()->Listen(
        ScannerPath(i), first ? options_.scanner_backlog : options_.more_scanners[i - 1].backlog);
  }
}

// Every slot is back, at every scanner, whatever its breaker has been through.
void RelayWorld::CheckSlots() {
  for (std::size_t i = 0; i < groups_->size(); ++i) {
    relay::ScannerGroup& group = groups_->at(i);
    std::int32_t limits = 0;
    for (const relay::ScannerSnapshot& scanner : group.Snapshot()) {
      limits += static_cast<std::int32_t>(scanner.limit_now);
      if (scanner.outstanding != 0) world_.Broken("something is outstanding at " + scanner.address);
    }
    if (limits == 0) limits = relay::ScannerGroup::kFlush;
    if (group.slots().waiting() != 0) world_.Broken("somebody still waits for a scanner slot");
    if (group.slots().free_slots() != limits) world_.Broken("scanner slots leaked");
    if (group.slots().Figures(world_.now()).limit != limits)
      world_.Broken("the limit that is told is not the one that holds");
  }
}

}  // namespace relay_sim
