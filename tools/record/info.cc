// Counting, in one walk.
#include "tools/record/info.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/record/captured_text.h"
#include "tools/record/record_json.h"
#include "tools/trace/transcript.h"

namespace record {
namespace {

// Places in TraceInfo::figures.
enum Place : std::uint8_t {
  kMessageOctets,
  kRecipients,
  kFields,
  kHeaderOctets,
  kMessagesPerSession,
  kConnectGap,
  kMessageGap,
  kTransactionTime,
  kVerdictTime,
  kScanTime,
};

std::vector<TraceInfo::Figure> MakeFigures() {
  std::vector<TraceInfo::Figure> figures;
  const auto add = [&figures](const char* name, const char* title, const char* unit) {
    figures.push_back({.name = name, .title = title, .unit = unit});
  };
  add("message_octets", "message size", "octets");
  add("recipients", "recipients", "");
  add("header_fields", "header fields", "");
  add("header_octets", "header size", "octets");
  add("messages_per_session", "messages per session", "");
  add("connect_gap_us", "between connections", "us");
  add("message_gap_us", "between messages", "us");
  add("transaction_us", "whole transaction", "us");
  add("verdict_us", "end of message to verdict", "us");
  add("scan_us", "scan request to reply", "us");
  return figures;
}

class Inspector final : public TraceVisitor {
 public:
  Inspector() { info_.figures = MakeFigures(); }

  void OnEntry(const trace::Entry& entry) override {
    if (entry.kind == trace::RecordKind::kBody) {
      ++info_.bodies;
      info_.body_bytes += entry.raw_bytes;
      info_.body_stored_bytes += entry.stored_bytes;
    } else {
      info_.records_bytes += entry.raw_bytes;
      info_.records_stored_bytes += entry.stored_bytes;
    }
  }

  absl::Status OnSession(trace::SessionRecord&& record) override {
    ++info_.sessions;
    Seen(record.time_us);
    if (connects_.size() < kTimesMax) connects_.push_back(record.time_us);
    const trace::RecordedSession session = trace::DecodeSession(record);
    info_.not_understood += session.not_understood;
    if (session.answer.version != 0) ++info_.versions[absl::StrCat(session.answer.version)];
    ++info_.mail_servers[session.kind == milter::MtaKind::kPostfix ? "postfix" : "sendmail"];
    return absl::OkStatus();
  }

  absl::Status OnTransaction(trace::TransactionRecord&& record) override {
    ++info_.transactions;
    Seen(record.time_us);
    if (messages_.size() < kTimesMax) messages_.push_back(record.time_us);
    const std::uint64_t last_us = record.packets.empty() ? 0 : record.packets.back().offset_us;
    Seen(record.time_us + last_us);
    const trace::RecordedTransaction recorded = trace::DecodeTransaction(record, "", true);
    info_.not_understood += recorded.not_understood;
    ++info_.verdicts[trace::OutcomeText(recorded.result.outcome)];
    ++info_.captured[CapturedText(record.captured)];
    info_.message_bytes += recorded.message_bytes;
    if (recorded.message_bytes != 0) {
      Count(kMessageOctets, recorded.message_bytes);
      Count(kFields, recorded.transaction.headers.size());
      Count(kHeaderOctets, HeaderOctets(recorded.transaction));
    }
    Count(kRecipients, recorded.transaction.recipients.size());
    Count(kTransactionTime, recorded.has_verdict ? recorded.verdict_us : last_us);
    if (recorded.has_verdict && recorded.end_of_message_us != 0 &&
        recorded.verdict_us >= recorded.end_of_message_us) {
      Count(kVerdictTime, recorded.verdict_us - recorded.end_of_message_us);
    }
    return absl::OkStatus();
  }

  absl::Status OnClose(trace::CloseRecord&& record) override {
    ++info_.closes;
    Seen(record.time_us);
    ++info_.endings[EndingText(record.ending)];
    Count(kMessagesPerSession, record.transactions);
    return absl::OkStatus();
  }

  absl::Status OnScan(trace::ScanRecord&& record) override {
    ++info_.scans;
    Seen(record.time_us);
    Seen(record.time_us + record.reply_us);
    ++info_.captured[CapturedText(record.captured)];
    if (!record.reply.empty() && record.reply_us >= record.request_us)
      Count(kScanTime, record.reply_us - record.request_us);
    return absl::OkStatus();
  }

  absl::Status OnMeta(trace::MetaRecord&& record) override {
    info_.end_reason.clear();  // another recorder went on
    const std::string source = JsonMember(record.json, "source");
    std::vector<std::string>& sources = info_.sources;
    if (std::find(sources.begin(), sources.end(), source) == sources.end())
      sources.push_back(source);
    if (info_.program.empty()) info_.program = JsonMember(record.json, "program");
    return absl::OkStatus();
  }

  absl::Status OnEnd(trace::EndRecord&& record) override {
    info_.end_reason = JsonMember(record.json, "reason");
    if (info_.end_reason.empty()) info_.end_reason.assign(1, '?');
    return absl::OkStatus();
  }

  TraceInfo Take(WalkResult&& walk, std::uint64_t file_bytes) {
    CountGaps(&connects_, kConnectGap);
    CountGaps(&messages_, kMessageGap);
    info_.walk = std::move(walk);
    info_.file_bytes = file_bytes;
    return std::move(info_);
  }

 private:
  void Count(Place place, std::uint64_t value) { info_.figures[place].values->Record(value); }

  void Seen(std::uint64_t time_us) {
    if (info_.first_us == 0 || time_us < info_.first_us) info_.first_us = time_us;
    info_.last_us = std::max(info_.last_us, time_us);
  }

  // Name, colon, value and line end of each; a line end inside a value takes two octets.
  static std::uint64_t HeaderOctets(const milter::Transaction& transaction) {
    std::uint64_t octets = 0;
    for (const milter::HeaderField& field : transaction.headers) {
      octets +=
          field.name.size() + field.value.size() + 3 +
          static_cast<std::uint64_t>(std::count(field.value.begin(), field.value.end(), '\n'));
    }
    return octets;
  }

  void CountGaps(std::vector<std::uint64_t>* times, Place place) {
    std::sort(times->begin(), times->end());
    for (std::size_t i = 1; i < times->size(); ++i)
      Count(place, (*times)[i] - (*times)[i - 1]);
  }

  TraceInfo info_;
  std::vector<std::uint64_t> connects_;
  std::vector<std::uint64_t> messages_;
};

}  // namespace

TraceInfo Inspect(trace::TraceReader& reader) {
  Inspector inspector;
  WalkResult walk = Walk(reader, inspector);
  return inspector.Take(std::move(walk), reader.file_bytes());
}

}  // namespace record
