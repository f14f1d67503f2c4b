// The rows of the single sections, and what the table says of itself.
#include "relay/config_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/check.h"
#include "relay/config_rows.h"
#include "relay/config_value.h"
#include "relay/failure_keys.h"
#include "relay/failure_rules.h"

namespace relay {
namespace {

using enum OnReload;

constexpr std::array<std::string_view, kSectionCount> kSectionNames = {"program",
                                                                       "engine",
                                                                       "spool",
                                                                       "log",
                                                                       "quota",
                                                                       "queue",
                                                                       "metrics",
                                                                       "control",
                                                                       "listener",
                                                                       "scanner",
                                                                       "scanner_group"};

constexpr std::array<std::string_view, kSectionCount> kSectionDocs = {
    "The process.",
    "Threads, and how they wait.",
    "The files that messages are kept in while they are scanned.",
    "What the log tells.",
    "Limits of all listeners together.",
    "Messages that wait for a scanner.",
    "Figures for a monitoring system.",
    "The control socket.",
    "A socket that the mail server connects to, and what holds for its messages. There may be "
    "several.",
    "A scanner. There may be several: those that name the same group share its queue, and a "
    "message "
    "goes to the one of them with the least to do for its weight.",
    "What goes to a group of scanners whatever its listener says. Policy banks are looked at "
    "first, "
    "then networks, the longest first, then scanner_group of the listener.",
};

constexpr std::array<std::string_view, 4> kIo = {"auto", "uring", "uring-recv", "epoll"};
constexpr std::array<std::string_view, 3> kFileWork = {"inline", "async", "auto"};
constexpr std::array<std::string_view, 2> kNewlines = {"lf", "crlf"};
constexpr std::array<std::string_view, 3> kSplice = {"auto", "on", "off"};
constexpr std::array<std::string_view, 3> kAddresses = {"full", "domain", "none"};

constexpr std::array<std::string_view, 6> kQueueKeys = {
    "client-network", "auth-user", "policy-bank", "sender-domain", "listener", "none"};
constexpr std::array<std::string_view, 2> kTableFull = {"pass", "refuse"};

// What a mail server takes behind our code.
std::string CheckRefusalText(std::string_view text) {
  std::string error;
  if (!text.empty()) static_cast<void>(ParseFailureReply("451 4.7.1 " + std::string(text), &error));
  return error;
}

constexpr std::int64_t kDay = kTimeoutMax.count();

std::string SetMetricsMode(const Key& key, const KeyValue& value, void* section) {
  std::optional<std::uint32_t> mode;
  std::string error = ReadModeValue(key, value, &mode);
  if (error.empty()) static_cast<MetricsConfig*>(section)->socket_mode = *mode;
  return error;
}

std::string MetricsModeText(const Key&, const void* section) {
  return ModeText(static_cast<const MetricsConfig*>(section)->socket_mode);
}

std::string CheckControl(std::string_view text) {
  if (text == "off" || CheckPath(text).empty()) return "";
  return "is neither an absolute path nor \"off\"";
}

// clang-format off
constexpr std::array kSingleKeys = {
    Row<&ProgramConfig::pid_file>("pid_file", {.check = &CheckPath}, kRestart,
        "File of the process id, locked while the daemon runs."),
    Row<&ProgramConfig::user>("user", {.check = &CheckNotEmpty}, kRestart,
        "User to run as; needed when root starts the daemon."),
    Row<&ProgramConfig::group>("group", {.check = &CheckNotEmpty}, kRestart,
        "Group to run as; without it the user's own."),

    Row<&EngineConfig::shards>("shards", {.max = kShardsMax}, kRestart,
        "Threads that serve; 0: one for each core that the process may run on."),
    Row<&EngineConfig::io>("io", {.choices = kIo}, kRestart,
        "How to wait for input."),

    Row<&SpoolConfig::directory>("directory", {.check = &CheckPath}, kRestart,
        "Where messages are kept while they are scanned."),
    Row<&SpoolConfig::writes>("writes", {.choices = kFileWork}, kRestart,
        "File work in the threads that serve, beside them, or beside them while the disk stalls."),
    Row<&SpoolConfig::newlines>("newlines", {.choices = kNewlines}, kRestart,
        "Line ends of the file that the scanner reads; crlf is not for amavisd."),
    Row<&SpoolConfig::splice>("splice", {.choices = kSplice}, kRestart,
        "Bodies by splice(2), with newlines = \"crlf\" alone."),

    Row<&SpoolConfig::bytes_free_min>("bytes_free_min", {.max = kSpoolBytesMax, .is_size = true}, kRestart,
        "Bytes that must be free on its file system for a new message."),
    Row<&SpoolConfig::inodes_free_min>("inodes_free_min", {.max = kSpoolInodesMax}, kRestart,
        "Inodes that must be free there for a new message."),
    Row<&SpoolConfig::bytes_used_max>("bytes_used_max", {.max = kSpoolBytesMax, .is_size = true}, kNow,
        "Content of all messages in work; 0B: no limit but what must stay free."),

    Row<&LogConfig::debug_level>("debug_level", {.max = kDebugLevelMax}, kNow,
        "What the log tells beyond the line for each message."),
    Row<&LogConfig::addresses>("addresses", {.choices = kAddresses}, kNow,
        "How much of mail addresses the log shows."),

    Row<&QuotaConfig::sessions_max>("sessions_max", {.max = kSessionsMax}, kRestart,
        "Sessions at once, of all listeners; 0: by the limit of open files."),
    Row<&QuotaConfig::messages_max>("messages_max", {.max = kMessagesMax}, kRestart,
        "Messages in work at once, of all listeners; 0: by the limit of open files."),
    Row<&QuotaConfig::client_sessions_max>("client_sessions_max", {.max = kClientSessionsMax}, kNow,
        "Sessions at once of one client address; 0: no limit. Over it: 421 at CONNECT."),
    Row<&QuotaConfig::client_messages_max>("client_messages_max", {.max = kClientMessagesMax}, kNow,
        "Messages in work at once of one client address; 0: no limit. Over it: 451 4.7.1 at DATA."),
    Row<&QuotaConfig::network_sessions_max>("network_sessions_max", {.max = kClientSessionsMax}, kNow,
        "Sessions at once of one network; 0: no limit."),
    Row<&QuotaConfig::network_messages_max>("network_messages_max", {.max = kClientMessagesMax}, kNow,
        "Messages in work at once of one network; 0: no limit."),
    Row<&QuotaConfig::client_message_rate>("client_message_rate", {.max = kClientRateMax}, kNow,
        "Messages a minute of one client address; 0: no limit. Over it: 451 4.7.1 at DATA."),
    Row<&QuotaConfig::client_message_burst>("client_message_burst", {.max = kClientRateMax}, kNow,
        "Messages of one client address that may come at once; 0: as many as client_message_rate."),
    Row<&QuotaConfig::ipv4_prefix>("ipv4_prefix", {.max = 32}, kNow,
        "Bits of an IPv4 address that are its network."),
    Row<&QuotaConfig::ipv6_prefix>("ipv6_prefix", {.max = 128}, kNow,
        "Bits of an IPv6 address that are its network."),
    Row<&QuotaConfig::exempt>("exempt", {.check = &CheckNetwork}, kNow,
        "Networks whose clients are not counted, besides loopback."),
    Row<&QuotaConfig::table_entries>("table_entries", {.min = kTableEntriesMin, .max = kTableEntriesMax}, kRestart,
        "Addresses and networks that are counted at once, rounded up to a power of two; 64 bytes each."),
    Row<&QuotaConfig::table_full>("table_full", {.choices = kTableFull}, kNow,
        "What happens to a client for whom that has no room: it is let pass without being counted, or refused."),
    Row<&QuotaConfig::refusal_text>("refusal_text", {.check = &CheckRefusalText}, kNow,
        "Text of the 451 4.7.1 for messages over a limit; without one, it names the limit."),

    Row<&QueueConfig::wait_max>("wait_max", {.max = kDay}, kNow,
        "The longest wait of a message for its turn at a scanner."),
    Row<&QueueConfig::key>("key", {.choices = kQueueKeys}, kNow,
        "Between what scanner slots are shared fairly; none: one queue, first come first served."),
    Row<&QueueConfig::length_max>("length_max", {.min = 1, .max = kQueueLengthMax}, kNow,
        "Messages that wait for a scanner at once; one more gets 451 4.3.2."),
    Row<&QueueConfig::per_key_max>("per_key_max", {.max = kQueueLengthMax}, kNow,
        "Of these, with one key; 0: no limit of its own."),
    Row<&QueueConfig::known_networks>("known_networks", {.check = &CheckNetwork}, kNow,
        "Networks that have two turns where others have one; authenticated mail has four."),

    Row<&MetricsConfig::socket>("socket", {.check = &CheckSocket}, kRestart,
        "Where OpenMetrics are served over HTTP; without one they are not."),
    Key{Section::kMetrics, "socket_mode", KeyType::kMode, kRestart, "Mode of that socket, where it is a Unix socket.",
        0, 0, {}, nullptr, &SetMetricsMode, &MetricsModeText},
    Row<&MetricsConfig::allow_remote>("allow_remote", {}, kRestart,
        "Serve them to other hosts, too: there is no authentication."),

    Row<&ControlConfig::socket>("socket", {.check = &CheckControl}, kRestart,
        "The control socket, a path; \"off\": none; without one, beside the pid file."),
};
// clang-format on

std::vector<Key> AllKeys() {
  std::vector<Key> keys(kSingleKeys.begin(), kSingleKeys.end());
  for (const std::span<const Key> more :
       {ListenerKeys(), FailureKeys(), ScannerKeys(), ScannerGroupKeys()})
    keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

}  // namespace

std::string_view SectionName(Section section) noexcept {
  return kSectionNames[static_cast<std::size_t>(section)];
}

std::string_view SectionDoc(Section section) noexcept {
  return kSectionDocs[static_cast<std::size_t>(section)];
}

std::span<const Key> Keys() {
  static const std::vector<Key> kAll = AllKeys();
  return kAll;
}

const Key* FindKey(Section section, std::string_view name) {
  for (const Key& key : Keys()) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

std::size_t CountOf(const Config& config, Section section) noexcept {
  switch (section) {
    case Section::kListener: return config.listeners.size();
    case Section::kScanner: return config.scanners.size();
    case Section::kScannerGroup: return config.scanner_groups.size();
    default: return 1;
  }
}

const void* StructOf(const Config& config, Section section, std::size_t index) {
  ENGINE_CHECK(index < CountOf(config, section));
  switch (section) {
    case Section::kProgram: return &config.program;
    case Section::kEngine: return &config.engine;
    case Section::kSpool: return &config.spool;
    case Section::kLog: return &config.log;
    case Section::kQuota: return &config.quota;
    case Section::kQueue: return &config.queue;
    case Section::kMetrics: return &config.metrics;
    case Section::kControl: return &config.control;
    case Section::kListener: return &config.listeners[index];
    case Section::kScanner: return &config.scanners[index];
    case Section::kScannerGroup: return &config.scanner_groups[index];
  }
  return nullptr;
}

void* StructOf(Config& config, Section section, std::size_t index) {
  return const_cast<void*>(StructOf(std::as_const(config), section, index));
}

std::string AllowedText(const Key& key) {
  switch (key.type) {
    case KeyType::kFlag: return "true, false";
    case KeyType::kNumber: return std::to_string(key.min) + " to " + std::to_string(key.max);
    case KeyType::kTime: return TimeText(key.min) + " to " + TimeText(key.max);
    case KeyType::kSize: return SizeText(key.min) + " to " + SizeText(key.max);
    case KeyType::kMode: return "\"0001\" to \"0777\"";
    case KeyType::kHeaderField: return "\"Name: value\" of printable ASCII";
    case KeyType::kText:
    case KeyType::kNames: return "";
    case KeyType::kChoice: break;
  }
  std::string text;
  for (const std::string_view choice : key.choices)
    text += (text.empty() ? "\"" : ", \"") + std::string(choice) + "\"";
  return text;
}

std::string_view TypeText(KeyType type) noexcept {
  switch (type) {
    case KeyType::kFlag: return "true or false";
    case KeyType::kNumber: return "a number";
    case KeyType::kTime: return "a time such as \"90s\", \"5m\", \"1h\"";
    case KeyType::kSize: return "a size such as \"512B\", \"64KiB\", \"4MiB\"";
    case KeyType::kText: return "a text";
    case KeyType::kChoice: return "one of the choices";
    case KeyType::kMode: return "an octal mode in quotes such as \"0660\"";
    case KeyType::kHeaderField: return "a header field";
    case KeyType::kNames: return "a list of texts";
  }
  return "";
}

std::string_view OnReloadText(OnReload reload) noexcept {
  switch (reload) {
    case kNow: return "next message";
    case kSession: return "next session";
    case kRestart: return "restart";
  }
  return "";
}

}  // namespace relay
