// Derives what the shards share from configuration, limits and the spool's file system.
#include "relay/settings.h"

#include <algorithm>

#include "engine/base/check.h"

namespace relay {
namespace {

// While the disk stalls, at hand for mail servers whose DATA cannot wait (old versions, no DATA).
constexpr std::uint32_t kSpareSlots = 4;

// Texts, half packets, requests, replies: address space is the bound, not what is used.
constexpr std::uint64_t kBlockBytesMaxPerShard = 1024 * engine::kMiB;

// --spool-splice=auto: the smallest body that was measured to gain, docs/adr/016.
constexpr std::uint64_t kAutoSpliceFrom = engine::kMiB;

std::uint64_t SpliceFrom(const SpoolConfig& config, bool unix_socket, bool on_tmpfs) noexcept {
  if (config.newlines != Newlines::kCrlf) return ListenerSettings::kNeverSplice;
  switch (config.splice) {
    case SpliceChoice::kAuto:
      return unix_socket && on_tmpfs ? ListenerSettings::kNeverSplice : kAutoSpliceFrom;
    case SpliceChoice::kOn: return 0;
    case SpliceChoice::kOff: break;
  }
  return ListenerSettings::kNeverSplice;
}

ScannerSpec ScannerSpecOf(const ScannerSettings& scanner, std::uint32_t messages_max) {
  // Without a limit of its own as many as there can be messages; orphans are messages in work too.
  const std::uint32_t limit = scanner.connections_max == 0 ? messages_max : scanner.connections_max;
  return {.address = scanner.address,
          .weight = scanner.weight,
          .limit = scanner.learn_connections
                       ? ScannerLimit::kLearn
                       : std::min(limit, std::uint32_t{ScannerSpec::kLimitMax}),
          .drain = scanner.drain,
          .scan_timeout = scanner.scan_timeout,
          .orphan_limit = scanner.orphan_limit};
}

ListenerSettings ListenerSettingsOf(const ListenerConfig& config, std::uint32_t index) {
  ListenerSettings settings;
  static_cast<ListenerConfig&>(settings) = config;
  settings.index = index;
  settings.failure_policy = FailurePolicy(FailureOptionsOf(config));
  if (settings.name.empty()) settings.name = settings.socket;
  for (const std::string& bank : config.policy_banks)
    settings.policy_bank_list += (settings.policy_bank_list.empty() ? "" : ",") + bank;
  settings.filter.protocol = ProtocolOf(config.reply_at);
  if (!config.request_macros) settings.filter.macro_lists = nullptr;
  settings.refusing_filter = settings.filter;
  settings.refusing_filter.protocol &= ~milter::kNoReplyConnect;
  return settings;
}

}  // namespace

milter::Protocol ProtocolOf(ReplyAt reply_at) noexcept {
  const milter::Protocol silent = milter::FilterOptions{}.protocol | milter::kNoReplyAll;
  switch (reply_at) {
    case ReplyAt::kNone: return silent;
    case ReplyAt::kData: break;
    case ReplyAt::kConnectData: return silent & ~(milter::kNoReplyConnect | milter::kNoReplyData);
  }
  return silent & ~milter::kNoReplyData;
}

void FillSettings(const Config& config,
                  const Limits& limits,
                  const std::vector<engine::Address>& scanners,
                  const engine::SpoolDirReport& spool,
                  Settings* settings) {
  ENGINE_CHECK(!config.listeners.empty() && !scanners.empty());
  ENGINE_CHECK(scanners.size() == config.scanners.size());
  settings->config = config;
  settings->clients = ClientLimitsOf(config.quota);
  settings->queue = QueueRulesOf(config);
  for (const ListenerConfig& listener : config.listeners) {
    const auto index = static_cast<std::uint32_t>(settings->listeners.size());
    settings->listeners.push_back(ListenerSettingsOf(listener, index));
    settings->listeners.back().id = ++settings->last_listener_id;
    // Text that is no address was refused long before (relay/startup); simulations have none.
    const absl::StatusOr<engine::Address> address = engine::ParseAddress(listener.socket);
    settings->listeners.back().splice_from =
        SpliceFrom(config.spool, !address.ok() || address->is_unix(), spool.file_system == "tmpfs");
  }
  for (std::size_t i = 0; i < scanners.size(); ++i)
    settings->scanners.push_back({config.scanners[i], scanners[i]});
  settings->groups.Fill(config.scanner_groups);
  for (ListenerSettings& listener : settings->listeners)
    listener.settings = settings;
  settings->spool_file_system = spool.file_system;
  settings->sessions_max = limits.sessions_max;
  settings->messages_max = limits.messages_max;
  settings->spool_limits.slots_max = limits.messages_max;
  settings->spool_limits.floor = {.bytes_free_min = config.spool.bytes_free_min,
                                  .inodes_free_min = config.spool.inodes_free_min};
  settings->spool_limits.spare_slots = kSpareSlots;
  // A scanner on another host may cache what it has read.
  settings->spool_reuse =
      spool.reuse_allowed && std::all_of(scanners.begin(),
                                         scanners.end(),
                                         [](const engine::Address& a) { return a.is_this_host(); });
  settings->block_bytes_max = kBlockBytesMaxPerShard;
}

std::vector<ScannerGroupSpec> ScannerGroupsOf(const Settings& settings) {
  std::vector<ScannerGroupSpec> groups;
  for (const ScannerSettings& scanner : settings.scanners) {
    auto group = std::find_if(groups.begin(), groups.end(), [&scanner](const ScannerGroupSpec& g) {
      return g.name == scanner.group;
    });
    if (group == groups.end()) {
      groups.push_back({.name = scanner.group, .scanners = {}});
      group = groups.end() - 1;
    }
    group->scanners.push_back(ScannerSpecOf(scanner, settings.messages_max));
  }
  return groups;
}

}  // namespace relay
