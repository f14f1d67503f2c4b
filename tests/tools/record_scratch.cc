// See the header.
#include "tests/tools/record_scratch.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include <gtest/gtest.h>

#include "tools/command_line/files.h"
#include "tools/record/message_json.h"
#include "tools/trace/trace_reader.h"
#include "tools/trace/trace_writer.h"

namespace record {

RecordScratch::RecordScratch() {
  folder_ = testing::TempDir() + "record-XXXXXX";
  if (::mkdtemp(folder_.data()) == nullptr) std::abort();
}

RecordScratch::~RecordScratch() {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
}

std::string RecordScratch::Path(std::string_view name) const {
  return folder_ + "/" + std::string(name);
}

void RecordScratch::Write(std::string_view name, std::string_view text) const {
  const absl::Status status = command_line::WriteFile(Path(name), text, true);
  EXPECT_TRUE(status.ok()) << status;
}

namespace {

class Collector final : public TraceVisitor {
 public:
  explicit Collector(trace::TraceReader& reader) : reader_(reader) {}

  absl::Status OnSession(trace::SessionRecord&& record) override {
    sessions_[record.session] = trace::DecodeSession(record);
    return absl::OkStatus();
  }
  absl::Status OnTransaction(trace::TransactionRecord&& record) override {
    ExportedTransaction each;
    each.session = record.session;
    each.index = record.index;
    each.captured = record.captured;
    absl::StatusOr<std::string> body = reader_.ReadBody(record.body);
    EXPECT_TRUE(body.ok()) << body.status();
    if (!body.ok()) return body.status();
    const trace::RecordedSession& session = sessions_[record.session];
    each.recorded = trace::DecodeTransaction(record, *std::move(body), true);
    each.message.transaction = std::move(each.recorded.transaction);
    each.message.session = session.script;
    each.message.kind = session.kind;
    each.message.time_us = record.time_us;
    all.messages.push_back(std::move(each));
    return absl::OkStatus();
  }
  absl::Status OnClose(trace::CloseRecord&&) override { return absl::OkStatus(); }
  absl::Status OnScan(trace::ScanRecord&&) override { return absl::OkStatus(); }
  absl::Status OnMeta(trace::MetaRecord&&) override { return absl::OkStatus(); }
  absl::Status OnEnd(trace::EndRecord&&) override { return absl::OkStatus(); }

  Exported all;

 private:
  trace::TraceReader& reader_;
  std::unordered_map<std::uint64_t, trace::RecordedSession> sessions_;
};

}  // namespace

Exported ReadTrace(const std::string& path) {
  auto reader = trace::TraceReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return {};
  Collector collector(**reader);
  collector.all.walk = Walk(**reader, collector);
  return std::move(collector.all);
}

Exported ImportToTrace(const RecordScratch& scratch, ImportOptions options, ImportResult* result) {
  const std::string path = scratch.Path("import.trace");
  ::unlink(path.c_str());
  *result = {};
  {
    auto writer = trace::TraceWriter::Open(path, {});
    EXPECT_TRUE(writer.ok()) << writer.status();
    if (!writer.ok()) return {};
    TraceSink sink(**writer, nullptr);
    const absl::Status status = Import(options, 1, sink, result);
    EXPECT_TRUE(status.ok()) << status;
  }
  Exported all = ReadTrace(path);
  ::unlink(path.c_str());
  return all;
}

void GenerateToTrace(const RecordScratch& scratch,
                     std::string_view name,
                     const GenerateOptions& options) {
  auto writer = trace::TraceWriter::Open(scratch.Path(name), {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  TraceSink sink(**writer, nullptr);
  Generator generator(options);
  PlayedSession session;
  for (std::uint64_t number = 1; generator.Next(&session); ++number)
    ASSERT_TRUE(PlaySession(session, number, sink, nullptr));
  ASSERT_TRUE(sink.status().ok()) << sink.status();
}

bool SameMessage(const ImportedMessage& a, const ImportedMessage& b) {
  ImportedMessage first = a;
  ImportedMessage second = b;
  first.time_us = second.time_us = {};
  first.session_name.clear();
  second.session_name.clear();
  const std::string one = MessageJson(first, {.expect = {}, .exact = true});
  return one == MessageJson(second, {.expect = {}, .exact = true});
}

}  // namespace record
