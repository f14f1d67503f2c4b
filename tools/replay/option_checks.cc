// Each check names the options and what to give instead.
#include "tools/replay/option_checks.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace replay {

bool ByRate(const Given& given) {
  return given.rate || given.ramp || given.burst;
}

namespace {

absl::Status Excluding(const char* one, const char* other) {
  return absl::InvalidArgumentError(absl::StrCat(one, " and ", other, " exclude each other"));
}

absl::Status CheckWhat(const ReplayOptions& options, const Given& given) {
  if (!options.milter.empty() && !options.smtp.empty()) return Excluding("--milter", "--smtp");
  if (!options.trace.empty() && !options.transactions.empty())
    return Excluding("--trace", "--transactions");
  if (options.milter.empty() && options.smtp.empty())
    return absl::InvalidArgumentError("--milter or --smtp is needed: the socket to play against");
  const bool nothing = options.trace.empty() && options.transactions.empty();
  const bool shaped = given.once || given.sessions > 0 || ByRate(given);
  const bool only_idle = options.player.idle > 0 && !shaped && options.player.messages == 0;
  if (nothing && !only_idle)
    return absl::InvalidArgumentError("--trace or --transactions is needed: what to play");
  if (options.trace.empty() && (given.loop || given.speed))
    return absl::InvalidArgumentError(
        absl::StrCat(given.loop ? "--loop" : "--speed", " is for a --trace"));
  if (options.smtp.empty() && !given.for_smtp.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(given.for_smtp, " is for --smtp: a milter session has none"));
  if (options.player.timeout <= engine::Time{})
    return absl::InvalidArgumentError(
        "--timeout: expected more than 0: every session would be given up at once");
  return absl::OkStatus();
}

absl::Status CheckShapes(const Given& given, const PlayerConfig& player) {
  std::vector<std::string> shapes;
  if (given.once) shapes.emplace_back("--once");
  if (given.sessions > 0 && !given.speed_max) shapes.emplace_back("--sessions");
  if (given.speed) shapes.emplace_back("--speed");
  if (ByRate(given)) shapes.emplace_back(given.rate ? "--rate" : given.ramp ? "--ramp" : "--burst");
  if (shapes.size() > 1)
    return absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(shapes, " and "), " exclude each other"));
  if (given.rate && given.ramp) return Excluding("--rate", "--ramp");
  if (given.once && player.messages > 0) return Excluding("--once", "--messages");
  return absl::OkStatus();
}

absl::Status CheckRates(const Given& given, const ArrivalShape& shape) {
  const bool never = !given.burst && shape.rate == 0 && shape.rate_to == 0;
  if ((given.rate || given.ramp) && never)
    return absl::InvalidArgumentError("a rate of 0 plays nothing: give a higher one, or --burst");
  if (shape.kind == ArrivalKind::kEven && !given.rate && !given.ramp)
    return absl::InvalidArgumentError("--arrivals is for --rate or --ramp");
  return absl::OkStatus();
}

// Options about verdicts and reports that would compare nothing, or mix two reports in one output.
absl::Status CheckResults(const ReplayOptions& options, const Given& given) {
  const bool compares = options.diff || options.expect_same || given.diff_texts;
  if (compares && options.trace.empty()) {
    return absl::InvalidArgumentError(
        "--diff, --diff-text and --expect-same are for a --trace: transactions have no recorded "
        "verdicts");
  }
  if (options.json_file == "-" && options.html_file == "-")
    return Excluding("--json -", "--html -");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBeforeMode(const ReplayOptions& options, const Given& given) {
  absl::Status status = CheckWhat(options, given);
  status.Update(CheckShapes(given, options.player));
  status.Update(CheckRates(given, options.player.arrivals));
  status.Update(CheckResults(options, given));
  return status;
}

absl::Status CheckWithMode(const ReplayOptions& options, const Given& given) {
  const PlayerConfig& player = options.player;
  const bool timed = options.duration > engine::Time{};
  if (player.mode == RunMode::kOnce && options.messages_per_session > 1)
    return Excluding("--once", "--messages-per-session");
  if (player.mode != RunMode::kOpen && options.sessions_max != 0)
    return absl::InvalidArgumentError("--max-sessions is for an open loop: give --sessions");
  if (player.mode == RunMode::kIdle && !timed)
    return absl::InvalidArgumentError("--idle alone needs --duration");
  const bool endless = options.trace.empty() || given.loop;
  const bool bounded = player.messages > 0 || timed;
  if (player.mode != RunMode::kOnce && endless && !bounded)
    return absl::InvalidArgumentError(
        given.loop ? "--loop needs an end: --messages or --duration"
                   : "nothing to do: give --once, --messages, --duration or --idle");
  if (player.recorded_times && options.messages_per_session > 0)
    return absl::InvalidArgumentError(
        "--messages-per-session takes the recorded sessions apart: give --sessions or --rate too");
  if (player.recorded_times && given.shuffle)
    return absl::InvalidArgumentError(
        "--shuffle needs --sessions, --rate or --once: recorded "
        "times have their order");
  return absl::OkStatus();
}

}  // namespace replay
