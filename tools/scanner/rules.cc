// Splits a rule into words and reads each; the language is in the header.
#include "tools/scanner/rules.h"

#include <array>
#include <cctype>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ampdp/attribute.h"
#include "tools/command_line/values.h"

namespace scanner {
namespace {

using ampdp::EditKind;

constexpr std::array<const char*, 11> kFaultTexts = {"none",
                                                     "half",
                                                     "garbage",
                                                     "close",
                                                     "hang",
                                                     "no-verdict",
                                                     "two-verdicts",
                                                     "reset",
                                                     "late-read",
                                                     "keep-open",
                                                     "half-late-read"};
constexpr std::array<const char*, 3> kFindingTexts = {"clean", "eicar", "gtube"};
constexpr std::array<const char*, 5> kVerdictTexts = {
    "continue", "accept", "reject", "discard", "tempfail"};

struct Word {
  std::string key{};
  std::string value{};
  bool has_value = false;
};

// Takes the next word off `*text`. False at its end; an unclosed quote ends with the text and is
// reported in `*closed`.
bool NextWord(std::string_view* text, Word* word, bool* closed) {
  *word = {};
  *closed = true;
  const std::size_t start = text->find_first_not_of(" \t");
  if (start == std::string_view::npos) return false;
  bool quoted = false;
  std::size_t at = start;
  for (; at < text->size(); ++at) {
    char c = (*text)[at];
    if (!quoted && (c == ' ' || c == '\t')) break;
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (!quoted && !word->has_value && c == '=') {
      word->has_value = true;
      continue;
    }
    if (quoted && c == '\\' && at + 1 < text->size()) {
      c = (*text)[++at];
      if (c == 'n') c = '\n';
    }
    (word->has_value ? word->value : word->key).push_back(c);
  }
  *closed = !quoted;
  text->remove_prefix(at);
  return true;
}

// The place of `text` in a table of words, or -1.
template <std::size_t kSize>
int IndexOf(const std::array<const char*, kSize>& words, std::string_view text) {
  for (std::size_t i = 0; i < kSize; ++i) {
    if (text == words[i]) return static_cast<int>(i);
  }
  return -1;
}

// "[INDEX ]NAME[: BODY]". `index` is the default's.
bool ParseHeaderEdit(std::string_view text, OwnedEdit* edit) {
  const std::size_t space = text.find(' ');
  if (edit->kind != EditKind::kAddHeader && space != std::string_view::npos &&
      ampdp::ParseNumber(text.substr(0, space), UINT32_MAX, &edit->index)) {
    text.remove_prefix(space + 1);
  }
  const std::size_t colon = text.find(':');
  edit->name = text.substr(0, colon);
  if (edit->name.empty()) return false;
  if (edit->kind == EditKind::kDelHeader) return colon == std::string_view::npos;
  if (colon == std::string_view::npos) return false;
  std::string_view body = text.substr(colon + 1);
  if (body.starts_with(' ')) body.remove_prefix(1);
  edit->value = body;
  return true;
}

// "554 5.7.0 text"
bool ParseSetReply(std::string_view text, SetReplyText* setreply) {
  std::uint32_t code = 0;
  if (text.size() < 3 || !ampdp::ParseNumber(text.substr(0, 3), 999, &code) || code < 100)
    return false;
  setreply->code = static_cast<std::uint16_t>(code);
  text.remove_prefix(3);
  if (text.empty()) return true;
  if (text[0] != ' ') return false;
  text.remove_prefix(1);
  const std::size_t space = text.find(' ');
  setreply->enhanced = text.substr(0, space);
  setreply->text = space == std::string_view::npos ? "" : text.substr(space + 1);
  return true;
}

bool ReadMatch(const Word& word, Rule* rule, bool* known) {
  *known = true;
  if (word.key == "rcpt") {
    rule->recipient = word.value;
  } else if (word.key == "sender") {
    rule->sender = word.value;
  } else if (word.key == "subject") {
    rule->subject = word.value;
  } else if (word.key == "found") {
    const int found = IndexOf(kFindingTexts, word.value);
    if (found < 0) return false;
    rule->found = static_cast<Finding>(found);
  } else if (word.key == "every") {
    std::uint32_t every = 0;
    if (!ampdp::ParseNumber(word.value, UINT32_MAX, &every) || every == 0) return false;
    rule->every = every;
  } else {
    *known = false;
  }
  return true;
}

bool ReadAction(const Word& word, Rule* rule, bool* known) {
  *known = true;
  if (word.key == "delay") return ParseDuration(word.value, &rule->delay);
  if (word.key == "jitter") return ParseDuration(word.value, &rule->jitter);
  if (word.key == "hold") return ParseDuration(word.value, &rule->hold);
  if (word.key == "verdict") {
    const int verdict = IndexOf(kVerdictTexts, word.value);
    if (verdict >= 0) rule->verdict = static_cast<ampdp::Verdict>(verdict);
    return verdict >= 0;
  }
  if (word.key == "setreply") return ParseSetReply(word.value, &rule->setreply.emplace());
  if (word.key == "fault") {
    const int fault = IndexOf(kFaultTexts, word.value);
    if (fault >= 0) rule->fault = static_cast<Fault>(fault);
    return fault >= 0;
  }
  if (word.key == "tag") {
    rule->tag = word.value;
    return word.has_value;
  }
  if (word.key == "extension") {
    rule->extension = word.value;
    return !word.value.empty();
  }
  *known = false;
  return true;
}

bool ReadEdit(const Word& word, Rule* rule, bool* known) {
  *known = true;
  if (word.key == "delrcpt" && !word.has_value) {
    rule->delete_recipients = true;
    return true;
  }
  OwnedEdit edit;
  bool of_header = true;
  if (word.key == "delrcpt" || word.key == "addrcpt" || word.key == "quarantine") {
    edit.kind = word.key == "delrcpt"   ? EditKind::kDelRcpt
                : word.key == "addrcpt" ? EditKind::kAddRcpt
                                        : EditKind::kQuarantine;
    edit.value = word.value;
    of_header = false;
  } else if (word.key == "delheader") {
    edit = {.kind = EditKind::kDelHeader, .index = 1};
  } else if (word.key == "chgheader") {
    edit = {.kind = EditKind::kChgHeader, .index = 1};
  } else if (word.key == "insheader") {
    edit = {.kind = EditKind::kInsHeader, .index = 0};
  } else if (word.key == "addheader") {
    edit = {.kind = EditKind::kAddHeader};
  } else {
    *known = false;
    return true;
  }
  const bool good = of_header ? ParseHeaderEdit(word.value, &edit) : !word.value.empty();
  if (good) rule->edits.push_back(std::move(edit));
  return good;
}

}  // namespace

absl::StatusOr<Rule> ParseRule(std::string_view text) {
  if (text.size() > kRuleBytesMax) return absl::InvalidArgumentError("rule too long");
  Rule rule;
  Word word;
  bool closed = true;
  bool any = false;
  while (NextWord(&text, &word, &closed)) {
    if (!closed) return absl::InvalidArgumentError("quote without end");
    bool known = false;
    bool good = ReadMatch(word, &rule, &known);
    if (!known) good = ReadAction(word, &rule, &known);
    if (!known) good = ReadEdit(word, &rule, &known);
    if (!known) return absl::InvalidArgumentError(absl::StrCat("unknown word \"", word.key, "\""));
    if (!good) {
      return absl::InvalidArgumentError(
          absl::StrCat("bad value of ", word.key, ": \"", word.value, "\""));
    }
    any = true;
  }
  if (!any) return absl::InvalidArgumentError("empty rule");
  const bool late = rule.fault == Fault::kLateRead || rule.fault == Fault::kHalfLateRead;
  if (late && (rule.subject || rule.found)) {
    return absl::InvalidArgumentError(
        "a late read cannot match by subject or found: the message has not been read then");
  }
  return rule;
}

absl::StatusOr<std::vector<Rule>> ParseRules(std::string_view text) {
  std::vector<Rule> rules;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos || line[start] == '#') continue;
    absl::StatusOr<Rule> rule = ParseRule(line);
    if (!rule.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", rule.status().message()));
    }
    if (rules.size() == kRulesMax) return absl::InvalidArgumentError("too many rules");
    rules.push_back(*std::move(rule));
  }
  return rules;
}

bool ParseDuration(std::string_view text, engine::Time* duration) {
  const absl::StatusOr<engine::Time> read = command_line::ReadDuration(text);
  if (read.ok()) *duration = *read;
  return read.ok();
}

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last * seen, and where its text began
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

const char* FaultText(Fault fault) {
  return kFaultTexts[static_cast<std::size_t>(fault)];
}

}  // namespace scanner
