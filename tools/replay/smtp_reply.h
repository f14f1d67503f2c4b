// An SMTP server's bytes, cut into replies, strictly.
//
//   250-mx.example.net CRLF        code, '-' when more lines follow, text
//   250 PIPELINING CRLF            code, ' ' (or nothing) in the last line
//
// Source: RFC 5321 4.2, 4.5.3.1.5. The second digit may be any: access maps and milters answer 571
// and the like. Octets above 127 are taken (RFC 6531); controls other than a tab are not.
// Limits: 2,048 octets a line with its end (the RFC has 512; milters' texts are longer), 100 lines.
// No sockets and no clock; it allocates (two strings, kept).
#ifndef MILLRACE_TOOLS_REPLAY_SMTP_REPLY_H_
#define MILLRACE_TOOLS_REPLAY_SMTP_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace replay {

inline constexpr std::size_t kReplyLineMaxBytes = 2048;  // with CRLF
inline constexpr std::size_t kReplyLinesMax = 100;

// What ended a session early. The first ones are the server's malformed replies.
enum class SmtpError : std::uint8_t {
  kNone,
  kReplyCode,      // a line that does not begin with a code from 200 to 599 and '-', ' ' or its end
  kReplyLineEnd,   // LF without CR, or CR without LF
  kReplyOctets,    // a control character
  kReplyLineLong,  // over kReplyLineMaxBytes
  kReplyLines,     // over kReplyLinesMax
  kCodesDiffer,    // within one reply
  kReplyNotDue,    // a reply, or the beginning of one, while none was awaited
  kWrongReply,     // a class of reply that the command cannot have: 250 to DATA, 354 to MAIL
  kServiceClosing,  // 421
  kClosed,          // the server closed the connection before the session was over
  kGreetingRefused,
  kHeloRefused,     // EHLO, and then HELO
  kXclientRefused,  // XCLIENT, or the client that it named
  kCommandText,     // the script's: a line break or NUL in a command, or a command too long
};

// For people: what happened, and where.
std::string_view SmtpErrorText(SmtpError error) noexcept;

struct SmtpReply {
  int code = 0;      // 200 to 599
  std::string text;  // all lines with their codes, CRLF between them and none at the end

  int kind() const noexcept { return code / 100; }  // 2 to 5
};

class SmtpReplyReader {
 public:
  enum class Result : std::uint8_t { kNeedMore, kReply, kError };

  // Takes octets from the front of `rest`, up to the end of the next reply. After kReply, reply()
  // holds until the next call; after kError, error() tells, and nothing more is to be read.
  [[nodiscard]] Result Next(std::string_view* rest);
  const SmtpReply& reply() const noexcept { return reply_; }
  SmtpError error() const noexcept { return error_; }
  // Octets of an unfinished reply have been taken.
  bool begun() const noexcept { return lines_ != 0 || !line_.empty(); }

 private:
  Result OnLine();
  Result Fail(SmtpError error) noexcept;

  std::string line_;
  SmtpReply reply_;
  std::size_t lines_ = 0;  // of the unfinished reply
  SmtpError error_ = SmtpError::kNone;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_SMTP_REPLY_H_
