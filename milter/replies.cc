// Writes the filter's replies: cleaning, splitting, refusing.
#include "milter/replies.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace milter {
namespace {

constexpr std::size_t kReplyCodeDigits = 3;
constexpr std::uint32_t kHeaderIndexMax = 0x7FFFFFFF;  // mail servers read it as a signed number

bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool IsControl(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

// Length of "d.ddd.ddd" at the start of `text`, or 0.
std::size_t EnhancedCodeBytes(std::string_view text) noexcept {
  if (text.empty() || !(text[0] == '2' || text[0] == '4' || text[0] == '5')) return 0;
  std::size_t at = 1;
  for (int part = 0; part < 2; ++part) {
    if (at >= text.size() || text[at] != '.') return 0;
    ++at;
    std::size_t digits = 0;
    while (at < text.size() && IsDigit(text[at])) {
      ++at;
      ++digits;
    }
    if (digits == 0 || digits > 3) return 0;
  }
  const bool ends =
      at == text.size() || text[at] == ' ' || text[at] == '\t';  // a TAB is sent as a blank
  return ends ? at : 0;
}

bool IsHeaderName(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 33 && byte <= 126 && c != ':';
  });
}

bool IsSendableText(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), IsControl);
}

// Cuts reply text into lines: at line breaks, and where the escaped line would be too long.
class ReplyLines {
 public:
  ReplyLines(std::string_view text, std::size_t line_bytes_max) noexcept
      : rest_(text), line_bytes_max_(line_bytes_max) {
    while (!rest_.empty() && (rest_.back() == '\n' || rest_.back() == '\r'))
      rest_.remove_suffix(1);
  }

  std::string_view Next() noexcept {
    std::size_t bytes = 0;
    std::size_t end = 0;
    while (end < rest_.size() && rest_[end] != '\n' && rest_[end] != '\r') {
      bytes += rest_[end] == '%' ? 2 : 1;
      if (bytes > line_bytes_max_) break;
      ++end;
    }
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (rest_.starts_with("\r\n")) {
      rest_.remove_prefix(2);
    } else if (rest_.starts_with('\n') || rest_.starts_with('\r')) {
      rest_.remove_prefix(1);
    }
    return line;
  }

  bool done() const noexcept { return rest_.empty(); }

 private:
  std::string_view rest_;
  std::size_t line_bytes_max_;
};

struct CodePrefix {
  std::array<char, kReplyCodeDigits> digits;
  std::string_view enhanced;
  // "554 5.7.1 "
  std::size_t bytes() const noexcept {
    return digits.size() + 1 + (enhanced.empty() ? 0 : enhanced.size() + 1);
  }
};

void PutLine(PacketWriter& writer, const CodePrefix& prefix, std::string_view line, bool last) {
  writer.Put({prefix.digits.data(), prefix.digits.size()});
  writer.PutByte(last ? ' ' : '-');
  writer.Put(prefix.enhanced);
  if (!prefix.enhanced.empty() && !line.empty()) writer.PutByte(' ');
  for (const char c : line) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '%') {
      writer.Put("%%");
    } else if (c == '\t') {
      writer.PutByte(' ');
    } else {
      writer.PutByte(byte >= 0x20 && byte < 0x7F ? byte : '?');
    }
  }
  if (!last) writer.Put("\r\n");
}

bool LinesFitClass(const ReplyText& reply, ReplyLines lines, char reply_class) noexcept {
  if (!reply.enhanced.empty()) {
    return EnhancedCodeBytes(reply.enhanced) == reply.enhanced.size() &&
           reply.enhanced[0] == reply_class;
  }
  for (std::size_t count = 0; count < kReplyLinesMax && !lines.done(); ++count) {
    const std::string_view line = lines.Next();
    if (EnhancedCodeBytes(line) != 0 && line[0] != reply_class) return false;
  }
  return true;
}

