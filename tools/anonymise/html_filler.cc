// Lines of HTML; see text_filler.h.
#include <algorithm>
#include <string_view>

#include "tools/anonymise/known_words.h"
#include "tools/anonymise/text_filler.h"

namespace anonymise {
namespace {

bool IsNameOctet(char c) noexcept {
  return IsWord(c) || c == '-' || c == '_' || c == ':';
}

std::size_t NameEnd(std::string_view line, std::size_t at) noexcept {
  while (at < line.size() && IsNameOctet(line[at]))
    ++at;
  return at;
}

// Whether "<" at `at` begins markup rather than being a sign in a text.
bool BeginsMarkup(std::string_view line, std::size_t at) noexcept {
  if (at + 1 >= line.size()) return false;
  const char next = line[at + 1];
  return IsLetter(next) || next == '/' || next == '!' || next == '?';
}

}  // namespace

void HtmlFiller::FillLine(Octets line) {
  std::size_t at = 0;
  while (at < line.size()) {
    switch (state_) {
      case State::kText: at = Text(line, at); break;
      case State::kTag: at = Tag(line, at); break;
      case State::kValue: at = Value(line, at); break;
      case State::kQuoted:
      case State::kUnquoted:
      case State::kComment:
      case State::kDeclaration: at = Until(line, at); break;
    }
  }
}

std::size_t HtmlFiller::Text(Octets line, std::size_t at) {
  std::size_t end = View(line).find('<', at);
  while (end != std::string_view::npos && !BeginsMarkup(View(line), end))
    end = View(line).find('<', end + 1);
  end = std::min(end, line.size());
  text_->FillLine(line.subspan(at, end - at));
  return end < line.size() ? Markup(line, end) : end;
}

std::size_t HtmlFiller::Markup(Octets line, std::size_t at) {
  const std::string_view rest = View(line.subspan(at));
  if (rest.starts_with("<!--")) {
    state_ = State::kComment;
    return at + 4;
  }
  const bool declaration = rest[1] == '!' || rest[1] == '?';
  state_ = declaration ? State::kDeclaration : State::kTag;
  const std::size_t name = at + (IsLetter(rest[1]) ? 1 : 2);
  const std::size_t name_end = NameEnd(View(line), name);
  const Octets element = line.subspan(name, name_end - name);
  if (!Knows(kHtmlTags, View(element)) && !EqualsFolded(View(element), "doctype"))
    FillShape(element, *stream_);
  return name_end;
}

// Within a tag: white space, attribute names, "=" and the end.
std::size_t HtmlFiller::Tag(Octets line, std::size_t at) {
  if (line[at] == '>') {
    state_ = State::kText;
    return at + 1;
  }
  if (line[at] == '=') {
    state_ = State::kValue;
    return at + 1;
  }
  const std::size_t end = NameEnd(View(line), at);
  if (end == at) {
    FillShape(line.subspan(at, 1), *stream_);  // an odd control octet
    return at + 1;
  }
  const Octets name = line.subspan(at, end - at);
  if (!Knows(kHtmlAttributes, View(name))) FillShape(name, *stream_);
  return end;
}

std::size_t HtmlFiller::Value(Octets line, std::size_t at) {
  const char c = line[at];
  if (IsSpace(c)) return at + 1;
  if (c == '"' || c == '\'') {
    quote_ = c;
    state_ = State::kQuoted;
    return at + 1;
  }
  state_ = State::kUnquoted;
  return at;
}

// Octets up to what ends the state, on this line or a later one.
std::size_t HtmlFiller::Until(Octets line, std::size_t at) {
  const std::string_view text = View(line);
  const bool comment = state_ == State::kComment;
  const std::size_t behind = comment ? 3 : state_ == State::kQuoted ? 1 : 0;
  std::size_t end = comment                         ? text.find("-->", at)
                    : state_ == State::kQuoted      ? text.find(quote_, at)
                    : state_ == State::kDeclaration ? text.find('>', at)
                                                    : text.find_first_of(" \t\r\n>", at);
  const bool ended = end != std::string_view::npos;
  end = std::min(end, text.size());
  const Octets content = line.subspan(at, end - at);
  if (comment) {
    text_->FillLine(content);
  } else {
    text_->FillValue(content);
  }
  if (ended) state_ = comment ? State::kText : State::kTag;
  return end + (ended ? behind : 0);
}

}  // namespace anonymise
