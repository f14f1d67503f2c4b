// Splits a block into lines and lines into names and values; see the header.
#include "ampdp/line_cursor.h"

#include <cstring>

namespace ampdp {
namespace {

constexpr std::size_t kNone = SIZE_MAX;

// The offset of `wanted` in `text`, or kNone.
std::size_t Find(std::span<const char> text, char wanted) noexcept {
  if (text.empty()) return kNone;
  const void* found = std::memchr(text.data(), wanted, text.size());
  return found == nullptr ? kNone
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

LineStep LineCursor::Next() noexcept {
  line_start_ = next_start_;
  ++line_number_;
  name_ = {};
  value_ = {};
  const std::size_t length = Find(whole_.subspan(line_start_), '\n');
  if (length == kNone) return Fault(LineStep::kNoEmptyLine, whole_.size());
  std::size_t line_end = line_start_ + length;
  next_start_ = line_end + 1;
  if (line_end > line_start_ && whole_[line_end - 1] == '\r') --line_end;
  if (line_end > line_start_) return Split(line_end);
  column_ = 1;
  if (next_start_ == whole_.size()) return LineStep::kEnd;
  ++line_number_;
  return LineStep::kBytesAfterEnd;
}

LineStep LineCursor::Split(std::size_t line_end) noexcept {
  const std::span<char> line = whole_.subspan(line_start_, line_end - line_start_);
  const std::size_t equals = Find(line, '=');
  if (equals == kNone) return Fault(LineStep::kNoEquals, line_end);
  if (equals == 0) return Fault(LineStep::kNoName, line_start_);
  const Decoded name = DecodeInPlace(line.first(equals));
  if (!name.ok()) return Fault(LineStep::kBadEscape, line_start_ + name.bad_at);
  name_ = name.text;
  value_ = line.subspan(equals + 1);
  column_ = static_cast<std::uint32_t>(equals + 2);
  return LineStep::kLine;
}

LineStep LineCursor::Fault(LineStep step, std::size_t offset) noexcept {
  column_ = static_cast<std::uint32_t>(offset - line_start_ + 1);
  return step;
}

std::uint32_t LineCursor::ColumnOf(const char* at) const noexcept {
  return static_cast<std::uint32_t>(at - (whole_.data() + line_start_) + 1);
}

std::span<char> TakeField(std::span<char>* rest, bool* more) noexcept {
  const std::size_t space = Find(*rest, ' ');
  *more = space != kNone;
  const std::span<char> field = rest->first(*more ? space : rest->size());
  *rest = rest->subspan(*more ? space + 1 : rest->size());
  return field;
}

}  // namespace ampdp
