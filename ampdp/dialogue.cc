// One function per event, each with every state; the diagram is in the header.
#include "ampdp/dialogue.h"

#include "engine/base/check.h"

namespace ampdp {

DialogueAction Dialogue::Start(std::size_t request_bytes) noexcept {
  ENGINE_CHECK(request_bytes > 0);
  switch (state_) {
    case DialogueState::kIdle:
      request_bytes_ = request_bytes;
      return Enter(DialogueState::kSending, DialogueAction::kSend);
    case DialogueState::kSending:
    case DialogueState::kWaiting:
    case DialogueState::kComplete: return Fail(DialogueFault::kError);
    case DialogueState::kFailed: return DialogueAction::kClose;
  }
  return DialogueAction::kClose;
}

DialogueAction Dialogue::OnWritable() noexcept {
  switch (state_) {
    case DialogueState::kSending: return DialogueAction::kSend;
    case DialogueState::kIdle:  // the connection stands, Start() follows
    case DialogueState::kWaiting:
    case DialogueState::kComplete: return DialogueAction::kNone;
    case DialogueState::kFailed: return DialogueAction::kClose;
  }
  return DialogueAction::kClose;
}

DialogueAction Dialogue::OnSent(std::size_t bytes) noexcept {
  switch (state_) {
    case DialogueState::kSending:
      ENGINE_CHECK(bytes <= request_bytes_ - sent_bytes_);
      sent_bytes_ += bytes;
      if (sent_bytes_ < request_bytes_) return DialogueAction::kNone;
      return Enter(DialogueState::kWaiting, DialogueAction::kNone);
    case DialogueState::kIdle:
    case DialogueState::kWaiting:
    case DialogueState::kComplete: return DialogueAction::kNone;
    case DialogueState::kFailed: return DialogueAction::kClose;
  }
  return DialogueAction::kClose;
}

DialogueAction Dialogue::OnBytes(std::span<const char> whole) noexcept {
  reply_begun_ = reply_begun_ || !whole.empty();
  switch (state_) {
    case DialogueState::kIdle:
    case DialogueState::kSending: return Fail(DialogueFault::kEarlyReply);
    case DialogueState::kWaiting:
      switch (reader_.Scan(whole)) {
        case BlockStatus::kNeedMore: return DialogueAction::kNone;
        case BlockStatus::kComplete:
          if (whole.size() > reader_.block_bytes()) return Fail(DialogueFault::kBytesAfterReply);
          return Enter(DialogueState::kComplete, DialogueAction::kParse);
        case BlockStatus::kBlockTooLong:
        case BlockStatus::kLineTooLong:
        case BlockStatus::kTooManyAttributes: return Fail(DialogueFault::kReplyLimit);
      }
      return Fail(DialogueFault::kError);
    case DialogueState::kComplete: return Fail(DialogueFault::kBytesAfterReply);
    case DialogueState::kFailed: return DialogueAction::kClose;
  }
  return DialogueAction::kClose;
}

DialogueAction Dialogue::OnEof() noexcept {
  switch (state_) {
    case DialogueState::kIdle:
    case DialogueState::kSending:
    case DialogueState::kWaiting: return Fail(DialogueFault::kGone);
    case DialogueState::kComplete: return DialogueAction::kNone;
    case DialogueState::kFailed: return DialogueAction::kClose;
  }
  return DialogueAction::kClose;
}

DialogueAction Dialogue::OnError() noexcept {
  switch (state_) {
    case DialogueState::kIdle:
    case DialogueState::kSending:
    case DialogueState::kWaiting: return Fail(DialogueFault::kError);
    case DialogueState::kComplete: return DialogueAction::kNone;  // the reply is whole: it counts
    case DialogueState::kFailed: return DialogueAction::kClose;
  }
  return DialogueAction::kClose;
}

void Dialogue::Reset() noexcept {
  reader_.Reset();
  request_bytes_ = 0;
  sent_bytes_ = 0;
  state_ = DialogueState::kIdle;
  fault_ = DialogueFault::kNone;
  reply_begun_ = false;
}

DialogueAction Dialogue::Enter(DialogueState state, DialogueAction action) noexcept {
  state_ = state;
  return action;
}

DialogueAction Dialogue::Fail(DialogueFault fault) noexcept {
  fault_ = fault;
  return Enter(DialogueState::kFailed, DialogueAction::kClose);
}

const char* DialogueStateText(DialogueState state) noexcept {
  switch (state) {
    case DialogueState::kIdle: return "idle";
    case DialogueState::kSending: return "sending";
    case DialogueState::kWaiting: return "waiting";
    case DialogueState::kComplete: return "complete";
    case DialogueState::kFailed: return "failed";
  }
  return "";
}

const char* DialogueFaultText(DialogueFault fault) noexcept {
  switch (fault) {
    case DialogueFault::kNone: return "no fault";
    case DialogueFault::kGone: return "closed before the whole reply";
    case DialogueFault::kError: return "connection failed";
    case DialogueFault::kEarlyReply: return "bytes before the request was out";
    case DialogueFault::kReplyLimit: return "reply over a limit";
    case DialogueFault::kBytesAfterReply: return "bytes after the reply";
  }
  return "";
}

}  // namespace ampdp
