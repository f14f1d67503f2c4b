// Replies of an SMTP server, line by line.
#include "tools/replay/smtp_reply.h"

#include <algorithm>

namespace replay {
namespace {

constexpr std::size_t kCodeDigits = 3;

bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool IsControl(char c) noexcept {
  const auto octet = static_cast<unsigned char>(c);
  return (octet < 32 && c != '\t') || octet == 127;
}

// 0 when the line begins with none.
int CodeOf(std::string_view line) noexcept {
  if (line.size() < kCodeDigits || line[0] < '2' || line[0] > '5') return 0;
  if (!IsDigit(line[1]) || !IsDigit(line[2])) return 0;
  if (line.size() > kCodeDigits && line[kCodeDigits] != ' ' && line[kCodeDigits] != '-') return 0;
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

}  // namespace

std::string_view SmtpErrorText(SmtpError error) noexcept {
  switch (error) {
    case SmtpError::kNone: return "none";
    case SmtpError::kReplyCode: return "a reply line without a reply code";
    case SmtpError::kReplyLineEnd: return "a reply line that does not end with CR LF";
    case SmtpError::kReplyOctets: return "a control character in a reply";
    case SmtpError::kReplyLineLong: return "a reply line of more than 2048 octets";
    case SmtpError::kReplyLines: return "a reply of more than 100 lines";
    case SmtpError::kCodesDiffer: return "different codes in the lines of a reply";
    case SmtpError::kReplyNotDue: return "a reply that no command asked for";
    case SmtpError::kWrongReply: return "a reply that the command cannot have";
    case SmtpError::kServiceClosing: return "the server ended the session with 421";
    case SmtpError::kClosed: return "closed by the server";
    case SmtpError::kGreetingRefused: return "the server's greeting is a refusal";
    case SmtpError::kHeloRefused: return "the server refused EHLO and HELO";
    case SmtpError::kXclientRefused: return "the server refused XCLIENT, or the client it named";
    case SmtpError::kCommandText:
      return "the script has a line break or NUL in a command, or a command too long";
  }
  return "?";
}

SmtpReplyReader::Result SmtpReplyReader::Next(std::string_view* rest) {
  if (error_ != SmtpError::kNone) return Result::kError;
  if (lines_ == 0 && line_.empty()) reply_.text.clear();
  while (!rest->empty()) {
    const std::size_t end = rest->find('\n');
    const std::size_t taken = end == std::string_view::npos ? rest->size() : end + 1;
    if (line_.size() + taken > kReplyLineMaxBytes) return Fail(SmtpError::kReplyLineLong);
    line_ += rest->substr(0, taken);
    rest->remove_prefix(taken);
    if (end == std::string_view::npos) break;
    const Result result = OnLine();
    if (result != Result::kNeedMore) return result;
  }
  return Result::kNeedMore;
}

// line_ ends with LF.
SmtpReplyReader::Result SmtpReplyReader::OnLine() {
  std::string_view line = line_;
  line.remove_suffix(1);
  if (line.empty() || line.find('\r') != line.size() - 1) return Fail(SmtpError::kReplyLineEnd);
  line.remove_suffix(1);
  if (std::any_of(line.begin(), line.end(), IsControl)) return Fail(SmtpError::kReplyOctets);
  const int code = CodeOf(line);
  if (code == 0) return Fail(SmtpError::kReplyCode);
  if (lines_ == 0) {
    reply_.code = code;
  } else {
    if (code != reply_.code) return Fail(SmtpError::kCodesDiffer);
    reply_.text += "\r\n";
  }
  if (++lines_ > kReplyLinesMax) return Fail(SmtpError::kReplyLines);
  reply_.text += line;
  const bool more = line.size() > kCodeDigits && line[kCodeDigits] == '-';
  line_.clear();
  if (more) return Result::kNeedMore;
  lines_ = 0;
  return Result::kReply;
}

SmtpReplyReader::Result SmtpReplyReader::Fail(SmtpError error) noexcept {
  error_ = error;
  return Result::kError;
}

}  // namespace replay
