// Reads a whole reply of amavisd: verdict, SMTP reply, and edits, or where exactly it is broken.
//
//   version_server=2 | log_id=L | setreply=R X T | edits ... | return_value=V | exit_code=N | empty
//
//   delrcpt=A  addrcpt=A             address as it was given in `recipient`
//   delheader=I N                    index (from 1, among fields of that name), name
//   chgheader=I N B  insheader=I N B index (insheader: 0 is the top), name, body
//   addheader=N B                    name, body
//   quarantine=T                     reason
//
// Source: amavisd 2.13 In/AMPDP.pm check_ampdp_policy(), Util.pm proto_encode(): each field is
//         encoded on its own (so a space inside one is %20), fields are joined by one space.
// Broken, each with its own ReplyFault: see there. A broken reply leaves nothing to apply.
// Passed on unjudged: every octet in a decoded value (NUL, CR, LF too), index 0 of delheader and
//         chgheader, a setreply whose class does not fit the verdict, addresses never asked about.
// No sockets, no clock, no heap: values are decoded inside the caller's buffer, the list of edits
// comes from the caller's arena.
#ifndef MILLRACE_AMPDP_REPLY_H_
#define MILLRACE_AMPDP_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/arena.h"

namespace ampdp {

// The highest version_server that we understand.
inline constexpr std::uint32_t kServerVersionMax = 2;

enum class Verdict : std::uint8_t { kContinue, kAccept, kReject, kDiscard, kTempfail };

enum class EditKind : std::uint8_t {
  kDelRcpt,     // value: address
  kAddRcpt,     // value: address
  kDelHeader,   // index, name
  kChgHeader,   // index, name, value; an empty value removes the field
  kInsHeader,   // index, name, value
  kAddHeader,   // name, value
  kQuarantine,  // value: reason
};

struct Edit {
  EditKind kind = EditKind::kDelRcpt;
  std::uint32_t index = 0;   // as sent; 0 for the kinds without one
  std::string_view name{};   // header field name; empty for the kinds without one
  std::string_view value{};  // decoded; may hold any octet
};

// The reply for the SMTP client as amavisd words it. Neither the class nor the form of `enhanced`
// has been checked; the text may have several lines (LF).
struct SetReply {
  bool present = false;
  std::uint16_t code = 0;       // three digits, 100 to 999
  std::string_view enhanced{};  // "5.7.0"; empty when left out
  std::string_view text{};
};

// Views point into the buffer given to ParseReply() and into its arena.
struct Reply {
  Verdict verdict = Verdict::kTempfail;
  std::uint32_t version_server = 0;  // 0: not sent
  std::string_view log_id{};         // empty: not sent; hostile until checked
  SetReply setreply{};               // the last one sent
  std::span<const Edit> edits{};     // in the order of the reply
  std::uint32_t unknown_attributes = 0;
  std::string_view first_unknown{};  // name of the first one, decoded; hostile
};

enum class ReplyFault : std::uint8_t {
  kNone,
  kNoEmptyLine,         // ends before the empty line
  kBytesAfterEnd,       // bytes after the empty line
  kNoEquals,            // a line without "="
  kNoName,              // a line that begins with "="
  kBadEscape,           // "%" without two hex digits
  kBadNumber,           // version_server is no number
  kVersionTooHigh,      // version_server above kServerVersionMax
  kBadReplyCode,        // setreply does not begin with three digits
  kBadIndex,            // index of a header edit is no number below 2^32
  kFieldMissing,        // an edit without its address, header name or reason
  kUnknownVerdict,      // return_value is none of the five
  kTwoVerdicts,         // a second return_value
  kNoVerdict,           // no return_value
  kEditsBesideVerdict,  // edits, and return_value is reject, discard or tempfail
  kReplaceBody,         // replacebody: announced by the protocol, supported by nobody
  kTooManyEdits,        // the arena has no room for the list of edits
};

// Where a reply is broken.
struct ReplyError {
  ReplyFault fault = ReplyFault::kNone;
  std::uint32_t line = 0;        // from 1; for faults of the whole reply the line where it ends
  std::uint32_t column = 0;      // byte in that line as it was received, from 1
  std::string_view attribute{};  // name of the attribute, static text; empty when not one of ours

  bool ok() const noexcept { return fault == ReplyFault::kNone; }
};

// Parses `whole`: everything that was received, whatever came after the empty line included (that
// is a fault, so do not cut it off). Decodes in place: `whole` is changed, and must live as long as
// `*reply`, as must the arena's content. On an error `*reply` holds nothing to use.
[[nodiscard]] ReplyError ParseReply(std::span<char> whole,
                                    engine::Arena& arena,
                                    Reply* reply) noexcept;

// What the fault is, as a phrase: "unknown return_value". Static.
[[nodiscard]] const char* ReplyFaultText(ReplyFault fault) noexcept;

// "line 7 column 14: unknown return_value (return_value)" for a log line; cut to the room that
// `to` has (kReplyErrorTextBytes always is enough). Holds nothing of the reply itself.
inline constexpr std::size_t kReplyErrorTextBytes = 128;
std::string_view ReplyErrorText(const ReplyError& error, std::span<char> to) noexcept;

// "continue", "accept", ...: the protocol's own words. Static.
[[nodiscard]] const char* VerdictText(Verdict verdict) noexcept;
// "delrcpt", "chgheader", ...: the protocol's own words. Static.
[[nodiscard]] const char* EditKindText(EditKind kind) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_REPLY_H_
