// A message that something went wrong with: refused, or let through unscanned where the operator
// said so (failure_policy.h).
//
//   DATA due       RefuseData() --refusal--> told at once; the transaction stays open
//   nothing due    Stick(), FailMessage() -> kept; the rest is read and dropped
//   verdict due    AnswerRefusal() --------> told, or PassUnscanned()
//
// A message that will pass goes through the same: DATA is answered CONTINUE, its fields are read
// for their names, its body is dropped here (the mail server has it), and its end is answered with
// the edits of unscanned_pass.h.
#include "engine/base/check.h"
#include "engine/base/scratch.h"
#include "milter/wire.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"
#include "relay/unscanned_pass.h"

namespace relay {
namespace {

// What people see beside a message that the mail server holds.
class QuarantineReason {
 public:
  explicit QuarantineReason(const Refusal& refusal) noexcept {
    Add("not scanned: ");
    Add(FailureClassName(refusal.failure));
    Add(", ");
    Add(refusal.reason);
  }
  std::string_view text() const noexcept { return {text_.data(), used_}; }

 private:
  void Add(std::string_view piece) noexcept {
    used_ += piece.copy(text_.data() + used_, text_.size() - used_);
  }

  engine::Scratch<char, 128> text_;
  std::size_t used_ = 0;
};

}  // namespace

FailureDecision RelaySession::Decide(const Refusal& refusal, FailureStage stage) const noexcept {
  const bool can_quarantine = (filter_.actions() & milter::kActQuarantine) != 0;
  return failure_policy().Decide(refusal, stage, can_quarantine);
}

const FailurePolicy& RelaySession::failure_policy() const noexcept {
  return listener().failure_policy;
}

bool RelaySession::passes_unscanned() const noexcept {
  return message_ != nullptr && message_->sticky && message_->sticky_passes;
}

// Told at the end of the message, where that is not refused for something else as well.
void RelaySession::Stick(const Refusal& refusal) noexcept {
  const FailureDecision decision = Decide(refusal, FailureStage::kContent);
  message_->Refuse(refusal, decision.step == FailureStep::kGoOn);
}

bool RelaySession::RefuseData(const Refusal& refusal) noexcept {
  const FailureDecision decision = Decide(refusal, FailureStage::kData);
  if (decision.step == FailureStep::kGoOn && message_ != nullptr) {
    message_->Refuse(refusal, true);
    if (passes_unscanned()) return ReplyContinue();
  }
  // The transaction stays open in the mail server: its client may try DATA again, or give up.
  shard_.counters().Add(Count::kRefusedAtData);
  CountRefusal(decision);
  shard_.Write(engine::Level::kNotice,
               shard_.Line("refused at DATA")
                   .Field("qid", MacroText(Macro::kQueueId))
                   .Field("client", text_.Get(SessionText::Field::kAddress))
                   .Field("class", FailureClassName(refusal.failure))
                   .Field("reason", refusal.reason)
                   .Field("code", decision.refusal.code));
  return ReplyRefusal(decision.refusal);
}

void RelaySession::CountRefusal(const FailureDecision& decision) noexcept {
  shard_.CountRefusal(decision.refusal, listener());
  if (decision.not_offered) shard_.counters().Add(Count::kQuarantineNotOffered);
}

void RelaySession::FailMessage(const Refusal& refusal, engine::SpoolFate fate) noexcept {
  if (message_ == nullptr) return;
  Stick(refusal);
  DropPipe();
  if (writing_) {
    shard_.writer().Abandon();
    writing_ = false;
  }
  if (message_->slot == nullptr) return;
  shard_.GiveSlotBack(*message_->slot, fate);
  message_->slot = nullptr;
  message_->slot_name = {};
  shard_.ForgetSpoolBytes(message_->hold);
  // Its file work will not be told any more; where the answer waits for it, that comes now.
  if (message_->spool_wait.what != SpoolWait::For::kNothing)
    shard_.loop().Set(message_->spool_wait.timer, shard_.loop().now());
}

// Answers a message whose end has come with a failure of ours. False: the session is gone.
bool RelaySession::AnswerRefusal(const Refusal& refusal, const ScanTimes& times) noexcept {
  const bool scanned = times.sent != engine::Time{};
  const FailureDecision decision =
      Decide(refusal, scanned ? FailureStage::kScanned : FailureStage::kEnd);
  if (decision.step == FailureStep::kPass || decision.step == FailureStep::kQuarantine)
    return PassUnscanned(decision, times);
  CountRefusal(decision);
  engine::LogLine line = shard_.Line("not scanned");
  line.Field("qid", MacroText(Macro::kQueueId))
      .Field("class", FailureClassName(refusal.failure))
      .Field("reason", refusal.reason)
      .Field("code", decision.refusal.code);
  if (decision.not_offered) line.Field("quarantine", "not offered by the mail server");
  shard_.Write(engine::Level::kNotice, line);
  Summarise(decision.refusal.code < 500 ? "failed-tempfail" : "failed-reject", times, nullptr, {});
  filter_.VerdictSent();
  EndMessage();
  if (!ReplyRefusal(decision.refusal) || !SendOut()) return false;
  SetDeadline();
  return true;
}

// The operator's word: the mail goes on, or into the hold queue; marked where a field for that is
// configured, and without what its sender wrote to look scanned. What goes wrong here is a failure
// of ours, whose class never passes.
bool RelaySession::PassUnscanned(const FailureDecision& decision, const ScanTimes& times) noexcept {
  const bool hold = decision.step == FailureStep::kQuarantine;
  const QuarantineReason reason(decision.refusal);
  UnscannedPass pass(*message_,
                     {.mark_name = listener().unscanned_header_name,
                      .mark_value = listener().unscanned_header_value,
                      .quarantine = hold ? reason.text() : std::string_view()});
  if (!pass.Prepare()) return AnswerRefusal(InternalRefusal("memory for the deletions"), times);
  milter::ReplyWriter counting({}, filter_.leading_space(), filter_.actions());
  pass.Write(counting);
  if (counting.needed() > kUnsentBytesMax) return AnswerRefusal(HeaderTooLargeRefusal(), times);
  const engine::Bytes block = shard_.blocks().Take(counting.needed());
  if (block.empty()) return AnswerRefusal(InternalRefusal("memory for the verdict"), times);
  milter::ReplyWriter writer(block, filter_.leading_space(), filter_.actions());
  if (!pass.Write(writer)) {
    shard_.Write(engine::Level::kWarning, shard_.Line("unscanned mail could not be marked"));
  }
  shard_.counters().Add(hold ? Count::kQuarantinedUnscanned : Count::kPassedUnscanned);
  shard_.CountFor(listener(), hold ? ListenerCount::kQuarantined : ListenerCount::kPassedUnscanned);
  shard_.Write(engine::Level::kNotice,
               shard_.Line(hold ? "quarantined unscanned" : "passed unscanned")
                   .Field("qid", MacroText(Macro::kQueueId))
                   .Field("class", FailureClassName(decision.refusal.failure))
                   .Field("reason", decision.refusal.reason));
  Summarise(hold ? "quarantined-unscanned" : "passed-unscanned", times, nullptr, {});
  return AnswerWith(block, writer.written());
}

}  // namespace relay
