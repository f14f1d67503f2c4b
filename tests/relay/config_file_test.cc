// The configuration file: what is read, every error with its place, the command line over it.
#include "relay/config_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "relay/config_diff.h"
#include "relay/config_value.h"

namespace relay {
namespace {

using Lines = std::vector<std::string>;

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Lines ErrorsOf(std::string_view text) {
  Config config = DefaultConfig("millrace");
  return ParseConfigText(text, "f", &config);
}

// tests/golden/config/NAME.toml and what is said about it, NAME.errors.
TEST(ConfigFileTest, ErrorsNamePlaceKeyAndWhatIsAllowed) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/config")) {
    if (entry.path().extension() != ".toml") continue;
    std::string said;
    for (const std::string& line : ErrorsOf(Read(entry.path())))
      said += line + "\n";
    std::filesystem::path expected = entry.path();
    EXPECT_EQ(said, Read(expected.replace_extension(".errors"))) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 5U);
}

TEST(ConfigFileTest, ReadsEverySection) {
  Config config = DefaultConfig("millrace");
  const Lines errors = ParseConfigText(
      "[engine]\nshards = 2\nio = \"epoll\"\n"
      "[spool]\ndirectory = \"/var/spool/x\"\n"
      "[log]\ndebug_level = 3\naddresses = \"domain\"\n"
      "[queue]\nwait_max = \"2m\"\n"
      "[[listener]]\nname = \"in\"\nsocket = \"/run/in\"\nsocket_mode = \"0620\"\n"
      "policy_banks = [\"A\", \"B\"]\nunscanned_header = \"X-A:  b\"\nheader_bytes_max = \"1MiB\"\n"
      "[[listener]]\nsocket = \"inet:8890@127.0.0.1\"\ndelivery_care_of = \"server\"\n"
      "[[scanner]]\nsocket = \"/run/a\"\nconnections_max = 4\nscan_timeout = \"90s\"\n"
      "[[scanner]]\nsocket = \"/run/b\"\nkind = \"other\"\n",
      "f",
      &config);
  ASSERT_EQ(errors, Lines());
  EXPECT_EQ(config.engine.shards, 2U);
  EXPECT_EQ(config.engine.io, IoChoice::kEpoll);
  EXPECT_EQ(config.spool.directory, "/var/spool/x");
  EXPECT_EQ(config.log.debug_level, 3);
  EXPECT_EQ(config.log.addresses, LogAddresses::kDomain);
  EXPECT_EQ(config.queue.wait_max, Seconds(120));
  ASSERT_EQ(config.listeners.size(), 2U);
  EXPECT_EQ(config.listeners[0].name, "in");
  EXPECT_EQ(config.listeners[0].socket_mode, 0620U);
  EXPECT_EQ(config.listeners[0].policy_banks, (Lines{"A", "B"}));
  EXPECT_EQ(config.listeners[0].unscanned_header_name, "X-A");
  EXPECT_EQ(config.listeners[0].unscanned_header_value, "b");
  EXPECT_EQ(config.listeners[0].header_bytes_max, 1U << 20U);
  EXPECT_EQ(config.listeners[1].socket, "inet:8890@127.0.0.1");
  EXPECT_EQ(config.listeners[1].delivery_care_of, DeliveryCareOf::kServer);
  EXPECT_EQ(config.listeners[1].header_bytes_max, kHeaderBytesDefault);
  ASSERT_EQ(config.scanners.size(), 2U);
  EXPECT_EQ(config.scanners[0].connections_max, 4U);
  EXPECT_EQ(config.scanners[0].scan_timeout, Seconds(90));
  EXPECT_EQ(config.scanners[1].kind, ScannerKind::kOther);
}

TEST(ConfigFileTest, AnEmptyFileChangesNothing) {
  Config config = DefaultConfig("millrace");
  EXPECT_EQ(ParseConfigText("", "f", &config), Lines());
  EXPECT_EQ(ParseConfigText("# nothing\n", "f", &config), Lines());
  EXPECT_TRUE(KeyChanges(DefaultConfig("millrace"), config).empty());
  EXPECT_EQ(config.listeners.size(), 1U);
}

TEST(ConfigFileTest, TellsManyErrorsUpToALimit) {
  std::string text = "[log]\n";
  for (int i = 0; i < 50; ++i)
    text += "wrong_" + std::to_string(i) + " = 1\n";
  const Lines errors = ErrorsOf(text);
  ASSERT_EQ(errors.size(), kConfigErrorsMax + 1);
  EXPECT_EQ(errors.back(), "f: and 30 more");
}

