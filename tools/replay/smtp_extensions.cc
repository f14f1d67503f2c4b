// EHLO keywords, command arguments, XCLIENT.
#include "tools/replay/smtp_extensions.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/absl_text.h"

namespace replay {
namespace {

constexpr std::size_t kCodeAndMarkBytes = 4;  // "250-"
constexpr std::string_view kUnavailable = "[UNAVAILABLE]";
constexpr std::size_t kLineEndBytes = 2;
constexpr std::string_view kXclient = "XCLIENT";

struct ArgumentOwner {
  std::string_view argument;
  std::string_view extension;
};
constexpr std::array<ArgumentOwner, 10> kArgumentOwners = {{
    {"BODY", "8BITMIME"},
    {"RET", "DSN"},
    {"ENVID", "DSN"},
    {"NOTIFY", "DSN"},
    {"ORCPT", "DSN"},
    {"BY", "DELIVERBY"},
    {"MTRK", "MTRK"},
    {"HOLDFOR", "FUTURERELEASE"},
    {"HOLDUNTIL", "FUTURERELEASE"},
    {"TRANSID", "CHECKPOINT"},
}};

std::string Upper(std::string_view text) {
  return absl::AsciiStrToUpper(engine::ToAbsl(text));
}

bool HasEightBit(std::string_view text) noexcept {
  return std::any_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 127; });
}

// "SIZE" of "size=100".
std::string KeywordOf(std::string_view argument) {
  return Upper(argument.substr(0, argument.find('=')));
}

bool IsOffered(std::string_view argument, const SmtpExtensions& extensions) {
  const std::string keyword = KeywordOf(argument);
  if (keyword == "BODY" && Upper(argument) == "BODY=BINARYMIME") return false;
  const auto* owner = std::find_if(kArgumentOwners.begin(),
                                   kArgumentOwners.end(),
                                   [&](const ArgumentOwner& o) { return o.argument == keyword; });
  return extensions.Offers(owner == kArgumentOwners.end() ? std::string_view(keyword)
                                                          : owner->extension);
}

bool NeedsUtf8(const milter::Transaction& transaction) {
  if (HasEightBit(transaction.sender.address)) return true;
  return std::any_of(
      transaction.recipients.begin(),
      transaction.recipients.end(),
      [](const milter::EnvelopeAddress& recipient) { return HasEightBit(recipient.address); });
}

// RFC 3461 section 4.
std::string Xtext(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet > 32 && octet < 127 && c != '+' && c != '=') {
      out += c;
    } else {
      out += '+';
      out += kDigits[octet >> 4];
      out += kDigits[octet & 0xF];
    }
  }
  return out;
}

// A client without a verified name is "unknown", or "[192.0.2.1]" as filters see it.
std::string_view NameValue(const milter::MtaScript& script) {
  const std::string_view name = script.client_name;
  return name.empty() || name == "unknown" || name.front() == '[' ? kUnavailable : name;
}

std::string AddressValue(const milter::MtaScript& script) {
  if (script.client_address.empty()) return std::string(kUnavailable);
  if (script.client_family == '4') return script.client_address;
  return script.client_family == '6' ? "IPV6:" + script.client_address : std::string(kUnavailable);
}

std::string_view Login(const milter::MtaScript& script) {
  const std::string* login = nullptr;
  if (!script.transactions.empty()) {
    const milter::Transaction& first = script.transactions.front();
    login = milter::FindMacro(first.sender.macros, "auth_authen");
    if (login == nullptr) login = milter::FindMacro(first.macros, "auth_authen");
  }
  if (login == nullptr) login = milter::FindMacro(script.macros, "auth_authen");
  return login == nullptr ? std::string_view() : *login;
}

}  // namespace

void SmtpExtensions::Read(const SmtpReply& reply) {
  lines_.clear();
  for (const absl::string_view line : absl::StrSplit(reply.text, "\r\n")) {
    lines_.push_back(line.size() < kCodeAndMarkBytes
                         ? std::string()
                         : absl::AsciiStrToUpper(line.substr(kCodeAndMarkBytes)));
  }
  lines_.erase(lines_.begin());  // the server's name
}

