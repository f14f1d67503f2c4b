// All scanner groups of the process, by number: numbers do not change while it runs.
//
// Shared by all shards. The main thread alone adds groups (a reload that names a new one); a group
// that is no longer configured keeps its number, has no scanner that takes anything, and ends when
// its last request has.
#ifndef MILLRACE_RELAY_SCANNER_GROUPS_H_
#define MILLRACE_RELAY_SCANNER_GROUPS_H_

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "relay/scanner_group.h"

namespace relay {

struct ScannerGroupSpec {
  std::string name;
  std::vector<ScannerSpec> scanners;
};

class ScannerGroups {
 public:
  static constexpr std::size_t kGroupsMax = 16;

  // As ScannerGroup. At least one group, at most kGroupsMax.
  ScannerGroups(std::span<const ScannerGroupSpec> groups, std::uint32_t shards, engine::Time start);
  ScannerGroups(const ScannerGroups&) = delete;
  ScannerGroups& operator=(const ScannerGroups&) = delete;

  // Any thread.
  std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  ScannerGroup& at(std::size_t index) noexcept { return *groups_[index]; }
  const ScannerGroup& at(std::size_t index) const noexcept { return *groups_[index]; }
  std::optional<std::size_t> Find(std::string_view name) const noexcept;
  std::vector<ScannerSnapshot> Snapshot() const;

  // The main thread. kResourceExhausted: more groups or scanners than one process can have had.
  absl::Status MayApply(std::span<const ScannerGroupSpec> groups) const;
  // What MayApply() allows. Groups and scanners that are not in the list get nothing new.
  void Apply(std::span<const ScannerGroupSpec> groups, engine::Time now);
  // Of every group's queue, each.
  void SetQueueBounds(const engine::SlotPoolBounds& bounds) noexcept;
  // In every group that has it. False: none.
  bool Drain(std::string_view address, bool drain, engine::Time now);

 private:
  const std::uint32_t shards_;
  const engine::Time start_;
  std::array<std::unique_ptr<ScannerGroup>, kGroupsMax> groups_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCANNER_GROUPS_H_
