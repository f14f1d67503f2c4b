// Rewrites the records of a trace on their way to a file: packets, bodies, scans, meta.
//
// A session's and a transaction's packets are rewritten one by one (see packet_text.h), the body by
// what the message's header fields say of it, a scan's message as header and body. REPLBODY packets
// are one body, in pieces. Sizes never change, so body_bytes and BodyRef::bytes stay true;
// BodyRef::hash becomes that of the new body. A meta record becomes a new one: program, time, and
// what the source was; whatever else it held (addresses, paths) is gone.
// Times, sizes, codes, verdicts, session numbers stay. An EndRecord holds nothing private.
// One thread at a time.
#ifndef MILLRACE_TOOLS_ANONYMISE_RECORD_ANONYMISER_H_
#define MILLRACE_TOOLS_ANONYMISE_RECORD_ANONYMISER_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/anonymise/anonymiser.h"
#include "tools/record/record_filter.h"
#include "tools/trace/record.h"

namespace anonymise {

class RecordAnonymiser final : public record::RecordFilter {
 public:
  // As for Anonymiser.
  explicit RecordAnonymiser(std::string_view key, const std::vector<std::string>& kept_domains = {})
      : anonymiser_(key, kept_domains) {}

  void Rewrite(trace::SessionRecord& record) override;
  void Rewrite(trace::TransactionRecord& record, std::string& body) override;
  void Rewrite(trace::CloseRecord& record) override;
  void Rewrite(trace::ScanRecord& record, std::string& message) override;
  void Rewrite(trace::MetaRecord& record) override;

 private:
  Anonymiser anonymiser_;
};

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_RECORD_ANONYMISER_H_
