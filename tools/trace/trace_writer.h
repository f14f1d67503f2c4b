// Appends records to a trace file. The layout is in trace_file.h.
//
// Each record is written with one pwrite(2); when that fails the file is cut back to the last whole
// record and the writer takes no more. Bodies that were written lately are not written again: a
// table of kBodiesKnownMax hashes, oldest out first.
// One thread; the file is 0600 and locked (flock) against a second writer.
#ifndef MILLRACE_TOOLS_TRACE_TRACE_WRITER_H_
#define MILLRACE_TOOLS_TRACE_TRACE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/trace/record.h"

namespace trace {

inline constexpr std::size_t kBodiesKnownMax = 65'536;

struct WriterOptions {
  bool append = false;  // go on with a file that is there; its torn tail, if any, is cut off
  int level = 3;        // of zstd, 1 to 19
};

class TraceWriter {
 public:
  // Errors: the file exists and append is not set; it is no trace, or of another version; it is
  // being written by somebody; errno.
  static absl::StatusOr<std::unique_ptr<TraceWriter>> Open(const std::string& path,
                                                           const WriterOptions& options);
  ~TraceWriter();
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  // Sets `record.body` (hash, bytes, offset) from `body`, which is written first unless known.
  absl::Status Write(TransactionRecord& record, std::string_view body);
  absl::Status Write(ScanRecord& record, std::string_view message);
  absl::Status Write(const SessionRecord& record);
  absl::Status Write(const CloseRecord& record);
  absl::Status Write(const MetaRecord& record);
  absl::Status Write(const EndRecord& record);
  // fdatasync(2).
  absl::Status Sync();

  // The highest session number in the file so far; a recorder goes on from there.
  std::uint64_t last_session() const noexcept;
  std::uint64_t file_bytes() const noexcept;

 private:
  struct State;
  explicit TraceWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRACE_WRITER_H_
