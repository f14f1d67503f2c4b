// The JSON that traces and exports hold: meta and end records, a transaction as one line.
//
// Text that is no UTF-8 has its octets replaced in these: they are for reading. What has to come
// back as it was is in message_json.h.
#ifndef MILLRACE_TOOLS_RECORD_RECORD_JSON_H_
#define MILLRACE_TOOLS_RECORD_RECORD_JSON_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/record/import_message.h"
#include "tools/trace/transcript.h"

namespace record {

struct ExportedTransaction {
  std::uint64_t session = 0;
  std::uint32_t index = 0;
  trace::Captured captured = trace::Captured::kNone;
  ImportedMessage message{};              // with header and body
  trace::RecordedTransaction recorded{};  // without `transaction`, which is in `message`
};

// {"program", "source", "started", and `more`}.
std::string MetaJson(const std::string& source,
                     std::uint64_t started_us,
                     const std::vector<std::pair<std::string, std::string>>& more);
// `json` with another source, and the one that it had as "original_source".
std::string CopiedMetaJson(const std::string& json, const std::string& source);
std::string EndJson(const std::string& reason, std::uint64_t sessions, std::uint64_t transactions);
// The member of a meta or end record, as text; empty: none.
std::string JsonMember(const std::string& json, const std::string& name);

// With its line end.
std::string TransactionLine(const ExportedTransaction& exported, bool bodies);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORD_JSON_H_
