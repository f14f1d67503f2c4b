// One pass over the text, which takes one thing at a time; see the header.
#include "tools/anonymise/field_text.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "tools/anonymise/base64_text.h"
#include "tools/anonymise/escaped_text.h"
#include "tools/anonymise/host_names.h"

namespace anonymise {
namespace {

constexpr std::size_t kInet6TextMax = 45;
constexpr std::size_t kCharsetMax = 64;

bool AllOf(std::string_view text, bool (*is)(char)) {
  return std::all_of(text.begin(), text.end(), is);
}

bool IsNameOctet(char c) noexcept {
  return IsWord(c) || c == '-' || c == '_' || c == '.';
}

// Labels between dots, the last one of letters.
bool LooksLikeHost(std::string_view token) noexcept {
  if (token.ends_with('.')) token.remove_suffix(1);
  const std::size_t dot = token.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || !AllOf(token, IsNameOctet)) return false;
  const std::string_view last = token.substr(dot + 1);
  return last.size() >= 2 && (StartsFolded(last, "xn--") || AllOf(last, IsLetter));
}

class TextRewriter {
 public:
  TextRewriter(const Pseudonyms& pseudonyms, Octets text, const TextRule& rule, bool decoded)
      : pseudonyms_(pseudonyms), text_(text), rule_(rule), decoded_(decoded) {}

  void Run() {
    std::size_t at = 0;
    while (at < text_.size())
      at = Step(at);
  }

 private:
  std::string_view view() const { return View(text_); }
  Octets Part(std::size_t begin, std::size_t end) const {
    return text_.subspan(begin, end - begin);
  }
  bool IsDelimiter(std::size_t at) const;
  bool AllKnown(std::string_view token) const;

  // Each takes what begins at `at` and returns where it ends.
  std::size_t Step(std::size_t at);
  std::size_t Quoted(std::size_t at);
  std::size_t Literal(std::size_t at);
  std::size_t Token(std::size_t at);
  // 0: there is no such thing at `at`.
  std::size_t EncodedWord(std::size_t at);
  std::size_t Inet6(std::size_t at);

  void Payload(char encoding, Octets payload);
  void Decoded(Octets octets);
  void Address(Octets token, std::size_t at_sign);
  void LocalPart(Octets local);
  void Words(Octets token);
  void PlainWord(Octets word, bool behind_dot);

  const Pseudonyms& pseudonyms_;
  Octets text_;
  const TextRule& rule_;
  bool decoded_;  // from an encoded word: holds no others
  bool behind_id_ = false;
};

bool TextRewriter::IsDelimiter(std::size_t at) const {
  constexpr std::string_view kDelimiters = " \t\r\n()<>[],;:\"\\/?";
  const char c = text_[at];
  if (kDelimiters.find(c) != std::string_view::npos || c == '\0') return true;
  if (c != '=') return false;
  return rule_.split_equals || (at + 1 < text_.size() && text_[at + 1] == '?');
}

std::size_t TextRewriter::Step(std::size_t at) {
  const char c = text_[at];
  // An escaped quote opens nothing; an escaped letter is text.
  if (c == '\\') return at + 1 < text_.size() && !IsWord(text_[at + 1]) ? at + 2 : at + 1;
  if (c == '"') return Quoted(at);
  if (c == '[') return Literal(at);
  if (c == '=' && !decoded_) {
    const std::size_t end = EncodedWord(at);
    if (end > 0) return end;
  }
  if (IsHexDigit(c) || c == ':') {
    const std::size_t end = Inet6(at);
    if (end > 0) return end;
  }
  return IsDelimiter(at) ? at + 1 : Token(at);
}

// A quoted local part; any other quoted text is text, and its quotes punctuation.
std::size_t TextRewriter::Quoted(std::size_t at) {
  std::size_t end = at + 1;
  while (end < text_.size() && text_[end] != '"')
    end += text_[end] == '\\' ? 2U : 1U;
  if (end + 1 >= text_.size() || text_[end + 1] != '@') return at + 1;
  LocalPart(Part(at + 1, end));
  return end + 1;
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]".
std::size_t TextRewriter::Literal(std::size_t at) {
  const std::size_t end = view().substr(0, at + 2 + kInet6TextMax + 5).find(']', at);
  if (end == std::string_view::npos) return at + 1;
  std::string_view inside = view().substr(at + 1, end - at - 1);
  if (StartsFolded(inside, "ipv6:")) inside.remove_prefix(5);
  if (!IsInet4(inside) && !IsInet6(inside)) return at + 1;
  ReplaceIp(pseudonyms_, Part(at + 1, end));
  return end + 1;
}

std::size_t TextRewriter::Inet6(std::size_t at) {
  if (at > 0 && IsWord(text_[at - 1])) return 0;
  std::size_t end = at;
  while (end < text_.size() && end - at <= kInet6TextMax &&
         (IsHexDigit(text_[end]) || text_[end] == ':' || text_[end] == '.'))
    ++end;
  if (end < text_.size() && IsWord(text_[end])) return 0;
  if (!IsInet6(view().substr(at, end - at))) return 0;
  ReplaceIp(pseudonyms_, Part(at, end));
  return end;
}

std::size_t TextRewriter::Token(std::size_t at) {
  std::size_t end = at;
  std::size_t at_sign = std::string_view::npos;
  while (end < text_.size() && (end == at || !IsDelimiter(end))) {
    if (text_[end] == '@') at_sign = end - at;
    ++end;
  }
  const Octets token = Part(at, end);
  if (at_sign != std::string_view::npos) {
    Address(token, at_sign);
  } else if (IsInet4(View(token))) {
    ReplaceIp(pseudonyms_, token);
  } else if (rule_.hosts && LooksLikeHost(View(token)) && !AllKnown(View(token))) {
    ReplaceHost(pseudonyms_, token);
  } else if (!EqualsFolded(View(token), "ipv6")) {
    Words(token);
  }
  return end;
}

// "smtp.mailfrom" is no host.
bool TextRewriter::AllKnown(std::string_view token) const {
  for (std::size_t at = 0; at < token.size(); ++at) {
    const std::size_t end = WordEnd(token, at);
    if (end > at && !Knows(rule_.keep, token.substr(at, end - at))) return false;
    at = end;
  }
  return true;
}

void TextRewriter::LocalPart(Octets local) {
  const std::string_view name = View(local);
  if (EqualsFolded(name, "postmaster") || EqualsFolded(name, "mailer-daemon")) return;
  pseudonyms_.ReplaceWords(WordKind::kLocalPart, local);
}

void TextRewriter::Address(Octets token, std::size_t at_sign) {
  LocalPart(token.first(at_sign));
  ReplaceHost(pseudonyms_, token.subspan(at_sign + 1));
}

void TextRewriter::Words(Octets token) {
  std::size_t at = 0;
  while (at < token.size()) {
    const std::size_t end = WordEnd(View(token), at);
    if (end == at) {
      if (IsOddControl(token[at])) token[at] = token[at] == '\x01' ? '\x02' : '\x01';
      ++at;
      continue;
    }
    PlainWord(token.subspan(at, end - at), at > 0 && token[at - 1] == '.');
    at = end;
  }
}

void TextRewriter::PlainWord(Octets word, bool behind_dot) {
  const std::string_view text = View(word);
  const bool is_id = rule_.ids && behind_id_;
  behind_id_ = EqualsFolded(text, "id");
  if (is_id) return pseudonyms_.ReplaceWord(WordKind::kQueueId, word);
  if (Knows(rule_.keep, text)) return;
  if (rule_.keep_digits && AllOf(text, IsDigit)) return;
  if (rule_.extensions && behind_dot && Knows(kExtensions, text)) return;
  if (rule_.stream != nullptr) return FillShape(word, *rule_.stream);
  pseudonyms_.ReplaceWord(rule_.plain, word);
}

// =?charset?B?payload?=
std::size_t TextRewriter::EncodedWord(std::size_t at) {
  const std::string_view text = view();
  if (!text.substr(at).starts_with("=?")) return 0;
  const std::size_t charset_end = text.substr(0, at + 2 + kCharsetMax).find('?', at + 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size()) return 0;
  const char encoding = ToLower(text[charset_end + 1]);
  if ((encoding != 'b' && encoding != 'q') || text[charset_end + 2] != '?') return 0;
  const std::size_t end = text.find('?', charset_end + 3);
  if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != '=') return 0;
  RewriteText(pseudonyms_,
              Part(at + 2, charset_end),
              {.plain = WordKind::kWord, .keep = kParameterWords, .split_equals = true});
  Payload(encoding, Part(charset_end + 3, end));
  return end + 2;
}

