// The scanner's command line.
#include "tools/scanner/scanner_options.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace scanner {
namespace {

absl::StatusOr<ScannerOptions> Parse(const std::vector<std::string>& arguments) {
  return ParseScannerOptions(arguments);
}

std::string WrittenFile(const char* name, std::string_view content) {
  std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(ScannerOptionsTest, ReadsBothSpellings) {
  const auto options = Parse({"--listen",
                              "/a",
                              "--listen=inet:1@::1",
                              "--socket-mode=0600",
                              "--delay=2s",
                              "--jitter",
                              "10ms",
                              "--max-in-flight=4",
                              "--seed",
                              "7",
                              "--max-connections=10",
                              "--io=epoll",
                              "-v",
                              "--rule",
                              "rcpt=a verdict=reject",
                              "--rule=delay=1s"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen, (std::vector<std::string>{"/a", "inet:1@::1"}));
  EXPECT_EQ(options->socket_mode, 0600U);
  EXPECT_EQ(options->config.delay, std::chrono::seconds(2));
  EXPECT_EQ(options->config.jitter, std::chrono::milliseconds(10));
  EXPECT_EQ(options->config.max_in_flight, 4U);
  EXPECT_EQ(options->config.connections_max, 10U);
  EXPECT_EQ(options->config.seed, 7U);
  EXPECT_EQ(options->io, engine::IoChoice::kEpoll);
  EXPECT_TRUE(options->config.verbose);
  EXPECT_EQ(options->config.rules.size(), 2U);
}

TEST(ScannerOptionsTest, HelpAndVersionNeedNoSocket) {
  EXPECT_TRUE(Parse({"--help"})->help);
  EXPECT_TRUE(Parse({"-V"})->version);
}

TEST(ScannerOptionsTest, NamesWhatIsWrong) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{},
                                             {"--listen"},
                                             {"--listen=/a", "--bogus=1"},
                                             {"--listen=/a", "extra"},
                                             {"--listen=/a", "--delay=x"},
                                             {"--listen=/a", "--socket-mode=0888"},
                                             {"--listen=/a", "--socket-mode=07777"},
                                             {"--listen=/a", "--io=select"},
                                             {"--listen=/a", "--max-in-flight=-1"},
                                             {"--listen=/a", "--max-connections=0"},
                                             {"--listen=/a", "--seed=x"},
                                             {"--listen=/a", "--rule=colour=blue"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(wrong).status()));
  }
  EXPECT_EQ(Parse({"--listen=/a", "--bogus=1"}).status().message(), "unknown option --bogus");
}

TEST(ScannerOptionsTest, ReadsRulesFromAFile) {
  const std::string good = WrittenFile("rules", "rcpt=a delay=1s\n#\nrcpt=b fault=close\n");
  EXPECT_EQ(Parse({"--listen=/a", "--rules", good})->config.rules.size(), 2U);
  const std::string bad = WrittenFile("bad-rules", "rcpt=a delay=1s\nfault=none-such\n");
  EXPECT_EQ(Parse({"--listen=/a", "--rules", bad}).status().message(),
            bad + ": line 2: bad value of fault: \"none-such\"");
  EXPECT_TRUE(absl::IsNotFound(Parse({"--listen=/a", "--rules=/nonexistent/x"}).status()));
}

TEST(ScannerOptionsTest, TakesOneWholeReplyAsFixedReply) {
  const std::string good = WrittenFile("reply", "return_value=accept\r\n\r\n");
  EXPECT_EQ(Parse({"--listen=/a", "--reply-file=" + good})->config.fixed_reply,
            "return_value=accept\r\n\r\n");
  const std::string half = WrittenFile("half-reply", "return_value=accept\r\n");
  EXPECT_TRUE(absl::IsInvalidArgument(Parse({"--listen=/a", "--reply-file=" + half}).status()));
  const std::string two = WrittenFile("two-replies", "a=1\n\nb=1\n\n");
  EXPECT_TRUE(absl::IsInvalidArgument(Parse({"--listen=/a", "--reply-file=" + two}).status()));
}

}  // namespace
}  // namespace scanner
