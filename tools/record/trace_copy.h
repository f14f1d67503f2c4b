// Copies a trace to another file: cut ones are mended, sessions chosen, a filter's changes made.
//
//   in --> chosen by number and time of connecting --> RecordFilter --> out
//
// A session keeps its number; what was recorded of one goes as a whole. Scans have no session: they
// are chosen by time. Records that are damaged, and a transaction whose body is, are left out and
// counted. The copy ends with an EndRecord of its own.
#ifndef MILLRACE_TOOLS_RECORD_TRACE_COPY_H_
#define MILLRACE_TOOLS_RECORD_TRACE_COPY_H_

#include <cstdint>
#include <string>

#include "tools/record/record_filter.h"
#include "tools/record/trace_walk.h"
#include "tools/trace/trace_writer.h"

namespace record {

struct CopyChoice {
  std::uint64_t from_us = 0;
  std::uint64_t to_us = UINT64_MAX;  // exclusive
  std::uint64_t first_session = 0;
  std::uint64_t last_session = UINT64_MAX;  // inclusive
};

struct CopyResult {
  WalkResult walk{};
  std::uint64_t sessions = 0;
  std::uint64_t transactions = 0;
  std::uint64_t scans = 0;
  std::uint64_t bodies_lost = 0;  // transactions and scans whose body could not be read
};

// `filter` may be nullptr. `source` is the meta record's ("anonymised", "copy"). Errors of the
// writer are in walk.visitor.
CopyResult CopyTrace(trace::TraceReader& reader,
                     trace::TraceWriter& writer,
                     const CopyChoice& choice,
                     RecordFilter* filter,
                     const std::string& source);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_TRACE_COPY_H_
