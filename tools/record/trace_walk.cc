// See the header.
#include "tools/record/trace_walk.h"

#include <utility>
#include <variant>

#include "tools/command_line/program.h"

namespace record {
namespace {

struct Dispatch {
  TraceVisitor& visitor;

  absl::Status operator()(trace::SessionRecord&& record) {
    return visitor.OnSession(std::move(record));
  }
  absl::Status operator()(trace::TransactionRecord&& record) {
    return visitor.OnTransaction(std::move(record));
  }
  absl::Status operator()(trace::CloseRecord&& record) {
    return visitor.OnClose(std::move(record));
  }
  absl::Status operator()(trace::ScanRecord&& record) { return visitor.OnScan(std::move(record)); }
  absl::Status operator()(trace::MetaRecord&& record) { return visitor.OnMeta(std::move(record)); }
  absl::Status operator()(trace::EndRecord&& record) { return visitor.OnEnd(std::move(record)); }
};

}  // namespace

void WalkResult::AddProblem(const absl::Status& status) {
  if (problems.size() < kProblemsMax) problems.emplace_back(std::string(status.message()));
}

WalkResult Walk(trace::TraceReader& reader, TraceVisitor& visitor) {
  WalkResult result;
  while (result.visitor.ok() && !command_line::StopAsked()) {
    const std::optional<trace::Entry> entry = reader.Next();
    if (!entry) {
      if (reader.ending().ok()) break;
      result.AddProblem(reader.ending());
      result.cut = reader.cut_off();
      if (result.cut || !reader.Resync()) {
        // Structure that nothing follows is damage too.
        if (!result.cut) ++result.damaged;
        break;
      }
      continue;
    }
    visitor.OnEntry(*entry);
    if (entry->kind == trace::RecordKind::kBody) {
      ++result.records;
      continue;
    }
    absl::StatusOr<trace::Record> record = reader.Read(*entry);
    if (!record.ok()) {
      ++result.damaged;
      result.AddProblem(record.status());
      continue;
    }
    ++result.records;
    result.visitor = std::visit(Dispatch{visitor}, *std::move(record));
  }
  result.skipped_bytes = reader.skipped_bytes();
  return result;
}

}  // namespace record
