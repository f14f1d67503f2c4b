// See the header.
#include "tools/record/out_trace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace record {

absl::StatusOr<OutTrace> OutTrace::Open(const RecordOptions& options) {
  struct stat old {};
  const bool replaces = options.force && ::lstat(options.out.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.out, ": no file, and not replaced by one"));
  }
  OutTrace out(options.out,
               replaces ? absl::StrCat(options.out, ".new-", ::getpid()) : std::string());
  absl::StatusOr<std::unique_ptr<trace::TraceWriter>> writer = trace::TraceWriter::Open(
      replaces ? out.replacement_ : out.path_,
      {.append = options.append, .level = static_cast<int>(options.level)});
  if (!writer.ok()) {
    out.replacement_.clear();  // not ours to remove
    return writer.status();
  }
  out.writer_ = *std::move(writer);
  return out;
}

OutTrace::OutTrace(OutTrace&& other) noexcept
    : path_(std::move(other.path_)),
      replacement_(std::exchange(other.replacement_, std::string())),
      writer_(std::move(other.writer_)) {}

OutTrace::~OutTrace() {
  if (!replacement_.empty()) ::unlink(replacement_.c_str());
}

absl::Status OutTrace::Keep() {
  absl::Status status = writer_->Sync();
  if (!status.ok() || replacement_.empty()) return status;
  if (std::rename(replacement_.c_str(), path_.c_str()) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat(path_, ": cannot be replaced"));
  replacement_.clear();
  return absl::OkStatus();
}

}  // namespace record
