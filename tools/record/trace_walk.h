// Goes through a trace file from its beginning to what can be read of it, record by record.
//
// Records that are damaged are counted and left out; after damage in the file's structure the walk
// goes on with the next sound record. One thread; memory: one record.
#ifndef MILLRACE_TOOLS_RECORD_TRACE_WALK_H_
#define MILLRACE_TOOLS_RECORD_TRACE_WALK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/trace/trace_reader.h"

namespace record {

// What is not wanted is passed over. An error ends the walk.
class TraceVisitor {
 public:
  virtual void OnEntry(const trace::Entry& /*entry*/) {}  // every record, before it is read
  virtual absl::Status OnSession(trace::SessionRecord&& record) = 0;
  virtual absl::Status OnTransaction(trace::TransactionRecord&& record) = 0;
  virtual absl::Status OnClose(trace::CloseRecord&& record) = 0;
  virtual absl::Status OnScan(trace::ScanRecord&& record) = 0;
  virtual absl::Status OnMeta(trace::MetaRecord&& record) = 0;
  virtual absl::Status OnEnd(trace::EndRecord&& record) = 0;

 protected:
  ~TraceVisitor() = default;
};

struct WalkResult {
  absl::Status visitor{};               // what ended the walk early, if anything
  std::uint64_t records = 0;            // read, bodies included
  std::uint64_t damaged = 0;            // records that could not be read
  bool cut = false;                     // the file ends in a record
  std::uint64_t skipped_bytes = 0;      // of damaged structure
  std::vector<std::string> problems{};  // the first kProblemsMax, in words

  bool sound() const noexcept { return !cut && damaged == 0 && skipped_bytes == 0; }
  void AddProblem(const absl::Status& status);
};
inline constexpr std::size_t kProblemsMax = 10;

WalkResult Walk(trace::TraceReader& reader, TraceVisitor& visitor);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_TRACE_WALK_H_