bool SmtpExtensions::Offers(std::string_view keyword) const {
  return Line(keyword) != nullptr;
}

bool SmtpExtensions::Names(std::string_view keyword, std::string_view parameter) const {
  const std::string* line = Line(keyword);
  if (line == nullptr) return false;
  const std::vector<absl::string_view> words = absl::StrSplit(*line, ' ');
  return std::find(words.begin() + 1, words.end(), engine::ToAbsl(parameter)) != words.end();
}

const std::string* SmtpExtensions::Line(std::string_view keyword) const {
  for (const std::string& line : lines_) {
    if (std::string_view(line).substr(0, line.find(' ')) == keyword) return &line;
  }
  return nullptr;
}

FittedArguments FitMailArguments(const milter::Transaction& transaction,
                                 const MailFacts& facts,
                                 const SmtpExtensions& extensions) {
  FittedArguments fitted;
  bool has_size = false;
  bool has_body = false;
  bool has_utf8 = false;
  const std::string size = absl::StrCat(" SIZE=", facts.content.bytes);
  for (const std::string& argument : transaction.sender.arguments) {
    const std::string keyword = KeywordOf(argument);
    if (!IsOffered(argument, extensions)) {
      ++fitted.left_out;
    } else if (keyword == "SIZE") {
      if (!std::exchange(has_size, true)) fitted.text += size;
    } else {
      has_body = has_body || keyword == "BODY";
      has_utf8 = has_utf8 || keyword == "SMTPUTF8";
      absl::StrAppend(&fitted.text, " ", argument);
    }
  }
  if (!has_size && extensions.Offers("SIZE")) fitted.text += size;
  if (!facts.declare_8bit) return fitted;
  if (!has_body && facts.content.eight_bit && extensions.Offers("8BITMIME"))
    fitted.text += " BODY=8BITMIME";
  if (!has_utf8 && NeedsUtf8(transaction) && extensions.Offers("SMTPUTF8"))
    fitted.text += " SMTPUTF8";
  return fitted;
}

FittedArguments FitRcptArguments(const milter::EnvelopeAddress& recipient,
                                 const SmtpExtensions& extensions) {
  FittedArguments fitted;
  for (const std::string& argument : recipient.arguments) {
    if (IsOffered(argument, extensions)) {
      absl::StrAppend(&fitted.text, " ", argument);
    } else {
      ++fitted.left_out;
    }
  }
  return fitted;
}

std::string Bracketed(std::string_view address) {
  if (address.starts_with('<')) return std::string(address);
  return absl::StrCat("<", engine::ToAbsl(address), ">");
}

FittedArguments FitXclientArguments(const milter::MtaScript& script,
                                    const SmtpExtensions& extensions) {
  struct Attribute {
    std::string_view name;
    std::string value;
  };
  const bool has_helo = script.helo_count != 0;
  const std::array<Attribute, 6> attributes = {{
      {"ADDR", AddressValue(script)},
      {"PORT",
       script.client_port == 0 ? std::string(kUnavailable) : std::to_string(script.client_port)},
      {"NAME", std::string(NameValue(script))},
      {"LOGIN", std::string(Login(script))},
      {"PROTO", has_helo ? "ESMTP" : "SMTP"},
      {"HELO", has_helo && !script.helo.empty() ? script.helo : std::string(kUnavailable)},
  }};
  FittedArguments fitted;
  for (const Attribute& attribute : attributes) {
    if (attribute.value.empty() || !extensions.Names(kXclient, attribute.name)) continue;
    const std::string text =
        absl::StrCat(" ", engine::ToAbsl(attribute.name), "=", Xtext(attribute.value));
    const std::size_t bytes = kXclient.size() + fitted.text.size() + text.size() + kLineEndBytes;
    if (bytes <= kXclientMaxBytes) {
      fitted.text += text;
    } else {
      ++fitted.left_out;
    }
  }
  return fitted;
}

}  // namespace replay
