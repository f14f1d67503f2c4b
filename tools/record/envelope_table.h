// A table of envelopes for messages that do not carry theirs.
//
//   CSV          the first row names the columns:   file,sender,recipients,time
//                RFC 4180 quoting; recipients separated by blanks
//   JSON lines   {"file": "1.eml", "sender": "a@b", "recipients": ["c@d"], "time": "..."}
//
//   file         name without folder              message_id   "<x@y>" as in the field
//   sender       "" or "<>": nobody               recipients   one or more
//   client_address, client_name, helo             time         RFC 3339
// A row has `file` or `message_id`; everything else may be absent. Addresses with or without angle
// brackets. Of two rows for one message the first counts.
// Limits: kTableBytesMax octets, kTableRowsMax rows.
#ifndef MILLRACE_TOOLS_RECORD_ENVELOPE_TABLE_H_
#define MILLRACE_TOOLS_RECORD_ENVELOPE_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/units.h"

namespace record {

inline constexpr std::size_t kTableBytesMax = 256 * engine::kMiB;
inline constexpr std::size_t kTableRowsMax = 1'000'000;

struct TableRow {
  std::optional<std::string> sender{};  // with its brackets
  std::vector<std::string> recipients{};
  std::string client_address{};
  std::string client_name{};
  std::string helo{};
  std::optional<std::uint64_t> time_us{};
};

class EnvelopeTable {
 public:
  // Errors name the line and what is wrong with it.
  static absl::StatusOr<EnvelopeTable> Parse(std::string_view text);

  // nullptr: none. `message_id` may be empty.
  const TableRow* Find(const std::string& file, const std::string& message_id) const;
  std::size_t size() const noexcept { return rows_.size(); }

 private:
  // One cell, or one member: `values` has several for a list.
  struct Cell {
    std::string column{};
    std::vector<std::string> values{};
  };
  absl::Status ParseCsv(std::string_view text);
  absl::Status ParseJsonLines(std::string_view text);
  absl::Status Add(const std::vector<Cell>& cells);

  std::vector<TableRow> rows_;
  std::unordered_map<std::string, std::size_t> by_file_;
  std::unordered_map<std::string, std::size_t> by_id_;
};

// Reads one line of JSON: member names and their values, strings or lists of strings.
absl::Status ReadJsonRow(std::string_view line,
                         std::vector<std::pair<std::string, std::vector<std::string>>>* members);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_ENVELOPE_TABLE_H_
