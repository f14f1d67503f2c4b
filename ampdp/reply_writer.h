// Writes a reply as amavisd does; the other end of reply.h, for the built-in scanner and the tests.
//
//   version_server, log_id, setreply, then edits in their order, return_value, exit_code, empty
//   line; lines end in CR LF
//
// Source: amavisd 2.13 In/AMPDP.pm check_ampdp_policy(), Util.pm proto_encode(): fields are encoded
//         one by one and joined by one space, which stays when the last field is empty.
// Writes what it is given: also what amavisd never would (edits beside a reject).
// No sockets, no clock, no heap: the caller brings the room.
#ifndef MILLRACE_AMPDP_REPLY_WRITER_H_
#define MILLRACE_AMPDP_REPLY_WRITER_H_

#include <cstddef>
#include <span>

#include "ampdp/reply.h"

namespace ampdp {

// The exact number of bytes that WriteReply() writes. unknown_attributes and first_unknown are not
// written; version_server 0, an empty log_id and an absent setreply are left out.
[[nodiscard]] std::size_t ReplyBytes(const Reply& reply) noexcept;

// Writes the whole reply to the start of `to`, which must have room for ReplyBytes() (checked).
// exit_code follows from the verdict, as in amavisd. Returns the bytes written.
std::size_t WriteReply(const Reply& reply, std::span<char> to) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_REPLY_WRITER_H_
