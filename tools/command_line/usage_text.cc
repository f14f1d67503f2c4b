// The usage text of a table: synopsis, purpose, options in two columns, ending.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/command_line/option_table.h"

namespace command_line {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kTermColumnsMax = 28;  // longer ones have their meaning on the next line

// Words of `text` from column `indent` on; the first line has been begun.
void AppendWrapped(const std::string& text, std::size_t indent, std::string* to) {
  std::size_t column = indent;
  bool first = true;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!first && column + 1 + word.size() > kColumns) {
      absl::StrAppend(to, "\n", std::string(indent, ' '));
      column = indent;
      first = true;
    }
    absl::StrAppend(to, first ? "" : " ", word);
    column += word.size() + (first ? 0 : 1);
    first = false;
  }
  to->append("\n");
}

void AppendRow(const std::string& term,
               const std::string& meaning,
               std::size_t width,
               std::string* to) {
  absl::StrAppend(to, "  ", term);
  if (term.size() > width) {
    absl::StrAppend(to, "\n", std::string(width + 4, ' '));
  } else {
    to->append(width + 2 - term.size(), ' ');
  }
  AppendWrapped(meaning, width + 4, to);
}

std::string Term(const std::string& brief, const std::string& name, const std::string& argument) {
  return absl::StrCat(
      brief, brief.empty() ? "" : ", ", name, argument.empty() ? "" : " ", argument);
}

}  // namespace

std::string OptionTable::Usage() const {
  std::string text;
  for (std::size_t i = 0; i < program_.synopsis.size(); ++i)
    absl::StrAppend(
        &text, i == 0 ? "usage: " : "       ", program_.name, " ", program_.synopsis[i], "\n");
  AppendWrapped(program_.purpose, 0, &text);
  text.append("\n");
  std::size_t width = 0;
  for (const Entry& entry : entries_) {
    const std::size_t size = Term(entry.brief, entry.name, entry.argument).size();
    if (size <= kTermColumnsMax) width = std::max(width, size);
  }
  if (positional_ != nullptr) AppendRow(positional_argument_, positional_meaning_, width, &text);
  for (const Entry& entry : entries_) {
    if (!entry.heading.empty()) {
      absl::StrAppend(&text, "\n", entry.heading, ":\n");
      continue;
    }
    const std::string preset =
        entry.preset.empty() ? "" : absl::StrCat(" (default ", entry.preset, ")");
    AppendRow(Term(entry.brief, entry.name, entry.argument), entry.meaning + preset, width, &text);
  }
  if (!program_.ending.empty()) {
    text.append("\n");
    AppendWrapped(program_.ending, 0, &text);
  }
  return text;
}

}  // namespace command_line
