// Writes the summary line of a message.
#include "relay/summary.h"

#include <array>
#include <charconv>

#include "engine/base/scratch.h"

namespace relay {
namespace {

std::string_view Shown(std::string_view address, LogAddresses addresses) noexcept {
  switch (addresses) {
    case LogAddresses::kFull: return address;
    case LogAddresses::kNone: return "<...>";
    case LogAddresses::kDomain: {
      const std::size_t at = address.rfind('@');
      if (at == std::string_view::npos) return "<>";
      const std::string_view domain = address.substr(at);
      return domain.ends_with('>') ? domain.substr(0, domain.size() - 1) : domain;
    }
  }
  return {};
}

void WriteTimes(const SummaryFacts& facts, engine::LogLine& line) noexcept {
  const ScanTimes& times = facts.times;
  const engine::Time zero{};
  if (times.started != zero) {
    const engine::Time granted = times.granted != zero ? times.granted : times.ended;
    line.Milliseconds("wait_ms", granted - times.started);
  }
  if (times.sent != zero) line.Milliseconds("scan_ms", times.ended - times.sent);
  // From end of message to the answer: what the mail server waited for us.
  if (facts.message.content_end_at != zero) {
    line.Milliseconds("total_ms", facts.now - facts.message.content_end_at);
  }
}

void WriteEdits(const EditCounts& counts, engine::LogLine& line) noexcept {
  struct Kind {
    std::string_view name;
    std::uint32_t count;
  };
  const std::array<Kind, 7> kinds = {{{"delrcpt", counts.recipients_deleted},
                                      {"addrcpt", counts.recipients_added},
                                      {"delheader", counts.headers_deleted},
                                      {"chgheader", counts.headers_changed},
                                      {"insheader", counts.headers_inserted},
                                      {"quarantine", counts.quarantined},
                                      {"dropped", counts.dropped}}};
  engine::Scratch<char, 192> text;  // all of them take 142
  std::size_t used = 0;
  for (const Kind& kind : kinds) {
    if (kind.count == 0) continue;
    if (used != 0) text.data()[used++] = ',';
    used += kind.name.copy(text.data() + used, kind.name.size());
    text.data()[used++] = ':';
    char* const end = text.data() + text.size();
    used = static_cast<std::size_t>(std::to_chars(text.data() + used, end, kind.count).ptr -
                                    text.data());
  }
  line.Field("edits", used == 0 ? std::string_view("none") : std::string_view(text.data(), used));
}

}  // namespace

void WriteSummary(const SummaryFacts& facts,
                  LogAddresses addresses,
                  engine::LogLine& line) noexcept {
  const Message& message = facts.message;
  line.Field("qid", facts.queue_id)
      .Field("client", facts.client_host)
      .Field("addr", facts.client_address)
      .Field("from", Shown(message.sender.empty() ? "<>" : message.sender, addresses));
  if (message.recipients != nullptr)
    line.Field("to", Shown(message.recipients->address, addresses));
  line.Field("nrcpt", message.recipient_count)
      .Field("size", message.wire_bytes)
      .Field("verdict", facts.verdict);
  if (facts.reply != nullptr) line.Field("log_id", facts.reply->log_id);
  if (!facts.scanner.empty()) line.Field("scanner", facts.scanner);
  if (!message.slot_name.empty()) line.Field("slot", message.slot_name);
  WriteTimes(facts, line);
  if (facts.reply == nullptr) return;
  WriteEdits(facts.counts, line);
  if (facts.reply->setreply.present && facts.reply->setreply.code >= 400) {
    line.Field("reply_code", facts.reply->setreply.code);
  }
}

}  // namespace relay
