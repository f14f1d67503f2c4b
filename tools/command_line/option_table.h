// A program's options as one table, from which its arguments are read and its usage text is made.
//
//   OptionTable table({.name = "millrace-record", .synopsis = {"--listen A --milter A --out FILE"},
//                      .purpose = "Records what a mail server and a milter say."});
//   table.Heading("Recording");
//   table.Text("--listen SOCKET", &options.listen, "where the mail server connects");
//   table.Duration("--drain TIME", &options.drain, "how long ...");       default: what is in it
//   absl::Status status = table.Parse(arguments);
//
// Written as --name VALUE or --name=VALUE, flags bare, one-letter names as "-v, --verbose"; "--"
// ends the options. The last one counts where an option is given twice, but for lists. A default is
// the variable's value when the option is added; 0 and empty ones are not shown.
// Errors are kInvalidArgument (exit 64) and name the option, what was given, and what is allowed;
// an unknown one also what it may have been meant to be. What Custom() answers is handed on.
// Start-up only, one thread. The variables outlive the table's use.
#ifndef MILLRACE_TOOLS_COMMAND_LINE_OPTION_TABLE_H_
#define MILLRACE_TOOLS_COMMAND_LINE_OPTION_TABLE_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/units.h"
#include "tools/command_line/values.h"

namespace command_line {

inline constexpr std::size_t kArgumentBytesMax = 64 * engine::kKiB;

struct Program {
  std::string name{};                   // "millrace-record"
  std::vector<std::string> synopsis{};  // what follows the name, one form each
  std::string purpose{};                // a sentence
  std::string ending{};                 // exit status and such, after the options
};

class OptionTable {
 public:
  explicit OptionTable(Program program);

  // `names` is "--listen SOCKET", "-v, --verbose", "--once". `meaning` is wrapped.
  void Heading(std::string text);
  void Flag(std::string_view names, bool* to, std::string meaning);
  void Text(std::string_view names, std::string* to, std::string meaning);
  void Texts(std::string_view names, std::vector<std::string>* to, std::string meaning);
  void Duration(std::string_view names, engine::Time* to, std::string meaning);
  void Fraction(std::string_view names, double* to, std::string meaning);
  void Mode(std::string_view names, mode_t* to, std::string meaning);
  // `read` is given the value as it is; its error goes out as it is.
  using Reader = std::function<absl::Status(const std::string& value)>;
  void Custom(std::string_view names, Reader read, std::string meaning);

  template <std::unsigned_integral N>
  void Number(std::string_view names, N* to, Range range, std::string meaning) {
    if (range.max > std::numeric_limits<N>::max()) range.max = std::numeric_limits<N>::max();
    std::string now = *to == 0 ? "" : std::to_string(*to);
    Add(names, std::move(now), std::move(meaning)).read = [to, range](const std::string& value) {
      return Set(ReadNumber(value, range), to);
    };
  }
  template <std::unsigned_integral N>
  void Size(std::string_view names, N* to, Range range, std::string meaning) {
    if (range.max > std::numeric_limits<N>::max()) range.max = std::numeric_limits<N>::max();
    std::string now = *to == 0 ? "" : SizeText(*to);
    Add(names, std::move(now), std::move(meaning)).read = [to, range](const std::string& value) {
      return Set(ReadSize(value, range), to);
    };
  }
  // One of `choices`, by name.
  template <typename Enum>
  struct Named {
    std::string name;
    Enum value;
  };
  template <typename Enum>
  void Choice(std::string_view names,
              Enum* to,
              std::vector<Named<Enum>> choices,
              std::string meaning) {
    std::string now;
    std::vector<std::string> words;
    for (const Named<Enum>& each : choices) {
      if (each.value == *to) now = each.name;
      words.push_back(each.name);
    }
    Add(names, now, std::move(meaning)).read =
        [to, words = std::move(words), choices = std::move(choices)](const std::string& value) {
          for (const Named<Enum>& each : choices) {
            if (each.name != value) continue;
            *to = each.value;
            return absl::OkStatus();
          }
          return NoneOf(words);
        };
  }
  // What stands without an option, in order; `argument` is its word in the usage text ("PATH").
  void Positional(std::string argument, std::vector<std::string>* to, std::string meaning);
  // -h, --help and -V, --version: help() and version() tell.
  void HelpAndVersion();

  // Without the program's name.
  absl::Status Parse(std::span<const std::string> arguments);
  // After Parse().
  bool help() const noexcept { return help_; }
  bool version() const noexcept { return version_; }
  bool Given(std::string_view name) const;
  std::vector<std::string> GivenNames() const;

  std::string Usage() const;

 private:
  struct Entry {
    std::string heading{};   // when not empty: the entry is that alone
    std::string brief{};     // "-v"
    std::string name{};      // "--verbose"
    std::string argument{};  // empty: a flag
    std::string meaning{};
    std::string preset{};
    bool* flag = nullptr;
    Reader read{};
    bool verbatim = false;  // Custom(): the error is complete
    bool given = false;
  };

  template <typename From, typename To>
  static absl::Status Set(const absl::StatusOr<From>& from, To* to) {
    if (from.ok()) *to = static_cast<To>(*from);
    return from.status();
  }
  static absl::Status NoneOf(const std::vector<std::string>& words);

  Entry& Add(std::string_view names, std::string preset, std::string meaning);
  Entry* Find(std::string_view name);
  absl::Status ParseOption(std::span<const std::string> arguments, std::size_t* at);
  absl::Status Unknown(const std::string& name) const;

  Program program_;
  std::vector<Entry> entries_;
  std::string positional_argument_;
  std::string positional_meaning_;
  std::vector<std::string>* positional_ = nullptr;
  bool help_ = false;
  bool version_ = false;
};

}  // namespace command_line

#endif  // MILLRACE_TOOLS_COMMAND_LINE_OPTION_TABLE_H_
