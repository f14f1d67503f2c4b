// Payloads of the mail server's commands, decoded into views.
//
//   CONNECT  host NUL family:u8 [ port:u16 address NUL ]     family U unknown, L unix, 4, 6
//   MAIL     address NUL { argument NUL }*                    RCPT alike
//   HEADER   name NUL value NUL                               HELO, UNKNOWN: text NUL
//   OPTNEG   version:u32 actions:u32 protocol:u32 ...
// Source: libmilter/engine.c st_*() and sm_gethost.c; Postfix milter8.c; Sendmail milter.c.
// Tolerated: HELO and UNKNOWN without NUL, "IPv6:" and brackets around addresses, arguments joined
// by blanks, all arguments inside the address (Sendmail 8.17.1 with EAI), a third string after a
// header's value. Nothing is copied.
#ifndef MILLRACE_MILTER_COMMANDS_H_
#define MILLRACE_MILTER_COMMANDS_H_

#include <cstdint>
#include <string_view>

#include "milter/negotiate.h"

namespace milter {

enum class Family : std::uint8_t { kUnknown, kUnix, kInet4, kInet6 };

struct Client {
  Family family = Family::kUnknown;
  std::uint16_t port = 0;  // host order; 0 when unknown
  // Without "IPv6:" and brackets; made of the characters of an address only, else the family is
  // kUnknown and this is empty. kUnix: the path as given.
  std::string_view address;
};

struct ConnectCommand {
  std::string_view host;
  Client client;
};

struct AddressCommand {
  std::string_view address;    // as given, with its brackets
  std::string_view arguments;  // for EsmtpReader
};

struct HeaderCommand {
  std::string_view name;  // never empty
  std::string_view value;
};

// False: the payload cannot be understood; the outputs are then unspecified.
[[nodiscard]] bool DecodeOffer(std::string_view payload, Offer* offer) noexcept;
[[nodiscard]] bool DecodeConnect(std::string_view payload, ConnectCommand* connect) noexcept;
[[nodiscard]] bool DecodeAddress(std::string_view payload, AddressCommand* command) noexcept;
[[nodiscard]] bool DecodeHeader(std::string_view payload, HeaderCommand* header) noexcept;
// The text up to the first NUL or the payload's end.
std::string_view DecodeText(std::string_view payload) noexcept;

// Walks the ESMTP arguments of MAIL and RCPT: "SIZE=100", "BODY=8BITMIME".
class EsmtpReader {
 public:
  explicit EsmtpReader(std::string_view arguments) noexcept : rest_(arguments) {}
  // False at the end; empty arguments are passed over.
  [[nodiscard]] bool Next(std::string_view* argument) noexcept;

 private:
  std::string_view rest_;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_COMMANDS_H_
