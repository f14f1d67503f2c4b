// The mail server's end: the packets of each step, and the macros before them.

#include "milter/mta_session.h"

namespace milter {
namespace {

// Postfix clamps header_size_limit to this while milters are active; Sendmail's limit is the
// packet's.
constexpr std::size_t kPostfixHeaderMaxBytes = 60000;
constexpr std::size_t kHeaderNameMaxBytes = 1000;
constexpr std::uint32_t kVersionWithData = 4;
constexpr std::uint32_t kVersionWithUnknown = 3;

// What is sent when nobody asks: Postfix 3.5 and later (mail_params.h), Sendmail (cf/m4/cfhead.m4).
constexpr MacroLists kPostfixMacros = {
    "j {daemon_name} {daemon_addr} v _",
    "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
    "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    "i",
    "i",
    "i",
};
constexpr MacroLists kSendmailMacros = {
    "j _ {daemon_name} {if_name} {if_addr}",
    "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} {mail_addr}",
    "{rcpt_mailer} {rcpt_host} {rcpt_addr}",
    "",
    "{msg_id}",
    "",
};

std::vector<std::string> SplitNames(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t end = list.find_first_of(" ,\t\r\n");
    if (end != 0) names.emplace_back(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return names;
}

std::uint32_t ReadU32(std::string_view bytes) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

}  // namespace

void MtaSession::SetMacroNames() {
  const MacroLists& built_in = postfix() ? kPostfixMacros : kSendmailMacros;
  const MacroLists& lists = options_->macro_lists != nullptr ? *options_->macro_lists : built_in;
  for (std::size_t stage = 0; stage < kMacroStageCount; ++stage) {
    macro_names_[stage] = SplitNames(lists[stage]);
  }
}

// { stage:u32 names NUL }*. Postfix takes an empty list for none; Sendmail looks at the EOM list
// only when an EOH list came, and has no EOM macros at all when that came alone.
MtaError MtaSession::ReadMacroLists(std::string_view lists) {
  constexpr auto kEom = static_cast<std::size_t>(MacroStage::kEndOfMessage);
  constexpr auto kEoh = static_cast<std::size_t>(MacroStage::kEndOfHeaders);
  std::array<bool, kMacroStageCount> given{};
  const std::vector<std::string> default_eom = macro_names_[kEom];
  while (!lists.empty()) {
    if (lists.size() < kLengthBytes) return MtaError::kMalformed;
    const std::size_t stage = ReadU32(lists);
    const std::size_t end = lists.find('\0', kLengthBytes);
    if (end == std::string_view::npos) return MtaError::kMalformed;
    const std::string_view names = lists.substr(kLengthBytes, end - kLengthBytes);
    lists.remove_prefix(end + 1);
    if (stage >= kMacroStageCount) {
      if (!postfix()) break;
      continue;
    }
    if (names.empty() && postfix()) continue;
    macro_names_[stage] = SplitNames(names);
    if (macro_names_[stage].size() > kMacroNamesMax) return MtaError::kMalformed;
    given[stage] = true;
  }
  if (!postfix() && given[kEoh] != given[kEom]) {
    macro_names_[kEom] = given[kEoh] ? std::vector<std::string>() : default_eom;
  }
  return MtaError::kNone;
}

bool MtaSession::Sends(Command command) const noexcept {
  if (command == Command::kData && answer_.version < kVersionWithData) return false;
  if (command == Command::kUnknown && answer_.version < kVersionWithUnknown) return false;
  return (answer_.protocol & NoSendBit(command)) == 0;
}

void MtaSession::SendOffer() {
  stream_.Begin(Command::kNegotiate);
  stream_.PutU32(options_->offer.version);
  stream_.PutU32(options_->offer.actions);
  stream_.PutU32(options_->offer.protocol);
  stream_.End();
}

bool MtaSession::SendConnect() {
  SendMacros('C', MacroStage::kConnect);
  if (!Sends(Command::kConnect)) return false;
  stream_.Begin(Command::kConnect);
  if (script_->client_name == "unknown") {
    stream_.PutByte('[');
    stream_.Put(client_address_);
    stream_.PutString("]");
  } else {
    stream_.PutString(script_->client_name);
  }
  stream_.PutByte(script_->client_family);
  if (script_->client_family != 'U') {
    stream_.PutU16(script_->client_family == 'L' ? 0 : script_->client_port);
    stream_.PutString(client_address_);
  }
  stream_.End();
  return true;
}

bool MtaSession::SendHelo() {
  ++helos_;
  SendMacros('H', MacroStage::kHelo);
  if (!Sends(Command::kHelo)) return false;
  stream_.Begin(Command::kHelo);
  stream_.PutString(*helo_);
  stream_.End();
  return true;
}

// Postfix before 3.10 sends the verb alone; its macro list for this stage is empty, and is sent all
// the same, even when the command is not.
bool MtaSession::SendUnknown() {
  if (answer_.version < kVersionWithUnknown) return false;
  const std::string_view line = transaction().unknown_line;
  if (postfix()) {
    stream_.Begin(Command::kMacro);
    stream_.PutByte('U');
    stream_.End();
  }
  if (!Sends(Command::kUnknown)) return false;
  stream_.Begin(Command::kUnknown);
  stream_.PutString(postfix() ? line.substr(0, line.find(' ')) : line);
  stream_.End();
  return true;
}

bool MtaSession::SendMail() {
  results_.emplace_back();
  mail_address_ = WithoutBrackets(transaction().sender.address);
  SendMacros('M', MacroStage::kMail);
  return SendAddress(Command::kMail, transaction().sender);
}

bool MtaSession::SendRcpt() {
  if (skip_rcpts_) return false;
  const EnvelopeAddress& recipient = transaction().recipients[rcpt_index_];
  rcpt_address_ = WithoutBrackets(recipient.address);
  SendMacros('R', MacroStage::kRcpt);
  return SendAddress(Command::kRcpt, recipient);
}

bool MtaSession::SendAddress(Command command, const EnvelopeAddress& address) {
  if (!Sends(command)) return false;
  stream_.Begin(command);
  stream_.PutString(address.address);
  for (const std::string& argument : address.arguments)
    stream_.PutString(argument);
  stream_.End();
  return true;
}

bool MtaSession::SendData() {
  if (answer_.version < kVersionWithData) return false;
  SendMacros('T', MacroStage::kData);
  if (!Sends(Command::kData)) return false;
  SendPlain(Command::kData);
  return true;
}

// A NUL ends the value, as in Postfix.
bool MtaSession::SendHeader() {
  const HeaderField& header = transaction().headers[header_index_++];
  if (postfix()) SendMacros('L', MacroStage::kEndOfHeaders);
  std::string_view value = header.value;
  value = value.substr(0, value.find('\0'));
  if ((answer_.protocol & kLeadingSpace) == 0 && value.starts_with(' ')) value.remove_prefix(1);
  const std::size_t payload_max = postfix() ? kPostfixHeaderMaxBytes : kPayloadMaxBytes;
  stream_.Begin(Command::kHeader);
  stream_.PutString(std::string_view(header.name).substr(0, kHeaderNameMaxBytes));
  stream_.Put(value.substr(0, payload_max - stream_.payload_bytes() - 1));
  stream_.PutByte('\0');
  stream_.End();
  return true;
}

bool MtaSession::SendEndOfHeaders() {
  if (!Sends(Command::kEndOfHeaders)) return false;
  SendMacros('N', MacroStage::kEndOfHeaders);
  SendPlain(Command::kEndOfHeaders);
  return true;
}

bool MtaSession::SendBody() {
  if (postfix()) SendMacros('B', MacroStage::kEndOfMessage);
  const std::string_view chunk = std::string_view(body()).substr(body_at_, kBodyChunkMaxBytes);
  stream_.PacketOfView(Command::kBody, chunk);
  body_at_ += chunk.size();
  return true;
}

void MtaSession::SendEndOfMessage() {
  SendMacros('E', MacroStage::kEndOfMessage);
  SendPlain(Command::kEndOfMessage);
}

void MtaSession::SendPlain(Command command) {
  stream_.Begin(command);
  stream_.End();
}

// Postfix sends the packet even without a pair; Sendmail only when the list names something.
void MtaSession::SendMacros(char letter, MacroStage stage) {
  const std::vector<std::string>& names = macro_names_[static_cast<std::size_t>(stage)];
  if (names.empty() && !postfix()) return;
  stream_.Begin(Command::kMacro);
  stream_.PutByte(letter);
  for (const std::string& name : names)
    PutMacro(name);
  stream_.End();
}

void MtaSession::PutMacro(std::string_view wire_name) {
  const std::string* text = MacroText(MacroName(wire_name));
  if (text == nullptr) return;
  stream_.PutString(wire_name);
  stream_.PutString(*text);
}

const std::string* MtaSession::MacroText(std::string_view name) const {
  if (results_.size() > transaction_index_) {
    if (name == "i") return QueueId();
    const std::string* of_message = MessageMacro(name);
    if (of_message != nullptr) return of_message;
  }
  if (const std::string* own = FindMacro(script_->macros, name); own != nullptr) return own;
  if (name == "client_name") return &script_->client_name;
  if (name == "client_addr") return &client_address_;
  if (name == "client_port") return &client_port_;
  return nullptr;
}

// Postfix makes it when it accepts the first recipient.
const std::string* MtaSession::QueueId() const {
  const bool own =
      transaction_index_ < queue_ids_.size() && !queue_ids_[transaction_index_].empty();
  const std::string& id = own ? queue_ids_[transaction_index_] : transaction().queue_id;
  return !id.empty() && (!postfix() || rcpts_accepted_ != 0) ? &id : nullptr;
}

const std::string* MtaSession::MessageMacro(std::string_view name) const {
  const Transaction& current = transaction();
  const std::string* text = nullptr;
  if (rcpt_index_ < current.recipients.size()) {
    text = FindMacro(current.recipients[rcpt_index_].macros, name);
  }
  if (text == nullptr) text = FindMacro(current.sender.macros, name);
  if (text == nullptr) text = FindMacro(current.macros, name);
  if (text != nullptr) return text;
  if (name == "mail_addr") return &mail_address_;
  if (name == "rcpt_addr") return &rcpt_address_;
  return nullptr;
}

}  // namespace milter
