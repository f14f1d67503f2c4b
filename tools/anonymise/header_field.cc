// One function per kind of field; see the header.
#include "tools/anonymise/header_field.h"

#include <algorithm>
#include <string>

#include "tools/anonymise/field_text.h"
#include "tools/anonymise/filler.h"
#include "tools/anonymise/header_names.h"
#include "tools/anonymise/known_words.h"
#include "tools/anonymise/mime_parameters.h"

namespace anonymise {
namespace {

constexpr std::size_t kDateWordsMax = 12;
constexpr std::size_t kDateDigitsMax = 4;
constexpr std::size_t kNumberBytesMax = 16;  // of a version, a score, a length
// A pseudonym that is a known name by chance is made again.
constexpr int kNameTriesMax = 8;

// A month, and nothing but words and numbers of dates.
bool IsDate(std::string_view text) {
  std::size_t words = 0;
  bool month = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t end = WordEnd(text, at);
    if (end == at) continue;
    const std::string_view word = text.substr(at, end - at);
    const bool number =
        word.size() <= kDateDigitsMax && std::all_of(word.begin(), word.end(), IsDigit);
    if (!number && !Knows(kDateWords, word)) return false;
    month |= Knows(kMonthNames, word);
    ++words;
    at = end - 1;
  }
  return month && words <= kDateWordsMax;
}

void RewriteTrace(const Pseudonyms& pseudonyms, Octets value) {
  const std::size_t date = std::min(View(value).rfind(';'), value.size());
  RewriteText(pseudonyms,
              value.first(date),
              {.plain = WordKind::kLabel, .keep = kTraceWords, .hosts = true, .ids = true});
  RewriteDate(pseudonyms, value.subspan(date));
}

// One "tag=value" of a signature.
void RewriteTag(const Pseudonyms& pseudonyms, Octets tag) {
  const std::string_view text = View(tag);
  std::size_t begin = 0;
  while (begin < text.size() && IsSpace(text[begin]))
    ++begin;
  const std::size_t equals = text.find('=');
  // Tags have one or two letters; what has more is text.
  constexpr std::size_t kTagMax = 2;
  if (equals == std::string_view::npos || equals - begin > kTagMax) {
    return RewriteText(pseudonyms, tag, {.plain = WordKind::kLabel, .split_equals = true});
  }
  const std::string_view name = text.substr(begin, equals - begin);
  const Octets value = tag.subspan(equals + 1);
  TextRule rule{.plain = WordKind::kLabel, .hosts = true};
  if (name == "v" || name == "a" || name == "c" || name == "q" || name == "t" || name == "x" ||
      name == "l" || name == "i" || name == "cv") {
    rule.keep = kResultWords;
    rule.keep_digits = name != "i" || value.size() <= 3;  // of ARC: a small number
  }
  if (name != "h") return RewriteText(pseudonyms, value, rule);
  // The signed fields' names.
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t end = std::min(View(value).find(':', at), value.size());
    std::size_t name_end = end;
    while (at < name_end && IsSpace(value[at]))
      ++at;
    while (name_end > at && IsSpace(value[name_end - 1]))
      --name_end;
    RewriteHeaderName(pseudonyms, value.subspan(at, name_end - at));
    at = end + 1;
  }
}

void RewriteTags(const Pseudonyms& pseudonyms, Octets value) {
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t end = std::min(View(value).find(';', at), value.size());
    RewriteTag(pseudonyms, value.subspan(at, end - at));
    at = end + 1;
  }
}

}  // namespace

void RewriteDate(const Pseudonyms& pseudonyms, Octets text) {
  // A comment may follow: the time zone's name, mostly.
  const std::size_t comment = std::min(View(text).find('('), text.size());
  const std::size_t kept = IsDate(View(text.first(comment))) ? comment : 0;
  RewriteText(pseudonyms, text.subspan(kept), {.keep = kDateWords});
}

void RewriteHeaderName(const Pseudonyms& pseudonyms, Octets name) {
  if (FieldKindOf(View(name)) != FieldKind::kUnknown) return;
  const Octets rest = StartsFolded(View(name), "x-") ? name.subspan(2) : name;
  for (int i = 0; i < kNameTriesMax; ++i) {
    pseudonyms.ReplaceWords(WordKind::kHeaderName, rest);
    if (FieldKindOf(View(name)) == FieldKind::kUnknown) return;
  }
}

void RewriteHeaderValue(const Pseudonyms& pseudonyms, std::string_view name, Octets value) {
  if (value.size() > kFieldBytesMax) {
    Stream stream(pseudonyms.Seed(SeedKind::kText, View(value)));
    return FillShape(value, stream);
  }
  switch (FieldKindOf(name)) {
    case FieldKind::kUnknown:
    case FieldKind::kText: return RewriteSubject(pseudonyms, value);
    case FieldKind::kAddresses:
      return RewriteText(pseudonyms, value, {.keep = kLinkWords, .hosts = true});
    case FieldKind::kTrace: return RewriteTrace(pseudonyms, value);
    case FieldKind::kDate: return RewriteDate(pseudonyms, value);
    case FieldKind::kMime: return RewriteMimeValue(pseudonyms, value);
    case FieldKind::kWords: {
      const bool encoding = EqualsFolded(name, "Content-Transfer-Encoding");
      return RewriteText(pseudonyms,
                         value,
                         {.keep = encoding ? kContentWords : kDeliveryWords,
                          .keep_digits = value.size() <= kNumberBytesMax});
    }
    case FieldKind::kTags: return RewriteTags(pseudonyms, value);
    case FieldKind::kResults:
      return RewriteText(
          pseudonyms,
          value,
          {.plain = WordKind::kLabel, .keep = kResultWords, .hosts = true, .split_equals = true});
  }
}

}  // namespace anonymise
