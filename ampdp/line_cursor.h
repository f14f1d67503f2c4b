// Walks over the lines of a whole block of attributes and splits each at its "=".
//
//   name=value LF          name and value are spans of the caller's buffer, the value still encoded
//   empty line             ends the block; nothing may follow
//
// Source: amavisd 2.13 In/AMPDP.pm process_policy_request(): one CR before the LF is dropped, names
//         are encoded like values.
// Limits: those of the buffer; BlockReader (framing.h) has checked them. Used by ParseReply() and
// ParseRequest(); not for others.
#ifndef MILLRACE_AMPDP_LINE_CURSOR_H_
#define MILLRACE_AMPDP_LINE_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ampdp/attribute.h"

namespace ampdp {

enum class LineStep : std::uint8_t {
  kLine,           // name() and value() are set
  kEnd,            // the empty line, and nothing after it
  kNoEmptyLine,    // the buffer ends before the empty line
  kBytesAfterEnd,  // the buffer goes on after the empty line
  kNoEquals,
  kNoName,
  kBadEscape,  // in the name
};

class LineCursor {
 public:
  explicit LineCursor(std::span<char> whole) noexcept : whole_(whole) {}

  // Goes to the next line. Everything but kLine is final. column() then says where.
  [[nodiscard]] LineStep Next() noexcept;

  std::string_view name() const noexcept { return name_; }  // decoded
  std::span<char> value() const noexcept { return value_; }
  std::uint32_t line_number() const noexcept { return line_number_; }  // from 1
  std::uint32_t column() const noexcept { return column_; }  // of the fault, or of the value
  // The column of `at`, a position of this line's value as it was received.
  std::uint32_t ColumnOf(const char* at) const noexcept;

 private:
  LineStep Fault(LineStep step, std::size_t offset) noexcept;
  LineStep Split(std::size_t line_end) noexcept;

  std::span<char> whole_;
  std::size_t line_start_ = 0;
  std::size_t next_start_ = 0;
  std::string_view name_;
  std::span<char> value_;
  std::uint32_t line_number_ = 0;
  std::uint32_t column_ = 0;
};

// A field of a value: everything up to the first space, or all of it. Moves `rest` past the space.
// `*more` says whether there was one, so that an absent last field can be told from an empty one.
std::span<char> TakeField(std::span<char>* rest, bool* more) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_LINE_CURSOR_H_
