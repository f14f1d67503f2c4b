// Envelope texts by their kinds; see the header.
#include "tools/anonymise/envelope.h"

#include <algorithm>
#include <array>

#include "milter/macros.h"
#include "tools/anonymise/escaped_text.h"
#include "tools/anonymise/field_text.h"
#include "tools/anonymise/header_field.h"
#include "tools/anonymise/host_names.h"
#include "tools/anonymise/known_words.h"

namespace anonymise {
namespace {

constexpr std::size_t kNumberDigitsMax = 20;
constexpr std::size_t kBankBytesMax = 32;

enum class MacroKind : std::uint8_t {
  kWords,
  kAddress,
  kHost,
  kProgram,
  kCipher,
  kNumber,
  kDate,
  kId,
  kBank
};

struct MacroRow {
  std::string_view name;
  MacroKind kind;
};

constexpr MacroRow kMacros[] = {
    {"_", MacroKind::kHost},
    {"addr_type", MacroKind::kWords},
    {"auth_authen", MacroKind::kAddress},
    {"auth_author", MacroKind::kAddress},
    {"auth_ssf", MacroKind::kNumber},
    {"auth_type", MacroKind::kProgram},
    {"b", MacroKind::kDate},
    {"bodytype", MacroKind::kWords},
    {"cert_issuer", MacroKind::kWords},
    {"cert_md5", MacroKind::kWords},
    {"cert_subject", MacroKind::kWords},
    {"cipher", MacroKind::kCipher},
    {"cipher_bits", MacroKind::kNumber},
    {"client_addr", MacroKind::kHost},
    {"client_connections", MacroKind::kNumber},
    {"client_flags", MacroKind::kWords},
    {"client_name", MacroKind::kHost},
    {"client_port", MacroKind::kNumber},
    {"client_ptr", MacroKind::kHost},
    {"client_rate", MacroKind::kNumber},
    {"client_resolve", MacroKind::kProgram},
    {"cn_issuer", MacroKind::kWords},
    {"cn_subject", MacroKind::kWords},
    {"currHeader", MacroKind::kWords},
    {"daemon_addr", MacroKind::kHost},
    {"daemon_name", MacroKind::kBank},
    {"daemon_port", MacroKind::kNumber},
    {"deliveryMode", MacroKind::kWords},
    {"dsn_envid", MacroKind::kWords},
    {"dsn_notify", MacroKind::kWords},
    {"dsn_ret", MacroKind::kWords},
    {"envid", MacroKind::kWords},
    {"hdr_name", MacroKind::kWords},
    {"hdrlen", MacroKind::kNumber},
    {"i", MacroKind::kId},
    {"if_addr", MacroKind::kHost},
    {"if_name", MacroKind::kHost},
    {"j", MacroKind::kHost},
    {"load_avg", MacroKind::kNumber},
    {"mail_addr", MacroKind::kAddress},
    {"mail_host", MacroKind::kHost},
    {"mail_mailer", MacroKind::kProgram},
    {"msg_id", MacroKind::kAddress},
    {"msg_size", MacroKind::kNumber},
    {"nbadrcpts", MacroKind::kNumber},
    {"nrcpts", MacroKind::kNumber},
    {"ntries", MacroKind::kNumber},
    {"opMode", MacroKind::kWords},
    {"quarantine", MacroKind::kWords},
    {"queue_interval", MacroKind::kNumber},
    {"r", MacroKind::kProgram},
    {"rcpt_addr", MacroKind::kAddress},
    {"rcpt_host", MacroKind::kHost},
    {"rcpt_mailer", MacroKind::kProgram},
    {"s", MacroKind::kHost},
    {"server_addr", MacroKind::kHost},
    {"server_name", MacroKind::kHost},
    {"tls_version", MacroKind::kProgram},
    {"v", MacroKind::kProgram},
    {"verify", MacroKind::kProgram},
    {"w", MacroKind::kHost},
};

const MacroRow* FindMacro(std::string_view name) noexcept {
  const MacroRow* const row =
      std::find_if(std::begin(kMacros), std::end(kMacros), [name](const MacroRow& each) {
        return each.name == name;
      });
  return row == std::end(kMacros) ? nullptr : row;
}

bool IsNumber(std::string_view text) noexcept {
  return text.size() <= kNumberDigitsMax && std::all_of(text.begin(), text.end(), IsDigit);
}

// Names of policies and listeners are written in capitals; host names are not.
bool IsBankName(std::string_view text) noexcept {
  return text.size() <= kBankBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
           return IsUpper(c) || IsDigit(c) || c == '_' || c == '-';
         });
}

// "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384": capitals and digits.
bool IsCipherName(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 8> kBeginnings = {
      "TLS_", "ECDHE-", "DHE-", "AES", "RSA-", "CAMELLIA", "AECDH-", "ADH-"};
  const bool known = std::any_of(kBeginnings.begin(), kBeginnings.end(), [text](auto beginning) {
    return text.starts_with(beginning);
  });
  return known && IsBankName(text);
}

// A name of a program or a transport: known words and numbers stay.
void RewriteProgram(const Pseudonyms& pseudonyms, Octets value) {
  RewriteText(pseudonyms, value, {.keep = kProgramWords, .keep_digits = value.size() <= 64});
}

