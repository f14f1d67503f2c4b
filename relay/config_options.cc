// The rows of the option table and the readers of their values.
//
// Wording of errors: the incumbent's ("negative X: -1", "X is not valid number: a"), then in
// brackets the option's names and what is allowed.
#include "relay/config_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

#include "relay/nearest_name.h"

namespace relay {
namespace {

constexpr std::size_t kHeaderNameMax = 100;
constexpr std::size_t kHeaderValueMax = 800;

std::string Allowed(const Option& option, std::string_view allowed) {
  return " (" + NamesOf(option) + ": " + std::string(allowed) + ")";
}

struct Range {
  std::string_view noun;
  std::uint64_t min;
  std::uint64_t max;
};

// Reads a decimal number into *to.
template <typename Integer>
std::string ReadNumber(const Option& option, std::string_view value, Range range, Integer* to) {
  const std::string noun(range.noun);
  const std::string allowed =
      Allowed(option, std::to_string(range.min) + " to " + std::to_string(range.max));
  const bool negative = value.starts_with('-');
  const std::string_view digits = negative ? value.substr(1) : value;
  std::uint64_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool overflow = result.ec == std::errc::result_out_of_range;
  if (digits.empty() || result.ptr != digits.data() + digits.size() ||
      (result.ec != std::errc() && !overflow)) {
    return noun + " is not valid number: " + std::string(value) + allowed;
  }
  if (negative) return "negative " + noun + ": " + std::string(value) + allowed;
  if (overflow || number > range.max)
    return noun + " is too large: " + std::string(value) + allowed;
  if (number < range.min) return noun + " is too small: " + std::string(value) + allowed;
  *to = static_cast<Integer>(number);
  return "";
}

std::string ReadSeconds(const Option& option, std::string_view value, Range range, Seconds* to) {
  std::int64_t seconds = 0;
  std::string error = ReadNumber(option, value, range, &seconds);
  if (error.empty()) *to = Seconds(seconds);
  return error;
}

constexpr auto kTimeoutMaxCount = static_cast<std::uint64_t>(kTimeoutMax.count());

std::string ReadText(const Option& option,
                     std::string_view value,
                     std::string_view noun,
                     std::string* to) {
  if (value.empty())
    return "empty " + std::string(noun) + Allowed(option, "a " + std::string(noun));
  *to = value;
  return "";
}

template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

template <typename Enum, std::size_t kCount>
std::string ReadChoice(const Option& option,
                       std::string_view value,
                       std::string_view noun,
                       const std::array<Choice<Enum>, kCount>& choices,
                       Enum* to) {
  std::string names;
  for (const auto& choice : choices) {
    if (choice.name == value) {
      *to = choice.value;
      return "";
    }
    names += (names.empty() ? "" : ", ") + std::string(choice.name);
  }
  return "unknown " + std::string(noun) + " '" + std::string(value) + "'" + Allowed(option, names);
}

std::string ReadMode(const Option& option, std::string_view value, ListenerConfig& listener) {
  std::uint32_t mode = 0;
  const auto result = std::from_chars(value.data(), value.data() + value.size(), mode, 8);
  if (value.empty() || result.ec != std::errc() || result.ptr != value.data() + value.size() ||
      mode == 0 || mode > 0777) {
    return "socket mode is not valid octal number: " + std::string(value) +
           Allowed(option, "1 to 777, such as 0660");
  }
  listener.socket_mode = mode;
  return "";
}

// USER[:GROUP]
std::string ReadOwner(const Option& option,
                      std::string_view value,
                      std::string* user,
                      std::string* group) {
  const std::size_t colon = value.find(':');
  const std::string_view name = value.substr(0, colon);
  const bool has_group = colon != std::string_view::npos;
  if (name.empty() || (has_group && colon + 1 == value.size())) {
    return "no user or group in '" + std::string(value) + "'" + Allowed(option, "USER[:GROUP]");
  }
  *user = name;
  if (has_group) *group = value.substr(colon + 1);
  return "";
}

std::string ReadHeader(const Option& option, std::string_view value, ListenerConfig& listener) {
  if (SplitHeader(value, &listener)) return "";
  return "not a header field: '" + std::string(value) + "'" +
         Allowed(option, "'Name: value' of printable ASCII on one line");
}

constexpr std::array<Choice<DeliveryCareOf>, 2> kDelivery{
    {{"client", DeliveryCareOf::kClient}, {"server", DeliveryCareOf::kServer}}};
constexpr std::array<Choice<IoChoice>, 4> kIo{{{"auto", IoChoice::kAuto},
                                               {"uring", IoChoice::kUring},
                                               {"uring-recv", IoChoice::kUringRecv},
                                               {"epoll", IoChoice::kEpoll}}};
constexpr std::array<Choice<engine::FileWork>, 3> kFileWork{{{"inline", engine::FileWork::kInline},
                                                             {"async", engine::FileWork::kAsync},
                                                             {"auto", engine::FileWork::kAuto}}};
constexpr std::array<Choice<LogAddresses>, 3> kAddresses{{{"full", LogAddresses::kFull},
                                                          {"domain", LogAddresses::kDomain},
                                                          {"none", LogAddresses::kNone}}};
constexpr std::array<Choice<DeleteHeader>, 2> kDelete{
    {{"all", DeleteHeader::kAll}, {"first", DeleteHeader::kFirst}}};
constexpr std::array<Choice<ReplyAt>, 3> kReplyAt{
    {{"none", ReplyAt::kNone}, {"data", ReplyAt::kData}, {"connect,data", ReplyAt::kConnectData}}};
constexpr std::array<Choice<ScannerKind>, 2> kScannerKind{
    {{"amavisd", ScannerKind::kAmavisd}, {"other", ScannerKind::kOther}}};
constexpr std::array<Choice<Newlines>, 2> kNewlines{
    {{"lf", Newlines::kLf}, {"crlf", Newlines::kCrlf}}};
constexpr std::array<Choice<SpliceChoice>, 3> kSplice{
    {{"on", SpliceChoice::kOn}, {"off", SpliceChoice::kOff}, {"auto", SpliceChoice::kAuto}}};
constexpr std::array<Choice<bool>, 2> kYesNo{{{"yes", true}, {"no", false}}};

using Text = std::string_view;
using Line = CommandLine;

// clang-format off
const std::array kOptions = {
    Option{'B', "daemon-name-bank", "", "Use daemon_name policy bank",
           [](const Option&, Text, Line& l) { l.config.listeners[0].daemon_name_bank = true; return std::string(); }},
    Option{'d', "debug-level", "LEVEL", "Set debug level (0 to 9)",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"debug level", 0, kDebugLevelMax}, &l.config.log.debug_level); }},
    Option{'D', "delivery-care-of", "client|server", "Delivery care of server or client",
           [](const Option& o, Text v, Line& l) {
             return ReadChoice(o, v, "delivery mechanism", kDelivery, &l.config.listeners[0].delivery_care_of); }},
    Option{'f', "foreground", "", "Run in the foreground, log to the terminal",
           [](const Option&, Text, Line& l) { l.config.program.foreground = true; return std::string(); }},
    Option{'h', "help", "", "Print this page",
           [](const Option&, Text, Line& l) { l.kind = Line::Kind::kHelp; return std::string(); }},
    Option{'m', "max-connections", "N", "Maximum amavisd connections (0: no limit)",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"maximum amavisd connections", 0, kScannerConnectionsMax},
                               &l.config.scanners[0].connections_max); }},
    Option{'M', "max-wait", "SEC", "Maximum wait for connection in seconds",
           [](const Option& o, Text v, Line& l) {
             return ReadSeconds(
                 o, v, {"maximum wait for connection", 0, kTimeoutMaxCount}, &l.config.queue.wait_max); }},
    Option{'p', "pid-file", "FILE", "Use this pid file",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "file name", &l.config.program.pid_file); }},
    Option{'P', "pass-on-failure", "", "When amavisd fails mail will be passed\nthrough unchecked",
           [](const Option&, Text, Line& l) { l.config.listeners[0].pass_on_failure = true; return std::string(); }},
    Option{'q', "backlog", "N", "Milter communication socket backlog",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"milter communication socket backlog", 0, kBacklogMax}, &l.config.listeners[0].backlog); }},
    Option{'s', "milter-socket", "SOCKET", "Milter communication socket: unix:/path, /path,\ninet:port@host, inet6:port@host",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "socket", &l.config.listeners[0].socket); }},
    Option{'S', "amavisd-socket", "SOCKET", "Amavisd communication socket, the same forms",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "socket", &l.config.scanners[0].socket); }},
    Option{'t', "milter-timeout", "SEC", "Milter connection timeout in seconds",
           [](const Option& o, Text v, Line& l) {
             return ReadSeconds(
                 o, v, {"milter connection timeout", 1, kTimeoutMaxCount}, &l.config.listeners[0].milter_timeout); }},
    Option{'T', "amavisd-timeout", "SEC", "Amavisd connection timeout in seconds",
           [](const Option& o, Text v, Line& l) {
             return ReadSeconds(
                 o, v, {"amavisd connection timeout", 1, kTimeoutMaxCount}, &l.config.scanners[0].scan_timeout); }},
    Option{'v', "version", "", "Report the version and exit",
           [](const Option&, Text, Line& l) { l.kind = Line::Kind::kVersion; return std::string(); }},
    Option{'w', "working-directory", "DIR", "Set the working directory",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "directory", &l.config.spool.directory); }},
    Option{0, "user", "USER[:GROUP]", "Run as this user; needed when started by root",
           [](const Option& o, Text v, Line& l) { return ReadOwner(o, v, &l.config.program.user, &l.config.program.group); }},
    Option{0, "socket-mode", "MODE", "Mode of the milter socket, octal (0660)",
           [](const Option& o, Text v, Line& l) { return ReadMode(o, v, l.config.listeners[0]); }},
    Option{0, "socket-owner", "USER[:GROUP]", "Owner of the milter socket",
           [](const Option& o, Text v, Line& l) {
             return ReadOwner(o, v, &l.config.listeners[0].socket_owner, &l.config.listeners[0].socket_group); }},
    Option{0, "socket-group", "GROUP", "Group of the milter socket",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "group", &l.config.listeners[0].socket_group); }},
    Option{0, "shards", "N", "Threads (0: one per core)",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"number of shards", 0, kShardsMax}, &l.config.engine.shards); }},
    Option{0, "io", "auto|uring|uring-recv|epoll", "How to wait for input",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "way of input", kIo, &l.config.engine.io); }},
    Option{0, "spool-writes", "inline|async|auto", "File work of the spool: in the shards, beside\nthem, or beside them while the disk stalls",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "way of file work", kFileWork, &l.config.spool.writes); }},
    Option{0, "log-addresses", "full|domain|none", "How much of mail addresses the log shows",
           [](const Option& o, Text v, Line& l) {
             return ReadChoice(o, v, "form of addresses", kAddresses, &l.config.log.addresses); }},
    Option{0, "metrics-socket", "SOCKET", "Serve metrics over HTTP here; off without it",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "socket", &l.config.metrics.socket); }},
    Option{0, "metrics-allow-remote", "", "Metrics on an address that other hosts reach",
           [](const Option&, Text, Line& l) { l.config.metrics.allow_remote = true; return std::string(); }},
    Option{0, "control-socket", "PATH|off", "Where millracectl asks (beside the pid file)",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "path", &l.config.control.socket); }},
    Option{0, "unscanned-header", "'NAME: VALUE'", "Mark mail that passes unscanned with this field",
           [](const Option& o, Text v, Line& l) { return ReadHeader(o, v, l.config.listeners[0]); }},
    Option{0, "delheader", "all|first", "Delete every occurrence of an X- field, or the\nfirst alone",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "way to delete", kDelete, &l.config.listeners[0].delete_header); }},
    Option{0, "request-macros", "yes|no", "Ask the mail server for the macros needed",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "answer", kYesNo, &l.config.listeners[0].request_macros); }},
    Option{0, "reply-at", "none|data|connect,data", "Where the mail server awaits an answer before\nthe end of a message",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "place to reply", kReplyAt, &l.config.listeners[0].reply_at); }},
    Option{0, "scanner-kind", "amavisd|other", "What the scanner is",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "scanner", kScannerKind, &l.config.scanners[0].kind); }},
    Option{0, "spool-newlines", "lf|crlf", "Line ends of the message file (crlf: not for\namavisd)",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "line end", kNewlines, &l.config.spool.newlines); }},
    Option{0, "spool-splice", "on|off|auto", "Bodies by splice(2), with crlf alone",
           [](const Option& o, Text v, Line& l) { return ReadChoice(o, v, "answer", kSplice, &l.config.spool.splice); }},
    Option{0, "answer-within", "SEC", "From end of message to verdict\n(0: 540 with Postfix, else 285)",
           [](const Option& o, Text v, Line& l) {
             return ReadSeconds(o, v, {"time to answer", 0, kTimeoutMaxCount}, &l.config.listeners[0].answer_within); }},
    Option{0, "orphan-limit", "SEC", "How long a request nobody waits for keeps its\nconnection",
           [](const Option& o, Text v, Line& l) {
             return ReadSeconds(o, v, {"orphan limit", 1, kTimeoutMaxCount}, &l.config.scanners[0].orphan_limit); }},
    Option{0, "max-sessions", "N", "Sessions at once (0: by limit of open files)",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"maximum sessions", 0, kSessionsMax}, &l.config.quota.sessions_max); }},
    Option{0, "max-messages", "N", "Messages in work at once (0: by limit of open\nfiles)",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"maximum messages", 0, kMessagesMax}, &l.config.quota.messages_max); }},
    Option{0, "max-recipients", "N", "Recipients of one message",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"maximum recipients", 1, kRecipientsMax}, &l.config.listeners[0].recipients_max); }},
    Option{0, "max-header-bytes", "N", "Header of one message, all fields",
           [](const Option& o, Text v, Line& l) {
             return ReadNumber(o, v, {"maximum header bytes", kHeaderBytesMin, kHeaderBytesMax},
                               &l.config.listeners[0].header_bytes_max); }},
    Option{0, "config", "FILE", "Read this file first; see millrace.toml(5)",
           [](const Option& o, Text v, Line& l) { return ReadText(o, v, "file name", &l.config_file); }},
    Option{0, "check-config", "", "Check file and options, print the derived limits,\nexit",
           [](const Option&, Text, Line& l) { l.kind = Line::Kind::kCheckConfig; return std::string(); }},
};
// clang-format on

}  // namespace

std::span<const Option> Options() {
  return kOptions;
}

std::string NamesOf(const Option& option) {
  std::string names = "--" + std::string(option.long_name);
  if (option.short_name != 0) names = std::string{'-', option.short_name} + ", " + names;
  return names;
}

bool SplitHeader(std::string_view field, ListenerConfig* listener) {
  const std::size_t colon = field.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon > kHeaderNameMax) return false;
  const std::string_view name = field.substr(0, colon);
  std::string_view text = field.substr(colon + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; }) ||
      !std::all_of(text.begin(), text.end(), printable) || text.empty() ||
      text.size() > kHeaderValueMax) {
    return false;
  }
  listener->unscanned_header_name = name;
  listener->unscanned_header_value = text;
  return true;
}

std::string_view NearestOption(std::string_view name) {
  std::array<std::string_view, kOptions.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = kOptions[i].long_name;
  return NearestName(name, names);
}

}  // namespace relay
