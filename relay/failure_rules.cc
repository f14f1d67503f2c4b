// Names, replies and checks of failure rules.
#include "relay/failure_rules.h"

#include <algorithm>

namespace relay {
namespace {

bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// One to three digits.
bool IsSubject(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 3 && std::all_of(text.begin(), text.end(), IsDigit);
}

// "4.7.1", of class '4' or '5'.
bool IsEnhancedCode(std::string_view text) noexcept {
  const std::size_t dot = text.find('.', 2);
  return text.size() >= 5 && (text[0] == '4' || text[0] == '5') && text[1] == '.' &&
         dot != std::string_view::npos && IsSubject(text.substr(2, dot - 2)) &&
         IsSubject(text.substr(dot + 1));
}

bool IsPrintable(char c) noexcept {
  return c >= 0x20 && c <= 0x7e;
}

std::string FaultOf(std::string_view code, std::string_view enhanced, std::string_view text) {
  const bool is_code = code.size() == 3 && (code[0] == '4' || code[0] == '5') &&
                       std::all_of(code.begin(), code.end(), IsDigit);
  if (!is_code) return "needs the form \"451 4.7.1 text\", with a code from 400 to 599";
  if (code == "421" || code == "521") {
    return "has code " + std::string(code) + ", which would end the mail server's session; use " +
           (code == "421" ? "451" : "554");
  }
  if (!IsEnhancedCode(enhanced)) {
    return "needs the form \"451 4.7.1 text\": \"" + std::string(enhanced) +
           "\" is no enhanced status code";
  }
  if (enhanced[0] != code[0]) {
    return "has code " + std::string(code) + " and enhanced code " + std::string(enhanced) +
           ", which are not of one class";
  }
  if (text.empty()) return "has no text behind its codes";
  if (text.size() > FailureReply::kTextBytesMax) {
    return "has a text of " + std::to_string(text.size()) + " bytes; at most " +
           std::to_string(FailureReply::kTextBytesMax) + " are allowed";
  }
  if (!std::all_of(text.begin(), text.end(), IsPrintable)) return "has a text that is not ASCII";
  return {};
}

}  // namespace

std::string_view FailureActionName(FailureAction action) noexcept {
  switch (action) {
    case FailureAction::kTempfail: return "tempfail";
    case FailureAction::kReject: return "reject";
    case FailureAction::kAccept: return "accept";
    case FailureAction::kQuarantine: return "quarantine";
  }
  return "unknown";
}

std::optional<FailureAction> ParseFailureAction(std::string_view name) noexcept {
  for (const FailureAction action : kFailureActions) {
    if (FailureActionName(action) == name) return action;
  }
  return std::nullopt;
}

std::string AllowedActions(FailureClass failure) {
  std::string names;
  for (const FailureAction action : kFailureActions) {
    if (!Allows(failure, action)) continue;
    if (!names.empty()) names += ", ";
    names += FailureActionName(action);
  }
  return names;
}

std::optional<FailureReply> ParseFailureReply(std::string_view text, std::string* error) {
  const std::string_view code = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(code.size() + 1, text.size()));
  const std::string_view enhanced = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(enhanced.size() + 1, text.size()));
  *error = FaultOf(code, enhanced, text);
  if (!error->empty()) return std::nullopt;
  const int number = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  return FailureReply{.code = static_cast<std::uint16_t>(number),
                      .enhanced = std::string(enhanced),
                      .text = std::string(text)};
}

std::string CheckFailureRule(FailureClass failure, const FailureRule& rule, bool server_delivers) {
  const FailureAction action = rule.action.value_or(DefaultAction(failure));
  const std::string name(FailureActionName(action));
  if (!Allows(failure, action)) {
    return name + " is not allowed for " + std::string(FailureClassName(failure)) +
           "; allowed: " + AllowedActions(failure);
  }
  if (server_delivers && failure == FailureClass::kScanFailed &&
      action != FailureAction::kTempfail) {
    return name + " is not allowed with delivery in care of the server: the scanner may have " +
           "delivered before it failed; allowed: tempfail";
  }
  const int wanted = action == FailureAction::kReject ? 5 : 4;
  if (rule.reply && rule.reply->code / 100 != wanted) {
    return "reply " + std::to_string(rule.reply->code) + " does not fit " + name +
           ", which needs a code from " + std::to_string(wanted) + "00 to " +
           std::to_string(wanted) + "99";
  }
  return {};
}

}  // namespace relay
