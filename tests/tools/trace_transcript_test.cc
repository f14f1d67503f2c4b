// Records to scripts: what is decoded plays again.
#include <gtest/gtest.h>

#include "tools/trace/transcript.h"

namespace trace {
namespace {

TEST(TraceTranscriptTest, OutcomesHaveNames) {
  EXPECT_STREQ(OutcomeText(milter::Outcome::kNone), "none");
  EXPECT_STREQ(OutcomeText(milter::Outcome::kAccepted), "accepted");
  EXPECT_STREQ(OutcomeText(milter::Outcome::kDiscarded), "discarded");
}

}  // namespace
}  // namespace trace
