// The envelope of one message from the three places where it may be.
#include "tools/record/import_message.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/record/address_list.h"
#include "tools/record/made_text.h"
#include "tools/record/mail_date.h"
#include "tools/record/message_json.h"
#include "tools/replay/transaction_set.h"

namespace record {
namespace {

using milter::HeaderField;

const HeaderField* FieldNamed(const milter::Transaction& transaction, absl::string_view name) {
  const auto found = std::find_if(
      transaction.headers.begin(), transaction.headers.end(), [name](const HeaderField& field) {
        return absl::EqualsIgnoreCase(field.name, name);
      });
  return found == transaction.headers.end() ? nullptr : &*found;
}

std::string SenderInHeader(const milter::Transaction& transaction) {
  for (const char* name : {"Return-Path", "Sender", "From"}) {
    const HeaderField* field = FieldNamed(transaction, name);
    if (field == nullptr) continue;
    if (IsNullAddress(field->value)) return "<>";
    const std::vector<std::string> found = AddressesOf(field->value);
    if (!found.empty()) return absl::StrCat("<", found.front(), ">");
  }
  return "<>";
}

void AddRecipients(absl::string_view name, milter::Transaction* transaction) {
  for (const HeaderField& field : transaction->headers) {
    if (!absl::EqualsIgnoreCase(field.name, name)) continue;
    for (const std::string& address : AddressesOf(field.value)) {
      if (transaction->recipients.size() == kImportRecipientsMax) return;
      transaction->recipients.emplace_back().address = absl::StrCat("<", address, ">");
    }
  }
}

// An address that is there twice is one recipient.
void DropDoubles(std::vector<milter::EnvelopeAddress>* recipients) {
  std::vector<std::string> seen;
  std::erase_if(*recipients, [&seen](const milter::EnvelopeAddress& recipient) {
    const auto place = std::lower_bound(seen.begin(), seen.end(), recipient.address);
    if (place != seen.end() && *place == recipient.address) return true;
    seen.insert(place, recipient.address);
    return false;
  });
}

void RecipientsFromHeader(milter::Transaction* transaction) {
  AddRecipients("X-Original-To", transaction);
  if (transaction->recipients.empty()) AddRecipients("Delivered-To", transaction);
  if (transaction->recipients.empty()) {
    for (const char* name : {"To", "Cc", "Bcc"})
      AddRecipients(name, transaction);
  }
  DropDoubles(&transaction->recipients);
}

// FNV-1a, for a choice that is the same everywhere.
std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211U;
  }
  return hash;
}

std::vector<milter::MacroValue> MailServerMacros(milter::MtaKind kind) {
  if (kind == milter::MtaKind::kSendmail)
    return {{"j", "mail.example.org"}, {"daemon_name", "MTA"}, {"if_name", "mail.example.org"}};
  return {{"j", "mail.example.org"}, {"daemon_name", "mail.example.org"}, {"v", "Postfix 3.7"}};
}

