// Transactions of a trace as files for other programs.
//
//   eml folder   SESSION-INDEX.eml and .json (message_json.h), which --import reads back
//   JSON lines   {"format": "millrace-transactions", "version": 1} and one object a transaction
//
// Files are made new (0600); one that is there is an error, and ends the export. Transactions whose
// body cannot be read are left out and counted. Sessions without a transaction have no file.
// Memory: one transaction, and a session's facts for each session that is open at the place of the
// file that is being read (kOpenSessionsMax).
#ifndef MILLRACE_TOOLS_RECORD_EXPORT_H_
#define MILLRACE_TOOLS_RECORD_EXPORT_H_

#include <cstdint>
#include <string>

#include "tools/command_line/files.h"
#include "tools/record/trace_walk.h"

namespace record {

inline constexpr std::size_t kOpenSessionsMax = 1'000'000;
inline constexpr int kTransactionsFormatVersion = 1;

struct ExportResult {
  WalkResult walk{};
  std::uint64_t exported = 0;
  std::uint64_t left_out = 0;
};

// `folder` is made when it is not there (0700). Errors are in walk.visitor.
ExportResult ExportEml(trace::TraceReader& reader, const std::string& folder);

// `bodies`: with the body, in base64.
ExportResult ExportJson(trace::TraceReader& reader, command_line::OutputFile& out, bool bodies);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_EXPORT_H_
