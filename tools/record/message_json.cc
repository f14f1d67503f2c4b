// The JSON of one message; nlohmann's library, without exceptions.
//
// JSON is UTF-8; octets that are none are written as the marks of NAME.eml and "marks" says so.
#include "tools/record/message_json.h"

#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tools/record/mail_date.h"
#include "tools/record/marked_text.h"
#include "tools/replay/transaction_set.h"

namespace record {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

absl::Status Wrong(const char* key, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" ", what));
}

// Reads members of one object; the first error is kept.
class Members {
 public:
  Members(const json& object, bool marks) : object_(object), marks_(marks) {}

  const json* Find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  std::string Plain(const json& value) const {
    std::string text = value.get<std::string>();
    return marks_ ? WithoutMarks(text) : text;
  }
  void Text(const char* key, std::string* to) {
    const json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return Fail(Wrong(key, "is not a string"));
    *to = Plain(*value);
  }
  void Flag(const char* key, bool* to) {
    const json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return Fail(Wrong(key, "is neither true nor false"));
    *to = value->get<bool>();
  }
  void Number(const char* key, std::size_t max, std::size_t* to) {
    const json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_number_unsigned() || value->get<std::size_t>() > max)
      return Fail(Wrong(key, "is not a number in its range"));
    *to = value->get<std::size_t>();
  }
  void Texts(const char* key, std::vector<std::string>* to) {
    const json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return Fail(Wrong(key, "is not a list"));
    for (const json& item : *value) {
      if (!item.is_string()) return Fail(Wrong(key, "holds something that is not a string"));
      to->push_back(Plain(item));
    }
  }
  void Macros(const char* key, std::vector<milter::MacroValue>* to) {
    const json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_object()) return Fail(Wrong(key, "is not an object"));
    for (const auto& [name, text] : value->items()) {
      if (!text.is_string()) return Fail(Wrong(key, "holds something that is not a string"));
      to->push_back({marks_ ? WithoutMarks(name) : name, Plain(text)});
    }
  }
  void Fail(absl::Status status) { status_.Update(std::move(status)); }
  const absl::Status& status() const { return status_; }
  bool marks() const { return marks_; }

 private:
  const json& object_;
  bool marks_;
  absl::Status status_;
};

void ReadClient(Members& members, milter::MtaScript* session) {
  const json* object = members.Find("client");
  if (object == nullptr) return;
  if (!object->is_object()) return members.Fail(Wrong("client", "is not an object"));
  Members client(*object, members.marks());
  std::size_t port = session->client_port;
  std::string family;
  client.Text("name", &session->client_name);
  client.Text("address", &session->client_address);
  client.Text("helo", &session->helo);
  client.Text("family", &family);
  client.Number("port", UINT16_MAX, &port);
  session->client_port = static_cast<std::uint16_t>(port);
  if (family.size() == 1) {
    session->client_family = family.front();
  } else if (!session->client_address.empty()) {
    session->client_family = session->client_address.find(':') != std::string::npos ? '6' : '4';
  }
  members.Fail(client.status());
}

void ReadStop(Members& members, milter::Stop* stop) {
  const json* object = members.Find("stop");
  if (object == nullptr) return;
  if (!object->is_object()) return members.Fail(Wrong("stop", "is not an object"));
  Members parts(*object, false);
  std::string how;
  std::string after;
  std::size_t count = 1;
  parts.Text("how", &how);
  parts.Text("after", &after);
  parts.Number("count", UINT32_MAX, &count);
  members.Fail(parts.status());
  if (how == "reset") stop->how = milter::StopHow::kReset;
  if (how == "quit") stop->how = milter::StopHow::kQuit;
  if (how == "drop") stop->how = milter::StopHow::kDrop;
  stop->count = static_cast<std::uint32_t>(count);
  for (unsigned code = 'A'; code <= 'Z'; ++code) {
    const auto byte = static_cast<std::uint8_t>(code);
    if (milter::IsCommand(byte) && milter::CommandName(byte) == after)
      stop->after = static_cast<milter::Command>(byte);
  }
}

