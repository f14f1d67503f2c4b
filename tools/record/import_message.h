// One message on its way in: what was found, and what an MTA would have known about it.
//
//   file, maildir, mbox --> FoundMessage --> ImportedMessage --> session
//
// The envelope is, in this order: the JSON beside the file, a row of a table, the header:
//   sender      Return-Path, Sender, From (the first of each); none: <>
//   recipients  X-Original-To, else Delivered-To, else To, Cc and Bcc; none: the default recipient
//   client      options, else one of the documentation ranges, the same for the same domain
//   time        the JSON's or table's, the From line's, the Date field's, the file's
// Limits: kImportRecipientsMax recipients, kMessageBytesMax octets a message (transaction_set.h).
#ifndef MILLRACE_TOOLS_RECORD_IMPORT_MESSAGE_H_
#define MILLRACE_TOOLS_RECORD_IMPORT_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "milter/mta_session.h"
#include "tools/record/envelope_table.h"

namespace record {

inline constexpr std::size_t kImportRecipientsMax = 10'000;

struct FoundMessage {
  std::string name{};  // of the file, without folder; of an mbox with a number behind it
  std::string octets{};
  std::optional<std::string> envelope_json{};
  std::optional<std::uint64_t> from_line_us{};
  std::optional<std::uint64_t> file_us{};
};

struct ImportedMessage {
  milter::Transaction transaction{};
  milter::MtaScript session{};  // the client; no transactions
  milter::MtaKind kind = milter::MtaKind::kPostfix;
  std::optional<std::uint64_t> time_us{};
  std::string session_name{};  // messages of one name that follow each other share a session
};

struct ImportDefaults {
  std::string client_address{};  // empty: made up
  std::string client_name{};     // empty: made up
  std::string helo{};            // empty: the name
  std::string recipient = "undisclosed@example.org";
  milter::MtaKind kind = milter::MtaKind::kPostfix;
  bool drop_delivery_fields = false;  // Return-Path, Delivered-To, X-Original-To, Bcc
};

// `table` may be nullptr. Errors name what is wrong, not the file.
absl::StatusOr<ImportedMessage> MakeImported(FoundMessage&& found,
                                             const ImportDefaults& defaults,
                                             const EnvelopeTable* table);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_IMPORT_MESSAGE_H_
