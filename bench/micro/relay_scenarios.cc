// The scenarios' messages, and the replies of the scanner. Replies: tests/golden/ampdp.
#include "bench/micro/relay_scenarios.h"

#include <utility>

#include "engine/base/units.h"

namespace bench {
namespace {

using milter::Command;
using milter::StopHow;

constexpr std::string_view kBodyLine =
    "The quick brown fox jumps over the lazy dog and back again, all day long.\r\n";
constexpr std::size_t kSmallBytes = 4000;
constexpr std::size_t kUsualBytes = 12'000;
constexpr std::size_t kLargeBytes = 5'000'000;

constexpr char kClean[] =
    "version_server=2\r\n"
    "log_id=18785-02\r\n"
    "setreply=250 2.5.0 Ok,%20id=18785-02,%20continue%20delivery\r\n"
    "insheader=0 X-Spam-Status No,%20score=-1%20tagged_above=-999%20required=6%0a%20"
    "tests=[ALL_TRUSTED=-1]%20autolearn=disabled\r\n"
    "insheader=0 X-Spam-Level \r\n"
    "insheader=0 X-Spam-Score -1\r\n"
    "insheader=0 X-Spam-Flag NO\r\n"
    "insheader=0 X-Virus-Scanned lab%20amavisd\r\n"
    "return_value=continue\r\n"
    "exit_code=0\r\n"
    "\r\n";

// Every kind of edit that there is.
constexpr char kEdits[] =
    "version_server=2\r\n"
    "log_id=18785-03\r\n"
    "setreply=250 2.5.0 Ok,%20id=18785-03,%20continue%20delivery\r\n"
    "delrcpt=<bob1@lab.test>\r\n"
    "addrcpt=<spam@lab.test>\r\n"
    "delheader=1 X-Mailer\r\n"
    "chgheader=1 Subject ***Spam***%20minutes%20of%20the%20meeting\r\n"
    "insheader=0 X-Spam-Flag YES\r\n"
    "addheader=X-Quarantine-ID <abcdefgh>\r\n"
    "quarantine=held%20by%20the%20scanner\r\n"
    "return_value=continue\r\n"
    "exit_code=0\r\n"
    "\r\n";

constexpr char kReject[] =
    "version_server=2\r\n"
    "log_id=02527-02\r\n"
    "setreply=554 5.7.0 Reject,%20id=02527-02%20-%20INFECTED:%20Eicar-Signature\r\n"
    "return_value=reject\r\n"
    "exit_code=69\r\n"
    "\r\n";

// A final verdict beside edits: used as a whole or not at all, so it counts as broken.
constexpr char kRejectWithEdits[] =
    "version_server=2\r\n"
    "log_id=02527-03\r\n"
    "setreply=554 5.7.0 Reject,%20id=02527-03\r\n"
    "insheader=0 X-Spam-Flag YES\r\n"
    "addrcpt=<spam@lab.test>\r\n"
    "return_value=reject\r\n"
    "exit_code=69\r\n"
    "\r\n";

milter::Transaction MakeMessage(std::size_t body_bytes, std::uint32_t recipients) {
  milter::Transaction message;
  message.queue_id = "4RP0000000";
  message.sender.address = "<alice@example.net>";
  for (std::uint32_t i = 0; i < recipients; ++i)
    message.recipients.push_back(
        {.address = "<bob" + std::to_string(i) + "@lab.test>", .arguments = {}, .macros = {}});
  message.headers = {{"Received",
                      " from desk.example.net (desk.example.net [198.51.100.23])\n"
                      "\tby relay.example.net (Postfix) with ESMTPSA id 9F1A2B3C4D\n"
                      "\tfor <bob@lab.test>; Sun, 22 Nov 2026 09:59:57 +0000 (UTC)"},
                     {"Message-ID", " <5f0d1c9e-7a31-4b7e-9a55-2c1f3c0f8e11@example.net>"},
                     {"Date", " Sun, 22 Nov 2026 10:59:57 +0100"},
                     {"Subject", " Re: minutes of the meeting on Thursday"},
                     {"X-Mailer", " Mozilla Thunderbird"},
                     {"From", " Alice <alice@example.net>"},
                     {"To", " Bob <bob@lab.test>"}};
  while (message.body.size() < body_bytes)
    message.body += kBodyLine;
  return message;
}

RelayScenario Make(engine::IoChoice io,
                   std::string name,
                   std::vector<milter::Transaction> transactions) {
  RelayScenario scenario;
  scenario.name = std::move(name);
  scenario.options.io = io;
  scenario.options.scanner_reply = kClean;
  scenario.script.macros = {
      {"j", "mx.lab.test"}, {"daemon_name", "mx.lab.test"}, {"v", "Postfix 3.7.11"}};
  scenario.script.transactions = std::move(transactions);
  return scenario;
}

RelayScenario MakeOne(engine::IoChoice io, std::string name, std::uint32_t recipients) {
  return Make(io, std::move(name), {MakeMessage(kSmallBytes, recipients)});
}

void AddPlain(engine::IoChoice io, std::vector<RelayScenario>& all) {
  all.push_back(Make(io, "NewSession", {MakeMessage(kUsualBytes, 1)}));
  all.push_back(
      Make(io, "LongSession", std::vector<milter::Transaction>(20, MakeMessage(kSmallBytes, 1))));
  all.push_back(Make(io, "Large", {MakeMessage(kLargeBytes, 1)}));
  all.back().warm_up = 3;
  all.push_back(MakeOne(io, "ManyRecipients", 500));
  all.push_back(MakeOne(io, "WaitsForScanner", 1));
  all.back().sessions = 4;
  all.back().options.scanner_slots = 1;
  all.push_back(MakeOne(io, "ScannerUnpacks", 1));
  all.back().options.scanner_leaves_parts = true;
}

// A message left in each of its stages, then a whole one; or a mail server that dies.
void AddLeft(engine::IoChoice io, std::vector<RelayScenario>& all) {
  std::vector<milter::Transaction> reset;
  for (const Command after : {Command::kMail, Command::kRcpt}) {
    reset.push_back(MakeMessage(kSmallBytes, 2));
    reset.back().stop = {.how = StopHow::kReset, .after = after, .count = 1};
  }
  all.push_back(Make(io, "Reset", std::move(reset)));
  all.back().outcome = milter::Outcome::kNone;
  const std::pair<const char*, Command> stages[] = {{"DropAtData", Command::kData},
                                                    {"DropInHeader", Command::kHeader},
                                                    {"DropInBody", Command::kBody},
                                                    {"DropWhileScanned", Command::kEndOfMessage}};
  for (const auto& [name, after] : stages) {
    all.push_back(Make(io, name, {MakeMessage(200'000, 1)}));
    all.back().script.transactions[0].stop = {.how = StopHow::kDrop, .after = after, .count = 1};
    all.back().outcome = milter::Outcome::kNone;
  }
}

void AddRefused(engine::IoChoice io, std::vector<RelayScenario>& all) {
  all.push_back(MakeOne(io, "RefusedSession", 1));
  all.back().options.sessions_max = 0;
  all.back().refused_sessions = true;
  all.push_back(MakeOne(io, "RefusedRecipients", 5));
  all.back().options.config.listeners[0].recipients_max = 4;
  all.back().outcome = milter::Outcome::kRejected;
  all.push_back(MakeOne(io, "RefusedSpoolFull", 1));
  all.back().options.spool_bytes_free_min = std::uint64_t{1} << 60;
  all.back().outcome = milter::Outcome::kTempfailed;
  all.push_back(MakeOne(io, "ScannerAway", 1));
  all.back().options.scanner_listens = false;
  all.back().outcome = milter::Outcome::kTempfailed;
}

void AddVerdicts(engine::IoChoice io, std::vector<RelayScenario>& all) {
  all.push_back(MakeOne(io, "Edits", 3));
  all.back().options.scanner_reply = kEdits;
  all.push_back(MakeOne(io, "Reject", 1));
  all.back().options.scanner_reply = kReject;
  all.back().outcome = milter::Outcome::kRejected;
  all.push_back(MakeOne(io, "RejectWithEdits", 1));
  all.back().options.scanner_reply = kRejectWithEdits;
  all.back().outcome = milter::Outcome::kTempfailed;
}

}  // namespace

std::vector<RelayScenario> RelayScenarios(engine::IoChoice io) {
  std::vector<RelayScenario> all;
  AddPlain(io, all);
  AddLeft(io, all);
  AddRefused(io, all);
  AddVerdicts(io, all);
  return all;
}

bool WentWell(const RelayScenario& scenario, const Tally& tally, std::uint64_t plays) noexcept {
  const std::uint64_t due = scenario.messages() * plays;
  if (scenario.refused_sessions) return tally.sessions_refused == due;
  return tally.outcomes[static_cast<std::size_t>(scenario.outcome)] == due;
}

}  // namespace bench
