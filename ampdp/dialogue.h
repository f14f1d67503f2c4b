// The client's end of one exchange with a scanner: request out, reply in, as a state machine.
//
//            Start            all sent              reply whole
//   kIdle ----------> kSending ----------> kWaiting ----------> kComplete
//                        |  ^ partial write    | bytes: kNeedMore     |
//                        |  '---'              |                      | bytes
//                        '------------+--------'----------------------'
//                                     v  EOF, error, early reply, limit, bytes after the reply
//                                  kFailed
//
// Who uses it does the reading and writing, and keeps both buffers. The two things that decide what
// a failure means are kept apart: whether the request had gone out whole (amavisd may be at work on
// it) and whether a byte of a reply had come.
// Source: amavisd 2.13 In/AMPDP.pm process_policy_request(): it answers after the empty line of the
//         request, never before; one request on one connection here, though it would take more.
// Limits: BlockLimits for the reply. Deadlines are the caller's: it treats one as an error event.
// No sockets, no clock, no heap.
#ifndef MILLRACE_AMPDP_DIALOGUE_H_
#define MILLRACE_AMPDP_DIALOGUE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ampdp/reply_reader.h"

namespace ampdp {

enum class DialogueState : std::uint8_t { kIdle, kSending, kWaiting, kComplete, kFailed };

// What the caller does next.
enum class DialogueAction : std::uint8_t {
  kNone,   // nothing: wait for an event
  kSend,   // write the request from sent_bytes() on, then OnSent()
  kParse,  // the reply is whole: ParseReply(), then close
  kClose,  // failed: close; fault() says why
};

enum class DialogueFault : std::uint8_t {
  kNone,
  kGone,             // end of stream
  kError,            // the connection broke, or the caller gave up
  kEarlyReply,       // bytes before the request was out
  kReplyLimit,       // reply().status() says which
  kBytesAfterReply,  // more bytes after the reply was whole
};

class Dialogue {
 public:
  explicit Dialogue(const ReplyLimits& limits = {}) noexcept : reader_(limits) {}

  // The connection stands and `request_bytes` (at least 1) wait to be sent. In kIdle only; anywhere
  // else the exchange fails with kError.
  DialogueAction Start(std::size_t request_bytes) noexcept;

  // The socket can take more.
  DialogueAction OnWritable() noexcept;

  // `bytes` more of the request (maybe 0: the socket was full) went out. Out of kSending: ignored.
  DialogueAction OnSent(std::size_t bytes) noexcept;

  // `whole` is everything received so far on this connection.
  DialogueAction OnBytes(std::span<const char> whole) noexcept;

  // End of stream. After a whole reply it is what one expects.
  DialogueAction OnEof() noexcept;

  // The connection broke or a deadline passed.
  DialogueAction OnError() noexcept;

  // Back to kIdle, for another connection.
  void Reset() noexcept;

  DialogueState state() const noexcept { return state_; }
  DialogueFault fault() const noexcept { return fault_; }
  const ReplyReader& reply() const noexcept { return reader_; }
  std::size_t sent_bytes() const noexcept { return sent_bytes_; }
  // True once the whole request went out: from here on amavisd may be at work on the message.
  bool request_whole() const noexcept {
    return request_bytes_ > 0 && sent_bytes_ == request_bytes_;
  }
  // True once a byte came from the scanner, whatever it was.
  bool reply_begun() const noexcept { return reply_begun_; }

 private:
  DialogueAction Enter(DialogueState state, DialogueAction action) noexcept;
  DialogueAction Fail(DialogueFault fault) noexcept;

  ReplyReader reader_;
  std::size_t request_bytes_ = 0;
  std::size_t sent_bytes_ = 0;
  DialogueState state_ = DialogueState::kIdle;
  DialogueFault fault_ = DialogueFault::kNone;
  bool reply_begun_ = false;
};

// "sending", ...: for log lines. Static.
[[nodiscard]] const char* DialogueStateText(DialogueState state) noexcept;
// "connection closed by scanner", ...: for log lines. Static.
[[nodiscard]] const char* DialogueFaultText(DialogueFault fault) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_DIALOGUE_H_
