// Line by line; an empty line is held until the next one shows what it was.
#include "tools/record/mbox_reader.h"

#include <utility>

namespace record {
namespace {

constexpr std::string_view kFrom = "From ";
// A longer line is none, whether its end has come or not: pieces must not decide.
constexpr std::size_t kFromLineBytesMax = 1000;

std::string_view WithoutEnd(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

void MboxReader::Feed(std::string_view octets) {
  input_.erase(0, at_);
  scanned_ -= at_;
  at_ = 0;
  input_.append(octets);
}

MboxResult MboxReader::Next(MboxMessage* message) {
  while (!not_mbox_) {
    const std::size_t end = input_.find('\n', scanned_);
    if (end == std::string::npos && !ended_) {
      scanned_ = input_.size();
      PassOverEndlessLine();
      return not_mbox_ ? MboxResult::kNotMbox : MboxResult::kNeedMore;
    }
    const std::size_t next = end == std::string::npos ? input_.size() : end + 1;
    if (next == at_) return in_message_ ? Finish(message) : MboxResult::kEnd;
    const std::string_view line = std::string_view(input_).substr(at_, next - at_);
    at_ = scanned_ = next;
    if (TakeLine(line)) return Finish(message);
  }
  return MboxResult::kNotMbox;
}

// A line without end may be as long as a message; what is more goes nowhere.
void MboxReader::PassOverEndlessLine() {
  const std::size_t bytes = input_.size() - at_;
  // A CR at its end would not count.
  const bool may_be_from = bytes <= kFromLineBytesMax + 1;
  if (!in_message_) {
    not_mbox_ = !may_be_from;
  } else if (bytes > bytes_max_ && !may_be_from) {
    too_large_ = true;
    text_.clear();
    blank_.clear();
    at_ = input_.size() - 1;
  }
}

bool MboxReader::TakeLine(std::string_view line) {
  const std::string_view text = WithoutEnd(line);
  const bool between = !in_message_ || !blank_.empty() || (text_.empty() && !too_large_);
  if (between && text.starts_with(kFrom) && text.size() <= kFromLineBytesMax) {
    next_from_line_ = text;
    if (in_message_) return true;
    from_line_ = std::exchange(next_from_line_, {});
    in_message_ = true;
    return false;
  }
  if (!in_message_) {
    not_mbox_ = !text.empty();
    return false;
  }
  if (!blank_.empty()) AppendToMessage(std::exchange(blank_, {}));
  if (text.empty()) {
    blank_ = line;
    return false;
  }
  const std::size_t quotes = text.find_first_not_of('>');
  const bool quoted = quotes != std::string_view::npos && quotes > 0 &&
                      text.substr(quotes).starts_with(kFrom) &&
                      (quoting_ == MboxQuoting::kMboxrd || quotes == 1);
  AppendToMessage(quoted ? line.substr(1) : line);
  return false;
}

void MboxReader::AppendToMessage(std::string_view line) {
  if (too_large_) return;
  if (text_.size() + line.size() > bytes_max_) {
    too_large_ = true;
    text_.clear();
    return;
  }
  text_.append(line);
}

MboxResult MboxReader::Finish(MboxMessage* message) {
  message->from_line = std::exchange(from_line_, {});
  message->octets = std::exchange(text_, {});
  from_line_ = std::exchange(next_from_line_, {});
  in_message_ = !from_line_.empty();
  blank_.clear();
  return std::exchange(too_large_, false) ? MboxResult::kTooLarge : MboxResult::kMessage;
}

}  // namespace record
