// The messages that millrace-replay plays: NAME.eml (header and body) beside NAME.json (the rest).
//
//   {
//     "description": "what it is",                         not used
//     "client": {"name": "...", "address": "...", "port": 1, "helo": "..."},
//     "sender": "<a@b>",            "sender_arguments": ["SIZE=1"],
//     "recipients": ["<c@d>"],      all but recipients may be left out
//     "macros": {"auth_type": "PLAIN"},
//     "body_bytes": 5242880,        the body is filled up with text lines to this size
//     "expect": "accepted"          or rejected, tempfailed, discarded
//   }
//
// In the .eml file @EICAR@ and @GTUBE@ stand for the test signatures, @EICAR-BASE64@ for the first
// one in base64, and <U+00e9> for the octet 0xe9 (two hex digits count): so neither virus scanners
// nor editors change the files. Line ends may be LF or CR LF.
// Limits: kTransactionsMax files, kMessageBytesMax octets each.
#ifndef MILLRACE_TOOLS_REPLAY_TRANSACTION_SET_H_
#define MILLRACE_TOOLS_REPLAY_TRANSACTION_SET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/units.h"
#include "milter/mta_session.h"
#include "tools/replay/outcome_text.h"

namespace replay {

inline constexpr std::size_t kTransactionsMax = 10'000;
inline constexpr std::size_t kMessageBytesMax = 256 * engine::kMiB;

struct Client {
  std::string name = "client.example.net";
  std::string address = "192.0.2.25";
  std::uint16_t port = 34567;
  std::string helo = "client.example.net";
};

struct NamedTransaction {
  std::string name{};
  Client client{};
  milter::Transaction transaction{};
  std::optional<milter::Outcome> expected{};
};

// Loads every NAME.json of `folder`, in the order of names; `only` (when not empty) picks names.
// Errors name the file and what is wrong with it.
absl::StatusOr<std::vector<NamedTransaction>> LoadTransactions(
    const std::string& folder, const std::vector<std::string>& only);

// Replaces the marks described above.
std::string ExpandMarks(std::string_view text);

// Lines of text, CR LF included, up to exactly `bytes` octets in all (a cut last line ends in
// CR LF too); `body` is what is there already.
void FillBody(std::size_t bytes, std::string* body);

// Reads one .json text into `transaction` (all but header and body). `*body_bytes` is 0 when
// absent.
absl::Status ReadEnvelope(std::string_view json,
                          NamedTransaction* transaction,
                          std::size_t* body_bytes);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_TRANSACTION_SET_H_