void ReadRecipients(Members& members, milter::Transaction* to) {
  std::vector<std::string> addresses;
  members.Texts("recipients", &addresses);
  if (addresses.size() > kImportRecipientsMax)
    return members.Fail(Wrong("recipients", "has too many addresses"));
  for (std::string& address : addresses)
    to->recipients.emplace_back().address = std::move(address);
  const json* details = members.Find("recipient_details");
  if (details == nullptr) return;
  if (!details->is_array() || details->size() > to->recipients.size())
    return members.Fail(Wrong("recipient_details", "is not a list as long as recipients"));
  for (std::size_t i = 0; i < details->size(); ++i) {
    if (!(*details)[i].is_object())
      return members.Fail(Wrong("recipient_details", "holds no object"));
    Members one((*details)[i], members.marks());
    one.Texts("arguments", &to->recipients[i].arguments);
    one.Macros("macros", &to->recipients[i].macros);
    members.Fail(one.status());
  }
}

void ReadExact(Members& members, milter::Transaction* to, bool* exact) {
  const json* object = members.Find("exact");
  *exact = object != nullptr;
  if (!*exact) return;
  const auto decode = [&members](const json& value) {
    std::string text;
    if (!value.is_string() || !absl::Base64Unescape(value.get<std::string>(), &text))
      members.Fail(Wrong("exact", "holds something that is not base64"));
    return text;
  };
  const auto headers = object->find("headers");
  const auto body = object->find("body");
  if (!object->is_object() || headers == object->end() || body == object->end() ||
      !headers->is_array()) {
    return members.Fail(Wrong("exact", "has not headers and body"));
  }
  for (const json& field : *headers) {
    if (!field.is_array() || field.size() != 2)
      return members.Fail(Wrong("exact", "has a field that is no pair"));
    to->headers.push_back({decode(field[0]), decode(field[1])});
  }
  to->body = decode(*body);
}

// What goes out; remembers whether a text needed marks.
class Writer {
 public:
  std::string Text(const std::string& text) {
    if (IsUtf8WithoutMarks(text)) return text;
    marks_ = true;
    return WithMarks(text);
  }
  // In the first pass marks are looked for, in the second all texts have them.
  ordered_json Macros(const std::vector<milter::MacroValue>& macros) {
    ordered_json object = ordered_json::object();
    for (const milter::MacroValue& macro : macros)
      object[Text(macro.name)] = Text(macro.value);
    return object;
  }
  ordered_json Texts(const std::vector<std::string>& texts) {
    ordered_json list = ordered_json::array();
    for (const std::string& text : texts)
      list.push_back(Text(text));
    return list;
  }
  bool marks() const { return marks_; }

 private:
  bool marks_ = false;
};

void PutEnvelope(const milter::Transaction& from, Writer& writer, ordered_json* to) {
  ordered_json& object = *to;
  object["sender"] = writer.Text(from.sender.address);
  if (!from.sender.arguments.empty())
    object["sender_arguments"] = writer.Texts(from.sender.arguments);
  if (!from.sender.macros.empty()) object["sender_macros"] = writer.Macros(from.sender.macros);
  object["recipients"] = ordered_json::array();
  ordered_json details = ordered_json::array();
  bool detailed = false;
  for (const milter::EnvelopeAddress& recipient : from.recipients) {
    object["recipients"].push_back(writer.Text(recipient.address));
    ordered_json detail = ordered_json::object();
    if (!recipient.arguments.empty()) detail["arguments"] = writer.Texts(recipient.arguments);
    if (!recipient.macros.empty()) detail["macros"] = writer.Macros(recipient.macros);
    detailed |= !detail.empty();
    details.push_back(std::move(detail));
  }
  if (detailed) object["recipient_details"] = std::move(details);
  if (!from.macros.empty()) object["macros"] = writer.Macros(from.macros);
  if (!from.queue_id.empty()) object["queue_id"] = writer.Text(from.queue_id);
  if (!from.unknown_line.empty()) object["unknown_line"] = writer.Text(from.unknown_line);
  if (!from.helo.empty()) object["helo_again"] = writer.Text(from.helo);
  if (from.retry_data) object["retry_data"] = true;
}

