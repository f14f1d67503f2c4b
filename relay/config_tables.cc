// The rows of [[listener]], [[scanner]] and [[scanner_group]].
#include <algorithm>
#include <array>

#include "relay/config_keys.h"
#include "relay/config_options.h"
#include "relay/config_rows.h"

namespace relay {
namespace {

using enum OnReload;

constexpr std::array<std::string_view, 3> kReplyAt = {"none", "data", "connect,data"};
constexpr std::array<std::string_view, 2> kDelivery = {"client", "server"};
constexpr std::array<std::string_view, 2> kDelete = {"all", "first"};
constexpr std::array<std::string_view, 2> kKind = {"amavisd", "other"};

constexpr std::int64_t kDay = kTimeoutMax.count();

std::string SetHeader(const Key& key, const KeyValue& value, void* section) {
  auto& listener = *static_cast<ListenerConfig*>(section);
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && text->empty()) {
    listener.unscanned_header_name.clear();
    listener.unscanned_header_value.clear();
    return "";
  }
  if (text != nullptr && SplitHeader(*text, &listener)) return "";
  return (text != nullptr ? QuotedText(text->substr(0, 80)) : std::string("this value")) +
         " is not a header field (allowed: " + AllowedText(key) + ")";
}

std::string HeaderText(const Key&, const void* section) {
  const auto& listener = *static_cast<const ListenerConfig*>(section);
  if (listener.unscanned_header_name.empty()) return "\"\"";
  return QuotedText(listener.unscanned_header_name + ": " + listener.unscanned_header_value);
}

// clang-format off
constexpr std::array kListenerKeys = {
    Row<&ListenerConfig::name>("name", {.check = &CheckName}, kNow,
        "Its name in the log and in metrics; without one, its socket."),
    Row<&ListenerConfig::socket>("socket", {.check = &CheckSocket}, kSession,
        "Where the mail server connects; it is what a reload knows a listener by."),
    Row<&ListenerConfig::backlog>("backlog", {.max = kBacklogMax}, kSession,
        "Connections that wait to be accepted; 0: 4096, or the system's limit where that is lower."),
    Row<&ListenerConfig::socket_mode>("socket_mode", {}, kSession,
        "Mode of a Unix socket; without one 0660."),
    Row<&ListenerConfig::socket_owner>("socket_owner", {.check = &CheckNotEmpty}, kRestart,
        "Owner of a Unix socket; without one the user of the daemon."),
    Row<&ListenerConfig::socket_group>("socket_group", {.check = &CheckNotEmpty}, kRestart,
        "Group of a Unix socket; without one that of the daemon."),
    Row<&ListenerConfig::milter_timeout>("milter_timeout", {.min = 1, .max = kDay}, kNow,
        "The longest pause inside one packet before the content of a message."),
    Row<&ListenerConfig::answer_within>("answer_within", {.max = kDay}, kNow,
        "From the end of a message to its verdict; 0s: 540s with Postfix, else 285s."),
    Row<&ListenerConfig::reply_at>("reply_at", {.choices = kReplyAt}, kSession,
        "Where the mail server awaits an answer before the end of a message."),
    Row<&ListenerConfig::request_macros>("request_macros", {}, kSession,
        "Ask the mail server for the macros that are needed."),
    Row<&ListenerConfig::scanner_group>("scanner_group", {.check = &CheckName}, kNow,
        "The group of scanners that its messages go to; without one, the scanners without a group."),
    Row<&ListenerConfig::delivery_care_of>("delivery_care_of", {.choices = kDelivery}, kNow,
        "Who delivers: the mail server (client), or amavisd (server)."),
    Row<&ListenerConfig::daemon_name_bank>("daemon_name_bank", {}, kNow,
        "The macro {daemon_name} is the name of a policy bank."),
    Row<&ListenerConfig::policy_banks>("policy_banks", {.check = &CheckBankName}, kNow,
        "Policy banks that amavisd is told for each message, before all others."),
    Row<&ListenerConfig::pass_on_failure>("pass_on_failure", {}, kNow,
        "Mail passes unchecked when the scanner fails."),
    Key{Section::kListener, "unscanned_header", KeyType::kHeaderField, kNow,
        "Header field that marks mail which passes unscanned.", 0, 0, {}, nullptr, &SetHeader, &HeaderText},
    Row<&ListenerConfig::delete_header>("delete_header", {.choices = kDelete}, kNow,
        "Delete every occurrence of an X- field, or the first alone."),
    Row<&ListenerConfig::recipients_max>("recipients_max", {.min = 1, .max = kRecipientsMax}, kNow,
        "Recipients of one message."),
    Row<&ListenerConfig::header_bytes_max>("header_bytes_max",
        {.min = kHeaderBytesMin, .max = kHeaderBytesMax, .is_size = true}, kNow,
        "Header of one message, all fields."),
    Row<&ListenerConfig::message_bytes_max>("message_bytes_max", {.max = kSpoolBytesMax, .is_size = true}, kNow,
        "Header and body of one message; 0B: no limit but the mail server's. Over it: 552."),
    Row<&ListenerConfig::sessions_max>("sessions_max", {.max = kSessionsMax}, kNow,
        "Sessions at once of this listener; 0: no limit of its own."),
    Row<&ListenerConfig::messages_max>("messages_max", {.max = kMessagesMax}, kNow,
        "Messages in work at once of this listener; 0: no limit of its own."),
};

constexpr std::array kScannerKeys = {
    Row<&ScannerConfig::name>("name", {.check = &CheckName}, kNow,
        "Its name in metrics and millracectl; without one, its socket, which the log always tells."),
    Row<&ScannerConfig::group>("group", {.check = &CheckName}, kRestart,
        "The group that it belongs to; without one, that of the listeners that name none."),
    Row<&ScannerConfig::socket>("socket", {.check = &CheckSocket}, kNow,
        "Where it listens."),
    Row<&ScannerConfig::kind>("kind", {.choices = kKind}, kRestart,
        "amavisd, or another scanner that speaks AM.PDP."),
    Row<&ScannerConfig::connections_max>("connections_max", {.max = kScannerConnectionsMax}, kNow,
        "Connections to it at once; 0: no limit but messages_max."),
    Row<&ScannerConfig::learn_connections>("learn_connections", {}, kNow,
        "connections_max is learnt from refused connects and scan times, up to 256."),
    Row<&ScannerConfig::weight>("weight", {.min = 1, .max = ScannerConfig::kWeightMax}, kNow,
        "Its share of what its group has outstanding, beside the others' weights."),
    Row<&ScannerConfig::drain>("drain", {}, kNow,
        "It gets nothing new; what it has goes on."),
    Row<&ScannerConfig::scan_timeout>("scan_timeout", {.min = 1, .max = kDay}, kNow,
        "The longest time for its whole answer."),
    Row<&ScannerConfig::orphan_limit>("orphan_limit", {.min = 1, .max = kDay}, kNow,
        "How long a request that nobody waits for any more keeps its connection and its file."),
};

constexpr std::array kScannerGroupKeys = {
    Row<&ScannerGroupConfig::name>("name", {.check = &CheckName}, kNow,
        "The group, as its scanners name it."),
    Row<&ScannerGroupConfig::policy_banks>("policy_banks", {.check = &CheckBankName}, kNow,
        "Messages that amavisd is told one of these policy banks for go to this group."),
    Row<&ScannerGroupConfig::client_networks>("client_networks", {.check = &CheckNetwork}, kNow,
        "Messages of clients in one of these networks go to this group."),
};
// clang-format on

}  // namespace

std::span<const Key> ListenerKeys() {
  return kListenerKeys;
}

std::span<const Key> ScannerKeys() {
  return kScannerKeys;
}

std::span<const Key> ScannerGroupKeys() {
  return kScannerGroupKeys;
}

}  // namespace relay
