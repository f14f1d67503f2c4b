// The rows, by class.
#include "relay/failure_keys.h"

#include <algorithm>
#include <array>

#include "relay/config_rows.h"

namespace relay {
namespace {

using enum OnReload;

// Not written, which is not the same as the default written out: that is stronger than -P.
constexpr std::string_view kDefault = "default";
constexpr std::array<std::string_view, 5> kAllActions = {
    kDefault, "accept", "tempfail", "reject", "quarantine"};
constexpr std::array<std::string_view, 3> kRefusals = {kDefault, "tempfail", "reject"};

constexpr std::array<std::string_view, kFailureClassCount> kActionKeys = {
    "on_scanner_unreachable", "on_scan_failed", "on_overload", "on_internal", "on_message_limit"};
constexpr std::array<std::string_view, kFailureClassCount> kReplyKeys = {
    "scanner_unreachable_reply",
    "scan_failed_reply",
    "overload_reply",
    "internal_reply",
    "message_limit_reply"};

FailureClass ClassOf(const Key& key) noexcept {
  for (std::size_t i = 0; i < kFailureClassCount; ++i) {
    if (kActionKeys[i] == key.name || kReplyKeys[i] == key.name)
      return static_cast<FailureClass>(i);
  }
  return FailureClass::kPassing;
}

FailureRule& RuleOf(const Key& key, void* section) noexcept {
  return static_cast<ListenerConfig*>(section)->failure_rules.of(ClassOf(key));
}

std::string SetAction(const Key& key, const KeyValue& value, void* section) {
  std::int64_t place = 0;
  std::string error = ReadInteger(key, value, &place);
  if (!error.empty()) return error;
  RuleOf(key, section).action = ParseFailureAction(key.choices[static_cast<std::size_t>(place)]);
  return "";
}

std::string ActionText(const Key& key, const void* section) {
  const auto& rules = static_cast<const ListenerConfig*>(section)->failure_rules;
  const std::optional<FailureAction> action = rules.of(ClassOf(key)).action;
  return QuotedText(action ? FailureActionName(*action) : kDefault);
}

std::string CheckReply(std::string_view text) {
  std::string error;
  if (!text.empty()) static_cast<void>(ParseFailureReply(text, &error));
  return error;
}

std::string SetReply(const Key& key, const KeyValue& value, void* section) {
  std::string text;
  std::string error = ReadTextValue(key, value, &text);
  if (!error.empty()) return error;
  // Empty: none, the default's words.
  RuleOf(key, section).reply = ParseFailureReply(text, &error);
  return "";
}

std::string ReplyText(const Key& key, const void* section) {
  const auto& rules = static_cast<const ListenerConfig*>(section)->failure_rules;
  const std::optional<FailureReply>& reply = rules.of(ClassOf(key)).reply;
  if (!reply) return "\"\"";
  return QuotedText(std::to_string(reply->code) + " " + reply->enhanced + " " + reply->text);
}

constexpr Key ActionKey(FailureClass failure, std::string_view doc) {
  const bool may_pass = Allows(failure, FailureAction::kAccept);
  const std::span<const std::string_view> choices =
      may_pass ? std::span<const std::string_view>(kAllActions) : kRefusals;
  return {Section::kListener,
          kActionKeys[static_cast<std::size_t>(failure)],
          KeyType::kChoice,
          kNow,
          doc,
          0,
          0,
          choices,
          nullptr,
          &SetAction,
          &ActionText};
}

constexpr Key ReplyKey(FailureClass failure, std::string_view doc) {
  return {Section::kListener,
          kReplyKeys[static_cast<std::size_t>(failure)],
          KeyType::kText,
          kNow,
          doc,
          0,
          0,
          {},
          &CheckReply,
          &SetReply,
          &ReplyText};
}

// clang-format off
constexpr std::array kFailureKeys = {
    ActionKey(FailureClass::kUnreachable, "What is done with a message that no scanner took whole; default: tempfail, with pass_on_failure accept."),
    ActionKey(FailureClass::kScanFailed, "The same when the scanner timed out, broke off or answered nonsense; with delivery_care_of = \"server\" tempfail alone."),
    ActionKey(FailureClass::kOverload, "What is done when the queue is full, or the wait too long; default: tempfail."),
    ActionKey(FailureClass::kPassing, "What is done when the spool is full or stalls, or another limit that passes is hit; default: tempfail."),
    ActionKey(FailureClass::kMessageLimit, "What is done with a message of too many recipients or too large a header; default: reject."),
    ReplyKey(FailureClass::kUnreachable, "What is told instead of \"451 4.6.0 Content scanner malfunction\"; a code that fits the action."),
    ReplyKey(FailureClass::kScanFailed, "The same where the scan has failed."),
    ReplyKey(FailureClass::kOverload, "The same under overload."),
    ReplyKey(FailureClass::kPassing, "The same for the spool and other limits that pass."),
    ReplyKey(FailureClass::kMessageLimit, "The same for the limits of a message; with its default action a code from 500 to 599."),
};
// clang-format on

}  // namespace

std::span<const Key> FailureKeys() {
  return kFailureKeys;
}

std::string_view ActionKeyName(FailureClass failure) noexcept {
  return kActionKeys[static_cast<std::size_t>(failure)];
}

std::string FailureRulesFault(const ListenerConfig& listener) {
  const bool server_delivers = listener.delivery_care_of == DeliveryCareOf::kServer;
  for (const FailureClass failure : kFailureClasses) {
    const std::string fault =
        CheckFailureRule(failure, listener.failure_rules.of(failure), server_delivers);
    if (!fault.empty()) return std::string(ActionKeyName(failure)) + ": " + fault;
  }
  return "";
}

}  // namespace relay
