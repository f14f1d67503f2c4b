// What the daemon was told to do: configuration file and command line, checked and with every
// default filled in.
//
// Flags, meanings and defaults of the short options are amavisd-milter's (its man page, section 8);
// every one has a long name as well, and the long-only options are ours. Paths default to what the
// build was configured with (MILLRACE_RUN_DIR, MILLRACE_WORK_DIR). Numbers are decimal, each with a
// range; the error names option, value, and what is allowed. Options win over the file of --config
// (relay/config_file.h); those of a listener or scanner are about the first one. Names are not
// resolved and nothing but that file is opened here: relay/startup does that.
#ifndef MILLRACE_RELAY_CONFIG_H_
#define MILLRACE_RELAY_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/units.h"
#include "engine/io/stall_governor.h"
#include "relay/failure_rules.h"

namespace relay {

using Seconds = std::chrono::seconds;

enum class IoChoice : std::uint8_t { kAuto, kUring, kUringRecv, kEpoll };
enum class DeliveryCareOf : std::uint8_t { kClient, kServer };
enum class LogAddresses : std::uint8_t { kFull, kDomain, kNone };
// kAll: a delheader for index 1 of an X- field takes every occurrence; kFirst: as asked, like the
// incumbent.
enum class DeleteHeader : std::uint8_t { kAll, kFirst };
// Where a mail server waits for an answer, besides the end of message. kNone: what is refused is
// told at end of message alone; kConnectData: at CONNECT too.
enum class ReplyAt : std::uint8_t { kNone, kData, kConnectData };
// What the scanner is, as the operator says: it decides what may be done to its files.
enum class ScannerKind : std::uint8_t { kAmavisd, kOther };
// Line ends of the spool file. kCrlf: bodies as they came, and CRLF wherever we write one.
enum class Newlines : std::uint8_t { kLf, kCrlf };
// Bodies by splice(2), under kCrlf. kAuto: where it was measured to cost less.
enum class SpliceChoice : std::uint8_t { kAuto, kOn, kOff };

// A client for which the table of clients has no room.
enum class TableFull : std::uint8_t { kPass, kRefuse };

// Whose messages wait behind each other for a scanner (relay/queue_place.h).
enum class QueueKey : std::uint8_t {
  kClientNetwork,
  kAuthUser,
  kPolicyBank,
  kSenderDomain,
  kListener,
  kNone,
};

// Ranges of the numbers, both ends allowed.
inline constexpr int kDebugLevelMax = 9;
inline constexpr int kBacklogMax = 65535;
inline constexpr Seconds kTimeoutMax{86400};
inline constexpr std::uint32_t kShardsMax = 256;
inline constexpr std::uint32_t kScannerConnectionsMax = 1'000'000;
inline constexpr std::uint32_t kSessionsMax = 1'000'000;
inline constexpr std::uint32_t kMessagesMax = 1'000'000;
inline constexpr std::uint32_t kQueueLengthMax = 1'000'000;
inline constexpr std::uint32_t kRecipientsMax = 1'000'000;
inline constexpr std::uint32_t kClientSessionsMax = 1'000'000;
inline constexpr std::uint32_t kClientMessagesMax = 100'000;
inline constexpr std::uint32_t kClientRateMax = 100'000;
inline constexpr std::uint32_t kTableEntriesMin = 1024;
inline constexpr std::uint32_t kTableEntriesMax = 1U << 24U;
inline constexpr std::int64_t kSpoolBytesMax = std::int64_t{1} << 50U;
inline constexpr std::int64_t kSpoolInodesMax = std::int64_t{1} << 40U;
inline constexpr std::uint32_t kHeaderBytesMin = 64 * 1024;
inline constexpr std::uint32_t kHeaderBytesMax = 64 * 1024 * 1024;
inline constexpr std::size_t kListenersMax = 32;
inline constexpr std::size_t kScannersMax = 64;
inline constexpr std::size_t kScannerGroupsMax = 16;
// Sets of settings in use at once: each lives as long as a session that has not begun a message
// since.
inline constexpr std::uint32_t kGenerationsMax = 256;

// Above what mail servers allow by themselves (Postfix: 1000 recipients; Sendmail: 32 KiB of
// header).
inline constexpr std::uint32_t kRecipientsDefault = 50'000;
inline constexpr std::uint32_t kQueueLengthDefault = 100'000;
inline constexpr std::uint32_t kHeaderBytesDefault = 4 * 1024 * 1024;

// [program]: the process. None of it changes without a restart.
struct ProgramConfig {
  std::string name;         // last part of argv[0]: "millrace" or "amavisd-milter"
  std::string pid_file;     // -p
  std::string user;         // --user=USER[:GROUP]; empty: stay who we are (never root)
  std::string group;        // the part after the colon; empty: the user's own group
  bool foreground = false;  // -f
  bool has_file = false;    // --config: a reload may change more than limits know of
};

// [engine]
struct EngineConfig {
  std::uint32_t shards = 0;  // --shards: threads, 0: one per core we may run on
  IoChoice io = IoChoice::kAuto;
};

// [spool]
struct SpoolConfig {
  std::string directory;  // -w: the working directory
  // --spool-writes: file work in the shards, or by operations beside them
  engine::FileWork writes = engine::FileWork::kAuto;
  Newlines newlines = Newlines::kLf;  // --spool-newlines; kCrlf: with ScannerKind::kOther alone
  SpliceChoice splice = SpliceChoice::kAuto;  // --spool-splice; kOn: with kCrlf alone
  // What must stay free for others on its file system: amavisd unpacks there, too.
  std::uint64_t bytes_free_min = 32 * engine::kMiB;
  std::uint64_t inodes_free_min = 1000;
  std::uint64_t bytes_used_max = 0;  // content of messages in work; 0: no limit
};

// [log]
struct LogConfig {
  int debug_level = 0;                           // -d 0..9
  LogAddresses addresses = LogAddresses::kFull;  // --log-addresses
};

// [quota]: of all listeners together.
struct QuotaConfig {
  // 0: derived from the limit of open files (relay/limits.h).
  std::uint32_t sessions_max = 0;  // --max-sessions
  std::uint32_t messages_max = 0;  // --max-messages: between DATA and verdict
  // Of one client address, of one network. 0: no limit.
  std::uint32_t client_sessions_max = 0;
  std::uint32_t client_messages_max = 0;
  std::uint32_t network_sessions_max = 0;
  std::uint32_t network_messages_max = 0;
  std::uint32_t client_message_rate = 0;   // a minute
  std::uint32_t client_message_burst = 0;  // at once; 0: as many as the rate allows in a minute
  std::uint32_t ipv4_prefix = 24;          // what a network is
  std::uint32_t ipv6_prefix = 64;
  std::vector<std::string> exempt;       // networks, besides loopback
  std::uint32_t table_entries = 65'536;  // rounded up to a power of two
  TableFull table_full = TableFull::kPass;
  std::string refusal_text;  // of messages, instead of the one that names the limit
};

// [queue]
struct QueueConfig {
  Seconds wait_max{300};                           // -M: for a scanner connection
  QueueKey key = QueueKey::kClientNetwork;         // between which slots are shared fairly
  std::uint32_t length_max = kQueueLengthDefault;  // of all who wait in one queue
  std::uint32_t per_key_max = 0;                   // with one key; 0: no bound of its own
  std::vector<std::string> known_networks;         // of the second class
};

// [metrics]: what relay/metrics_server.h serves, and where.
struct MetricsConfig {
  std::string socket;                // --metrics-socket; empty: no metrics
  std::uint32_t socket_mode = 0660;  // a Unix socket's only
  bool allow_remote = false;         // --metrics-allow-remote: an address that is not this host's
};

// [control]: relay/control_server.h
struct ControlConfig {
  std::string socket;  // --control-socket, a path; "off": none; empty: beside the pid file
};

// [[listener]]: one milter socket, and what holds for the messages that come by it.
struct ListenerConfig {
  std::string name;                          // in log lines and metrics; empty: the socket's text
  std::string socket;                        // -s, text form of engine/net/address.h
  int backlog = 0;                           // -q: of listen(2), 0: the system's own
  std::optional<std::uint32_t> socket_mode;  // --socket-mode, octal; a Unix socket's only
  std::string socket_owner;                  // --socket-owner, name or number; empty: unchanged
  std::string socket_group;                  // --socket-group
  Seconds milter_timeout{600};               // -t: between octets of a packet once begun
  Seconds answer_within{0};  // --answer-within: end of message to verdict; 0: by mail server
  ReplyAt reply_at = ReplyAt::kData;  // --reply-at: round trips of a message before its end
  bool request_macros = true;         // --request-macros: ask the mail server for what we need

