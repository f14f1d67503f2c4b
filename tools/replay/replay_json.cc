// Envelopes of transactions, from JSON.
#define JSON_NOEXCEPTION
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/replay/transaction_set.h"

namespace replay {
namespace {

using nlohmann::json;

// "key is missing", "key is not a string": one way to say it.
absl::Status Wrong(const char* key, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" ", what));
}

absl::Status ReadText(const json& object, const char* key, std::string* text) {
  const auto found = object.find(key);
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_string()) return Wrong(key, "is not a string");
  *text = found->get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadTexts(const json& object, const char* key, std::vector<std::string>* texts) {
  const auto found = object.find(key);
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_array()) return Wrong(key, "is not a list");
  for (const json& item : *found) {
    if (!item.is_string()) return Wrong(key, "holds something that is not a string");
    texts->push_back(item.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status ReadNumber(const json& object, const char* key, std::size_t max, std::size_t* number) {
  const auto found = object.find(key);
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_number_unsigned() || found->get<std::size_t>() > max)
    return Wrong(key, "is not a number in its range");
  *number = found->get<std::size_t>();
  return absl::OkStatus();
}

absl::Status ReadClient(const json& object, Client* client) {
  const auto found = object.find("client");
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_object()) return Wrong("client", "is not an object");
  absl::Status status = ReadText(*found, "name", &client->name);
  status.Update(ReadText(*found, "address", &client->address));
  status.Update(ReadText(*found, "helo", &client->helo));
  std::size_t port = client->port;
  status.Update(ReadNumber(*found, "port", UINT16_MAX, &port));
  client->port = static_cast<std::uint16_t>(port);
  return status;
}

absl::Status ReadMacros(const json& object, std::vector<milter::MacroValue>* macros) {
  const auto found = object.find("macros");
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_object()) return Wrong("macros", "is not an object");
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) return Wrong("macros", "holds something that is not a string");
    macros->push_back({name, value.get<std::string>()});
  }
  return absl::OkStatus();
}

absl::Status ReadExpected(const json& object, std::optional<milter::Outcome>* expected) {
  std::string text;
  absl::Status status = ReadText(object, "expect", &text);
  if (!status.ok() || text.empty()) return status;
  for (const milter::Outcome outcome : {milter::Outcome::kAccepted,
                                        milter::Outcome::kRejected,
                                        milter::Outcome::kTempfailed,
                                        milter::Outcome::kDiscarded}) {
    if (text == OutcomeText(outcome)) *expected = outcome;
  }
  return *expected ? absl::OkStatus() : Wrong("expect", "is none of the four outcomes");
}

}  // namespace

absl::Status ReadEnvelope(std::string_view text, NamedTransaction* named, std::size_t* body_bytes) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  milter::Transaction& transaction = named->transaction;
  transaction.sender.address = "<>";
  std::vector<std::string> recipients;
  absl::Status status = ReadText(object, "sender", &transaction.sender.address);
  status.Update(ReadTexts(object, "sender_arguments", &transaction.sender.arguments));
  status.Update(ReadTexts(object, "recipients", &recipients));
  status.Update(ReadClient(object, &named->client));
  status.Update(ReadMacros(object, &transaction.macros));
  status.Update(ReadNumber(object, "body_bytes", kMessageBytesMax, body_bytes));
  status.Update(ReadExpected(object, &named->expected));
  if (status.ok() && recipients.empty()) return Wrong("recipients", "is missing or empty");
  for (std::string& recipient : recipients)
    transaction.recipients.emplace_back().address = std::move(recipient);
  return status;
}

}  // namespace replay
