// The synthesized Received field: the newest hop, which the mail server does not show to a milter,
// but which SpamAssassin's network rules need as the first field of the message.
//
//   Received: from HELO|unknown [(CLIENT_NAME [ADDR])] [(authenticated bits=SSF)] LF (or CRLF)
//   <TAB>by J|localhost (amavisd-milter) [with PROTOCOL] [(authenticated as AUTHEN)] [id QID]; LF
//   <TAB>DATE LF
//   <TAB>(envelope-from SENDER) LF
//
// Source: amavisd-milter 1.7.2 mlfi.c mlfi_envfrom(); the texts in square brackets only when known,
// ADDR in literal brackets. Everything comes from outside: control octets become '?', each part is
// cut at its limit, so that the field is always well formed.
#ifndef MILLRACE_RELAY_RECEIVED_H_
#define MILLRACE_RELAY_RECEIVED_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace relay {

inline constexpr std::size_t kReceivedPartBytesMax = 512;
inline constexpr std::size_t kReceivedBytesMax = 11 * kReceivedPartBytesMax + 256;

// Views need to live through the call only; empty: unknown.
struct ReceivedFacts {
  std::string_view helo{};
  std::string_view client_name{};     // "unknown" where the DNS does not confirm it
  std::string_view client_address{};  // with "IPv6:" before a v6 address
  std::string_view auth_type{};       // set: the client is authenticated
  std::string_view auth_ssf{};
  std::string_view auth_authen{};
  std::string_view mta_name{};
  std::string_view protocol{};
  std::string_view queue_id{};
  std::string_view date{};           // RFC 5322
  std::string_view sender{};         // as given in MAIL, with its brackets
  std::string_view line_end = "\n";  // or CRLF
};

// Writes the field with its last line end into `to` (kReceivedBytesMax is always enough) and
// returns its bytes.
std::size_t WriteReceived(const ReceivedFacts& facts, std::span<char> to) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_RECEIVED_H_
