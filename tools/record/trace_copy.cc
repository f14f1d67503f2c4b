// See the header.
#include "tools/record/trace_copy.h"

#include <unordered_set>
#include <utility>

#include "tools/record/record_json.h"

namespace record {
namespace {

class Copier final : public TraceVisitor {
 public:
  Copier(trace::TraceReader& reader,
         trace::TraceWriter& writer,
         const CopyChoice& choice,
         RecordFilter* filter,
         const std::string& source)
      : reader_(reader), writer_(writer), choice_(choice), filter_(filter), source_(source) {}

  absl::Status OnSession(trace::SessionRecord&& record) override {
    const bool chosen = record.session >= choice_.first_session &&
                        record.session <= choice_.last_session && InTime(record.time_us);
    if (!chosen) return absl::OkStatus();
    open_.insert(record.session);
    ++result_.sessions;
    if (filter_ != nullptr) filter_->Rewrite(record);
    return writer_.Write(record);
  }

  absl::Status OnTransaction(trace::TransactionRecord&& record) override {
    if (!open_.contains(record.session)) return absl::OkStatus();
    absl::StatusOr<std::string> body = BodyOf(record.body);
    if (!body.ok()) return absl::OkStatus();
    ++result_.transactions;
    if (filter_ != nullptr) filter_->Rewrite(record, *body);
    return writer_.Write(record, *body);
  }

  absl::Status OnClose(trace::CloseRecord&& record) override {
    if (open_.erase(record.session) == 0) return absl::OkStatus();
    if (filter_ != nullptr) filter_->Rewrite(record);
    return writer_.Write(record);
  }

  absl::Status OnScan(trace::ScanRecord&& record) override {
    if (!InTime(record.time_us)) return absl::OkStatus();
    absl::StatusOr<std::string> message = BodyOf(record.message);
    if (!message.ok()) return absl::OkStatus();
    ++result_.scans;
    if (filter_ != nullptr) filter_->Rewrite(record, *message);
    return writer_.Write(record, *message);
  }

  absl::Status OnMeta(trace::MetaRecord&& record) override {
    last_us_ = record.time_us;
    if (filter_ != nullptr) filter_->Rewrite(record);
    record.json = CopiedMetaJson(record.json, source_);
    return writer_.Write(record);
  }

  // The copy's own comes at its end.
  absl::Status OnEnd(trace::EndRecord&& record) override {
    last_us_ = record.time_us;
    return absl::OkStatus();
  }

  void OnEntry(const trace::Entry& entry) override {
    if (entry.time_us > last_us_) last_us_ = entry.time_us;
  }

  CopyResult Take(WalkResult&& walk) {
    result_.walk = std::move(walk);
    if (result_.walk.visitor.ok()) {
      trace::EndRecord end{.time_us = last_us_, .json = {}};
      const bool whole = result_.walk.sound() && result_.bodies_lost == 0;
      end.json = EndJson(
          whole ? "copied" : "copied what could be read", result_.sessions, result_.transactions);
      result_.walk.visitor = writer_.Write(end);
    }
    return std::move(result_);
  }

 private:
  bool InTime(std::uint64_t time_us) const {
    return time_us >= choice_.from_us && time_us < choice_.to_us;
  }

  absl::StatusOr<std::string> BodyOf(const trace::BodyRef& body) {
    absl::StatusOr<std::string> octets = reader_.ReadBody(body);
    if (!octets.ok()) ++result_.bodies_lost;
    return octets;
  }

  trace::TraceReader& reader_;
  trace::TraceWriter& writer_;
  const CopyChoice& choice_;
  RecordFilter* filter_;
  const std::string& source_;
  std::unordered_set<std::uint64_t> open_;
  std::uint64_t last_us_ = 0;
  CopyResult result_;
};

}  // namespace

CopyResult CopyTrace(trace::TraceReader& reader,
                     trace::TraceWriter& writer,
                     const CopyChoice& choice,
                     RecordFilter* filter,
                     const std::string& source) {
  Copier copier(reader, writer, choice, filter, source);
  return copier.Take(Walk(reader, copier));
}

}  // namespace record