void TextRewriter::Payload(char encoding, Octets payload) {
  if (encoding == 'q') {
    EscapedText escaped('=');
    escaped.Decode(View(payload));
    Decoded(escaped.octets());
    escaped.Encode(payload);
    return;
  }
  std::string octets;
  if (DecodeBase64(View(payload), &octets)) {
    Decoded(octets);
    EncodeBase64(octets, payload);
    return;
  }
  Stream stream(pseudonyms_.Seed(SeedKind::kText, View(payload)));
  FillBase64(payload, stream);
}

void TextRewriter::Decoded(Octets octets) {
  // Two octets a letter: every letter would be a word.
  if (View(octets).find('\0') != std::string_view::npos) {
    Stream stream(pseudonyms_.Seed(SeedKind::kText, View(octets)));
    return FillShape(octets, stream);
  }
  TextRewriter(pseudonyms_, octets, rule_, true).Run();
}

}  // namespace

void RewriteText(const Pseudonyms& pseudonyms, Octets text, const TextRule& rule) {
  TextRewriter(pseudonyms, text, rule, false).Run();
}

void RewriteAddress(const Pseudonyms& pseudonyms, Octets text) {
  std::string_view name = View(text);
  if (name.starts_with('<') && name.ends_with('>')) name = name.substr(1, name.size() - 2);
  if (EqualsFolded(name, "postmaster") || EqualsFolded(name, "mailer-daemon")) return;
  RewriteText(pseudonyms, text, {.plain = WordKind::kLocalPart});
}

void RewriteSubject(const Pseudonyms& pseudonyms, Octets text) {
  constexpr std::array<std::string_view, 9> kPrefixes = {
      "re:", "fw:", "fwd:", "aw:", "wg:", "sv:", "antw:", "***spam***", "[spam]"};
  bool more = true;
  while (more) {
    more = false;
    while (!text.empty() && IsSpace(text[0]))
      text = text.subspan(1);
    for (const std::string_view prefix : kPrefixes) {
      if (!StartsFolded(View(text), prefix)) continue;
      text = text.subspan(prefix.size());
      more = true;
      break;
    }
  }
  std::string content;
  std::copy_if(
      text.begin(), text.end(), std::back_inserter(content), [](char c) { return !IsSpace(c); });
  Stream stream(pseudonyms.Seed(SeedKind::kText, content));
  RewriteText(pseudonyms, text, {.stream = &stream});
}

}  // namespace anonymise
