// Rewrites records on their way to the trace file: how an anonymiser joins a recording.
//
// Called by the recorder's thread, in the order in which the records are written, before each is
// written. It may change all but the session's number, the times, and the order of the packets.
// Bodies have the size that the packets' body_bytes add up to: a filter that changes a size changes
// these too.
#ifndef MILLRACE_TOOLS_RECORD_RECORD_FILTER_H_
#define MILLRACE_TOOLS_RECORD_RECORD_FILTER_H_

#include <string>

#include "tools/trace/record.h"

namespace record {

class RecordFilter {
 public:
  virtual void Rewrite(trace::SessionRecord& record) = 0;
  virtual void Rewrite(trace::TransactionRecord& record, std::string& body) = 0;
  virtual void Rewrite(trace::CloseRecord& record) = 0;
  virtual void Rewrite(trace::ScanRecord& record, std::string& message) = 0;
  virtual void Rewrite(trace::MetaRecord& record) = 0;

 protected:
  ~RecordFilter() = default;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORD_FILTER_H_
