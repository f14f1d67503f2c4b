// What happens to a message when something fails: the rules of a listener, applied.
//
//   stage      what is known                     accept, quarantine       tempfail, reject
//   kData      the envelope; DATA is due         kGoOn: CONTINUE          kRefuse: told at DATA
//   kContent   some of it; nothing is due        kGoOn                    kRefuse: told at the end
//   kEnd       all; the verdict is due           kPass, kQuarantine       kRefuse: told now
//   kScanned   and a scanner has had it whole    the same                 kRefuse: told now
//
// kGoOn: the message is decided, and the mail server sends on. Its fields are read for their names,
// its content is dropped, and the end of message is answered. An ACCEPT at DATA would be cheaper,
// but at that stage no edit is possible: the mail would pass without its mark, with whatever its
// sender wrote to look scanned, and QUARANTINE is an error there for both mail servers (Sendmail
// closes, Postfix goes on to hold all later mail of the session).
//
// Quarantine where the mail server does not offer it is a temporary failure (`not_offered`).
// -P: accept for (a) and (b) where no rule says otherwise. Delivery in care of the server: from
// kScanned on all is a temporary failure, whatever else is set: the scanner may have delivered.
//
// Immutable, shared by all shards; a refusal that comes from it is valid as long as it is.
#ifndef MILLRACE_RELAY_FAILURE_POLICY_H_
#define MILLRACE_RELAY_FAILURE_POLICY_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/config.h"
#include "relay/failure_rules.h"

namespace relay {

struct FailureOptions {
  FailureRules rules;
  bool pass_on_failure = false;  // -P
  bool server_delivers = false;  // delivery_care_of = server
};

FailureOptions FailureOptionsOf(const ListenerConfig& listener);

enum class FailureStage : std::uint8_t { kData, kContent, kEnd, kScanned };

enum class FailureStep : std::uint8_t { kRefuse, kGoOn, kPass, kQuarantine };

struct FailureDecision {
  FailureStep step = FailureStep::kRefuse;
  bool not_offered = false;  // quarantine was wanted
  Refusal refusal;           // kRefuse: with the code and text to tell
};

class FailurePolicy {
 public:
  FailurePolicy() : FailurePolicy(FailureOptions{}) {}
  // Rules that CheckFailureRule() refuses are taken as their class' tempfail.
  explicit FailurePolicy(const FailureOptions& options);

  FailureAction ActionOf(FailureClass failure) const noexcept {
    return outcomes_[static_cast<std::size_t>(failure)].action;
  }

  // `can_quarantine`: the mail server has granted it.
  FailureDecision Decide(const Refusal& refusal,
                         FailureStage stage,
                         bool can_quarantine) const noexcept;

  // The refusal as a temporary failure, with the reply that is configured for one.
  Refusal Tempfail(const Refusal& refusal) const noexcept;

 private:
  struct Outcome {
    FailureAction action = FailureAction::kTempfail;
    std::optional<FailureReply> reply;  // fits the action
  };

  Refusal Told(const Refusal& refusal, char reply_class) const noexcept;

  std::array<Outcome, kFailureClassCount> outcomes_;
  bool server_delivers_ = false;
};

// What an operator should be told at start of rules that let mail pass unscanned, or return it.
std::vector<std::string> FailureWarnings(const FailureOptions& options);

}  // namespace relay

#endif  // MILLRACE_RELAY_FAILURE_POLICY_H_
