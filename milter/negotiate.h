// The option handshake, filter end: offer in, answer out.
//
//   version  = min(6, offered); below 2 is refused
//   actions  = wanted & offered (an offer of 0 means version 1's: 0x0F); a missing mandatory one
//   refuses protocol = wanted & offered (0 means 0x3F): a bit that was not offered is never asked
//   for, and
//              the command that it concerns is then answered packet by packet
// Macro lists follow the twelve bytes when SETSYMLIST was offered; EOH and EOM always both, because
// Sendmail uses the EOM list only when an EOH list came too.
// Source: libmilter/engine.c st_optionneg(); sendmail/milter.c milter_negotiate(); milter8.c.
// Deliberately absent: MDS sizes; 0x70000000 never shows up in our answer.
#ifndef MILLRACE_MILTER_NEGOTIATE_H_
#define MILLRACE_MILTER_NEGOTIATE_H_

#include <cstddef>
#include <cstdint>

#include "milter/macros.h"
#include "milter/wire.h"

namespace milter {

// What a listener asks for. One object for all its sessions; it must outlive them.
struct FilterOptions {
  Actions actions = kActAddHeaders | kActChangeHeaders | kActAddRcpt | kActDeleteRcpt |
                    kActQuarantine | kActAddRcptPar;
  // Negotiation fails when one of these is not offered. Default: what the incumbent needs.
  Actions required_actions = kActAddHeaders | kActChangeHeaders | kActAddRcpt | kActDeleteRcpt;
  // Default: verdicts at DATA and at end of message alone. Take kNoReplyConnect out to keep the
  // CONNECT reply.
  Protocol protocol = (kNoReplyAll & ~kNoReplyData) | kNoUnknown | kLeadingSpace;
  // nullptr leaves the macros to the mail server's configuration.
  const MacroLists* macro_lists = &kMacroListsWanted;
  std::uint32_t payload_bytes_max = kPayloadMaxBytes;  // a longer packet breaks the session
};

struct Offer {
  std::uint32_t version = 0;
  Actions actions = 0;
  Protocol protocol = 0;
};

// Also what was agreed on. `macro_lists` is nullptr when none are sent.
struct Answer {
  std::uint32_t version = 0;
  Actions actions = 0;
  Protocol protocol = 0;
  const MacroLists* macro_lists = nullptr;
};

enum class NegotiateResult : std::uint8_t { kAgreed, kVersionTooOld, kActionsNotOffered };

struct Negotiation {
  NegotiateResult result = NegotiateResult::kAgreed;
  Answer answer;                // valid when kAgreed
  Actions missing_actions = 0;  // kActionsNotOffered: the mandatory ones that were not offered
};

[[nodiscard]] Negotiation Negotiate(const Offer& offer, const FilterOptions& options) noexcept;

}  // namespace milter

#endif  // MILLRACE_MILTER_NEGOTIATE_H_
