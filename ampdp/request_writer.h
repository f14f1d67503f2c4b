// Writes the request by which amavisd is asked to check one spooled message.
//
//   request=AM%2ePDP LF version_client=2 LF ... name=value LF ... LF LF
//
// Order:  request, version_client, queue_id, protocol_name, sender, recipient ..., tempdir,
//         tempdir_removed_by=client, mail_file, delivery_care_of, client_address, client_port,
//         client_name, helo_name, policy_bank: the incumbent's (amavisd-milter 1.7.2), with
//         version_client and client_port in addition.
// Values: every octet but [A-Za-z0-9_-] as %xx, lower-case hex, as the incumbent does; an octet
//         above 0x7f as itself (%c5), where the incumbent sends %ff.
// Source: amavisd 2.13 In/AMPDP.pm preprocess_policy_query(); request transcripts in
//         tests/golden/ampdp.
// Limits: none of its own; the caller's message limits bound every part.
// No sockets, no clock, no heap: the caller brings the room.
#ifndef MILLRACE_AMPDP_REQUEST_WRITER_H_
#define MILLRACE_AMPDP_REQUEST_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ampdp {

// Who delivers the message (and its copies to changed recipients): the mail server that asks
// (kClient), or amavisd itself (kServer).
enum class DeliveryCare : std::uint8_t { kClient, kServer };

// What version_client says; amavisd ignores it today.
inline constexpr std::uint32_t kClientVersion = 2;

// The facts of one message. Views stay the caller's and need to live only through the call.
// An empty view (client_port 0) means unknown: its attribute is left out.
struct Request {
  std::string_view queue_id{};
  std::string_view protocol_name{};
  // "<a@b>", "<>" for the null sender. Brackets are put around an address that has none.
  std::string_view sender{};
  // In the order of the envelope; brackets as for the sender, an empty one becomes "<>".
  std::span<const std::string_view> recipients{};
  // The message's folder; empty: amavisd makes its own and leaves mail_file alone.
  std::string_view tempdir{};
  std::string_view mail_file{};
  DeliveryCare delivery_care_of = DeliveryCare::kClient;
  std::string_view client_address{};  // "192.0.2.1", "IPv6:2001:db8::1"
  std::uint16_t client_port = 0;
  std::string_view client_name{};
  std::string_view helo_name{};
  std::string_view policy_bank{};  // comma-separated names
};

// The exact number of bytes that WriteRequest() writes for `request`.
[[nodiscard]] std::size_t RequestBytes(const Request& request) noexcept;

// Writes the whole request with its empty line to the start of `to`, which must have room for
// RequestBytes(request) (checked). Returns the bytes written.
std::size_t WriteRequest(const Request& request, std::span<char> to) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_REQUEST_WRITER_H_