constexpr std::string_view kBreaks("\0\r\n", 3);

// Octets before the first of kBreaks: a word at a time where none of its octets is below 0x0E, for
// values are long and breaks are few.
std::size_t BytesBeforeBreak(std::string_view value) noexcept {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t end = std::min(at + sizeof kOnes, value.size());
    std::uint64_t word = 0;  // the last ones, below a word, are looked at by themselves
    if (end - at == sizeof word) std::memcpy(&word, value.data() + at, sizeof word);
    if (((word - kOnes * 0x0E) & ~word & (kOnes * 0x80)) == 0) {
      at = end;
      continue;
    }
    for (; at < end; ++at) {
      if (value[at] == '\n' || value[at] == '\r' || value[at] == '\0') return at;
    }
  }
  return at;
}

std::string_view WithoutTrailingBreaks(std::string_view value) noexcept {
  const std::size_t last = value.find_last_not_of(kBreaks);
  return value.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// A line feed begins a folded line only if a blank or TAB follows; without one a TAB is put there,
// so that a value never begins a field of its own.
void PutHeaderValue(PacketWriter& writer, std::string_view value) noexcept {
  constexpr std::string_view kDropped("\0\r", 2);
  bool line_begins = false;
  while (!value.empty()) {
    if (kDropped.find(value.front()) != std::string_view::npos) {
      value.remove_prefix(1);
      continue;
    }
    if (line_begins && value.front() != ' ' && value.front() != '\t') writer.PutByte('\t');
    line_begins = value.front() == '\n';
    if (line_begins) {
      writer.PutByte('\n');
      value.remove_prefix(1);
      continue;
    }
    const std::size_t run = BytesBeforeBreak(value);
    writer.Put(value.substr(0, run));
    value.remove_prefix(run);
  }
}

}  // namespace

void ReplyWriter::Plain(Reply reply) noexcept {
  writer_.Begin(static_cast<std::uint8_t>(reply));
  writer_.End();
}

bool ReplyWriter::Allowed(Reply reply) const noexcept {
  return (ActionBit(reply) & ~actions_) == 0;
}

void ReplyWriter::Negotiate(const Answer& answer) noexcept {
  writer_.Begin(static_cast<std::uint8_t>(Reply::kNegotiate));
  writer_.PutU32(answer.version);
  writer_.PutU32(answer.actions);
  writer_.PutU32(answer.protocol);
  if (answer.macro_lists != nullptr) {
    constexpr auto kEom = static_cast<std::size_t>(MacroStage::kEndOfMessage);
    constexpr auto kEoh = static_cast<std::size_t>(MacroStage::kEndOfHeaders);
    MacroLists lists = *answer.macro_lists;
    if (lists[kEoh].empty()) lists[kEoh] = lists[kEom];
    if (lists[kEom].empty()) lists[kEom] = lists[kEoh];
    for (std::size_t stage = 0; stage < lists.size(); ++stage) {
      if (lists[stage].empty()) continue;
      writer_.PutU32(static_cast<std::uint32_t>(stage));
      writer_.PutString(lists[stage]);
    }
  }
  writer_.End();
}

bool ReplyWriter::ReplyCode(const ReplyText& reply) noexcept {
  if (reply.code < 400 || reply.code > 599) return false;
  const CodePrefix prefix{.digits = {static_cast<char>('0' + reply.code / 100),
                                     static_cast<char>('0' + reply.code / 10 % 10),
                                     static_cast<char>('0' + reply.code % 10)},
                          .enhanced = reply.enhanced};
  // Checked first: a long non-code as `enhanced` must not reach the subtraction below.
  if (!reply.enhanced.empty() && EnhancedCodeBytes(reply.enhanced) != reply.enhanced.size()) {
    return false;
  }
  ReplyLines lines(reply.text, kReplyLineMaxBytes - prefix.bytes());
  if (!LinesFitClass(reply, lines, prefix.digits[0])) return false;
  writer_.Begin(static_cast<std::uint8_t>(Reply::kReplyCode));
  for (std::size_t count = 1;; ++count) {
    const std::string_view line = lines.Next();
    const bool last = lines.done() || count == kReplyLinesMax;
    PutLine(writer_, prefix, line, last);
    if (last) break;
  }
  writer_.PutByte(0);
  return writer_.End();
}

