// Splits an mbox file into messages.
//
//   From erin@lab.test Tue Mar  3 08:05:09 2026     a From line: after an empty line, or the first
//   Subject: x                                      the message ...
//   >From here on                                   ... quoted: "From here on"
//                                                   the empty line before a From line is not its
//                                                   own
//   From ...
//
//   mboxrd   one ">" is taken off every line of the form >...>From
//   mboxo    off ">From " alone
// Content-Length is not believed: a wrong one would swallow messages. Source: the variants as
// described by their users; RFC 4155 for the From line.
// Sans-IO: octets in, cut anywhere; LF and CR LF both end a line, NULs and 8-bit octets are text.
// Limits: `bytes_max` octets a message; a longer one is passed over (kTooLarge). A line of
// more than 1,000 octets is no From line.
#ifndef MILLRACE_TOOLS_RECORD_MBOX_READER_H_
#define MILLRACE_TOOLS_RECORD_MBOX_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace record {

enum class MboxQuoting : std::uint8_t { kMboxrd, kMboxo };

struct MboxMessage {
  std::string from_line{};  // without its end
  std::string octets{};
};

enum class MboxResult : std::uint8_t {
  kNeedMore,
  kMessage,
  kTooLarge,  // one was left out; its From line is told
  kNotMbox,   // the first line is no From line; nothing comes any more
  kEnd,
};

class MboxReader {
 public:
  MboxReader(MboxQuoting quoting, std::size_t bytes_max)
      : quoting_(quoting), bytes_max_(bytes_max) {}

  // After kNeedMore.
  void Feed(std::string_view octets);
  // All has been fed.
  void End() { ended_ = true; }

  [[nodiscard]] MboxResult Next(MboxMessage* message);

 private:
  // True when the line begins the next message, so that the one before is whole.
  bool TakeLine(std::string_view line);
  void PassOverEndlessLine();
  void AppendToMessage(std::string_view line);
  MboxResult Finish(MboxMessage* message);

  MboxQuoting quoting_;
  std::size_t bytes_max_;
  std::string input_;
  std::size_t at_ = 0;
  std::size_t scanned_ = 0;  // no line end in the input from at_ to here
  std::string from_line_;
  std::string next_from_line_;
  std::string text_;
  std::string blank_;  // an empty line that may belong to the From line behind it
  bool in_message_ = false;
  bool too_large_ = false;
  bool not_mbox_ = false;
  bool ended_ = false;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_MBOX_READER_H_
