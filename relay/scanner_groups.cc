// The groups by number; what is applied is checked first, in all of them.
#include "relay/scanner_groups.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace relay {

ScannerGroups::ScannerGroups(std::span<const ScannerGroupSpec> groups,
                             std::uint32_t shards,
                             engine::Time start)
    : shards_(shards), start_(start) {
  ENGINE_CHECK(!groups.empty());
  Apply(groups, start);
}

std::optional<std::size_t> ScannerGroups::Find(std::string_view name) const noexcept {
  const std::size_t size = this->size();
  for (std::size_t i = 0; i < size; ++i) {
    if (groups_[i]->name() == name) return i;
  }
  return std::nullopt;
}

std::vector<ScannerSnapshot> ScannerGroups::Snapshot() const {
  std::vector<ScannerSnapshot> all;
  const std::size_t size = this->size();
  for (std::size_t i = 0; i < size; ++i) {
    for (ScannerSnapshot& snapshot : groups_[i]->Snapshot())
      all.push_back(std::move(snapshot));
  }
  return all;
}

absl::Status ScannerGroups::MayApply(std::span<const ScannerGroupSpec> groups) const {
  std::size_t more = 0;
  for (const ScannerGroupSpec& spec : groups) {
    const std::optional<std::size_t> index = Find(spec.name);
    if (!index) ++more;
    if (!index && spec.scanners.size() <= ScannerGroup::kEntriesMax) continue;
    if (!index || !groups_[*index]->MayApply(spec.scanners)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("scanner group ",
                       spec.name,
                       ": more than ",
                       ScannerGroup::kEntriesMax,
                       " different scanners since the start; restart to use more"));
    }
  }
  if (size() + more > kGroupsMax) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "more than ", kGroupsMax, " scanner groups since the start; restart to use more"));
  }
  return absl::OkStatus();
}

void ScannerGroups::Apply(std::span<const ScannerGroupSpec> groups, engine::Time now) {
  ENGINE_CHECK(MayApply(groups).ok());
  for (std::size_t i = 0; i < size(); ++i) {
    const bool listed = std::any_of(groups.begin(), groups.end(), [&](const ScannerGroupSpec& s) {
      return s.name == groups_[i]->name();
    });
    if (!listed) groups_[i]->Apply({}, now);
  }
  for (const ScannerGroupSpec& spec : groups) {
    if (const std::optional<std::size_t> index = Find(spec.name)) {
      groups_[*index]->Apply(spec.scanners, now);
      continue;
    }
    const std::size_t next = size();
    groups_[next] = std::make_unique<ScannerGroup>(spec.name, spec.scanners, shards_, start_);
    size_.store(next + 1, std::memory_order_release);
  }
}

void ScannerGroups::SetQueueBounds(const engine::SlotPoolBounds& bounds) noexcept {
  for (std::size_t i = 0; i < size(); ++i)
    groups_[i]->slots().SetBounds(bounds);
}

bool ScannerGroups::Drain(std::string_view address, bool drain, engine::Time now) {
  bool found = false;
  for (std::size_t i = 0; i < size(); ++i)
    found = groups_[i]->Drain(address, drain, now) || found;
  return found;
}

}  // namespace relay
