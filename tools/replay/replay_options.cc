// The tables of options, and which of them go together.
#include "tools/replay/replay_options.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/absl_text.h"
#include "tools/command_line/option_table.h"
#include "tools/replay/option_checks.h"

namespace replay {
namespace {

using command_line::OptionTable;

constexpr std::uint64_t kSessionsMax = 1'000'000;
constexpr std::uint64_t kMessagesMax = 1'000'000'000'000;
constexpr std::uint64_t kMessagesPerSessionMax = 10'000;
constexpr std::uint64_t kBurstMax = 1'000'000;
constexpr double kRateMax = 1e6;
constexpr double kSpeedMin = 0.1;
constexpr double kSpeedMax = 1000;
constexpr std::uint32_t kSessionsAtMaxSpeed = 64;

absl::Status Wrong(std::string_view option, const std::string& value, std::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      engine::ToAbsl(option), " \"", value, "\": expected ", engine::ToAbsl(expected)));
}

absl::Status ReadSpeed(const std::string& value, PlayerConfig* player, Given* given) {
  given->speed = true;
  given->speed_max = value == "max";
  if (given->speed_max) return absl::OkStatus();
  const absl::StatusOr<double> speed = command_line::ReadReal(value, kSpeedMin, kSpeedMax);
  if (!speed.ok()) return Wrong("--speed", value, "a number from 0.1 to 1000, or max");
  player->speed = *speed;
  return absl::OkStatus();
}

absl::Status ReadRate(const std::string& value, ArrivalShape* shape, Given* given) {
  const absl::StatusOr<double> rate = command_line::ReadReal(value, 0, kRateMax);
  if (!rate.ok()) return Wrong("--rate", value, "messages a second, from 0 to 1000000");
  shape->rate = *rate;
  given->rate = true;
  return absl::OkStatus();
}

absl::Status ReadRamp(const std::string& value, ArrivalShape* shape, Given* given) {
  const std::vector<std::string> parts = absl::StrSplit(value, ':');
  constexpr const char* kForm = "FROM:TO:TIME, as 10:500:60s";
  if (parts.size() != 3) return Wrong("--ramp", value, kForm);
  const absl::StatusOr<double> from = command_line::ReadReal(parts[0], 0, kRateMax);
  const absl::StatusOr<double> to = command_line::ReadReal(parts[1], 0, kRateMax);
  const absl::StatusOr<engine::Time> time = command_line::ReadDuration(parts[2]);
  if (!from.ok() || !to.ok() || !time.ok() || *time <= engine::Time{})
    return Wrong("--ramp", value, kForm);
  shape->rate = *from;
  shape->rate_to = *to;
  shape->ramp = *time;
  given->ramp = true;
  return absl::OkStatus();
}

absl::Status ReadBurst(const std::string& value, ArrivalShape* shape, Given* given) {
  const std::vector<std::string> parts = absl::StrSplit(value, '@');
  constexpr const char* kForm = "N@TIME, as 200@30s";
  if (parts.size() != 2) return Wrong("--burst", value, kForm);
  const absl::StatusOr<std::uint64_t> count =
      command_line::ReadNumber(parts[0], {.min = 1, .max = kBurstMax});
  const absl::StatusOr<engine::Time> time = command_line::ReadDuration(parts[1]);
  if (!count.ok() || !time.ok() || *time <= engine::Time{}) return Wrong("--burst", value, kForm);
  shape->burst = static_cast<std::uint32_t>(*count);
  shape->burst_every = *time;
  given->burst = true;
  return absl::OkStatus();
}

void AddWhat(OptionTable* table, ReplayOptions* options, Given* given) {
  table->Heading("What is played, and to whom");
  table->Text("--milter SOCKET",
              &options->milter,
              "a milter: unix:/path, /path, inet:port@host or inet6:port@host");
  table->Text("--smtp SOCKET", &options->smtp, "or a mail server, over SMTP");
  table->Text("--transactions DIR",
              &options->transactions,
              "NAME.eml and NAME.json files, see millrace-replay(8)");
  table->Text("--trace FILE", &options->trace, "or a trace that millrace-record made");
  table->Custom(
      "--only NAME[,NAME...]",
      [options](const std::string& value) {
        for (const absl::string_view name : absl::StrSplit(value, ','))
          options->only.emplace_back(name);
        return absl::OkStatus();
      },
      "these transactions, or sessions (numbers) of the trace, alone; may be repeated");
  table->Number("--limit N", &options->limit, {.max = kMessagesMax}, "the first N of them alone");
  table->Flag("--loop", &given->loop, "play the trace again and again");
  table->Flag("--shuffle", &given->shuffle, "in a drawn order; not at recorded times");
  table->Choice<Kind>(
      "--as MTA",
      &given->kind,
      {{"recorded", Kind::kRecorded}, {"postfix", Kind::kPostfix}, {"sendmail", Kind::kSendmail}},
      "whose ways to imitate: postfix, sendmail, or as recorded (transactions: "
      "postfix)");
  table->Choice<Switch>("--xclient WHEN",
                        &given->xclient,
                        {{"auto", Switch::kAuto}, {"off", Switch::kOff}},
                        "SMTP: give the client's address where it is allowed: auto or off");
  table->Choice<Switch>("--pipelining WHEN",
                        &given->pipelining,
                        {{"auto", Switch::kAuto}, {"off", Switch::kOff}},
                        "SMTP: send commands without waiting where it is allowed: auto or off");
}