TEST(ConfigFileTest, FilesListenersAndScannersAreBounded) {
  const std::string comment(kConfigFileBytesMax, '#');
  EXPECT_EQ(ErrorsOf(comment + "#"), Lines{"f: longer than 256 KiB"});
  std::string many;
  for (std::size_t i = 0; i <= kListenersMax; ++i)
    many += "[[listener]]\nsocket = \"/run/" + std::to_string(i) + "\"\n";
  EXPECT_EQ(ErrorsOf(many), Lines{"f:65:1: more than 32 of [[listener]]"});
}

TEST(ConfigFileTest, ReadsPlainFilesAlone) {
  EXPECT_EQ(ReadConfigFile("/nonexistent").status().message(),
            "configuration file /nonexistent: No such file or directory");
  EXPECT_EQ(ReadConfigFile("/tmp").status().message(), "configuration file /tmp: not a plain file");
  EXPECT_EQ(ReadConfigFile("/dev/null").status().message(),
            "configuration file /dev/null: not a plain file");
}

TEST(ConfigValueTest, TimesAndSizesAreANumberAndAUnit) {
  EXPECT_EQ(ParseTime("90s"), 90);
  EXPECT_EQ(ParseTime("5m"), 300);
  EXPECT_EQ(ParseTime("2h"), 7200);
  EXPECT_EQ(ParseTime("1d"), 86400);
  EXPECT_EQ(ParseSize("0B"), 0);
  EXPECT_EQ(ParseSize("64KiB"), 65536);
  EXPECT_EQ(ParseSize("1GiB"), 1 << 30);
  for (const char* wrong :
       {"", "5", "s", "5 s", "-5s", "+5s", "5.5s", "5S", "5ss", "9223372036854775807d"})
    EXPECT_EQ(ParseTime(wrong), std::nullopt) << wrong;
  for (const char* wrong : {"5", "5K", "5KB", "5 KiB", "9223372036854775807GiB"})
    EXPECT_EQ(ParseSize(wrong), std::nullopt) << wrong;
  EXPECT_EQ(TimeText(300), "5m");
  EXPECT_EQ(TimeText(90), "90s");
  EXPECT_EQ(TimeText(0), "0s");
  EXPECT_EQ(SizeText(65536), "64KiB");
  EXPECT_EQ(SizeText(65537), "65537B");
}

class CommandLineOverFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/config-file-test.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }
  CommandLine Parse(const std::string& text, std::vector<const char*> more) {
    path_ = folder_ + "/millrace.toml";
    std::ofstream(path_) << text;
    std::vector<const char*> arguments = {"millrace", "--config", path_.c_str()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  }

  std::string folder_;
  std::string path_;
};

TEST_F(CommandLineOverFileTest, OptionsWin) {
  const CommandLine line =
      Parse("[engine]\nshards = 2\n[queue]\nwait_max = \"9s\"\n", {"--shards=5", "-P"});
  ASSERT_EQ(line.kind, CommandLine::Kind::kRun);
  EXPECT_EQ(line.config.engine.shards, 5U);
  EXPECT_EQ(line.config.queue.wait_max, Seconds(9));
  EXPECT_TRUE(line.config.listeners[0].pass_on_failure);
  EXPECT_EQ(line.config_file, path_);
  EXPECT_EQ(line.warnings, Lines());
}

TEST_F(CommandLineOverFileTest, OptionsOfAListenerAreAboutTheFirst) {
  const CommandLine line = Parse(
      "[[listener]]\nsocket = \"/run/a\"\n[[listener]]\nsocket = \"/run/b\"\n", {"-P", "-T", "5"});
  ASSERT_EQ(line.kind, CommandLine::Kind::kRun);
  EXPECT_TRUE(line.config.listeners[0].pass_on_failure);
  EXPECT_FALSE(line.config.listeners[1].pass_on_failure);
  EXPECT_EQ(
      line.warnings,
      Lines{"options on the command line hold for the first [[listener]] alone: pass_on_failure"});
}

TEST_F(CommandLineOverFileTest, OptionsOfAScannerAreAboutTheFirst) {
  const CommandLine line = Parse(
      "[[scanner]]\nsocket = \"/run/a\"\n[[scanner]]\nsocket = \"/run/b\"\n", {"-P", "-T", "5"});
  ASSERT_EQ(line.kind, CommandLine::Kind::kRun);
  EXPECT_EQ(line.config.scanners[0].scan_timeout, Seconds(5));
  EXPECT_EQ(line.config.scanners[1].scan_timeout, Seconds(600));
  EXPECT_EQ(
      line.warnings,
      Lines{"options on the command line hold for the first [[scanner]] alone: scan_timeout"});
}