bool ReplyWriter::Header(Reply reply,
                         std::uint32_t index,
                         std::string_view name,
                         std::string_view value) noexcept {
  if (!Allowed(reply) || !IsHeaderName(name) || index > kHeaderIndexMax) return false;
  value = WithoutTrailingBreaks(value);
  const bool deletes = reply == Reply::kChangeHeader && value.empty();
  writer_.Begin(static_cast<std::uint8_t>(reply));
  if (reply != Reply::kAddHeader) writer_.PutU32(index);
  writer_.PutString(name);
  if (leading_space_ && !deletes) writer_.PutByte(' ');
  PutHeaderValue(writer_, value);
  writer_.PutByte(0);
  return writer_.End();
}

bool ReplyWriter::AddHeader(std::string_view name, std::string_view value) noexcept {
  return Header(Reply::kAddHeader, 0, name, value);
}

bool ReplyWriter::InsertHeader(std::uint32_t index,
                               std::string_view name,
                               std::string_view value) noexcept {
  return Header(Reply::kInsertHeader, index, name, value);
}

bool ReplyWriter::ChangeHeader(std::uint32_t index,
                               std::string_view name,
                               std::string_view value) noexcept {
  return index != 0 && Header(Reply::kChangeHeader, index, name, value);
}

bool ReplyWriter::DeleteHeader(std::uint32_t index, std::string_view name) noexcept {
  return ChangeHeader(index, name, {});
}

bool ReplyWriter::Address(Reply reply,
                          std::string_view address,
                          std::string_view arguments) noexcept {
  if (!Allowed(reply) || address.empty()) return false;
  if (!IsSendableText(address) || !IsSendableText(arguments)) return false;
  writer_.Begin(static_cast<std::uint8_t>(reply));
  writer_.PutString(address);
  if (!arguments.empty()) writer_.PutString(arguments);
  return writer_.End();
}

bool ReplyWriter::AddRcpt(std::string_view address) noexcept {
  return Address(Reply::kAddRcpt, address, {});
}

bool ReplyWriter::AddRcptPar(std::string_view address, std::string_view arguments) noexcept {
  return Address(Reply::kAddRcptPar, address, arguments);
}

bool ReplyWriter::DelRcpt(std::string_view address) noexcept {
  return Address(Reply::kDeleteRcpt, address, {});
}

bool ReplyWriter::ChangeFrom(std::string_view address, std::string_view arguments) noexcept {
  return Address(Reply::kChangeFrom, address, arguments);
}

bool ReplyWriter::Quarantine(std::string_view reason) noexcept {
  if (!Allowed(Reply::kQuarantine) || reason.empty()) return false;
  writer_.Begin(static_cast<std::uint8_t>(Reply::kQuarantine));
  for (const char c : reason)
    writer_.PutByte(IsControl(c) ? ' ' : static_cast<std::uint8_t>(c));
  writer_.PutByte(0);
  return writer_.End();
}

bool ReplyWriter::ReplaceBody(engine::ConstBytes body) noexcept {
  if (!Allowed(Reply::kReplaceBody)) return false;
  std::string_view rest(reinterpret_cast<const char*>(body.data()), body.size());
  do {
    const std::string_view chunk = rest.substr(0, kBodyChunkMaxBytes);
    writer_.Begin(static_cast<std::uint8_t>(Reply::kReplaceBody));
    writer_.Put(chunk);
    writer_.End();
    rest.remove_prefix(chunk.size());
  } while (!rest.empty());
  return true;
}

}  // namespace milter
