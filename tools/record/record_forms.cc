// What goes with what, as a table.
#include "tools/record/record_forms.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace record {
namespace {

// Which option asks for an action, and which other options go with it.
struct Form {
  Action action;
  std::vector<const char*> asked_by;
  std::vector<const char*> takes;
};

std::vector<const char*> TakenByRecording() {
  return {"--milter",
          "--amavisd",
          "--forward",
          "--buffer",
          "--max-sessions",
          "--socket-mode",
          "--drain",
          "--sync",
          "--io",
          "--verbose",
          "--out",
          "--append",
          "--level",
          "--anonymise",
          "--anonymise-key-file",
          "--keep-domain"};
}

std::vector<const char*> TakenByImport() {
  return {"--mbox",
          "--envelope",
          "--client-address",
          "--client-name",
          "--helo",
          "--recipient",
          "--as",
          "--drop-delivery-fields",
          "--seed",
          "--rate",
          "--arrivals",
          "--start",
          "--out",
          "--append",
          "--force",
          "--level",
          "--anonymise",
          "--anonymise-key-file",
          "--keep-domain"};
}

const std::vector<Form>& Forms() {
  static const std::vector<Form> kForms = {
      {Action::kRecord, {"--listen", "--listen-ampdp"}, TakenByRecording()},
      {Action::kImport, {"--import"}, TakenByImport()},
      {Action::kGenerate,
       {"--generate"},
       {"--model",
        "--seed",
        "--rate",
        "--arrivals",
        "--start",
        "--size-scale",
        "--size-max",
        "--distinct-bodies",
        "--out",
        "--append",
        "--force",
        "--level",
        "--anonymise",
        "--anonymise-key-file",
        "--keep-domain"}},
      {Action::kExportEml, {"--export-eml"}, {"--in"}},
      {Action::kExportJson, {"--export-json"}, {"--in", "--bodies", "--force"}},
      {Action::kInfo, {"--info"}, {"--json"}},
      {Action::kCopy,
       {"--in"},
       {"--out",
        "--append",
        "--force",
        "--level",
        "--from",
        "--to",
        "--sessions",
        "--anonymise",
        "--anonymise-key-file",
        "--keep-domain"}}};
  return kForms;
}

bool Holds(const std::vector<const char*>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](const char* each) { return name == each; });
}

absl::Status CheckKey(const std::string& key) {
  if (key.size() >= kKeyBytesMin && key.size() <= kKeyBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the key has ",
                                                 key.size(),
                                                 " octets: expected ",
                                                 kKeyBytesMin,
                                                 " to ",
                                                 kKeyBytesMax,
                                                 "; openssl rand -hex 16 makes one"));
}

absl::Status Needed(bool given, const char* what) {
  return given ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrCat(what, " is needed"));
}

}  // namespace

// The first form that is asked for; a second one is an error, as is what belongs to another.
absl::StatusOr<Action> ChooseAction(const command_line::OptionTable& table) {
  const Form* chosen = nullptr;
  std::string asked;
  for (const Form& form : Forms()) {
    for (const char* name : form.asked_by) {
      if (!table.Given(name) || chosen == &form) continue;
      if (chosen != nullptr && Holds(chosen->takes, name)) continue;
      if (chosen != nullptr)
        return absl::InvalidArgumentError(
            absl::StrCat(asked, " and ", name, " exclude each other"));
      chosen = &form;
      asked = name;
    }
  }
  if (chosen == nullptr) {
    return absl::InvalidArgumentError(
        "nothing to do: give --listen, --import, --generate, --in or --info");
  }
  for (const std::string& name : table.GivenNames()) {
    if (!Holds(chosen->takes, name) && !Holds(chosen->asked_by, name))
      return absl::InvalidArgumentError(absl::StrCat(name, " does not go with ", asked));
  }
  return chosen->action;
}

absl::Status CheckOptions(const RecordOptions& options) {
  absl::Status status;
  const bool listens = !options.listen.empty();
  const bool listens_ampdp = !options.listen_ampdp.empty();
  switch (options.action) {
    case Action::kRecord:
      status.Update(Needed(listens == !options.milter.empty(), "--listen with --milter"));
      status.Update(
          Needed(listens_ampdp == !options.amavisd.empty(), "--listen-ampdp with --amavisd"));
      status.Update(Needed(!options.out.empty(), "--out"));
      break;
    case Action::kImport:
    case Action::kGenerate: status.Update(Needed(!options.out.empty(), "--out")); break;
    case Action::kCopy:
      status.Update(Needed(!options.out.empty(), "--out, --export-eml or --export-json"));
      if (options.in == options.out)
        status.Update(absl::InvalidArgumentError("--in and --out are the same file"));
      break;
    case Action::kExportEml:
    case Action::kExportJson: status.Update(Needed(!options.in.empty(), "--in")); break;
    case Action::kNone:
    case Action::kInfo:
    case Action::kHelp:
    case Action::kVersion: break;
  }
  if (options.append && options.force)
    status.Update(absl::InvalidArgumentError("--append and --force exclude each other"));
  if (options.append && options.action == Action::kCopy)
    status.Update(
        absl::InvalidArgumentError("--append does not go with --in: numbers would clash"));
  if (options.anonymise) status.Update(CheckKey(options.key));
  if (!options.kept_domains.empty())
    status.Update(Needed(options.anonymise, "--anonymise with --keep-domain"));
  for (const std::string& domain : options.kept_domains) {
    if (domain.empty() || domain.front() == '.' || domain.front() == '@')
      status.Update(absl::InvalidArgumentError(
          "--keep-domain: a domain as in example.org, without what is before it"));
  }
  return status;
}

}  // namespace record
