// Reading arguments by the table; the usage text is in usage_text.cc.
#include "tools/command_line/option_table.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/absl_text.h"

namespace command_line {
namespace {

// Single letters to change, add, drop or swap to make one of the other.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({changed, row[j] + 1, next[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = row;
    row = next;
  }
  return row[b.size()];
}

absl::Status Wrong(const std::string& name, const std::string& value, const absl::Status& why) {
  return absl::InvalidArgumentError(absl::StrCat(name, " \"", value, "\": ", why.message()));
}

// As shown in an error: a terminal is not to be written to by an argument.
std::string Shown(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  std::string shown;
  for (const char c : text.substr(0, kShownMax))
    shown.push_back(static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? '?' : c);
  return text.size() > kShownMax ? shown + "..." : shown;
}

}  // namespace

OptionTable::OptionTable(Program program) : program_(std::move(program)) {}

OptionTable::Entry& OptionTable::Add(std::string_view names,
                                     std::string preset,
                                     std::string meaning) {
  Entry entry{.meaning = std::move(meaning), .preset = std::move(preset)};
  if (const std::size_t comma = names.find(", "); comma != std::string_view::npos) {
    entry.brief = names.substr(0, comma);
    names.remove_prefix(comma + 2);
  }
  const std::size_t blank = names.find(' ');
  entry.name = names.substr(0, blank);
  if (blank != std::string_view::npos) entry.argument = names.substr(blank + 1);
  return entries_.emplace_back(std::move(entry));
}

void OptionTable::Heading(std::string text) {
  entries_.push_back({.heading = std::move(text)});
}

void OptionTable::Flag(std::string_view names, bool* to, std::string meaning) {
  Add(names, "", std::move(meaning)).flag = to;
}

void OptionTable::Text(std::string_view names, std::string* to, std::string meaning) {
  Add(names, *to, std::move(meaning)).read = [to](const std::string& value) {
    if (value.empty()) return absl::InvalidArgumentError("expected a value that is not empty");
    *to = value;
    return absl::OkStatus();
  };
}

void OptionTable::Texts(std::string_view names, std::vector<std::string>* to, std::string meaning) {
  Add(names, "", std::move(meaning)).read = [to](const std::string& value) {
    if (value.empty()) return absl::InvalidArgumentError("expected a value that is not empty");
    to->push_back(value);
    return absl::OkStatus();
  };
}

void OptionTable::Duration(std::string_view names, engine::Time* to, std::string meaning) {
  Add(names, *to == engine::Time{} ? "" : DurationText(*to), std::move(meaning)).read =
      [to](const std::string& value) { return Set(ReadDuration(value), to); };
}

void OptionTable::Fraction(std::string_view names, double* to, std::string meaning) {
  Add(names, *to == 0 ? "" : RealText(*to), std::move(meaning)).read =
      [to](const std::string& value) { return Set(ReadFraction(value), to); };
}

void OptionTable::Mode(std::string_view names, mode_t* to, std::string meaning) {
  std::string octal;
  for (int shift = 9; shift >= 0; shift -= 3)
    octal.push_back(static_cast<char>('0' + ((*to >> shift) & 7U)));
  Add(names, octal, std::move(meaning)).read = [to](const std::string& value) {
    return Set(ReadMode(value), to);
  };
}

void OptionTable::Custom(std::string_view names, Reader read, std::string meaning) {
  Entry& entry = Add(names, "", std::move(meaning));
  entry.read = std::move(read);
  entry.verbatim = true;
}

void OptionTable::Positional(std::string argument,
                             std::vector<std::string>* to,
                             std::string meaning) {
  positional_argument_ = std::move(argument);
  positional_ = to;
  positional_meaning_ = std::move(meaning);
}

void OptionTable::HelpAndVersion() {
  Flag("-h, --help", &help_, "this text");
  Flag("-V, --version", &version_, "the version");
}

absl::Status OptionTable::NoneOf(const std::vector<std::string>& words) {
  return absl::InvalidArgumentError(absl::StrCat("expected one of ", absl::StrJoin(words, ", ")));
}

OptionTable::Entry* OptionTable::Find(std::string_view name) {
  for (Entry& entry : entries_) {
    if (entry.heading.empty() &&
        (entry.name == name || (!entry.brief.empty() && entry.brief == name)))
      return &entry;
  }
  return nullptr;
}

bool OptionTable::Given(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.given && entry.name == name;
  });
}

std::vector<std::string> OptionTable::GivenNames() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (entry.given) names.push_back(entry.name);
  }
  return names;
}

// A name is near when it is a longer form, or at most a third of its letters differ.
absl::Status OptionTable::Unknown(const std::string& name) const {
  const Entry* nearest = nullptr;
  std::size_t least = SIZE_MAX;
  for (const Entry& entry : entries_) {
    if (!entry.heading.empty()) continue;
    const bool begun = name.size() > 3 && entry.name.starts_with(name);
    const std::size_t distance = begun ? 1 : EditDistance(name, entry.name);
    if (distance >= least || distance * 3 > entry.name.size() - 2) continue;
    least = distance;
    nearest = &entry;
  }
  std::string text = absl::StrCat("unknown option ", Shown(name));
  if (nearest != nullptr) absl::StrAppend(&text, ": did you mean ", nearest->name, "?");
  return absl::InvalidArgumentError(text);
}

absl::Status OptionTable::ParseOption(std::span<const std::string> arguments, std::size_t* at) {
  const std::string& argument = arguments[*at];
  const std::size_t equals = argument.find('=');
  const std::string name = argument.substr(0, equals);
  Entry* entry = Find(name);
  if (entry == nullptr) return Unknown(name);
  entry->given = true;
  if (entry->flag != nullptr) {
    if (equals != std::string::npos)
      return absl::InvalidArgumentError(absl::StrCat(name, " takes no value"));
    *entry->flag = true;
    return absl::OkStatus();
  }
  std::string value;
  if (equals != std::string::npos) {
    value = argument.substr(equals + 1);
  } else if (*at + 1 < arguments.size()) {
    value = arguments[++*at];
    const std::string value_name = value.substr(0, value.find('='));
    if (value.starts_with("--") && Find(value_name) != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " needs a value (", entry->argument, "), and is followed by ", value_name));
    }
  } else {
    return absl::InvalidArgumentError(absl::StrCat(name, " needs a value: ", entry->argument));
  }
  absl::Status status = entry->read(value);
  return status.ok() || entry->verbatim ? status : Wrong(name, Shown(value), status);
}

absl::Status OptionTable::Parse(std::span<const std::string> arguments) {
  bool options_ended = false;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    if (argument.size() > kArgumentBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("argument ", at + 1, " is longer than ", kArgumentBytesMax, " octets"));
    }
    const bool is_option = !options_ended && argument.size() > 1 && argument.front() == '-';
    if (is_option && argument == "--") {
      options_ended = true;
    } else if (is_option) {
      absl::Status status = ParseOption(arguments, &at);
      if (!status.ok()) return status;
    } else if (positional_ != nullptr) {
      positional_->push_back(argument);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", Shown(argument), "\": expected an option that begins with --"));
    }
  }
  return absl::OkStatus();
}

}  // namespace command_line
