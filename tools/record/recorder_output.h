// Where a recorder's records go: a trace file, or what a test puts in its place.
//
// Called by the recorder's thread alone; may block for as long as the disk does. After an error it
// is asked no more.
#ifndef MILLRACE_TOOLS_RECORD_RECORDER_OUTPUT_H_
#define MILLRACE_TOOLS_RECORD_RECORDER_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "tools/trace/record.h"
#include "tools/trace/trace_writer.h"

namespace record {

class RecorderOutput {
 public:
  // As trace::TraceWriter.
  virtual absl::Status Write(trace::TransactionRecord& record, std::string_view body) = 0;
  virtual absl::Status Write(trace::ScanRecord& record, std::string_view message) = 0;
  virtual absl::Status Write(const trace::SessionRecord& record) = 0;
  virtual absl::Status Write(const trace::CloseRecord& record) = 0;
  virtual absl::Status Write(const trace::MetaRecord& record) = 0;
  virtual absl::Status Write(const trace::EndRecord& record) = 0;
  virtual absl::Status Sync() = 0;
  virtual std::uint64_t last_session() const = 0;
  virtual std::uint64_t file_bytes() const = 0;
  virtual ~RecorderOutput() = default;

 protected:
  RecorderOutput() = default;
  RecorderOutput(const RecorderOutput&) = default;
  RecorderOutput& operator=(const RecorderOutput&) = default;
};

class TraceOutput final : public RecorderOutput {
 public:
  explicit TraceOutput(std::unique_ptr<trace::TraceWriter> writer) : writer_(std::move(writer)) {}

  absl::Status Write(trace::TransactionRecord& record, std::string_view body) override {
    return writer_->Write(record, body);
  }
  absl::Status Write(trace::ScanRecord& record, std::string_view message) override {
    return writer_->Write(record, message);
  }
  absl::Status Write(const trace::SessionRecord& record) override { return writer_->Write(record); }
  absl::Status Write(const trace::CloseRecord& record) override { return writer_->Write(record); }
  absl::Status Write(const trace::MetaRecord& record) override { return writer_->Write(record); }
  absl::Status Write(const trace::EndRecord& record) override { return writer_->Write(record); }
  absl::Status Sync() override { return writer_->Sync(); }
  std::uint64_t last_session() const override { return writer_->last_session(); }
  std::uint64_t file_bytes() const override { return writer_->file_bytes(); }

 private:
  std::unique_ptr<trace::TraceWriter> writer_;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORDER_OUTPUT_H_
