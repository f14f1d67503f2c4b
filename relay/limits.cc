// Derives the limits; reads the kernel's.
#include "relay/limits.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

namespace relay {
namespace {

std::uint64_t Needed(const Limits& limits) {
  return std::uint64_t{limits.sessions_max} + limits.messages_max + limits.scanner_connections_max +
         kDescriptorsPerShard * limits.shards + kDescriptorsReserve;
}

std::string TooFew(const Limits& limits) {
  return "limit of open files is " + std::to_string(limits.descriptors_available) + ", but " +
         std::to_string(limits.descriptors_needed) + " are needed (" +
         std::to_string(limits.sessions_max) + " sessions + " +
         std::to_string(limits.messages_max) + " messages + " +
         std::to_string(limits.scanner_connections_max) + " amavisd connections + " +
         std::to_string(kDescriptorsPerShard) + " for each of " + std::to_string(limits.shards) +
         " shards + " + std::to_string(kDescriptorsReserve) +
         "): raise it (LimitNOFILE= in the unit, ulimit -n) or lower --max-sessions, "
         "--max-messages, -m or --shards";
}

}  // namespace

std::uint32_t ScannerConnections(const Config& config, std::uint32_t messages_max) {
  std::uint64_t asked = 0;
  for (const ScannerConfig& scanner : config.scanners) {
    if (scanner.connections_max == 0 || scanner.learn_connections) return messages_max;
    asked += scanner.connections_max;
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(messages_max, asked));
}

namespace {

DerivedLimits Derive(const Config& config,
                     std::uint32_t cores,
                     std::uint64_t open_files,
                     bool any_scanners) {
  DerivedLimits derived;
  Limits& limits = derived.limits;
  limits.shards =
      config.engine.shards != 0 ? config.engine.shards : std::clamp(cores, 1U, kShardsMax);
  limits.descriptors_available = open_files;

  const std::uint64_t fixed = kDescriptorsPerShard * limits.shards + kDescriptorsReserve;
  const std::uint64_t left = open_files > fixed ? open_files - fixed : 0;
  std::uint64_t messages = config.quota.messages_max;
  if (messages == 0) {
    messages = std::clamp(left / kMessagesShare, kMessagesDerivedMin, kMessagesDerivedMax);
    if (config.quota.sessions_max != 0)
      messages = std::min<std::uint64_t>(messages, config.quota.sessions_max);
  }
  const std::uint64_t connections =
      any_scanners ? messages : ScannerConnections(config, static_cast<std::uint32_t>(messages));
  std::uint64_t sessions = config.quota.sessions_max;
  if (sessions == 0) {
    const std::uint64_t rest = left > messages + connections ? left - messages - connections : 0;
    sessions = std::clamp(rest, messages, std::max(messages, kSessionsDerivedMax));
  }
  limits.messages_max = static_cast<std::uint32_t>(messages);
  limits.scanner_connections_max = static_cast<std::uint32_t>(connections);
  limits.sessions_max = static_cast<std::uint32_t>(sessions);
  limits.descriptors_needed = Needed(limits);
  if (limits.descriptors_needed > open_files) derived.error = TooFew(limits);
  return derived;
}

}  // namespace

DerivedLimits DeriveLimits(const Config& config, std::uint32_t cores, std::uint64_t open_files) {
  if (config.program.has_file) {
    DerivedLimits derived = Derive(config, cores, open_files, true);
    if (derived.error.empty()) return derived;
  }
  return Derive(config, cores, open_files, false);
}

std::uint32_t UsableCores() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

std::uint64_t RaiseOpenFiles() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = limit.rlim_max;
  }
  return limit.rlim_cur;
}

std::string LimitsText(const Limits& limits) {
  const auto row = [](const char* name, std::uint64_t value) {
    return std::string(name) + ": " + std::to_string(value) + "\n";
  };
  return row("shards", limits.shards) + row("max_sessions", limits.sessions_max) +
         row("max_messages", limits.messages_max) +
         row("max_scanner_connections", limits.scanner_connections_max) +
         row("descriptors_needed", limits.descriptors_needed) +
         row("descriptors_available", limits.descriptors_available);
}

}  // namespace relay