const char* HowText(milter::StopHow how) {
  switch (how) {
    case milter::StopHow::kPlayOn: break;
    case milter::StopHow::kReset: return "reset";
    case milter::StopHow::kQuit: return "quit";
    case milter::StopHow::kDrop: return "drop";
  }
  return "";
}

}  // namespace

absl::Status ReadMessageJson(std::string_view text,
                             ImportedMessage* message,
                             std::size_t* body_bytes,
                             bool* exact) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  const json* marks = Members(object, false).Find("marks");
  Members members(object, marks != nullptr && marks->is_boolean() && marks->get<bool>());
  milter::Transaction* to = &message->transaction;
  to->sender.address = "<>";
  std::string as;
  std::string time;
  members.Text("sender", &to->sender.address);
  members.Texts("sender_arguments", &to->sender.arguments);
  members.Macros("sender_macros", &to->sender.macros);
  ReadRecipients(members, to);
  ReadClient(members, &message->session);
  members.Macros("macros", &to->macros);
  members.Macros("session_macros", &message->session.macros);
  members.Number("body_bytes", replay::kMessageBytesMax, body_bytes);
  members.Text("session", &message->session_name);
  members.Text("time", &time);
  members.Text("as", &as);
  members.Text("queue_id", &to->queue_id);
  members.Text("unknown_line", &to->unknown_line);
  members.Text("helo_again", &to->helo);
  members.Flag("retry_data", &to->retry_data);
  ReadStop(members, &to->stop);
  ReadExact(members, to, exact);
  if (!time.empty()) message->time_us = ReadRfc3339(time);
  if (!time.empty() && !message->time_us) members.Fail(Wrong("time", "is not RFC 3339"));
  if (as == "sendmail") message->kind = milter::MtaKind::kSendmail;
  if (as == "postfix") message->kind = milter::MtaKind::kPostfix;
  if (to->recipients.empty()) members.Fail(Wrong("recipients", "is missing or empty"));
  return members.status();
}

std::string MessageJson(const ImportedMessage& message, const MessageJsonOptions& options) {
  const milter::Transaction& from = message.transaction;
  const milter::MtaScript& session = message.session;
  Writer writer;
  ordered_json object = ordered_json::object();
  if (!message.session_name.empty()) object["session"] = message.session_name;
  if (message.time_us) object["time"] = Rfc3339(*message.time_us);
  object["as"] = message.kind == milter::MtaKind::kPostfix ? "postfix" : "sendmail";
  object["client"] = {{"name", writer.Text(session.client_name)},
                      {"address", writer.Text(session.client_address)},
                      {"port", session.client_port},
                      {"family", std::string(1, session.client_family)},
                      {"helo", writer.Text(session.helo)}};
  if (!session.macros.empty()) object["session_macros"] = writer.Macros(session.macros);
  PutEnvelope(from, writer, &object);
  if (from.stop.how != milter::StopHow::kPlayOn) {
    const auto after = static_cast<std::uint8_t>(from.stop.after);
    object["stop"] = {{"how", HowText(from.stop.how)},
                      {"after", std::string(milter::CommandName(after))},
                      {"count", from.stop.count}};
  }
  if (!options.expect.empty()) object["expect"] = options.expect;
  if (writer.marks()) object["marks"] = true;
  if (options.exact) {
    ordered_json headers = ordered_json::array();
    for (const milter::HeaderField& field : from.headers)
      headers.push_back({absl::Base64Escape(field.name), absl::Base64Escape(field.value)});
    object["exact"] = {{"headers", std::move(headers)}, {"body", absl::Base64Escape(from.body)}};
  }
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

absl::Status ReadJsonRow(std::string_view line,
                         std::vector<std::pair<std::string, std::vector<std::string>>>* members) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  for (const auto& [name, value] : object.items()) {
    std::vector<std::string> values;
    if (value.is_string()) values.push_back(value.get<std::string>());
    if (value.is_array()) Members(object, false).Texts(name.c_str(), &values);
    members->emplace_back(name, std::move(values));
  }
  return absl::OkStatus();
}

}  // namespace record
