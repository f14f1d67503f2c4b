// The table by headings; the rules between options are in record_forms.cc.
#include "tools/record/record_options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/command_line/files.h"
#include "tools/command_line/option_table.h"
#include "tools/record/mail_date.h"
#include "tools/record/record_forms.h"

namespace record {
namespace {

using command_line::OptionTable;

constexpr std::uint32_t kConnectionsLimit = 100'000;

absl::Status Wrong(const char* option, const std::string& value, const char* expected) {
  return absl::InvalidArgumentError(absl::StrCat(option, " \"", value, "\": expected ", expected));
}

absl::Status SetTime(const char* option, const std::string& value, std::uint64_t* to) {
  const std::optional<std::uint64_t> time = ReadRfc3339(value);
  if (!time) return Wrong(option, value, "a time such as 2026-03-03T08:05:09Z");
  *to = *time;
  return absl::OkStatus();
}

// "3", "3-9", "3-".
absl::Status SetSessions(const std::string& value, CopyChoice* to) {
  const std::size_t dash = value.find('-');
  const command_line::Range any{.min = 1, .max = UINT64_MAX};
  const auto first = command_line::ReadNumber(value.substr(0, dash), any);
  if (!first.ok()) return Wrong("--sessions", value, "a session number or a range such as 3-9");
  to->first_session = *first;
  to->last_session = *first;
  if (dash == std::string::npos) return absl::OkStatus();
  const std::string rest = value.substr(dash + 1);
  to->last_session = UINT64_MAX;
  if (rest.empty()) return absl::OkStatus();
  const auto last = command_line::ReadNumber(rest, any);
  if (!last.ok() || *last < *first)
    return Wrong("--sessions", value, "a session number or a range such as 3-9");
  to->last_session = *last;
  return absl::OkStatus();
}

// A line end at the file's end is not part of the key.
absl::Status ReadKey(const std::string& path, std::string* key) {
  absl::StatusOr<std::string> text = command_line::ReadFile(path, kKeyBytesMax + 2);
  if (!text.ok()) return text.status();
  while (text->ends_with('\n') || text->ends_with('\r'))
    text->pop_back();
  *key = *std::move(text);
  return absl::OkStatus();
}

absl::Status SetReal(const char* option, const std::string& value, double max, double* to) {
  const absl::StatusOr<double> read = command_line::ReadReal(value, 0, max);
  if (!read.ok() || *read <= 0)
    return absl::InvalidArgumentError(absl::StrCat(option,
                                                   " \"",
                                                   value,
                                                   "\": expected a number above 0, at most ",
                                                   command_line::RealText(max)));
  *to = *read;
  return absl::OkStatus();
}

absl::Status SetAddress(const std::string& value, ImportOptions* import) {
  in6_addr any{};  // large enough for both
  const int family = value.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(family, value.c_str(), &any) != 1)
    return Wrong("--client-address", value, "an IPv4 or IPv6 address");
  import->defaults.client_address = value;
  return absl::OkStatus();
}

void AddRecording(RecordOptions* options, OptionTable* table) {
  table->Heading("Recording: a proxy between mail server and milter, AM.PDP client and amavisd");
  table->Texts("--listen SOCKET",
               &options->listen,
               "where the mail server connects: unix:/path, /path, inet:port@host, "
               "inet6:port@host; may be repeated");
  table->Text("--milter SOCKET", &options->milter, "the milter that it is forwarded to");
  table->Texts("--listen-ampdp SOCKET", &options->listen_ampdp, "where the AM.PDP client connects");
  table->Text("--amavisd SOCKET", &options->amavisd, "the scanner that it is forwarded to");
  table->Choice<ForwardMode>("--forward HOW",
                             &options->forward,
                             {{"auto", ForwardMode::kAuto},
                              {"copy", ForwardMode::kCopy},
                              {"splice", ForwardMode::kSplice}},
                             "how octets go on: auto, copy or splice");
  table->Size("--buffer SIZE",
              &options->buffer_bytes,
              {.min = kBufferBytesMin, .max = kBufferBytesMax},
              "what may wait for the disk; when it is full the recording ends, not the mail");
  table->Number("--max-sessions N",
                &options->connections_max,
                {.min = 0, .max = kConnectionsLimit},
                "connections at once; 0: what the descriptors allow");
  table->Mode("--socket-mode MODE", &options->socket_mode, "rights of Unix sockets");
  table->Duration("--drain TIME", &options->drain, "how long sessions may go on after SIGTERM");
  table->Flag("--sync", &options->sync, "bring the file to the disk every second");
  table->Choice<engine::IoChoice>("--io HOW",
                                  &options->io,
                                  {{"auto", engine::IoChoice::kAuto},
                                   {"uring", engine::IoChoice::kUring},
                                   {"uring-recv", engine::IoChoice::kUringRecv},
                                   {"epoll", engine::IoChoice::kEpoll}},
                                  "auto, uring, uring-recv or epoll");
  table->Flag("-v, --verbose", &options->verbose, "a status line every ten seconds");
}

void AddFiles(RecordOptions* options, OptionTable* table) {
  table->Heading("Traces");
  table->Text("--out FILE", &options->out, "the trace to write; never replaces one unasked");
  table->Flag("--append", &options->append, "go on with the trace that is there");
  table->Flag("--force", &options->force, "replace the file that is there");
  table->Number("--level N", &options->level, {.min = 0, .max = 19}, "of zstd; 0: none");
  table->Text("--in FILE",
              &options->in,
              "the trace to read: with --out it is copied (mended, anonymised, cut out)");
  table->Custom(
      "--from TIME",
      [options](const std::string& value) {
        return SetTime("--from", value, &options->choice.from_us);
      },
      "copy: sessions that began at this time (RFC 3339) or later");
  table->Custom(
      "--to TIME",
      [options](const std::string& value) {
        return SetTime("--to", value, &options->choice.to_us);
      },
      "copy: sessions that began before this time");
  table->Custom(
      "--sessions FIRST-LAST",
      [options](const std::string& value) { return SetSessions(value, &options->choice); },
      "copy: these session numbers");
  table->Custom(
      "--anonymise KEY",
      [options](const std::string& value) {
        options->anonymise = true;
        options->key = value;
        return absl::OkStatus();
      },
      "replace what is private; every user sees KEY in the list of processes: prefer the next one");
  table->Custom(
      "--anonymise-key-file FILE",
      [options](const std::string& value) {
        options->anonymise = true;
        return ReadKey(value, &options->key);
      },
      "the same with the key in a file");
  table->Texts("--keep-domain DOMAIN",
               &options->kept_domains,
               "--anonymise: this domain stays, of addresses and hosts in it; may be repeated");
  table->Text("--info FILE", &options->info, "print what is in a trace");
  table->Flag("--json", &options->json, "--info: as JSON");
}

void AddImport(RecordOptions* options, OptionTable* table) {
  ImportOptions* import = &options->import;
  table->Heading("Importing messages");
  table->Texts("--import PATH",
               &import->paths,
               "a message, a folder of NAME.eml (with NAME.json), a maildir or an mbox; more PATHs "
               "may follow");
  table->Choice<MboxQuoting>("--mbox KIND",
                             &import->quoting,
                             {{"mboxrd", MboxQuoting::kMboxrd}, {"mboxo", MboxQuoting::kMboxo}},
                             "how From lines are quoted: mboxrd or mboxo");
  table->Text("--envelope FILE",
              &import->envelope_file,
              "a table of envelopes: CSV with a head row, or JSON lines");
  table->Custom(
      "--client-address IP",
      [import](const std::string& value) { return SetAddress(value, import); },
      "instead of a made-up one: IPv4 or IPv6");
  table->Text("--client-name NAME", &import->defaults.client_name, "instead of a made-up one");
  table->Text("--helo NAME", &import->defaults.helo, "instead of the client's name");
  table->Text("--recipient ADDRESS", &import->defaults.recipient, "of messages that name none");
  table->Choice<milter::MtaKind>(
      "--as KIND",
      &import->defaults.kind,
      {{"postfix", milter::MtaKind::kPostfix}, {"sendmail", milter::MtaKind::kSendmail}},
      "the mail server: postfix or sendmail");
  table->Flag("--drop-delivery-fields",
              &import->defaults.drop_delivery_fields,
              "without Return-Path, Delivered-To, X-Original-To and Bcc, once they have been read");
}

void AddGenerate(RecordOptions* options, OptionTable* table) {
  GenerateOptions* generate = &options->generate;
  table->Heading("Made-up traffic");
  table->Number("--generate N", &generate->messages, {.min = 1, .max = kGenerateMax}, "messages");
  table->Choice<ModelName>(
      "--model NAME",
      &generate->model,
      {{"mail", ModelName::kMail}, {"small", ModelName::kSmall}, {"large", ModelName::kLarge}},
      "mail, small or large");
  table->Number("--seed N",
                &generate->seed,
                {.min = 0, .max = UINT64_MAX},
                "the same seed gives the same messages; also of --import --rate");
  table->Custom(
      "--rate N",
      [options](const std::string& value) {
        absl::Status status = SetReal("--rate", value, kRateMax, &options->generate.rate);
        options->import.rate = options->generate.rate;
        return status;
      },
      "messages a second (default 10); with --import instead of their own times");
  table->Choice<Arrivals>("--arrivals KIND",
                          &generate->arrivals,
                          {{"poisson", Arrivals::kPoisson},
                           {"weibull", Arrivals::kWeibull},
                           {"pareto", Arrivals::kPareto}},
                          "of sessions: poisson, weibull or pareto");
  table->Custom(
      "--start TIME",
      [options](const std::string& value) {
        return SetTime("--start", value, &options->generate.start_us);
      },
      "when it begins (default 2026-01-01T00:00:00Z)");
  table->Custom(
      "--size-scale X",
      [generate](const std::string& value) {
        return SetReal("--size-scale", value, 1000, &generate->pool.scale);
      },
      "message sizes times this (default 1)");
  table->Size("--size-max SIZE",
              &generate->pool.bytes_max,
              {.min = 1024, .max = kMadeBytesMax},
              "no message is larger");
  table->Number("--distinct-bodies N",
                &generate->pool.bodies,
                {.min = 1, .max = kBodiesMax},
                "bodies are drawn from a pool of this size");
}

void AddExport(RecordOptions* options, OptionTable* table) {
  table->Heading("Exporting, from --in");
  table->Text(
      "--export-eml FOLDER", &options->export_eml, "NAME.eml and NAME.json for each transaction");
  table->Text("--export-json FILE", &options->export_json, "JSON lines; - is standard output");
  table->Flag("--bodies", &options->bodies, "--export-json: bodies too, in base64");
}

OptionTable MakeTable(RecordOptions* options) {
  OptionTable table(
      {.name = "millrace-record",
       .synopsis = {"--listen SOCKET --milter SOCKET --out FILE [options]",
                    "--import PATH ... --out FILE [options]",
                    "--generate N --out FILE [options]",
                    "--in FILE --out FILE [options]",
                    "--in FILE --export-eml FOLDER | --export-json FILE",
                    "--info FILE [--json]"},
       .purpose = "Records mail transactions to a trace, and makes, changes and reads traces.",
       .ending = "Exit status: 0 done, 1 not all could be done, 64 wrong command line, 66 input, "
                 "73 output."});
  AddRecording(options, &table);
  AddFiles(options, &table);
  AddImport(options, &table);
  AddGenerate(options, &table);
  AddExport(options, &table);
  table.Heading("Other");
  table.HelpAndVersion();
  table.Positional("PATH", &options->import.paths, "more to import");
  return table;
}

}  // namespace

absl::StatusOr<RecordOptions> ParseRecordOptions(std::span<const std::string> arguments) {
  RecordOptions options;
  OptionTable table = MakeTable(&options);
  absl::Status status = table.Parse(arguments);
  if (!status.ok()) return status;
  if (table.help() || table.version()) {
    options.action = table.help() ? Action::kHelp : Action::kVersion;
    return options;
  }
  if (!options.import.paths.empty() && !table.Given("--import")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", options.import.paths.front(), "\": paths are for --import alone"));
  }
  const absl::StatusOr<Action> action = ChooseAction(table);
  if (!action.ok()) return action.status();
  options.action = *action;
  options.import.seed = options.generate.seed;
  options.import.arrivals = options.generate.arrivals;
  options.import.start_us = options.generate.start_us;
  status = CheckOptions(options);
  if (!status.ok()) return status;
  return options;
}

std::string RecordUsage() {
  RecordOptions defaults;
  return MakeTable(&defaults).Usage();
}

}  // namespace record
