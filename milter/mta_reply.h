// One reply of a filter, decoded as strictly as the strictest mail server would.
//
// Source: milter8.c milter8_event() (left-over data, reply text), sendmail/milter.c
// milter_process(), milter_reopen_df(), libmilter/smfi.c. Where Postfix and Sendmail
// differ, what either refuses is refused. For the mail server's end and the tools.
#ifndef MILLRACE_MILTER_MTA_REPLY_H_
#define MILLRACE_MILTER_MTA_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"
#include "milter/wire.h"

namespace milter {

// What the filter did wrong.
enum class MtaError : std::uint8_t {
  kNone,
  kReplyNotDue,  // a packet, or part of one, while no reply was awaited
  kLength,       // 0, or a payload over the limit
  kUnknownReply,
  kTrailingBytes,  // payload behind a reply that has none, or behind the last string
  kMalformed,      // strings without NUL, short numbers, empty names or addresses
  kWrongStage,     // an edit or PROGRESS outside end of message, SKIP outside the content ...
  kReplyText,      // a REPLYCODE that a mail server would not take
  kActionNotNegotiated,
  kNegotiation,  // more than was offered
  kMixedBody,    // another edit between two REPLBODY
};

std::string_view MtaErrorText(MtaError error) noexcept;

// Views into the payload. name/value: header name and value; an address and its arguments; value
// alone: reply text, quarantine reason, body bytes, the OPTNEG payload.
struct FilterReply {
  Reply kind = Reply::kContinue;
  std::uint32_t index = 0;
  std::string_view name;
  std::string_view value;
};

[[nodiscard]] MtaError ParseReply(std::uint8_t code,
                                  std::string_view payload,
                                  FilterReply* reply) noexcept;

// True for the text of a REPLYCODE (without its NUL) that Postfix, Sendmail and libmilter all take.
bool IsSoundReplyText(std::string_view text) noexcept;

// True for a reply that ends the wait for a command.
bool IsFinal(Reply reply) noexcept;

// Where the first packet of `bytes` ends.
enum class FrameResult : std::uint8_t { kNeedMore, kFrame, kBadLength };
struct Frame {
  FrameResult result = FrameResult::kNeedMore;
  std::uint8_t code = 0;
  std::string_view payload;
  std::size_t bytes = 0;  // of the whole packet
};
[[nodiscard]] Frame NextFrame(std::string_view bytes) noexcept;

}  // namespace milter

#endif  // MILLRACE_MILTER_MTA_REPLY_H_