  std::string scanner_group;                                  // empty: the scanners without one
  DeliveryCareOf delivery_care_of = DeliveryCareOf::kClient;  // -D
  bool daemon_name_bank = false;                              // -B: {daemon_name} is a policy bank
  std::vector<std::string> policy_banks;                      // told to the scanner before others
  bool pass_on_failure = false;                               // -P: unscanned mail passes
  FailureRules failure_rules;          // what is done about failures, by class
  std::string unscanned_header_name;   // --unscanned-header; empty: such mail is not marked
  std::string unscanned_header_value;  // without the space after the colon
  DeleteHeader delete_header = DeleteHeader::kAll;  // --delheader

  std::uint32_t recipients_max = kRecipientsDefault;     // --max-recipients: of one message
  std::uint32_t header_bytes_max = kHeaderBytesDefault;  // --max-header-bytes: of one message
  // 0: no limit.
  std::uint64_t message_bytes_max = 0;  // of one message, header and body
  std::uint32_t sessions_max = 0;       // at once, of this listener
  std::uint32_t messages_max = 0;       // between DATA and verdict
};

// [[scanner]]: one scanner.
struct ScannerConfig {
  static constexpr std::uint32_t kWeightMax = 1000;

  std::string name;    // in metrics; empty: the socket's text
  std::string group;   // whose slots it adds to; empty: of the listeners that name none
  std::string socket;  // -S, text form of engine/net/address.h
  ScannerKind kind = ScannerKind::kAmavisd;  // --scanner-kind
  std::uint32_t connections_max = 0;         // -m: at once, 0: unlimited (see relay/limits.h)
  Seconds scan_timeout{600};                 // -T: for the whole reply
  bool learn_connections = false;            // connections_max is learnt, from what it takes
  std::uint32_t weight = 1;                  // its share of what the group has outstanding
  bool drain = false;                        // it gets nothing new
  Seconds orphan_limit{500};                 // --orphan-limit: a request nobody waits for any more
};

// [[scanner_group]]: whose messages go to a group, whatever their listener says. The scanners of
// the group are those that name it.
struct ScannerGroupConfig {
  std::string name;                          // ScannerConfig::group
  std::vector<std::string> policy_banks;     // of messages that are sent with one of these
  std::vector<std::string> client_networks;  // of clients in one of these
};

// Flags fill the single ones, listeners[0] and scanners[0].
struct Config {
  ProgramConfig program;
  EngineConfig engine;
  SpoolConfig spool;
  LogConfig log;
  QuotaConfig quota;
  QueueConfig queue;
  MetricsConfig metrics;
  ControlConfig control;
  std::vector<ListenerConfig> listeners = std::vector<ListenerConfig>(1);  // never empty
  std::vector<ScannerConfig> scanners = std::vector<ScannerConfig>(1);     // never empty
  std::vector<ScannerGroupConfig> scanner_groups;
};

// What the command line asks for.
struct CommandLine {
  enum class Kind : std::uint8_t {
    kRun,
    kHelp,
    kVersion,
    kUsageError,
    kConfigError,
    kCheckConfig,
  };
  Kind kind = Kind::kRun;
  Config config;      // kRun and kCheckConfig: complete. Others: program.name alone is meaningful.
  std::string error;  // kUsageError: one line, without the program's name
  std::vector<std::string> config_errors;  // kConfigError: likewise, one for each
  std::vector<std::string> warnings;       // kRun and kCheckConfig: what works and may surprise
  std::string config_file;                 // --config, absolute; empty: none
};

inline constexpr int kExitUsage = 64;   // EX_USAGE of sysexits.h, as the incumbent
inline constexpr int kExitConfig = 78;  // EX_CONFIG: the file of --config
inline constexpr int kExitStart = 70;   // EX_SOFTWARE: any other failure to start, as the incumbent

// Never prints. argv must outlive the call only. `directory`: what a relative --config is below;
// empty: the current one.
CommandLine ParseCommandLine(int argc, const char* const* argv, const std::string& directory = "");

// What holds where nothing is said.
Config DefaultConfig(std::string_view program_name);

// What no single option or key can see, one line each; empty: nothing.
std::vector<std::string> Contradictions(const Config& config);

// The text of --help (and after the message of a usage error), and of --version; both end in a
// newline.
std::string UsageText(const std::string& program_name);
std::string VersionText(const std::string& program_name);

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_H_
