// Names of a message's outcome, in tables, reports and transaction files.
#ifndef MILLRACE_TOOLS_REPLAY_OUTCOME_TEXT_H_
#define MILLRACE_TOOLS_REPLAY_OUTCOME_TEXT_H_

#include "milter/mta_session.h"

namespace replay {

// "accepted", "rejected", ...; "none" for kNone. Static.
const char* OutcomeText(milter::Outcome outcome);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_OUTCOME_TEXT_H_
