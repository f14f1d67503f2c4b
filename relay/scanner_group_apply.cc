// What the main thread does to a group of scanners, at start, at a reload and by control; and the
// figures of one.
#include "engine/base/check.h"
#include "relay/scanner_group.h"

namespace relay {

using engine::Time;

std::size_t ScannerGroup::Find(const engine::Address& address) const noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    if (scanners_[i]->address.SameAs(address)) return i;
  }
  return kEntriesMax;
}

bool ScannerGroup::MayApply(std::span<const ScannerSpec> scanners) const noexcept {
  std::size_t more = 0;
  for (const ScannerSpec& spec : scanners)
    more += Find(spec.address) == kEntriesMax ? 1 : 0;
  return entries() + more <= kEntriesMax;
}

void ScannerGroup::Apply(std::span<const ScannerSpec> scanners, Time now) {
  ENGINE_CHECK(MayApply(scanners));
  Mask listed = 0;
  for (const ScannerSpec& spec : scanners) {
    std::size_t index = Find(spec.address);
    if (index == kEntriesMax) {
      index = entries();
      scanners_[index] = std::make_unique<Scanner>(start_, spec, shards_);
      entries_.store(index + 1, std::memory_order_release);
    }
    Scanner& scanner = *scanners_[index];
    scanner.weight.store(spec.weight, std::memory_order_relaxed);
    scanner.limit.Set(spec.limit);
    scanner.scan_timeout.store(spec.scan_timeout, std::memory_order_relaxed);
    scanner.orphan_limit.store(spec.orphan_limit, std::memory_order_relaxed);
    scanner.use.store(spec.drain ? Use::kDraining : Use::kInUse, std::memory_order_seq_cst);
    listed |= MaskOf(index);
  }
  for (std::size_t i = 0; i < entries(); ++i) {
    if ((listed & MaskOf(i)) == 0) scanners_[i]->use.store(Use::kRemoved);
    Refresh(static_cast<std::uint8_t>(i), now);
  }
}

bool ScannerGroup::Drain(std::string_view address, bool drain, Time now) {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    Scanner& scanner = *scanners_[i];
    if (scanner.address.text != address || scanner.use.load() == Use::kRemoved) continue;
    scanner.use.store(drain ? Use::kDraining : Use::kInUse);
    Refresh(static_cast<std::uint8_t>(i), now);
    return true;
  }
  return false;
}

std::vector<ScannerSnapshot> ScannerGroup::Snapshot() const {
  std::vector<ScannerSnapshot> snapshots;
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    const Scanner& scanner = *scanners_[i];
    const Room room = scanner.room.Read();
    const Use use = scanner.use.load(std::memory_order_relaxed);
    if (use == Use::kRemoved && room.outstanding == 0) continue;
    ScannerSnapshot& to = snapshots.emplace_back();
    to.group = name_;
    to.address = scanner.address.text;
    to.state = scanner.health.Read().state;
    to.draining = use != Use::kInUse;
    to.learns = scanner.limit.learns();
    to.weight = scanner.weight.load(std::memory_order_relaxed);
    to.limit = scanner.limit.Read();
    to.limit_now = room.limit;
    to.outstanding = room.outstanding;
    for (std::uint32_t shard = 0; shard < shards_; ++shard) {
      to.scan_times.Add(scanner.scan_times[shard].of_replies);
      for (std::size_t c = 0; c < to.counts.size(); ++c) {
        to.counts[c] +=
            CountsOf(shard, static_cast<std::uint8_t>(i)).Read(static_cast<ScannerCount>(c));
      }
    }
  }
  return snapshots;
}

}  // namespace relay