TEST_F(CommandLineOverFileTest, TellsAllThatIsWrongInTheFile) {
  const CommandLine line = Parse("[engine]\nshards = 999\nshard = 1\n", {});
  EXPECT_EQ(line.kind, CommandLine::Kind::kConfigError);
  EXPECT_EQ(line.config_errors,
            (Lines{path_ + ":2:10: engine.shards: 999 is too large (allowed: 0 to 256)",
                   path_ + ":3:1: engine.shard: unknown key (did you mean shards?)"}));
}

TEST_F(CommandLineOverFileTest, WhatContradictsIsToldWithTheFile) {
  const CommandLine line = Parse(
      "[[listener]]\nsocket = \"/run/a\"\nscanner_group = \"x\"\n[[listener]]\nsocket = "
      "\"/run/a\"\n",
      {});
  EXPECT_EQ(line.kind, CommandLine::Kind::kConfigError);
  EXPECT_EQ(line.config_errors,
            (Lines{path_ + ": two of [[listener]] have the socket /run/a",
                   path_ + ": scanner_group \"x\" of [[listener]] /run/a has no [[scanner]]"}));
}

TEST_F(CommandLineOverFileTest, WhatGoesToAGroupIsUnambiguous) {
  const CommandLine line = Parse(
      "[[listener]]\n"
      "[[scanner]]\nsocket = \"/run/1\"\n"
      "[[scanner]]\nsocket = \"/run/2\"\ngroup = \"fast\"\n"
      "[[scanner_group]]\nname = \"fast\"\npolicy_banks = [\"VIP\"]\n"
      "[[scanner_group]]\nname = \"slow\"\nclient_networks = [\"192.0.2.0/24\"]\n"
      "[[scanner_group]]\nname = \"fast\"\npolicy_banks = [\"VIP\"]\n",
      {});
  EXPECT_EQ(line.config_errors,
            (Lines{path_ + ": [[scanner_group]] slow has no [[scanner]]",
                   path_ + ": [[scanner_group]] fast and [[scanner_group]] fast both have the name "
                           "fast",
                   path_ + ": [[scanner_group]] fast and [[scanner_group]] fast both have the "
                           "policy bank VIP"}));
}

TEST_F(CommandLineOverFileTest, GroupsWithoutANameOrWithANetworkThatIsNone) {
  const CommandLine line = Parse(
      "[[scanner_group]]\npolicy_banks = [\"VIP\"]\n"
      "[[scanner_group]]\nname = \"x\"\nclient_networks = [\"192.0.2.1/24\"]\n",
      {});
  ASSERT_EQ(line.config_errors.size(), 2U);
  EXPECT_EQ(line.config_errors[0], path_ + ":1:1: scanner_group.name: missing");
  EXPECT_TRUE(line.config_errors[1].starts_with(path_ + ":5:19: scanner_group.client_networks: "))
      << line.config_errors[1];
}

TEST_F(CommandLineOverFileTest, RelativePathsAreBelowTheDirectory) {
  std::ofstream(folder_ + "/relative.toml") << "[engine]\nshards = 3\n";
  const std::vector<const char*> arguments = {"millrace", "--config", "relative.toml"};
  const CommandLine line = ParseCommandLine(3, arguments.data(), folder_);
  EXPECT_EQ(line.config.engine.shards, 3U);
  EXPECT_EQ(line.config_file, folder_ + "/relative.toml");
}

TEST(ConfigDiffTest, NamesWhatDiffersAndWhere) {
  Config from = DefaultConfig("millrace");
  from.listeners.resize(2);
  from.listeners[1].socket = "/run/b";
  from.listeners[1].name = "second";
  Config to = from;
  std::swap(to.listeners[0], to.listeners[1]);
  EXPECT_TRUE(KeyChanges(from, to).empty());  // the order is nothing
  to.listeners[0].answer_within = Seconds(300);
  to.queue.wait_max = Seconds(1);
  const std::vector<KeyChange> changes = KeyChanges(from, to);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(ChangedKeyText(changes[0]), "queue.wait_max");
  EXPECT_EQ(changes[0].from, "\"5m\"");
  EXPECT_EQ(changes[0].to, "\"1s\"");
  EXPECT_EQ(ChangedKeyText(changes[1]), "listener.answer_within of second");
}

}  // namespace
}  // namespace relay
