// One name per outcome; they are in files, so they stay.
#include "tools/replay/outcome_text.h"

namespace replay {

const char* OutcomeText(milter::Outcome outcome) {
  switch (outcome) {
    case milter::Outcome::kNone: return "none";
    case milter::Outcome::kAccepted: return "accepted";
    case milter::Outcome::kRejected: return "rejected";
    case milter::Outcome::kTempfailed: return "tempfailed";
    case milter::Outcome::kDiscarded: return "discarded";
  }
  return "";
}

}  // namespace replay
