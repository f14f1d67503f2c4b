// The option handshake, filter end.
#include "milter/negotiate.h"

#include <algorithm>

namespace milter {

Negotiation Negotiate(const Offer& offer, const FilterOptions& options) noexcept {
  Negotiation out;
  if (offer.version < kVersionMin) {
    out.result = NegotiateResult::kVersionTooOld;
    return out;
  }
  const Actions offered_actions = offer.actions == 0 ? kActionsVersion1 : offer.actions;
  const Protocol offered_protocol = offer.protocol == 0 ? kProtocolVersion1 : offer.protocol;
  out.missing_actions = options.required_actions & ~offered_actions;
  if (out.missing_actions != 0) {
    out.result = NegotiateResult::kActionsNotOffered;
    return out;
  }
  out.answer.version = std::min(offer.version, kVersionMax);
  out.answer.actions = (options.actions | options.required_actions) & offered_actions & kActionsAll;
  out.answer.actions &= ~kActMacroLists;
  out.answer.protocol = options.protocol & offered_protocol & kProtocolAll;
  if (options.macro_lists != nullptr && (offered_actions & kActMacroLists) != 0) {
    out.answer.actions |= kActMacroLists;
    out.answer.macro_lists = options.macro_lists;
  }
  return out;
}

}  // namespace milter