void AddShape(OptionTable* table, ReplayOptions* options, Given* given) {
  PlayerConfig* player = &options->player;
  ArrivalShape* arrivals = &player->arrivals;
  table->Heading("Load: a closed loop");
  table->Flag("--once", &given->once, "each transaction once, one after the other, in a table");
  table->Number("--sessions N",
                &given->sessions,
                {.min = 1, .max = kSessionsMax},
                "so many sessions at a time, a new one when one ends");
  table->Heading("Load: an open loop");
  table->Custom(
      "--speed X",
      [player, given](const std::string& value) { return ReadSpeed(value, player, given); },
      "at the trace's own times, X times as fast: 0.1 to 1000, or max (a closed loop); a trace "
      "without any of these options is played at 1");
  table->Custom(
      "--rate R",
      [arrivals, given](const std::string& value) { return ReadRate(value, arrivals, given); },
      "R messages a second, whatever the other end does");
  table->Custom(
      "--ramp FROM:TO:TIME",
      [arrivals, given](const std::string& value) { return ReadRamp(value, arrivals, given); },
      "a rate that changes evenly in this time, then stays");
  table->Custom(
      "--burst N@TIME",
      [arrivals, given](const std::string& value) { return ReadBurst(value, arrivals, given); },
      "N more at once, each time this time has passed");
  table->Choice<ArrivalKind>("--arrivals KIND",
                             &arrivals->kind,
                             {{"poisson", ArrivalKind::kPoisson}, {"even", ArrivalKind::kEven}},
                             "how the rate's messages are spread: poisson or even");
  table->Number("--max-sessions N",
                &options->sessions_max,
                {.min = 1, .max = kSessionsMax},
                "at most so many open; what is due then waits, and its latency counts (as many as "
                "there may be descriptors)");
}

void AddClients(OptionTable* table, ReplayOptions* options, Given* given) {
  PlayerConfig* player = &options->player;
  table->Heading("Sessions and clients");
  table->Number("--messages-per-session M",
                &options->messages_per_session,
                {.min = 1, .max = kMessagesPerSessionMax},
                "messages on each connection (transactions: 1; trace: as recorded)");
  table->Choice<Pace>("--pace PACE",
                      &given->pace,
                      {{"none", Pace::kNone}, {"recorded", Pace::kRecorded}},
                      "the client's steps as fast as may be (none), or at their recorded times, "
                      "divided by the speed (recorded)");
  table->Number("--idle N", &player->idle, {.max = kSessionsMax}, "connections that stand idle");
  table->Fraction("--slow-fraction F", &player->slow_share, "share of sessions that are slow ...");
  table->Duration("--slow-step TIME", &player->slow_step, "... by this much at each step");
  table->Fraction("--abort-fraction F",
                  &player->abort_share,
                  "share of sessions that leave in their last message, at a drawn stage");
  table->Duration(
      "--timeout TIME", &player->timeout, "give a session up after this time without a byte");
  table->Heading("How long");
  table->Number("--messages N", &player->messages, {.max = kMessagesMax}, "so many in all");
  table->Duration("--duration TIME", &options->duration, "begin nothing new after this time");
  table->Number("--seed N", &player->seed, {}, "of what is drawn");
}

void AddResults(OptionTable* table, ReplayOptions* options, Given* given) {
  table->Heading("Results");
  table->Flag("--diff", &options->diff, "list verdicts that differ from the trace's; exit 1");
  table->Flag("--diff-text", &given->diff_texts, "compare texts and values of edits too");
  table->Flag("--expect-same", &options->expect_same, "exit 1 when a verdict differs");
  table->Number("--pid PID", &options->pid, {.min = 1, .max = INT32_MAX}, "watch this process");
  table->Text("--label TEXT", &options->label, "the run's name in comparisons");
  table->Text("--json FILE", &options->json_file, "write the results as JSON (-: standard output)");
  table->Text("--html FILE", &options->html_file, "write a page with plots");
  table->Flag("--quiet", &options->quiet, "no text, neither while it runs nor at the end");
}

void AddIo(OptionTable* table, engine::IoChoice* io) {
  table->Custom(
      "--io HOW",
      [io](const std::string& value) {
        const std::optional<engine::IoChoice> choice = engine::ParseIoChoice(value);
        if (!choice) return Wrong("--io", value, "auto, uring, uring-recv or epoll");
        *io = *choice;
        return absl::OkStatus();
      },
      "auto, uring, uring-recv or epoll (auto)");
  table->HelpAndVersion();
}