void SetClient(const ImportDefaults& defaults, const TableRow* row, ImportedMessage* message) {
  constexpr std::uint64_t kClients = 600;
  const std::string& sender = message->transaction.sender.address;
  const std::size_t sign = sender.rfind('@');
  const std::string domain = sign == std::string::npos ? "" : sender.substr(sign);
  MadeClient made = ClientOf(HashOf(domain) % kClients);
  milter::MtaScript& session = message->session;
  session.client_address = made.address;
  session.client_name = made.name;
  session.client_port = static_cast<std::uint16_t>(1024 + HashOf(sender) % 60'000);
  if (!defaults.client_address.empty()) session.client_address = defaults.client_address;
  if (!defaults.client_name.empty()) session.client_name = defaults.client_name;
  if (row != nullptr && !row->client_address.empty()) session.client_address = row->client_address;
  if (row != nullptr && !row->client_name.empty()) session.client_name = row->client_name;
  session.client_family = session.client_address.find(':') == std::string::npos ? '4' : '6';
  session.helo = session.client_name == "unknown" ? made.helo : session.client_name;
  if (!defaults.helo.empty()) session.helo = defaults.helo;
  if (row != nullptr && !row->helo.empty()) session.helo = row->helo;
  session.macros = MailServerMacros(message->kind);
}

void SetFromTableOrHeader(const ImportDefaults& defaults,
                          const TableRow* row,
                          ImportedMessage* message) {
  milter::Transaction& transaction = message->transaction;
  transaction.sender.address =
      row != nullptr && row->sender ? *row->sender : SenderInHeader(transaction);
  if (row != nullptr) {
    for (const std::string& address : row->recipients)
      transaction.recipients.emplace_back().address = address;
    message->time_us = row->time_us;
  }
  if (transaction.recipients.empty()) RecipientsFromHeader(&transaction);
  if (transaction.recipients.empty())
    transaction.recipients.emplace_back().address = absl::StrCat("<", defaults.recipient, ">");
  SetClient(defaults, row, message);
}

void SetTime(const FoundMessage& found, ImportedMessage* message) {
  if (!message->time_us) message->time_us = found.from_line_us;
  if (!message->time_us) {
    const HeaderField* date = FieldNamed(message->transaction, "Date");
    if (date != nullptr) message->time_us = ReadMailDate(date->value);
  }
  if (!message->time_us) message->time_us = found.file_us;
}

void DropDeliveryFields(milter::Transaction* transaction) {
  std::erase_if(transaction->headers, [](const HeaderField& field) {
    return absl::EqualsIgnoreCase(field.name, "Return-Path") ||
           absl::EqualsIgnoreCase(field.name, "Delivered-To") ||
           absl::EqualsIgnoreCase(field.name, "X-Original-To") ||
           absl::EqualsIgnoreCase(field.name, "Bcc");
  });
}

std::string MessageId(const milter::Transaction& transaction) {
  const HeaderField* field = FieldNamed(transaction, "Message-ID");
  if (field == nullptr) return "";
  const std::size_t begin = field->value.find('<');
  const std::size_t end = field->value.find('>', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return "";
  return field->value.substr(begin, end - begin + 1);
}

// What the bundled transactions' JSON may leave out.
absl::Status SetFromJson(const FoundMessage& found, ImportedMessage* message) {
  const replay::Client client;
  milter::MtaScript& session = message->session;
  session.client_name = client.name;
  session.client_address = client.address;
  session.client_port = client.port;
  session.helo = client.helo;
  std::size_t body_bytes = 0;
  bool exact = false;
  absl::Status status = ReadMessageJson(*found.envelope_json, message, &body_bytes, &exact);
  if (status.ok() && !exact) SetMessageText(found.octets, body_bytes, &message->transaction);
  if (session.macros.empty()) session.macros = MailServerMacros(message->kind);
  return status;
}

}  // namespace

absl::StatusOr<ImportedMessage> MakeImported(FoundMessage&& found,
                                             const ImportDefaults& defaults,
                                             const EnvelopeTable* table) {
  ImportedMessage message;
  message.kind = defaults.kind;
  milter::Transaction& transaction = message.transaction;
  if (found.envelope_json) {
    absl::Status status = SetFromJson(found, &message);
    if (!status.ok()) return status;
  } else {
    milter::SplitMessage(found.octets, &transaction);
    const std::string id = MessageId(transaction);
    const TableRow* row = table == nullptr ? nullptr : table->Find(found.name, id);
    SetFromTableOrHeader(defaults, row, &message);
  }
  SetTime(found, &message);
  if (defaults.drop_delivery_fields) DropDeliveryFields(&transaction);
  if (transaction.queue_id.empty()) {
    RandomStream random(HashOf(found.name), HashOf(found.octets));
    transaction.queue_id = MadeQueueId(random);
  }
  return message;
}

}  // namespace record
