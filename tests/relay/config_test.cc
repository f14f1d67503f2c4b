// The command line: every option in each of its forms, every limit from both sides, and what errors
// say.
#include "relay/config.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "relay/config_options.h"

namespace relay {
namespace {

using Kind = CommandLine::Kind;

CommandLine Parse(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"/usr/sbin/millrace"};
  for (const std::string& argument : arguments)
    argv.push_back(argument.c_str());
  return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const CommandLine line = Parse(arguments);
  EXPECT_EQ(line.kind, Kind::kUsageError);
  return line.error;
}

TEST(ConfigTest, HasTheDocumentedDefaults) {
  const CommandLine line = Parse({});
  ASSERT_EQ(line.kind, Kind::kRun);
  const Config& config = line.config;
  EXPECT_EQ(config.program.name, "millrace");
  EXPECT_EQ(config.listeners[0].socket, "/run/amavisd/amavisd-milter.sock");
  EXPECT_EQ(config.scanners[0].socket, "/run/amavisd/amavisd.sock");
  EXPECT_EQ(config.program.pid_file, "/run/amavisd/amavisd-milter.pid");
  EXPECT_EQ(config.spool.directory, "/var/spool/amavisd/tmp");
  EXPECT_EQ(config.listeners[0].backlog, 0);
  EXPECT_EQ(config.scanners[0].connections_max, 0U);
  EXPECT_EQ(config.queue.wait_max, Seconds(300));
  EXPECT_EQ(config.listeners[0].milter_timeout, Seconds(600));
  EXPECT_EQ(config.scanners[0].scan_timeout, Seconds(600));
  EXPECT_EQ(config.scanners[0].orphan_limit, Seconds(500));
  EXPECT_EQ(config.listeners[0].answer_within, Seconds(0));
  EXPECT_EQ(config.listeners[0].delivery_care_of, DeliveryCareOf::kClient);
  EXPECT_FALSE(config.listeners[0].pass_on_failure);
  EXPECT_FALSE(config.listeners[0].daemon_name_bank);
  EXPECT_FALSE(config.program.foreground);
  EXPECT_TRUE(config.listeners[0].request_macros);
  EXPECT_EQ(config.listeners[0].delete_header, DeleteHeader::kAll);
  EXPECT_EQ(config.log.addresses, LogAddresses::kFull);
  EXPECT_EQ(config.engine.io, IoChoice::kAuto);
  EXPECT_FALSE(config.listeners[0].socket_mode.has_value());
  EXPECT_EQ(config.scanners[0].kind, ScannerKind::kAmavisd);
  EXPECT_EQ(config.spool.newlines, Newlines::kLf);
}

TEST(ConfigTest, KnowsEverySourceOfInput) {
  EXPECT_EQ(Parse({"--io=auto"}).config.engine.io, IoChoice::kAuto);
  EXPECT_EQ(Parse({"--io=uring"}).config.engine.io, IoChoice::kUring);
  EXPECT_EQ(Parse({"--io=uring-recv"}).config.engine.io, IoChoice::kUringRecv);
  EXPECT_EQ(Parse({"--io=epoll"}).config.engine.io, IoChoice::kEpoll);
}

TEST(ConfigTest, TakesProgramNameFromArgv) {
  const char* argv[] = {"/usr/sbin/amavisd-milter"};
  EXPECT_EQ(ParseCommandLine(1, argv).config.program.name, "amavisd-milter");
  EXPECT_EQ(ParseCommandLine(0, argv).config.program.name, "millrace");
}

TEST(ConfigTest, ReadsTheIncumbentsFlags) {
  const CommandLine line = Parse({"-B",
                                  "-d",
                                  "3",
                                  "-D",
                                  "server",
                                  "-f",
                                  "-m",
                                  "4",
                                  "-M",
                                  "60",
                                  "-p",
                                  "/p",
                                  "-P",
                                  "-q",
                                  "7",
                                  "-s",
                                  "inet:8890@127.0.0.1",
                                  "-S",
                                  "unix:/s",
                                  "-t",
                                  "11",
                                  "-T",
                                  "12",
                                  "-w",
                                  "/w"});
  ASSERT_EQ(line.kind, Kind::kRun) << line.error;
  const Config& config = line.config;
  EXPECT_TRUE(config.listeners[0].daemon_name_bank);
  EXPECT_EQ(config.log.debug_level, 3);
  EXPECT_EQ(config.listeners[0].delivery_care_of, DeliveryCareOf::kServer);
  EXPECT_TRUE(config.program.foreground);
  EXPECT_EQ(config.scanners[0].connections_max, 4U);
  EXPECT_EQ(config.queue.wait_max, Seconds(60));
  EXPECT_EQ(config.program.pid_file, "/p");
  EXPECT_TRUE(config.listeners[0].pass_on_failure);
  EXPECT_EQ(config.listeners[0].backlog, 7);
  EXPECT_EQ(config.listeners[0].socket, "inet:8890@127.0.0.1");
  EXPECT_EQ(config.scanners[0].socket, "unix:/s");
  EXPECT_EQ(config.listeners[0].milter_timeout, Seconds(11));
  EXPECT_EQ(config.scanners[0].scan_timeout, Seconds(12));
  EXPECT_EQ(config.spool.directory, "/w");
}

TEST(ConfigTest, ReadsClustersAndAttachedValues) {
  const CommandLine line = Parse({"-BPfd3", "-m4", "-s/run/x"});
  ASSERT_EQ(line.kind, Kind::kRun) << line.error;
  EXPECT_TRUE(line.config.listeners[0].daemon_name_bank &&
              line.config.listeners[0].pass_on_failure && line.config.program.foreground);
  EXPECT_EQ(line.config.log.debug_level, 3);
  EXPECT_EQ(line.config.scanners[0].connections_max, 4U);
  EXPECT_EQ(line.config.listeners[0].socket, "/run/x");
}

TEST(ConfigTest, ReadsLongNamesWithBothWaysToGiveAValue) {
  const CommandLine line = Parse({"--max-connections=4",
                                  "--max-wait",
                                  "9",
                                  "--shards=2",
                                  "--io=epoll",
                                  "--spool-writes=async",
                                  "--user=mail:adm",
                                  "--socket-mode=0660",
                                  "--socket-owner=postfix:postdrop",
                                  "--log-addresses=domain",
                                  "--unscanned-header=X-Scan:  skipped",
                                  "--delheader=first",
                                  "--request-macros=no",
                                  "--reply-at=connect,data",
                                  "--answer-within=100",
                                  "--max-recipients=10",
                                  "--max-header-bytes=65536",
                                  "--max-sessions=50",
                                  "--max-messages=5",
                                  "--orphan-limit=20",
                                  "--working-directory=/w",
                                  "--pass-on-failure"});
  ASSERT_EQ(line.kind, Kind::kRun) << line.error;
  const Config& config = line.config;
  EXPECT_EQ(config.scanners[0].connections_max, 4U);
  EXPECT_EQ(config.queue.wait_max, Seconds(9));
  EXPECT_EQ(config.engine.shards, 2U);
  EXPECT_EQ(config.engine.io, IoChoice::kEpoll);
  EXPECT_EQ(config.spool.writes, engine::FileWork::kAsync);
  EXPECT_EQ(config.program.user, "mail");
  EXPECT_EQ(config.program.group, "adm");
  EXPECT_EQ(config.listeners[0].socket_mode, 0660U);
  EXPECT_EQ(config.listeners[0].socket_owner, "postfix");
  EXPECT_EQ(config.listeners[0].socket_group, "postdrop");
  EXPECT_EQ(config.log.addresses, LogAddresses::kDomain);
  EXPECT_EQ(config.listeners[0].unscanned_header_name, "X-Scan");
  EXPECT_EQ(config.listeners[0].unscanned_header_value, "skipped");
  EXPECT_EQ(config.listeners[0].delete_header, DeleteHeader::kFirst);
  EXPECT_FALSE(config.listeners[0].request_macros);
  EXPECT_EQ(config.listeners[0].reply_at, ReplyAt::kConnectData);
  EXPECT_EQ(config.listeners[0].answer_within, Seconds(100));
  EXPECT_EQ(config.listeners[0].recipients_max, 10U);
  EXPECT_EQ(config.listeners[0].header_bytes_max, 65536U);
  EXPECT_EQ(config.quota.sessions_max, 50U);
  EXPECT_EQ(config.quota.messages_max, 5U);
  EXPECT_EQ(config.scanners[0].orphan_limit, Seconds(20));
  EXPECT_EQ(config.spool.directory, "/w");
  EXPECT_TRUE(config.listeners[0].pass_on_failure);
}

TEST(ConfigTest, LineEndsOfTheSpoolAreCrlfForScannersOtherThanAmavisdAlone) {
  const CommandLine line = Parse({"--spool-newlines=crlf", "--scanner-kind=other"});
  ASSERT_EQ(line.kind, Kind::kRun) << line.error;
  EXPECT_EQ(line.config.scanners[0].kind, ScannerKind::kOther);
  EXPECT_EQ(line.config.spool.newlines, Newlines::kCrlf);
  EXPECT_EQ(Parse({"--scanner-kind=other"}).config.spool.newlines, Newlines::kLf);
  for (const auto& more : {std::vector<std::string>{}, {"--scanner-kind=amavisd"}}) {
    std::vector<std::string> arguments = {"--spool-newlines=crlf"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::string error = ErrorOf(arguments);
    EXPECT_NE(error.find("DKIM verification fails and large spam passes"), std::string::npos);
    EXPECT_NE(error.find("--scanner-kind=other"), std::string::npos);
  }
}

TEST(ConfigTest, SpliceNeedsFilesThatAreWrittenInTheShard) {
  const std::vector<std::string> splice = {
      "--scanner-kind=other", "--spool-newlines=crlf", "--spool-splice=on"};
  for (const char* writes : {"--spool-writes=inline", "--spool-writes=auto"}) {
    std::vector<std::string> arguments = splice;
    arguments.emplace_back(writes);
    EXPECT_EQ(Parse(arguments).kind, Kind::kRun) << writes;
  }
  std::vector<std::string> arguments = splice;
  arguments.emplace_back("--spool-writes=async");
  EXPECT_NE(ErrorOf(arguments).find("--spool-writes=async"), std::string::npos);
}

TEST(ConfigTest, LastOfTwoValuesWins) {
  EXPECT_EQ(Parse({"-m", "1", "-m", "2"}).config.scanners[0].connections_max, 2U);
}

TEST(ConfigTest, HelpAndVersionWinOverWhatFollows) {
  EXPECT_EQ(Parse({"-h", "--nonsense"}).kind, Kind::kHelp);
  EXPECT_EQ(Parse({"-fv", "--nonsense"}).kind, Kind::kVersion);
  EXPECT_EQ(Parse({"--help"}).kind, Kind::kHelp);
  EXPECT_EQ(Parse({"--version"}).kind, Kind::kVersion);
}

TEST(ConfigTest, CheckConfigReadsOnAndStillFindsErrors) {
  const CommandLine line = Parse({"--check-config", "-m", "3"});
  EXPECT_EQ(line.kind, Kind::kCheckConfig);
  EXPECT_EQ(line.config.scanners[0].connections_max, 3U);
  EXPECT_EQ(Parse({"--check-config", "-m", "x"}).kind, Kind::kUsageError);
}

TEST(ConfigTest, ErrorsKeepTheIncumbentsWordsAndNameOptionAndRange) {
  EXPECT_EQ(ErrorOf({"-d", "abc"}),
            "debug level is not valid number: abc (-d, --debug-level: 0 to 9)");
  EXPECT_EQ(ErrorOf({"-d", "-1"}), "negative debug level: -1 (-d, --debug-level: 0 to 9)");
  EXPECT_EQ(ErrorOf({"-d10"}), "debug level is too large: 10 (-d, --debug-level: 0 to 9)");
  EXPECT_EQ(ErrorOf({"-T", "0"}),
            "amavisd connection timeout is too small: 0 (-T, --amavisd-timeout: 1 to 86400)");
  EXPECT_EQ(ErrorOf({"-D", "foo"}),
            "unknown delivery mechanism 'foo' (-D, --delivery-care-of: client, server)");
  EXPECT_EQ(ErrorOf({"-x"}), "invalid option -- 'x'");
  EXPECT_EQ(ErrorOf({"-m"}), "option requires an argument: -m, --max-connections");
  EXPECT_EQ(ErrorOf({"--max-wait"}), "option requires an argument: -M, --max-wait");
  EXPECT_EQ(ErrorOf({"extra"}), "unexpected argument: extra");
  EXPECT_EQ(ErrorOf({"-f", "--", "extra"}), "unexpected argument: extra");
  EXPECT_EQ(ErrorOf({"-"}), "unexpected argument: -");
  EXPECT_EQ(ErrorOf({"--foreground=yes"}), "option takes no value: --foreground=yes");
  EXPECT_EQ(ErrorOf({"-s", ""}), "empty socket (-s, --milter-socket: a socket)");
}

TEST(ConfigTest, SuggestsTheNearestOption) {
  EXPECT_EQ(ErrorOf({"--shard=3"}), "unknown option: --shard (did you mean --shards?)");
  EXPECT_EQ(ErrorOf({"--miter-socket=x"}),
            "unknown option: --miter-socket (did you mean --milter-socket?)");
  EXPECT_EQ(ErrorOf({"--quarantine-everything"}), "unknown option: --quarantine-everything");
  EXPECT_EQ(ErrorOf({"--" + std::string(5000, 'a')}).find("did you mean"), std::string::npos);
}

TEST(ConfigTest, RefusesNumbersOutsideTheirRange) {
  struct Case {
    std::string option;
    std::uint64_t min;
    std::uint64_t max;
  };
  const std::vector<Case> cases = {
      {"--debug-level", 0, 9},
      {"--max-connections", 0, kScannerConnectionsMax},
      {"--max-wait", 0, 86400},
      {"--backlog", 0, 65535},
      {"--milter-timeout", 1, 86400},
      {"--amavisd-timeout", 1, 86400},
      {"--shards", 0, kShardsMax},
      {"--answer-within", 0, 86400},
      {"--orphan-limit", 1, 86400},
      {"--max-sessions", 0, kSessionsMax},
      {"--max-messages", 0, kMessagesMax},
      {"--max-recipients", 1, kRecipientsMax},
      {"--max-header-bytes", kHeaderBytesMin, kHeaderBytesMax},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Parse({c.option, std::to_string(c.min)}).kind, Kind::kRun) << c.option;
    EXPECT_EQ(Parse({c.option, std::to_string(c.max)}).kind, Kind::kRun) << c.option;
    std::vector<std::string> bad = {std::to_string(c.max + 1),
                                    "-1",
                                    "",
                                    "1x",
                                    "x",
                                    " 1",
                                    "+1",
                                    "0x1",
                                    "1.0",
                                    "99999999999999999999999"};
    if (c.min > 0) bad.push_back(std::to_string(c.min - 1));
    for (const std::string& value : bad) {
      const std::string error = ErrorOf({c.option, value});
      EXPECT_NE(error.find(c.option), std::string::npos) << error;
      EXPECT_NE(error.find(std::to_string(c.max)), std::string::npos) << error;
    }
  }
}

TEST(ConfigTest, RefusesValuesThatAreNoneOfTheWords) {
  for (const char* option : {"--io",
                             "--delivery-care-of",
                             "--log-addresses",
                             "--delheader",
                             "--request-macros",
                             "--reply-at",
                             "--spool-writes"}) {
    EXPECT_NE(ErrorOf({option, "perhaps"}).find("'perhaps'"), std::string::npos) << option;
    EXPECT_NE(ErrorOf({option, ""}).find(option), std::string::npos) << option;
  }
}

TEST(ConfigTest, RefusesMalformedModesOwnersAndHeaders) {
  for (const char* mode : {"", "0", "888", "1777", "rw", "-1", "0660x"}) {
    EXPECT_NE(ErrorOf({"--socket-mode", mode}).find("--socket-mode"), std::string::npos) << mode;
  }
  for (const char* owner : {"", ":", ":group", "user:"}) {
    EXPECT_NE(ErrorOf({"--user", owner}).find("USER[:GROUP]"), std::string::npos) << owner;
  }
  for (const char* header : {"",
                             ":",
                             "Name",
                             ": value",
                             "Na me: v",
                             "Name:",
                             "Name:  ",
                             "Name: a\nEvil: b",
                             "Näme: v",
                             "Name: v\x7f"}) {
    EXPECT_NE(ErrorOf({"--unscanned-header", header}).find("'Name: value'"), std::string::npos)
        << header;
  }
  EXPECT_EQ(Parse({"--unscanned-header", "Name: " + std::string(800, 'v')}).kind, Kind::kRun);
  EXPECT_EQ(Parse({"--unscanned-header", "Name: " + std::string(801, 'v')}).kind,
            Kind::kUsageError);
}

TEST(ConfigTest, RefusesContradictions) {
  EXPECT_NE(ErrorOf({"-s", "inet:1@::1", "--socket-mode=660"}).find("inet:1@::1"),
            std::string::npos);
  EXPECT_NE(ErrorOf({"-s", "inet6:1@::1", "--socket-group=x"}).find("inet6:1@::1"),
            std::string::npos);
  EXPECT_NE(ErrorOf({"--max-messages=6", "--max-sessions=5"}).find("--max-sessions 5"),
            std::string::npos);
}

TEST(ConfigTest, UsageNamesEveryOptionAndFitsATerminal) {
  const std::string usage = UsageText("amavisd-milter");
  EXPECT_TRUE(usage.starts_with("Usage: amavisd-milter [OPTIONS]\n"));
  for (const Option& option : Options()) {
    EXPECT_NE(usage.find(NamesOf(option)), std::string::npos) << option.long_name;
  }
  std::istringstream lines(usage);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), 90U) << line;
}

TEST(ConfigTest, ManPageDocumentsEveryOption) {
  std::ifstream file("packaging/man/millrace.8");
  ASSERT_TRUE(file) << "run from the source folder";
  std::ostringstream page;
  page << file.rdbuf();
  for (const Option& option : Options()) {
    std::string name = "\\-\\-";
    for (const char c : option.long_name)
      name += c == '-' ? "\\-" : std::string(1, c);
    EXPECT_NE(page.str().find(name), std::string::npos) << option.long_name;
  }
}

TEST(ConfigTest, OptionNamesAreUnique) {
  std::vector<std::string> names;
  for (const Option& option : Options()) {
    names.emplace_back(option.long_name);
    if (option.short_name != 0) names.emplace_back(1, option.short_name);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(ConfigTest, VersionNamesTheProgramAsCalled) {
  EXPECT_TRUE(VersionText("millrace").starts_with("millrace "));
  EXPECT_TRUE(VersionText("amavisd-milter").starts_with("amavisd-milter (millrace "));
}

}  // namespace
}  // namespace relay
