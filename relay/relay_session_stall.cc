// A session while its spool works asynchronously: what is waited for, for how long, and what
// follows.
//
//   DATA, no slot at hand --> kSlot ---slot--> CONTINUE, the held commands
//                               '---5 s, refused--> 451 to DATA, the held commands
//   OnTurnEnd --> kWrite, paused ---written--> reading again        5 s: the message is given up
//   end of message --> kWrite ---> kSeal ---> StartScan             answer_within: 451
//
// OnSlot() and OnFileWork() come from the loop's turn, outside any callback of a socket: the
// shard's writer and its buffer of replies are free then.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "engine/base/check.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"

namespace relay {

using engine::Time;

void SpoolWait::OnSlot(engine::SpoolSlot* slot, engine::SpoolRefusal why) noexcept {
  timer.session->OnSlot(slot, why);
}

void SpoolWait::OnFileWork(int error) noexcept {
  timer.session->OnFileWork(error);
}

void RelaySession::BeginWait(SpoolWait::For what) noexcept {
  SpoolWait& wait = message_->spool_wait;
  ENGINE_CHECK(wait.what == SpoolWait::For::kNothing);
  wait.what = what;
  wait.timer.session = this;
  wait.timer.fire = [](engine::Timer& timer, Time) noexcept {
    static_cast<SpoolWait::WaitTimer&>(timer).session->OnStalled();
  };
  const bool ended = message_->state == MessageState::kScanning;
  shard_.loop().Set(wait.timer, ended ? AnswerBy() : shard_.loop().now() + kStallWithin);
  if (ended) return;  // nothing more of this message comes; an abort may
  shard_.counters().Add(Count::kSessionsPaused);
  SetReading();
}

// Whatever is waited for is no longer; what is held stays.
SpoolWait::For RelaySession::EndWait() noexcept {
  SpoolWait& wait = message_->spool_wait;
  const SpoolWait::For what = wait.what;
  if (what == SpoolWait::For::kNothing) return what;
  wait.what = SpoolWait::For::kNothing;
  shard_.loop().Cancel(wait.timer);
  return what;
}

// The message ends, or is given up, before what it waits for has come.
void RelaySession::GiveUpWait() noexcept {
  SpoolWait& wait = message_->spool_wait;
  if (EndWait() != SpoolWait::For::kSlot) return;
  shard_.CancelSlotWait(wait);
  shard_.blocks().Give(wait.held);
  wait.held = {};
  wait.held_bytes = 0;
}

bool RelaySession::waits_for_slot() const noexcept {
  return message_ != nullptr && message_->spool_wait.what == SpoolWait::For::kSlot;
}

// Reading pauses: what comes is content that the disk does not take, or has to wait behind DATA.
bool RelaySession::waits_for_disk() const noexcept {
  return message_ != nullptr && message_->state != MessageState::kScanning &&
         message_->spool_wait.what != SpoolWait::For::kNothing;
}

// A mail server that does not read, or a disk that does not write: its commands wait.
void RelaySession::SetReading() noexcept {
  if (unsent_.empty() && !waits_for_disk()) {
    HintReading();
  } else {
    shard_.loop().SetReadMode(id_, engine::ReadMode::kPaused);
  }
}

Time RelaySession::AnswerWithin() const noexcept {
  const Time by_server = is_postfix_ ? kAnswerWithinPostfix : kAnswerWithinOthers;
  return listener().answer_within.count() > 0 ? listener().answer_within : by_server;
}

Time RelaySession::AnswerBy() const noexcept {
  return message_->content_end_at + AnswerWithin();
}

// DATA cannot be answered yet: nor can what has come behind it. False: the session is gone.
bool RelaySession::WaitForSlot() noexcept {
  shard_.counters().Add(Count::kSlotWaits);
  SpoolWait& wait = message_->spool_wait;
  BeginWait(SpoolWait::For::kSlot);
  const engine::Bytes unread = filter_.TakeUnread();
  if (unread.empty()) return true;
  wait.held = shard_.blocks().Take(unread.size());
  if (wait.held.empty()) {
    // No room to wait: refused now, and read on.
    GiveUpWait();
    shard_.GiveBack(message_->hold);
    SetReading();
    filter_.Feed(unread);
    return RefuseData(InternalRefusal("memory"));
  }
  std::memcpy(wait.held.data(), unread.data(), unread.size());
  wait.held_bytes = unread.size();
  return true;
}

void RelaySession::OnSlot(engine::SpoolSlot* slot, engine::SpoolRefusal why) noexcept {
  EndWait();
  if (slot == nullptr) {
    AnswerData(shard_.SlotRefused(why));
    return;
  }
  UseSlot(*slot);
  AnswerData({});
}

// The reply to DATA that had to wait (no text: CONTINUE), then the commands that came behind it.
void RelaySession::AnswerData(const Refusal& refusal) noexcept {
  if (!refusal.text.empty()) shard_.GiveBack(message_->hold);
  SpoolWait& wait = message_->spool_wait;
  const engine::Bytes held = wait.held;
  const std::size_t bytes = wait.held_bytes;
  wait.held = {};
  wait.held_bytes = 0;
  engine::BlockPool& blocks = shard_.blocks();
  if (refusal.text.empty() ? ReplyContinue() : RefuseData(refusal)) {
    SetReading();
    if (bytes == 0 || ReadEvents(held.first(bytes))) OnTurnEnd(id_);
  }
  blocks.Give(held);
}

// The turn's content goes to the file, now or asynchronously.
void RelaySession::EndWriting() noexcept {
  writing_ = false;
  const int error = shard_.writer().FlushOrSubmit(message_->spool_wait);
  if (error == EINPROGRESS) {
    shard_.counters().Add(Count::kWritesAsync);
    BeginWait(SpoolWait::For::kWrite);
  } else {
    Check(error);
  }
}

void RelaySession::OnFileWork(int error) noexcept {
  const SpoolWait::For what = EndWait();
  if (what == SpoolWait::For::kSeal) {
    Sealed(error);
    return;
  }
  Check(error);
  if (message_->state != MessageState::kScanning) {
    SetReading();
  } else if (const std::optional<Refusal> refusal = message_->sticky) {
    AnswerRefusal(*refusal, {});
  } else {
    SealMessage();
  }
}

// The file gets its exact length, then the scan begins. False: the session is gone.
bool RelaySession::SealMessage() noexcept {
  const int error = shard_.spool().Seal(*message_->slot, &message_->spool_wait);
  if (error != EINPROGRESS) return Sealed(error);
  BeginWait(SpoolWait::For::kSeal);
  return true;
}

bool RelaySession::Sealed(int error) noexcept {
  if (error == 0 && !message_->sticky) return StartScan();
  const Refusal refusal = message_->sticky.value_or(SpoolErrorRefusal(error));
  FailMessage(refusal, engine::SpoolFate::kDoubt);
  return AnswerRefusal(refusal, {});
}

// A wait has passed its limit.
void RelaySession::OnStalled() noexcept {
  if (!message_->sticky) shard_.counters().Add(Count::kMessagesStalled);
  const Refusal refusal = message_->sticky.value_or(StalledRefusal("spool disk stalled"));
  const SpoolWait::For what = EndWait();
  if (what == SpoolWait::For::kSlot) {
    shard_.CancelSlotWait(message_->spool_wait);
    AnswerData(refusal);
    return;
  }
  FailMessage(refusal, engine::SpoolFate::kDoubt);
  if (message_->state == MessageState::kScanning) {
    AnswerRefusal(refusal, {});
  } else {
    SetReading();
  }
}

}  // namespace relay
