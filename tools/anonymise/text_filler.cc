// Lines of plain text; html_filler.cc has those of HTML.
#include "tools/anonymise/text_filler.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tools/anonymise/known_words.h"
#include "tools/scanner/signatures.h"

namespace anonymise {
namespace {

// Octets that keep their place within a line.
bool IsFixed(char c) noexcept {
  return c == '\0' || c == '\r' || c == '\n' || c == '\f' || c == '\v' || c == '\x1b';
}

bool IsPrintable(char c) noexcept {
  return c > 0x20 && c < 0x7f;
}

bool IsLink(std::string_view word) noexcept {
  return word.find('@') != std::string_view::npos || word.find("://") != std::string_view::npos;
}

// The link's scheme with "://", or 0.
std::size_t SchemeBytes(std::string_view word) noexcept {
  constexpr std::array<std::string_view, 5> kSchemes = {
      "https://", "http://", "ftp://", "mailto:", "cid:"};
  for (const std::string_view scheme : kSchemes) {
    if (StartsFolded(word, scheme)) return scheme.size();
  }
  return 0;
}

}  // namespace

TextFiller::TextFiller(Stream* stream)
    : stream_(stream), eicar_(scanner::EicarSignature()), gtube_(scanner::GtubeSignature()) {}

void TextFiller::FillLine(Octets line) {
  // Both begin with an X: nearly every line is done with one look.
  std::size_t done = 0;
  std::size_t at = View(line).find('X');
  while (at != std::string_view::npos) {
    const std::string_view rest = View(line).substr(at);
    const std::size_t bytes = rest.starts_with(eicar_)   ? eicar_.size()
                              : rest.starts_with(gtube_) ? gtube_.size()
                                                         : 0;
    if (bytes > 0) {
      FillUnsigned(line.subspan(done, at - done));
      done = at + bytes;
    }
    at = View(line).find('X', std::max(at + 1, done));
  }
  FillUnsigned(line.subspan(done));
}

// A text that holds no signature.
void TextFiller::FillUnsigned(Octets text) {
  while (!text.empty() && (IsBlank(text.front()) || text.front() == '>'))
    text = text.subspan(1);
  while (!text.empty() && IsBlank(text.back()))
    text = text.first(text.size() - 1);
  while (!text.empty()) {
    const char c = text.front();
    if (IsHigh(c)) {
      text = text.subspan(FillHigh(text, *stream_));
      continue;
    }
    // A blank is at the front only behind what keeps its place.
    if (IsFixed(c) || IsBlank(c)) {
      text = text.subspan(1);
      continue;
    }
    if (IsOddControl(c)) {
      text.front() = OtherControl(c, *stream_);
      text = text.subspan(1);
      continue;
    }
    text = text.subspan(FillStretch(text));
  }
}

// Fills what is printable or blank from the start on, which is printable, up to a link. A link at
// the start is filled as one. Returns the octets done, at least 1.
std::size_t TextFiller::FillStretch(Octets text) {
  std::size_t end = 0;
  while (end < text.size() && (IsPrintable(text[end]) || IsBlank(text[end]))) {
    std::size_t word_end = end;
    while (word_end < text.size() && IsPrintable(text[word_end]))
      ++word_end;
    if (word_end > end && IsLink(View(text.subspan(end, word_end - end)))) {
      if (end > 0) break;
      FillLink(text.first(word_end));
      return word_end;
    }
    end = std::max(word_end, end + 1);
  }
  // The space before a link stays one.
  const bool space = end > 0 && end < text.size() && IsBlank(text[end - 1]);
  FillWords(text.first(space ? end - 1 : end), *stream_);
  return end;
}

void TextFiller::FillLink(Octets word) {
  const std::size_t scheme = SchemeBytes(View(word));
  const Octets rest = word.subspan(scheme);
  // The host ends at the first "/"; its last label may stay.
  const std::size_t at_sign = View(rest).find('@');
  const std::size_t host = at_sign == std::string_view::npos ? 0 : at_sign + 1;
  const std::size_t host_end = std::min(View(rest).find_first_of("/?:>,;)", host), rest.size());
  const std::string_view name = View(rest.subspan(host, host_end - host));
  const std::size_t dot = name.rfind('.');
  const bool stays = dot != std::string_view::npos && IsTopLabel(name.substr(dot + 1));
  const std::size_t top = stays ? host + dot : rest.size();
  FillShape(rest.first(top), *stream_);
  if (stays) FillShape(rest.subspan(host_end), *stream_);
}

}  // namespace anonymise
