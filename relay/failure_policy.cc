// Applies failure rules, and words the warnings about them.
#include "relay/failure_policy.h"

#include <utility>

namespace relay {
namespace {

constexpr std::string_view kTryAgain = ", please try again later";

// The enhanced codes of failure.h in both classes. RFC 3463: the parts behind the class stay.
constexpr std::pair<std::string_view, std::string_view> kEnhancedCodes[] = {{"4.3.0", "5.3.0"},
                                                                            {"4.3.1", "5.3.1"},
                                                                            {"4.3.2", "5.3.2"},
                                                                            {"4.3.4", "5.3.4"},
                                                                            {"4.5.3", "5.5.3"},
                                                                            {"4.6.0", "5.6.0"},
                                                                            {"4.7.1", "5.7.1"}};

// The refusal that failure.h words for one class of reply, in the other.
Refusal Turned(const Refusal& refusal, char reply_class) noexcept {
  const bool tempfail = reply_class == '4';
  if (refusal.code / 100 == reply_class - '0') return refusal;
  Refusal turned = refusal;
  // 452: RFC 5321 section 4.5.3.1.10 has it for too many recipients.
  turned.code = tempfail ? 452 : 554;
  turned.enhanced = tempfail ? "4.3.0" : "5.3.0";
  for (const auto& [four, five] : kEnhancedCodes) {
    if ((tempfail ? five : four) == refusal.enhanced) turned.enhanced = tempfail ? four : five;
  }
  if (!tempfail && turned.text.ends_with(kTryAgain)) turned.text.remove_suffix(kTryAgain.size());
  return turned;
}

std::string Sentence(FailureClass failure, FailureAction action, std::string_view what) {
  std::string text(FailureActionName(action));
  return text.append(" for ").append(FailureClassName(failure)).append(": ").append(what);
}

std::string_view AcceptWarning(FailureClass failure) noexcept {
  switch (failure) {
    case FailureClass::kUnreachable: return "mail passes unscanned while no scanner is reachable";
    case FailureClass::kScanFailed:
      return "mail passes unscanned when its scan fails, and a sender can cause that with a "
             "message that the scanner dies of";
    case FailureClass::kOverload:
      return "mail passes unscanned under overload, and whoever sends enough of it can cause that";
    case FailureClass::kPassing:
    case FailureClass::kMessageLimit: break;  // never accept
  }
  return {};
}

}  // namespace

FailureOptions FailureOptionsOf(const ListenerConfig& listener) {
  return {.rules = listener.failure_rules,
          .pass_on_failure = listener.pass_on_failure,
          .server_delivers = listener.delivery_care_of == DeliveryCareOf::kServer};
}

FailurePolicy::FailurePolicy(const FailureOptions& options)
    : server_delivers_(options.server_delivers) {
  for (const FailureClass failure : kFailureClasses) {
    const FailureRule& rule = options.rules.of(failure);
    Outcome& outcome = outcomes_[static_cast<std::size_t>(failure)];
    if (!CheckFailureRule(failure, rule, options.server_delivers).empty()) continue;
    const bool of_the_scan = failure == FailureClass::kUnreachable ||
                             (failure == FailureClass::kScanFailed && !options.server_delivers);
    outcome.action =
        options.pass_on_failure && of_the_scan ? FailureAction::kAccept : DefaultAction(failure);
    if (rule.action) outcome.action = *rule.action;
    outcome.reply = rule.reply;
  }
}

FailureDecision FailurePolicy::Decide(const Refusal& refusal,
                                      FailureStage stage,
                                      bool can_quarantine) const noexcept {
  FailureDecision decision;
  if (refusal.as_it_is) {
    decision.refusal = refusal;
    return decision;
  }
  const bool delivered = server_delivers_ && stage == FailureStage::kScanned;
  switch (delivered ? FailureAction::kTempfail : ActionOf(refusal.failure)) {
    case FailureAction::kTempfail: decision.refusal = Told(refusal, '4'); break;
    case FailureAction::kReject: decision.refusal = Told(refusal, '5'); break;
    case FailureAction::kAccept: decision.step = FailureStep::kPass; break;
    case FailureAction::kQuarantine:
      if (can_quarantine) {
        decision.step = FailureStep::kQuarantine;
      } else {
        decision.not_offered = true;
        decision.refusal = Told(refusal, '4');
      }
      break;
  }
  if (decision.step == FailureStep::kRefuse) return decision;
  decision.refusal = refusal;
  if (stage == FailureStage::kData || stage == FailureStage::kContent)
    decision.step = FailureStep::kGoOn;
  return decision;
}

Refusal FailurePolicy::Tempfail(const Refusal& refusal) const noexcept {
  return Told(refusal, '4');
}

Refusal FailurePolicy::Told(const Refusal& refusal, char reply_class) const noexcept {
  const Outcome& outcome = outcomes_[static_cast<std::size_t>(refusal.failure)];
  if (!outcome.reply || outcome.reply->enhanced.front() != reply_class)
    return Turned(refusal, reply_class);
  Refusal told = refusal;
  told.code = outcome.reply->code;
  told.enhanced = outcome.reply->enhanced;
  told.text = outcome.reply->text;
  return told;
}

std::vector<std::string> FailureWarnings(const FailureOptions& options) {
  std::vector<std::string> warnings;
  const FailurePolicy policy(options);
  if (options.pass_on_failure) {
    warnings.emplace_back(
        "-P: mail passes unscanned while amavisd fails, and a sender can cause that with a message "
        "that amavisd dies of");
    if (options.server_delivers) {
      warnings.emplace_back(
          "-P with -D server: passes only mail that amavisd cannot have seen; it may have "
          "delivered the rest already");
    }
  }
  for (const FailureClass failure : kFailureClasses) {
    // -P has said its own.
    if (!options.rules.of(failure).action) continue;
    const FailureAction action = policy.ActionOf(failure);
    if (action == FailureAction::kAccept) {
      warnings.push_back(Sentence(failure, action, AcceptWarning(failure)));
    } else if (action == FailureAction::kReject && failure != FailureClass::kMessageLimit) {
      warnings.push_back(Sentence(
          failure, action, "mail is returned to its senders for a failure that would have passed"));
    }
  }
  return warnings;
}

}  // namespace relay
