// See the header.
#include "tools/record/trace_sink.h"

namespace record {

void TraceSink::OnSession(trace::SessionRecord&& record) {
  if (!status_.ok()) return;
  if (filter_ != nullptr) filter_->Rewrite(record);
  status_ = writer_.Write(record);
  ++sessions_;
}

void TraceSink::OnTransaction(trace::TransactionRecord&& record, std::string&& body) {
  if (!status_.ok()) return;
  record.outcome = milter::Outcome::kNone;
  record.decided_at = 0;
  if (filter_ != nullptr) filter_->Rewrite(record, body);
  status_ = writer_.Write(record, body);
  ++transactions_;
  body_bytes_ += body.size();
}

void TraceSink::OnClose(trace::CloseRecord&& record) {
  if (!status_.ok()) return;
  if (filter_ != nullptr) filter_->Rewrite(record);
  status_ = writer_.Write(record);
}

}  // namespace record