// What is behind "ORCPT=": "rfc822;" and an address, in xtext.
void RewriteXtext(const Pseudonyms& pseudonyms, Octets value, bool typed) {
  EscapedText escaped('+');
  escaped.Decode(View(value));
  Octets octets = escaped.octets();
  const std::size_t type_end = typed ? View(octets).find(';') : std::string_view::npos;
  if (type_end != std::string_view::npos) {
    RewriteText(pseudonyms, octets.first(type_end), {.keep = kEsmtpWords});
    octets = octets.subspan(type_end);
  }
  RewriteAddress(pseudonyms, octets);
  escaped.Encode(value);
}

// Whether `text` begins with "5.7.0" and a blank or the end; its length, or 0.
std::size_t EnhancedCode(std::string_view text) noexcept {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at >= text.size() || text[at++] != '.')) return 0;
    const std::size_t begin = at;
    while (at < text.size() && IsDigit(text[at]) && at - begin < 3)
      ++at;
    const bool sound =
        part > 0 || (at == 1 && (text[0] == '2' || text[0] == '4' || text[0] == '5'));
    if (at == begin || !sound) return 0;
  }
  return at == text.size() || text[at] == ' ' ? at : 0;
}

void RewriteReplyLine(const Pseudonyms& pseudonyms, Octets line) {
  const std::string_view text = View(line);
  std::size_t kept = 0;
  const bool code = text.size() >= 3 && std::all_of(text.begin(), text.begin() + 3, IsDigit) &&
                    (text.size() == 3 || text[3] == ' ' || text[3] == '-');
  if (code) kept = std::min<std::size_t>(4, text.size());
  kept += EnhancedCode(text.substr(kept));
  RewriteText(pseudonyms, line.subspan(kept), {.hosts = true});
}

}  // namespace

void RewriteHostName(const Pseudonyms& pseudonyms, Octets text) {
  if (View(text).find(' ') == std::string_view::npos) {
    if (!EqualsFolded(View(text), "unknown")) ReplaceHost(pseudonyms, text);
    return;
  }
  RewriteText(pseudonyms, text, {.plain = WordKind::kLabel, .keep = kTraceWords, .hosts = true});
}

void RewriteMacroName(const Pseudonyms& pseudonyms, Octets name) {
  const std::string_view bare = milter::MacroName(View(name));
  if (bare.size() > 1 && FindMacro(bare) == nullptr)
    pseudonyms.ReplaceWords(WordKind::kHeaderName, name);
}

void RewriteMacro(const Pseudonyms& pseudonyms, std::string_view name, Octets value) {
  const MacroRow* const row = FindMacro(milter::MacroName(name));
  switch (row == nullptr ? MacroKind::kWords : row->kind) {
    case MacroKind::kWords: return RewriteText(pseudonyms, value, {.hosts = true});
    case MacroKind::kAddress: return RewriteAddress(pseudonyms, value);
    case MacroKind::kHost: return RewriteHostName(pseudonyms, value);
    case MacroKind::kProgram: return RewriteProgram(pseudonyms, value);
    case MacroKind::kCipher:
      if (!IsCipherName(View(value))) RewriteProgram(pseudonyms, value);
      return;
    case MacroKind::kDate: return RewriteDate(pseudonyms, value);
    case MacroKind::kId: return pseudonyms.ReplaceWords(WordKind::kQueueId, value);
    case MacroKind::kNumber:
      if (!IsNumber(View(value))) RewriteText(pseudonyms, value, {});
      return;
    case MacroKind::kBank:
      if (!IsBankName(View(value))) RewriteHostName(pseudonyms, value);
      return;
  }
}

void RewriteEsmtpArgument(const Pseudonyms& pseudonyms, Octets argument) {
  const std::size_t key_end = std::min(View(argument).find('='), argument.size());
  const Octets key = argument.first(key_end);
  const std::string_view name = View(key);
  const bool known = Knows(kEsmtpKeys, name);
  if (key_end < argument.size()) {
    const Octets value = argument.subspan(key_end + 1);
    if (EqualsFolded(name, "ORCPT")) {
      RewriteXtext(pseudonyms, value, true);
    } else if (EqualsFolded(name, "ENVID") || EqualsFolded(name, "AUTH")) {
      RewriteXtext(pseudonyms, value, false);
    } else {
      const bool number = known && IsNumber(View(value));
      if (!number) RewriteText(pseudonyms, value, {.keep = kEsmtpWords});
    }
  }
  if (!known) pseudonyms.ReplaceWords(WordKind::kWord, key);
}

void RewriteReply(const Pseudonyms& pseudonyms, Octets text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(View(text).find('\n', at), text.size());
    RewriteReplyLine(pseudonyms, text.subspan(at, end - at));
    at = end + 1;
  }
}

void RewriteCommand(const Pseudonyms& pseudonyms, Octets text) {
  const std::size_t verb_end = WordEnd(View(text), 0);
  const bool known = Knows(kSmtpVerbs, View(text.first(verb_end)));
  RewriteText(pseudonyms, text.subspan(known ? verb_end : 0), {.hosts = true});
}

void RewritePath(const Pseudonyms& pseudonyms, Octets path) {
  RewriteText(pseudonyms, path, {.keep = kPathWords, .extensions = true});
}

}  // namespace anonymise
