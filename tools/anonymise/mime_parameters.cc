// A cursor over the parameters, used for reading and for rewriting.
#include "tools/anonymise/mime_parameters.h"

#include <algorithm>

#include "tools/anonymise/escaped_text.h"
#include "tools/anonymise/field_text.h"
#include "tools/anonymise/known_words.h"

namespace anonymise {
namespace {

// Positions in the value of the field. What lies between parameters belongs to none.
struct Parameter {
  std::size_t name = 0;
  std::size_t name_end = 0;
  std::size_t value = 0;  // without quotes
  std::size_t value_end = 0;
};

class ParameterCursor {
 public:
  explicit ParameterCursor(std::string_view text) : text_(text), at_(TypeEnd(text)) {}

  static std::size_t TypeEnd(std::string_view text) {
    return std::min(text.find(';'), text.size());
  }

  // False at the end.
  bool Next(Parameter* parameter) {
    while (at_ < text_.size()) {
      if (!IsName(text_[at_])) {
        ++at_;
        continue;
      }
      const std::size_t name = at_;
      while (at_ < text_.size() && IsName(text_[at_]))
        ++at_;
      const std::size_t name_end = at_;
      SkipSpace();
      if (at_ >= text_.size() || text_[at_] != '=') continue;
      ++at_;
      SkipSpace();
      *parameter = {.name = name, .name_end = name_end, .value = at_, .value_end = at_};
      TakeValue(parameter);
      return true;
    }
    return false;
  }

 private:
  static bool IsName(char c) {
    constexpr std::string_view kOthers = "-_.*!#$%&'+^`{|}~";
    return IsWord(c) || kOthers.find(c) != std::string_view::npos;
  }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_]))
      ++at_;
  }
  void TakeValue(Parameter* parameter) {
    const bool quoted = at_ < text_.size() && text_[at_] == '"';
    if (quoted) {
      parameter->value = ++at_;
      while (at_ < text_.size() && text_[at_] != '"')
        at_ += text_[at_] == '\\' && at_ + 1 < text_.size() ? 2U : 1U;
    } else {
      while (at_ < text_.size() && !IsSpace(text_[at_]) && text_[at_] != ';' && text_[at_] != '(')
        ++at_;
    }
    parameter->value_end = std::min(at_, text_.size());
    if (quoted && at_ < text_.size()) ++at_;
  }

  std::string_view text_;
  std::size_t at_;
};

std::string_view NameOf(std::string_view text, const Parameter& parameter) {
  return text.substr(parameter.name, parameter.name_end - parameter.name);
}
std::string_view ValueOf(std::string_view text, const Parameter& parameter) {
  return text.substr(parameter.value, parameter.value_end - parameter.value);
}

// "filename*0*" is "filename".
std::string_view BaseName(std::string_view name) {
  return name.substr(0, name.find('*'));
}

MediaKind KindOf(std::string_view type) {
  if (StartsFolded(type, "multipart/")) return MediaKind::kMultipart;
  if (EqualsFolded(type, "text/html") || EqualsFolded(type, "application/xhtml+xml"))
    return MediaKind::kHtml;
  if (EqualsFolded(type, "message/rfc822") || EqualsFolded(type, "message/global") ||
      EqualsFolded(type, "message/news") || EqualsFolded(type, "text/rfc822-headers"))
    return MediaKind::kMessage;
  if (EqualsFolded(type, "message/delivery-status") ||
      EqualsFolded(type, "message/disposition-notification") ||
      EqualsFolded(type, "message/feedback-report"))
    return MediaKind::kReport;
  return MediaKind::kText;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back()))
    text.remove_suffix(1);
  return text;
}

// The first word of a value, up to ";", "(" or white space.
std::string_view FirstToken(std::string_view value) {
  value = Trimmed(value);
  return value.substr(0, std::min(value.find_first_of(" \t\r\n;("), value.size()));
}

// charset'language'text with %xx: RFC 2231.
void RewriteExtended(const Pseudonyms& pseudonyms, Octets value) {
  const std::size_t first = View(value).find('\'');
  const std::size_t second =
      first == std::string_view::npos ? first : View(value).find('\'', first + 1);
  std::size_t begin = 0;
  if (second != std::string_view::npos) {
    begin = second + 1;
    RewriteText(pseudonyms, value.first(begin), {.keep = kParameterWords});
  }
  EscapedText escaped('%');
  escaped.Decode(View(value.subspan(begin)));
  RewriteText(pseudonyms, escaped.octets(), {.extensions = true});
  escaped.Encode(value.subspan(begin));
}

void RewriteParameter(const Pseudonyms& pseudonyms, Octets name, Octets value) {
  const std::string_view base = BaseName(View(name));
  const bool is_file = EqualsFolded(base, "name") || EqualsFolded(base, "filename");
  const bool is_date = base.size() > 5 && EqualsFolded(base.substr(base.size() - 5), "-date");
  const bool keep_digits = is_date || EqualsFolded(base, "size");
  const bool extended = View(name).ends_with('*');
  if (EqualsFolded(View(name), "boundary")) {
    pseudonyms.ReplaceWords(WordKind::kBoundary, value);
  } else if (extended) {
    RewriteExtended(pseudonyms, value);
  } else if (is_file) {
    RewriteText(pseudonyms, value, {.extensions = true});
  } else {
    RewriteText(pseudonyms,
                value,
                {.keep = is_date ? kDateWords : kParameterWords, .keep_digits = keep_digits});
  }
  if (!Knows(kParameterNames, base)) pseudonyms.ReplaceWords(WordKind::kHeaderName, name);
}

}  // namespace

MediaType ReadContentType(std::string_view value) {
  MediaType type;
  type.kind = KindOf(FirstToken(value));
  if (type.kind != MediaKind::kMultipart) return type;
  ParameterCursor cursor(value);
  Parameter parameter;
  while (cursor.Next(&parameter)) {
    if (!EqualsFolded(NameOf(value, parameter), "boundary")) continue;
    std::string_view boundary = ValueOf(value, parameter);
    // White space at its end is lost on the way.
    while (!boundary.empty() && IsSpace(boundary.back()))
      boundary.remove_suffix(1);
    const bool usable = !boundary.empty() && boundary.size() <= kBoundaryBytesMax &&
                        boundary.find_first_of("\\\r\n") == std::string_view::npos;
    if (usable) type.boundary = boundary;
    break;
  }
  if (type.boundary.empty()) type.kind = MediaKind::kText;
  return type;
}

Transfer ReadTransferEncoding(std::string_view value) {
  const std::string_view name = FirstToken(value);
  if (EqualsFolded(name, "base64")) return Transfer::kBase64;
  if (EqualsFolded(name, "quoted-printable")) return Transfer::kQuotedPrintable;
  return Transfer::kIdentity;
}

void RewriteMimeValue(const Pseudonyms& pseudonyms, Octets value) {
  const std::string_view text = View(value);
  const TextRule words{.keep = kContentWords};
  ParameterCursor cursor(text);
  // A cursor looks at octets that are still as they were: each piece is rewritten behind it.
  std::size_t done = ParameterCursor::TypeEnd(text);
  Parameter parameter;
  RewriteText(pseudonyms, value.first(done), words);
  while (cursor.Next(&parameter)) {
    RewriteText(pseudonyms, value.subspan(done, parameter.name - done), words);
    RewriteParameter(pseudonyms,
                     value.subspan(parameter.name, parameter.name_end - parameter.name),
                     value.subspan(parameter.value, parameter.value_end - parameter.value));
    done = parameter.value_end;
  }
  RewriteText(pseudonyms, value.subspan(done), words);
}

}  // namespace anonymise
