// Appends records to a trace file. The layout is in trace_file.h.
//
// Each record is written with one pwritev(2); when that fails the file is cut back to the last
// whole record and the writer takes no more: every later call gives the same error. Bodies that
// were written lately are not written again: a table of kBodiesKnownMax hashes, oldest out first,
// empty when a file is opened. A record over the limits of trace_file.h is refused with
// kResourceExhausted; the next one may be written. Under a limit on file sizes the program has to
// ignore SIGXFSZ. One thread; the file is 0600 whatever the umask, and locked (flock) against a
// second writer.
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
  // Go on with a file that is there; its torn tail, if any, is cut off. None there: it is made.
  bool append = false;
  int level = 3;  // of zstd, 1 to 19; 0: nothing is compressed
};

class TraceWriter {
 public:
  // Errors: the file exists and append is not set; other users have rights to it; it is no trace,
  // of another major version, or damaged with records behind the damage; it is being written by
  // somebody; errno. A symbolic link is not followed.
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
  // In the file, bodies included.
  std::uint64_t records() const noexcept;

 private:
  struct State;
  explicit TraceWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRACE_WRITER_H_
