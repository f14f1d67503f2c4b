// nlohmann's library, without exceptions; see the header.
#include "tools/record/record_json.h"

#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "millrace_build.h"
#include "tools/record/captured_text.h"
#include "tools/record/mail_date.h"

namespace record {
namespace {

using nlohmann::ordered_json;

std::string Line(const ordered_json& object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string ProgramName() {
  return "millrace-record " + std::string(millrace_build::kVersion);
}

ordered_json Fields(const milter::Transaction& transaction) {
  ordered_json fields = ordered_json::array();
  for (const milter::HeaderField& field : transaction.headers)
    fields.push_back({field.name, field.value});
  return fields;
}

ordered_json Edits(const milter::TransactionResult& result) {
  ordered_json edits = ordered_json::array();
  for (const milter::Edit& edit : result.edits) {
    edits.push_back({{"kind", std::string(milter::ReplyName(static_cast<std::uint8_t>(edit.kind)))},
                     {"index", edit.index},
                     {"name", edit.name},
                     {"value", edit.value}});
  }
  return edits;
}

ordered_json Envelope(const ExportedTransaction& exported) {
  const milter::Transaction& transaction = exported.message.transaction;
  const milter::MtaScript& session = exported.message.session;
  ordered_json recipients = ordered_json::array();
  for (const milter::EnvelopeAddress& recipient : transaction.recipients)
    recipients.push_back(recipient.address);
  ordered_json object = {{"session", exported.session},
                         {"index", exported.index},
                         {"time", Rfc3339(exported.message.time_us.value_or(0))},
                         {"client",
                          {{"name", session.client_name},
                           {"address", session.client_address},
                           {"port", session.client_port},
                           {"helo", session.helo}}},
                         {"queue_id", transaction.queue_id},
                         {"sender", transaction.sender.address},
                         {"recipients", std::move(recipients)}};
  return object;
}

}  // namespace

std::string MetaJson(const std::string& source,
                     std::uint64_t started_us,
                     const std::vector<std::pair<std::string, std::string>>& more) {
  ordered_json object = {
      {"program", ProgramName()}, {"source", source}, {"started", Rfc3339(started_us)}};
  for (const auto& [name, value] : more)
    object[name] = value;
  return Line(object);
}

std::string CopiedMetaJson(const std::string& json, const std::string& source) {
  ordered_json object = ordered_json::parse(json, nullptr, false);
  if (!object.is_object()) object = ordered_json::object();
  if (object.contains("source") && !object.contains("original_source"))
    object["original_source"] = object["source"];
  object["source"] = source;
  object["copied_by"] = ProgramName();
  return Line(object);
}

std::string EndJson(const std::string& reason, std::uint64_t sessions, std::uint64_t transactions) {
  return Line(
      {{"reason", reason}, {"sessions", sessions}, {"transactions", transactions}, {"dropped", 0}});
}

std::string JsonMember(const std::string& json, const std::string& name) {
  const ordered_json object = ordered_json::parse(json, nullptr, false);
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  if (found == object.end()) return "";
  return found->is_string() ? found->get<std::string>() : Line(*found);
}

std::string TransactionLine(const ExportedTransaction& exported, bool bodies) {
  const milter::Transaction& transaction = exported.message.transaction;
  const trace::RecordedTransaction& recorded = exported.recorded;
  ordered_json object = Envelope(exported);
  object["octets"] = recorded.message_bytes;
  object["body_octets"] = transaction.body.size();
  object["captured"] = CapturedText(exported.captured);
  object["headers"] = Fields(transaction);
  object["outcome"] = trace::OutcomeText(recorded.result.outcome);
  if (recorded.has_verdict) {
    object["decided_at"] =
        std::string(milter::CommandName(static_cast<std::uint8_t>(recorded.result.decided_at)));
    object["reply"] = recorded.result.reply_text;
    object["edits"] = Edits(recorded.result);
    object["end_of_message_us"] = recorded.end_of_message_us;
    object["verdict_us"] = recorded.verdict_us;
  }
  if (bodies) object["body"] = absl::Base64Escape(transaction.body);
  return Line(object) + "\n";
}

}  // namespace record
