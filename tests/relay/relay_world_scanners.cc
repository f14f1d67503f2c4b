// The scanners of the simulated relay: where they listen, what the relay knows of them, and that
// every slot comes back.
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
  relay::ScannerGroupSpec group;
  for (std::size_t i = 0; i <= options_.more_scanners.size(); ++i) {
    const WorldScanner one =
        i == 0 ? WorldScanner{.slots = options_.scanner_slots} : options_.more_scanners[i - 1];
    group.scanners.push_back({.address = ScannerAddress(i),
                              .weight = one.weight,
                              .limit = one.slots,
                              .scan_timeout = config.scan_timeout,
                              .orphan_limit = config.orphan_limit});
  }
  groups_ =
      std::make_unique<relay::ScannerGroups>(std::span(&group, 1), options_.shards, world_.now());
  slots().SetBounds(relay::QueueBoundsOf(options_.config.queue));
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
  std::int32_t limits = 0;
  for (const relay::ScannerSnapshot& scanner : groups_->Snapshot()) {
    limits += static_cast<std::int32_t>(scanner.limit_now);
    if (scanner.outstanding != 0) world_.Broken("something is outstanding at " + scanner.address);
  }
  if (limits == 0) limits = relay::ScannerGroup::kFlush;
  if (slots().waiting() != 0) world_.Broken("somebody still waits for a scanner slot");
  if (slots().free_slots() != limits) world_.Broken("scanner slots leaked");
}

}  // namespace relay_sim