void SetMode(const ReplayOptions& options, const Given& given, PlayerConfig* player) {
  const bool trace = !options.trace.empty();
  const bool closed = given.sessions > 0 || given.speed_max;
  const bool idle = player->idle > 0 && !trace && options.transactions.empty();
  if (given.once) {
    player->mode = RunMode::kOnce;
  } else if (ByRate(given) || (trace && !closed)) {
    player->mode = RunMode::kOpen;
    player->recorded_times = !ByRate(given);
  } else if (idle) {
    player->mode = RunMode::kIdle;
  }
  const std::uint32_t preset = given.speed_max ? kSessionsAtMaxSpeed : 1;
  player->sessions = given.sessions > 0 ? given.sessions : preset;
}

// The options as given, but files, addresses and the like, which reports have elsewhere.
std::vector<std::pair<std::string, std::string>> Described(std::span<const std::string> arguments) {
  constexpr std::string_view kElsewhere =
      " --milter --smtp --trace --transactions --json --html --label --pid --seed --quiet ";
  std::vector<std::pair<std::string, std::string>> described;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    std::pair<std::string, std::string> option(arguments[i].substr(0, equals), "");
    if (equals != std::string::npos) {
      option.second = arguments[i].substr(equals + 1);
    } else if (i + 1 < arguments.size() && !arguments[i + 1].starts_with("--")) {
      option.second = arguments[++i];
    }
    const bool elsewhere = kElsewhere.find(" " + option.first + " ") != std::string_view::npos;
    option.first.erase(0, std::min(option.first.size(), option.first.find_first_not_of('-')));
    if (!elsewhere) described.push_back(std::move(option));
  }
  return described;
}

absl::Status Complete(const Given& given, ReplayOptions* options) {
  absl::Status status = CheckBeforeMode(*options, given);
  PlayerConfig* player = &options->player;
  if (!status.ok()) return status;
  SetMode(*options, given, player);
  status = CheckWithMode(*options, given);
  if (!status.ok()) return status;
  player->target = options->smtp.empty() ? RunTarget::kMilter : RunTarget::kSmtp;
  player->recorded_pace = given.pace == Pace::kRecorded;
  player->smtp.xclient = given.xclient == Switch::kAuto;
  player->smtp.pipelining = given.pipelining == Switch::kAuto;
  player->diff = {.texts = given.diff_texts, .over_smtp = player->target == RunTarget::kSmtp};
  if (given.kind == Kind::kPostfix) options->kind = milter::MtaKind::kPostfix;
  if (given.kind == Kind::kSendmail) options->kind = milter::MtaKind::kSendmail;
  player->idle_kind = options->kind.value_or(milter::MtaKind::kPostfix);
  options->rounds = given.loop ? 0 : 1;
  if (given.shuffle) options->shuffle_seed = player->seed == 0 ? 1 : player->seed;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReplayOptions> ParseReplayOptions(std::span<const std::string> arguments) {
  ReplayOptions options;
  Given given;
  OptionTable table(
      {.name = "millrace-replay",
       .synopsis = {"--milter SOCKET --trace FILE [options]",
                    "--milter SOCKET --transactions DIR (--once | --messages N) [options]",
                    "--smtp SOCKET (--trace FILE | --transactions DIR ...) [options]",
                    "compare A.json [B.json ...]",
                    "null --listen SOCKET"},
       .purpose = "Plays messages against a milter, or a mail server, and tells how it went.",
       .ending = "Exit status: 0 all went as expected, 1 not all did, 64 usage, 65 the trace is "
                 "damaged (what could be read was played), 66 nothing to play, 73 no output."});
  AddWhat(&table, &options, &given);
  AddShape(&table, &options, &given);
  AddClients(&table, &options, &given);
  AddResults(&table, &options, &given);
  AddIo(&table, &options.io);
  const absl::Status parsed = table.Parse(arguments);
  if (!parsed.ok()) return parsed;
  options.help = table.help();
  options.version = table.version();
  options.usage = table.Usage();
  if (options.help || options.version) return options;
  for (const char* name : {"--xclient", "--pipelining"}) {
    if (table.Given(name)) given.for_smtp = name;
  }
  const absl::Status whole = Complete(given, &options);
  if (!whole.ok()) return whole;
  options.described = Described(arguments);
  return options;
}

absl::StatusOr<NullOptions> ParseNullOptions(std::span<const std::string> arguments) {
  NullOptions options;
  OptionTable table({.name = "millrace-replay null",
                     .synopsis = {"--listen SOCKET [options]"},
                     .purpose = "A milter that accepts every message at its end."});
  table.Text(
      "--listen SOCKET", &options.listen, "unix:/path, /path, inet:port@host or inet6:port@host");
  table.Number("--max-connections N",
               &options.connections_max,
               {.min = 1, .max = kSessionsMax},
               "further ones are closed at once");
  AddIo(&table, &options.io);
  const absl::Status parsed = table.Parse(arguments);
  if (!parsed.ok()) return parsed;
  options.help = table.help();
  options.version = table.version();
  options.usage = table.Usage();
  if (!options.help && !options.version && options.listen.empty())
    return absl::InvalidArgumentError("--listen is needed: the socket to listen on");
  return options;
}

}  // namespace replay
