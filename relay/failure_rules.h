// What the operator may say about failures: per listener, for each class an action and a reply.
//
//   class (relay/failure.h)   default   may be set to
//   (a) scanner-unreachable   tempfail  accept, tempfail, reject, quarantine
//   (b) scan-failed           tempfail  the same; delivery_care_of = server: tempfail alone
//   (c) overload              tempfail  the same
//   (d) internal              tempfail  tempfail, reject
//   (e) message-limit         reject    tempfail, reject
//
// Nothing but its own action sets a class to accept, -P aside, which is the incumbent's word for
// (a) and (b). A failure of ours, (d) and (e), never lets a message pass.
//
// A reply is "451 4.7.1 text": RFC 5321 section 4.2, RFC 2034. Its class fits the action: 4 for
// tempfail (and for accept and quarantine, which fall back to it), 5 for reject. 421 and 521 would
// end the session. Pure: no descriptors, no clock. What is made of the rules: failure_policy.h.
#ifndef MILLRACE_RELAY_FAILURE_RULES_H_
#define MILLRACE_RELAY_FAILURE_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "relay/failure.h"

namespace relay {

// Accept: the message passes unscanned. Quarantine: so it does, into the mail server's hold queue.
enum class FailureAction : std::uint8_t { kTempfail, kReject, kAccept, kQuarantine };
inline constexpr std::array<FailureAction, 4> kFailureActions = {FailureAction::kAccept,
                                                                 FailureAction::kTempfail,
                                                                 FailureAction::kReject,
                                                                 FailureAction::kQuarantine};

inline constexpr std::array<FailureClass, kFailureClassCount> kFailureClasses = {
    FailureClass::kUnreachable,
    FailureClass::kScanFailed,
    FailureClass::kOverload,
    FailureClass::kPassing,
    FailureClass::kMessageLimit};

std::string_view FailureActionName(FailureAction action) noexcept;
std::optional<FailureAction> ParseFailureAction(std::string_view name) noexcept;

// By class alone; for (b) see also CheckFailureRule().
constexpr bool Allows(FailureClass failure, FailureAction action) noexcept {
  const bool refuses = action == FailureAction::kTempfail || action == FailureAction::kReject;
  return refuses || (failure != FailureClass::kPassing && failure != FailureClass::kMessageLimit);
}
// "accept, tempfail, reject, quarantine"
std::string AllowedActions(FailureClass failure);

constexpr FailureAction DefaultAction(FailureClass failure) noexcept {
  return failure == FailureClass::kMessageLimit ? FailureAction::kReject : FailureAction::kTempfail;
}

struct FailureReply {
  static constexpr std::size_t kTextBytesMax = 480;  // a reply line has 512 octets in all

  std::uint16_t code = 0;
  std::string enhanced;
  std::string text;  // printable ASCII, not empty
};

// "451 4.7.1 text", one blank between the parts. `*error` says what is wrong when nothing comes
// back.
std::optional<FailureReply> ParseFailureReply(std::string_view text, std::string* error);

// What the operator wrote for one class; what is not set has its default.
struct FailureRule {
  std::optional<FailureAction> action;
  std::optional<FailureReply> reply;
};

// Of one listener, by class.
struct FailureRules {
  FailureRule& of(FailureClass failure) noexcept {
    return rules[static_cast<std::size_t>(failure)];
  }
  const FailureRule& of(FailureClass failure) const noexcept {
    return rules[static_cast<std::size_t>(failure)];
  }
  std::array<FailureRule, kFailureClassCount> rules;
};

// Empty: the rule may stand. Else what is wrong with it and what is allowed, without the name of
// its key. `server_delivers`: delivery_care_of = server; amavisd may have delivered before it
// failed, so a message that it had whole can only be tried again.
std::string CheckFailureRule(FailureClass failure, const FailureRule& rule, bool server_delivers);

}  // namespace relay

#endif  // MILLRACE_RELAY_FAILURE_RULES_H_
