// One pass over the field; what is in brackets wins over what is outside.
#include "tools/record/address_list.h"

#include <algorithm>

namespace record {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Where the quoted string or comment that begins at `at` ends (behind its last sign, or the end).
std::size_t EndOfQuoted(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

std::size_t EndOfComment(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '(') {
      ++depth;
    } else if (text[at] == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

// Blanks stay where they are quoted.
bool IsAddress(std::string_view text) {
  const std::size_t sign = text.rfind('@');
  if (sign == std::string_view::npos || sign == 0 || sign + 1 == text.size()) return false;
  if (text.size() > kAddressBytesMax) return false;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto octet = static_cast<unsigned char>(text[at]);
    if (octet < ' ' || octet == 0x7f) return false;
    if (octet == ' ' && !quoted) return false;
    if ((octet == '<' || octet == '>') && !quoted) return false;
    if (octet == '\\' && quoted) ++at;
    if (octet == '"') quoted = !quoted;
  }
  return !quoted;
}

// "@a,@b:c@d" is c@d.
std::string WithoutRoute(const std::string& text) {
  if (!text.starts_with('@')) return text;
  const std::size_t colon = text.find(':');
  return colon == std::string::npos ? text : text.substr(colon + 1);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<std::string> Run() {
    while (at_ < text_.size() && found_.size() < kFieldAddressesMax)
      Step();
    EndMailbox();
    return std::move(found_);
  }

 private:
  void Step() {
    const char c = text_[at_];
    std::string& to = in_brackets_ ? bracketed_ : bare_;
    if (c == '"') {
      const std::size_t end = EndOfQuoted(text_, at_);
      to.append(text_.substr(at_, end - at_));
      at_ = end;
      return;
    }
    if (c == '(') {
      at_ = EndOfComment(text_, at_);
      return;
    }
    ++at_;
    if (in_brackets_) {
      if (c == '>') {
        in_brackets_ = false;
      } else if (!IsSpace(c)) {
        to.push_back(c);
      }
    } else if (c == '<') {
      in_brackets_ = true;
      had_brackets_ = true;
      bracketed_.clear();
    } else if (c == ',' || c == ';') {
      EndMailbox();
    } else if (c == ':') {
      bare_.clear();  // the name of a group
    } else if (IsSpace(c)) {
      if (!bare_.empty() && bare_.back() != ' ') bare_.push_back(' ');
    } else {
      to.push_back(c);
    }
  }

  void EndMailbox() {
    if (bare_.ends_with(' ')) bare_.pop_back();
    std::string address = had_brackets_ ? WithoutRoute(bracketed_) : bare_;
    if (IsAddress(address)) found_.push_back(std::move(address));
    bare_.clear();
    bracketed_.clear();
    in_brackets_ = had_brackets_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string bare_;
  std::string bracketed_;
  bool in_brackets_ = false;
  bool had_brackets_ = false;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> AddressesOf(std::string_view field) {
  return Reader(field).Run();
}

bool IsNullAddress(std::string_view field) {
  std::string rest;
  for (std::size_t at = 0; at < field.size() && rest.size() <= 2;) {
    if (field[at] == '(') {
      at = EndOfComment(field, at);
      continue;
    }
    if (!IsSpace(field[at])) rest.push_back(field[at]);
    ++at;
  }
  return rest == "<>";
}

}  // namespace record
