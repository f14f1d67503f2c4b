// Takes the records of played sessions to a trace file: verdicts taken back, a filter's changes in.
//
// The first error of the writer is kept, and ends the writing: status(). One thread.
#ifndef MILLRACE_TOOLS_RECORD_TRACE_SINK_H_
#define MILLRACE_TOOLS_RECORD_TRACE_SINK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tools/record/record_filter.h"
#include "tools/trace/session_observer.h"
#include "tools/trace/trace_writer.h"

namespace record {

class TraceSink final : public trace::RecordSink {
 public:
  // Both outlive it; `filter` may be nullptr.
  TraceSink(trace::TraceWriter& writer, RecordFilter* filter) : writer_(writer), filter_(filter) {}

  void OnSession(trace::SessionRecord&& record) override;
  void OnTransaction(trace::TransactionRecord&& record, std::string&& body) override;
  void OnClose(trace::CloseRecord&& record) override;

  const absl::Status& status() const noexcept { return status_; }
  std::uint64_t sessions() const noexcept { return sessions_; }
  std::uint64_t transactions() const noexcept { return transactions_; }
  std::uint64_t body_bytes() const noexcept { return body_bytes_; }

 private:
  trace::TraceWriter& writer_;
  RecordFilter* filter_;
  absl::Status status_;
  std::uint64_t sessions_ = 0;
  std::uint64_t transactions_ = 0;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_TRACE_SINK_H_
