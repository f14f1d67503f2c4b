// Splitting a message into what the wire carries.
#include "milter/mta_transaction.h"

#include <algorithm>
#include <cstddef>

namespace milter {
namespace {

// The next line without its end; LF and CRLF both end one.
std::string_view TakeLine(std::string_view* rest) noexcept {
  const std::size_t end = rest->find('\n');
  std::string_view line = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool IsBlank(char c) noexcept {
  return c == ' ' || c == '\t';
}

// The colon of a header field, or npos when the line is none.
std::size_t FieldColon(std::string_view line) noexcept {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 || IsBlank(line.front()))
    return std::string_view::npos;
  std::string_view name = line.substr(0, colon);
  while (!name.empty() && IsBlank(name.back()))
    name.remove_suffix(1);
  const bool sound = std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 32 && byte < 127;
  });
  return sound && !name.empty() ? colon : std::string_view::npos;
}

}  // namespace

void SplitMessage(std::string_view message, Transaction* transaction) {
  transaction->headers.clear();
  transaction->body.clear();
  std::string_view rest = message;
  while (!rest.empty()) {
    std::string_view after = rest;
    const std::string_view line = TakeLine(&after);
    if (line.empty()) {
      rest = after;
      break;
    }
    if (IsBlank(line.front()) && !transaction->headers.empty()) {
      transaction->headers.back().value.append("\n").append(line);
    } else {
      const std::size_t colon = FieldColon(line);
      if (colon == std::string_view::npos) break;
      std::string_view name = line.substr(0, colon);
      while (IsBlank(name.back()))
        name.remove_suffix(1);
      transaction->headers.push_back({std::string(name), std::string(line.substr(colon + 1))});
    }
    rest = after;
  }
  while (!rest.empty())
    transaction->body.append(TakeLine(&rest)).append("\r\n");
}

const std::string* FindMacro(const std::vector<MacroValue>& macros,
                             std::string_view name) noexcept {
  for (const MacroValue& macro : macros) {
    if (macro.name == name) return &macro.value;
  }
  return nullptr;
}

}  // namespace milter
