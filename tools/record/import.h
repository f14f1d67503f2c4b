// Imports messages into a trace: finds them, groups them to sessions, gives them times.
//
// A message is a session of its own, unless its NAME.json names one that the message before had
// too. Times are the messages' own, in the order in which they are found; with a rate they are
// made: the first at the start, gaps by `arrivals`. A session's messages begin one after the other.
// One that cannot be imported is told and left out. Memory: one session.
#ifndef MILLRACE_TOOLS_RECORD_IMPORT_H_
#define MILLRACE_TOOLS_RECORD_IMPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/record/generate.h"
#include "tools/record/import_message.h"
#include "tools/record/mbox_reader.h"
#include "tools/record/trace_sink.h"

namespace record {

inline constexpr std::size_t kImportSessionMessagesMax = 10'000;

struct ImportOptions {
  std::vector<std::string> paths{};
  MboxQuoting quoting = MboxQuoting::kMboxrd;
  ImportDefaults defaults{};
  std::string envelope_file{};
  double rate = 0;  // messages a second; 0: their own times
  Arrivals arrivals = Arrivals::kPoisson;
  std::uint64_t seed = 1;
  std::uint64_t start_us = kGenerateStartUs;
};

struct ImportResult {
  std::uint64_t imported = 0;
  std::uint64_t left_out = 0;
  std::vector<std::string> reasons{};  // the first kReasonsMax
};
inline constexpr std::size_t kReasonsMax = 20;

// `first_session`: the number of the first one. Errors: the table cannot be read; the sink's.
absl::Status Import(const ImportOptions& options,
                    std::uint64_t first_session,
                    TraceSink& sink,
                    ImportResult* result);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_IMPORT_H_
