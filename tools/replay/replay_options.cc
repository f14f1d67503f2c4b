// One function a group of options; unknown and malformed ones are named.
#include "tools/replay/replay_options.h"

#include <charconv>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ampdp/attribute.h"
#include "tools/scanner/rules.h"

namespace replay {
namespace {

constexpr std::uint32_t kSessionsMax = 1'000'000;
constexpr std::uint32_t kMessagesMax = 1'000'000'000;
constexpr std::uint32_t kMessagesPerSessionMax = 10'000;

struct Option {
  std::string name{};
  std::string value{};
  bool has_value = false;
};

absl::Status Wrong(const Option& option, const char* expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(option.name, " \"", option.value, "\": expected ", expected));
}

absl::Status SetNumber(const Option& option, std::uint32_t max, std::uint32_t* number) {
  if (ampdp::ParseNumber(option.value, max, number)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option.name, " \"", option.value, "\": expected a number up to ", max));
}

absl::Status SetTime(const Option& option, engine::Time* time) {
  return scanner::ParseDuration(option.value, time) ? absl::OkStatus()
                                                    : Wrong(option, "a time as 1.5s");
}

absl::Status SetPlace(const Option& option, ReplayOptions* options, bool* known) {
  *known = true;
  if (option.name == "--milter") {
    options->milter = option.value;
  } else if (option.name == "--transactions") {
    options->transactions = option.value;
  } else if (option.name == "--only") {
    for (const absl::string_view name : absl::StrSplit(option.value, ','))
      options->only.emplace_back(name);
  } else if (option.name == "--json") {
    options->json_file = option.value;
  } else if (option.name == "--io") {
    const std::optional<engine::IoChoice> choice = engine::ParseIoChoice(option.value);
    if (!choice) return Wrong(option, "auto, uring or epoll");
    options->io = *choice;
  } else if (option.name == "--as") {
    const bool sendmail = option.value == "sendmail";
    if (!sendmail && option.value != "postfix") return Wrong(option, "postfix or sendmail");
    options->player.kind = sendmail ? milter::MtaKind::kSendmail : milter::MtaKind::kPostfix;
  } else {
    *known = false;
  }
  return absl::OkStatus();
}

absl::Status SetAbortShare(const Option& option, double* share) {
  const char* end = option.value.data() + option.value.size();
  const std::from_chars_result read = std::from_chars(option.value.data(), end, *share);
  if (read.ec != std::errc() || read.ptr != end || !(*share >= 0 && *share <= 1))
    return Wrong(option, "a number from 0 to 1");
  return absl::OkStatus();
}

absl::Status SetAmount(const Option& option, ReplayOptions* options, bool* known) {
  *known = true;
  PlayerConfig& player = options->player;
  std::uint32_t number = 0;
  absl::Status status;
  if (option.name == "--sessions") {
    status = SetNumber(option, kSessionsMax, &player.sessions);
    if (status.ok() && player.sessions == 0) status = Wrong(option, "at least 1");
  } else if (option.name == "--messages") {
    status = SetNumber(option, kMessagesMax, &number);
    player.messages = number;
  } else if (option.name == "--messages-per-session") {
    status = SetNumber(option, kMessagesPerSessionMax, &player.messages_per_session);
    if (status.ok() && player.messages_per_session == 0) status = Wrong(option, "at least 1");
  } else if (option.name == "--idle") {
    status = SetNumber(option, kSessionsMax, &player.idle);
  } else if (option.name == "--seed") {
    status = SetNumber(option, UINT32_MAX, &number);
    player.seed = number;
  } else if (option.name == "--timeout") {
    status = SetTime(option, &player.timeout);
  } else if (option.name == "--duration") {
    status = SetTime(option, &options->duration);
  } else if (option.name == "--abort-fraction") {
    status = SetAbortShare(option, &player.abort_share);
  } else {
    *known = false;
  }
  return status;
}

bool SetFlag(const std::string& argument, ReplayOptions* options) {
  if (argument == "--help" || argument == "-h") {
    options->help = true;
  } else if (argument == "--version" || argument == "-V") {
    options->version = true;
  } else if (argument == "--once") {
    options->player.once = true;
  } else {
    return false;
  }
  return true;
}

absl::Status CheckWhole(const ReplayOptions& options) {
  if (options.help || options.version) return absl::OkStatus();
  if (options.milter.empty())
    return absl::InvalidArgumentError("--milter is needed: the socket to play against");
  if (options.transactions.empty())
    return absl::InvalidArgumentError("--transactions is needed: a folder of transactions");
  const PlayerConfig& player = options.player;
  if (!player.once && player.messages == 0 && player.idle == 0)
    return absl::InvalidArgumentError("nothing to do: give --once, --messages or --idle");
  if (player.once && player.messages > 0)
    return absl::InvalidArgumentError("--once and --messages exclude each other");
  if (!player.once && player.messages == 0 && options.duration == engine::Time{})
    return absl::InvalidArgumentError("--idle alone needs --duration");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReplayOptions> ParseReplayOptions(std::span<const std::string> arguments) {
  ReplayOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (SetFlag(arguments[i], &options)) continue;
    const std::size_t equals = arguments[i].find('=');
    Option option{.name = arguments[i].substr(0, equals), .has_value = equals != std::string::npos};
    if (option.has_value) option.value = arguments[i].substr(equals + 1);
    if (!option.has_value && i + 1 < arguments.size()) {
      option.value = arguments[++i];
      option.has_value = true;
    }
    bool known = false;
    absl::Status status = SetPlace(option, &options, &known);
    if (!known) status = SetAmount(option, &options, &known);
    if (!known) return absl::InvalidArgumentError(absl::StrCat("unknown option ", option.name));
    if (!option.has_value)
      return absl::InvalidArgumentError(absl::StrCat(option.name, " needs a value"));
    if (!status.ok()) return status;
  }
  const absl::Status whole = CheckWhole(options);
  if (!whole.ok()) return whole;
  return options;
}

const char* ReplayUsage() {
  return "usage: millrace-replay --milter SOCKET --transactions DIR (--once | --messages N)\n"
         "Plays transactions against a milter, as Postfix or Sendmail would.\n"
         "\n"
         "  --milter SOCKET            unix:/path, /path, inet:port@host or inet6:port@host\n"
         "  --transactions DIR         NAME.eml and NAME.json files, see millrace-replay(8)\n"
         "  --only NAME[,NAME...]      these transactions only; may be repeated\n"
         "  --as postfix|sendmail      whose ways to imitate (postfix)\n"
         "  --once                     each transaction once, with what happened to it\n"
         "  --messages N               this many messages in all\n"
         "  --sessions N               connections at a time (1)\n"
         "  --messages-per-session M   messages on each connection (1)\n"
         "  --abort-fraction F         share of sessions that leave at end of message (0)\n"
         "  --idle N                   connections that stand idle beside it (0)\n"
         "  --duration TIME            begin nothing new after this time\n"
         "  --timeout TIME             give a session up after this time without a byte (600s)\n"
         "  --seed N                   of what is drawn at random (1)\n"
         "  --json FILE                write the results as JSON (- for standard output)\n"
         "  --io HOW                   auto, uring or epoll (auto)\n"
         "  -h, --help                 this text\n"
         "  -V, --version              the version\n"
         "\n"
         "Exit status: 0 all went as expected, 1 not all did, 64 usage, 66 no transactions.\n";
}

}  // namespace replay
