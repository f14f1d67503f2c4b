// Octets as the marks of a bundled transaction: <U+00e9> stands for the octet 0xe9.
//
// Text that must come back as it was, but whose place takes UTF-8 (or lines) alone, is written with
// marks: octets that are no UTF-8, and every "<" that would look like a mark's beginning.
// See tools/replay/transaction_set.h, which has the other marks (@EICAR@, @GTUBE@).
#ifndef MILLRACE_TOOLS_RECORD_MARKED_TEXT_H_
#define MILLRACE_TOOLS_RECORD_MARKED_TEXT_H_

#include <string>
#include <string_view>

namespace record {

// Well-formed UTF-8 without anything that looks like a mark of an octet.
bool IsUtf8WithoutMarks(std::string_view text);

// All octets above 0x7f, and "<" before "U+00", as marks.
std::string WithMarks(std::string_view text);
std::string WithoutMarks(std::string_view text);

// The text of a message: "<" before "U+00", and the "@" of @EICAR@ and its kin, as marks; nothing
// else, a file may hold any octet.
std::string WithMessageMarks(std::string_view text);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_MARKED_TEXT_H_
