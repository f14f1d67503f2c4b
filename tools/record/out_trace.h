// The trace that an action writes. Where --force replaces an old one, that stays as it is until the
// new one is whole.
//
//   Open: OUT.new-PID beside the old file --Keep(): fsync, rename(2)--> OUT
//                    '--without Keep(): removed, the old file was never touched
//
// Without an old file, or with --append, OUT itself is written from the start. What is replaced is
// a file or a symbolic link (the link itself), no device, folder or socket. One thread.
#ifndef MILLRACE_TOOLS_RECORD_OUT_TRACE_H_
#define MILLRACE_TOOLS_RECORD_OUT_TRACE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/record/record_options.h"
#include "tools/trace/trace_writer.h"

namespace record {

class OutTrace {
 public:
  // As TraceWriter::Open; kInvalidArgument: --force, and something that is no file stands there.
  static absl::StatusOr<OutTrace> Open(const RecordOptions& options);
  ~OutTrace();
  OutTrace(OutTrace&& other) noexcept;
  OutTrace& operator=(OutTrace&&) = delete;

  trace::TraceWriter& writer() noexcept { return *writer_; }
  // All is written: brings it to the disk, then puts it in the old file's place. Once.
  absl::Status Keep();

 private:
  OutTrace(std::string path, std::string replacement)
      : path_(std::move(path)), replacement_(std::move(replacement)) {}

  std::string path_;
  std::string replacement_;  // empty: `path_` itself is written
  std::unique_ptr<trace::TraceWriter> writer_;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_OUT_TRACE_H_
