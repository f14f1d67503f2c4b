// One walk for both forms; they differ in what becomes of a transaction.
#include "tools/record/export.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/record/message_json.h"
#include "tools/record/record_json.h"
#include "tools/trace/transcript.h"

namespace record {
namespace {

constexpr mode_t kFolderMode = 0700;

class Exporter final : public TraceVisitor {
 public:
  using Put = std::function<absl::Status(ExportedTransaction&& exported)>;
  Exporter(trace::TraceReader& reader, Put put) : reader_(reader), put_(std::move(put)) {}

  absl::Status OnSession(trace::SessionRecord&& record) override {
    if (open_.size() == kOpenSessionsMax)
      return absl::ResourceExhaustedError("too many sessions are open at once in this trace");
    open_.emplace(record.session, trace::DecodeSession(record));
    return absl::OkStatus();
  }
  absl::Status OnTransaction(trace::TransactionRecord&& record) override {
    const auto session = open_.find(record.session);
    absl::StatusOr<std::string> body = reader_.ReadBody(record.body);
    if (session == open_.end() || !body.ok()) {
      ++left_out_;
      return absl::OkStatus();
    }
    const trace::RecordedSession& of = session->second;
    const bool leading_space = (of.answer.protocol & milter::kLeadingSpace) != 0;
    ExportedTransaction exported;
    exported.index = record.index;
    exported.session = record.session;
    exported.captured = record.captured;
    exported.recorded = trace::DecodeTransaction(record, *std::move(body), leading_space);
    ImportedMessage& message = exported.message;
    message.transaction = std::move(exported.recorded.transaction);
    message.session = of.script;
    message.kind = of.kind;
    message.time_us = record.time_us;
    message.session_name = absl::StrCat(record.session);
    ++exported_;
    return put_(std::move(exported));
  }
  absl::Status OnClose(trace::CloseRecord&& record) override {
    open_.erase(record.session);
    return absl::OkStatus();
  }
  absl::Status OnScan(trace::ScanRecord&& /*record*/) override { return absl::OkStatus(); }
  absl::Status OnMeta(trace::MetaRecord&& /*record*/) override { return absl::OkStatus(); }
  absl::Status OnEnd(trace::EndRecord&& /*record*/) override { return absl::OkStatus(); }

  ExportResult Take(WalkResult&& walk) const {
    return {.walk = std::move(walk), .exported = exported_, .left_out = left_out_};
  }

 private:
  trace::TraceReader& reader_;
  Put put_;
  std::unordered_map<std::uint64_t, trace::RecordedSession> open_;
  std::uint64_t exported_ = 0;
  std::uint64_t left_out_ = 0;
};

// Of one width, so that the order of names is that of sessions.
std::string NameOf(const ExportedTransaction& exported) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(),
                                 text.size(),
                                 "%08llu-%04u",
                                 static_cast<unsigned long long>(exported.session),
                                 exported.index);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

absl::Status PutFiles(const std::string& folder, const ExportedTransaction& exported) {
  const std::string name = absl::StrCat(folder, "/", NameOf(exported));
  MessageJsonOptions options;
  const std::string text = MessageText(exported.message.transaction, &options.exact);
  if (exported.recorded.has_verdict)
    options.expect = trace::OutcomeText(exported.recorded.result.outcome);
  absl::Status status = command_line::WriteFile(name + ".eml", text, false);
  if (!status.ok()) return status;
  return command_line::WriteFile(name + ".json", MessageJson(exported.message, options), false);
}

}  // namespace

ExportResult ExportEml(trace::TraceReader& reader, const std::string& folder) {
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    ExportResult failed;
    failed.walk.visitor = absl::ErrnoToStatus(errno, absl::StrCat(folder, ": cannot be made"));
    return failed;
  }
  Exporter exporter(
      reader, [&folder](ExportedTransaction&& exported) { return PutFiles(folder, exported); });
  return exporter.Take(Walk(reader, exporter));
}

ExportResult ExportJson(trace::TraceReader& reader, command_line::OutputFile& out, bool bodies) {
  absl::Status status = out.Write(absl::StrCat(
      "{\"format\":\"millrace-transactions\",\"version\":", kTransactionsFormatVersion, "}\n"));
  Exporter exporter(reader, [&out, bodies](ExportedTransaction&& exported) {
    return out.Write(TransactionLine(exported, bodies));
  });
  if (status.ok()) return exporter.Take(Walk(reader, exporter));
  ExportResult failed;
  failed.walk.visitor = status;
  return failed;
}

}  // namespace record
