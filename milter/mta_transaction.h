// What a mail server plays to a filter: one SMTP session with its messages, as plain data.
//
// For tests, simulation, replay and load: it allocates. A script is never changed while it is
// played, so many sessions may share one. The daemon does not use this.
#ifndef MILLRACE_MILTER_MTA_TRANSACTION_H_
#define MILLRACE_MILTER_MTA_TRANSACTION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "milter/wire.h"

namespace milter {

// `name` without braces ("i", "client_name").
struct MacroValue {
  std::string name;
  std::string value;
};

struct HeaderField {
  std::string name;
  // Everything after the colon, its white space included, line ends inside as LF: " text".
  std::string value;
};

struct EnvelopeAddress {
  std::string address;                 // as the client wrote it, usually with its brackets
  std::vector<std::string> arguments;  // "SIZE=100"
  std::vector<MacroValue> macros;      // its own: rcpt_host, rcpt_mailer; rcpt_addr as rewritten
};

enum class StopHow : std::uint8_t {
  kPlayOn,
  kReset,  // the client resets the transaction (RSET): the session goes on with the next
  kQuit,   // the client leaves (QUIT, or its connection is lost): the session ends
  kDrop,   // the mail server dies: the connection closes without another byte
};

// Ends a transaction early: after the `count`-th `after`, its reply included where one is due.
// After kEndOfMessage only kDrop makes sense; it does not wait for the verdict.
struct Stop {
  StopHow how = StopHow::kPlayOn;
  Command after = Command::kMail;
  std::uint32_t count = 1;
};

struct Transaction {
  EnvelopeAddress sender;
  std::vector<EnvelopeAddress> recipients;
  std::vector<HeaderField> headers;
  std::string body;  // CRLF line ends, as on the wire
  // When not nullptr: instead of `body`. Outlives the sessions that play it, which may be many.
  const std::string* shared_body = nullptr;
  std::string queue_id;
  std::vector<MacroValue> macros;  // auth_type, mail_host, msg_id ...
  std::string unknown_line;        // when not empty: a command unknown to SMTP, before that ...
  std::string helo;                // ... when not empty: HELO again, before MAIL
  bool retry_data = false;         // the client repeats DATA once when it is refused
  Stop stop;
};

inline const std::string& BodyOf(const Transaction& transaction) noexcept {
  return transaction.shared_body != nullptr ? *transaction.shared_body : transaction.body;
}

struct MtaScript {
  std::string client_name = "client.example.net";  // "unknown" when it has no verified name
  char client_family = '4';                        // 'U', 'L', '4', '6'
  std::uint16_t client_port = 0;
  std::string client_address = "192.0.2.1";  // plain text; a Sendmail adds its "IPv6:" itself
  std::string helo = "client.example.net";
  std::uint32_t helo_count = 1;  // 2: again after STARTTLS
  // Postfix: XCLIENT ends one connection, without ABORT, and begins the next, whose HELO is a
  // second one.
  bool before_xclient = false;
  bool after_xclient = false;
  std::vector<MacroValue> macros;  // j, daemon_name, v, _ ...
  std::vector<Transaction> transactions;
};

// Fills headers and body from a message in RFC 5322 form; line ends may be LF or CRLF. White space
// before a colon is dropped. A first line that is no header field begins the body.
void SplitMessage(std::string_view message, Transaction* transaction);

// The value of `name` (without braces), or nullptr.
const std::string* FindMacro(const std::vector<MacroValue>& macros, std::string_view name) noexcept;

}  // namespace milter

#endif  // MILLRACE_MILTER_MTA_TRANSACTION_H_
