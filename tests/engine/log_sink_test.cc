// The sinks of the log: what a stream and a syslog daemon get, line by line and many at once.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/log.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Numbered lines of one length, and the entries that show them.
struct Lines {
  explicit Lines(std::size_t count, std::size_t bytes) {
    for (std::size_t i = 0; i < count; ++i) {
      std::string text = "line " + std::to_string(i) + " ";
      text.resize(bytes, 'x');
      texts.push_back(std::move(text));
    }
    for (const std::string& text : texts)
      entries.push_back({Level::kInfo, seconds(1'000'000'000), text});
  }
  std::vector<std::string> texts;
  std::vector<LogEntry> entries;
};

TEST(StreamSinkTest, StampsALine) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto sink = MakeStreamSink(ends[1]);
  EXPECT_TRUE(sink->Emit(Level::kNotice, seconds(1'000'000'000) + milliseconds(7), "a=b"));
  char text[128] = {};
  ASSERT_GT(::read(ends[0], text, sizeof(text) - 1), 0);
  const std::string_view line = text;
  EXPECT_TRUE(line.starts_with("2001-09-")) << line;  // the 8th or 9th, by time zone
  EXPECT_TRUE(line.ends_with(".007 notice: a=b\n")) << line;
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StreamSinkTest, CarriesManyLinesInCallsThatAPipeTakesWhole) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_DIRECT | O_NONBLOCK), 0);  // a read answers what one write brought
  const auto sink = MakeStreamSink(ends[1]);
  const Lines lines(150, 300);
  EXPECT_EQ(sink->EmitAll(lines.entries), 0U);
  std::string all;
  int calls = 0;
  char text[2 * PIPE_BUF];
  for (ssize_t got = 0; (got = ::read(ends[0], text, sizeof text)) > 0; ++calls) {
    EXPECT_LE(got, PIPE_BUF);
    EXPECT_EQ(text[got - 1], '\n');
    all.append(text, static_cast<std::size_t>(got));
  }
  EXPECT_LT(calls, 20);
  std::size_t at = 0;
  for (const std::string& line : lines.texts) {
    at = all.find(".000 info: " + line + "\n", at);
    ASSERT_NE(at, std::string::npos) << line;
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StreamSinkTest, CountsTheLinesOfACallThatWasCutShort) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  const int room = 8 * 1024;
  ASSERT_EQ(::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
  const auto sink = MakeStreamSink(ends[1]);
  const Lines lines(100, 1500);
  const std::size_t lost = sink->EmitAll(lines.entries);
  EXPECT_GT(lost, 0U);
  std::string all(1U << 20U, '\0');
  const ssize_t got = ::recv(ends[0], all.data(), all.size(), MSG_DONTWAIT);
  ASSERT_GT(got, 0);
  all.resize(static_cast<std::size_t>(got));
  EXPECT_EQ(static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n')), 100 - lost);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StreamSinkTest, CountsAllLinesThatNobodyTakes) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  ASSERT_EQ(::shutdown(ends[0], SHUT_RD), 0);
  const auto handler = ::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(MakeStreamSink(ends[1])->EmitAll(Lines(70, 10).entries), 70U);
  ::signal(SIGPIPE, handler);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StreamSinkTest, StampsEachLineWithItsOwnTime) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const LogEntry entries[] = {{Level::kInfo, seconds(1'000'000'000), "a"},
                              {Level::kError, seconds(1'000'000'000) + milliseconds(999), "b"},
                              {Level::kDebug, seconds(1'000'000'001) + milliseconds(50), "c"}};
  EXPECT_EQ(MakeStreamSink(ends[1])->EmitAll(entries), 0U);
  char text[256] = {};
  ASSERT_GT(::read(ends[0], text, sizeof(text) - 1), 0);
  const std::string all = text;
  EXPECT_NE(all.find(":40.000 info: a\n"), std::string::npos) << all;
  EXPECT_NE(all.find(":40.999 error: b\n"), std::string::npos) << all;
  EXPECT_NE(all.find(":41.050 debug: c\n"), std::string::npos) << all;
  ::close(ends[0]);
  ::close(ends[1]);
}

// A syslog daemon of our own on a datagram socket.
class SyslogSinkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "syslogXXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    Listen();
  }
  void TearDown() override {
    Quit();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/log"; }
  void Listen() {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  void Quit() {
    if (fd_ >= 0) ::close(fd_);
    ::unlink(path().c_str());
    fd_ = -1;
  }
  std::string Receive() const {
    char text[4096];
    const ssize_t length = ::recv(fd_, text, sizeof(text), MSG_DONTWAIT);
    return length < 0 ? "" : std::string(text, static_cast<std::size_t>(length));
  }

  int fd_ = -1;
  std::string folder_;
};

TEST_F(SyslogSinkTest, SendsPriorityIdentAndPid) {
  const auto sink = MakeSyslogSink({.ident = "relayd", .path = path()});
  ASSERT_TRUE(sink->Emit(Level::kWarning, seconds(1'000'000'000), "slow=yes"));
  const std::string line = Receive();
  EXPECT_TRUE(line.starts_with("<20>Sep ")) << line;  // mail (2) * 8 + warning (4)
  EXPECT_TRUE(line.ends_with(" relayd[" + std::to_string(::getpid()) + "]: slow=yes")) << line;
}

TEST_F(SyslogSinkTest, ConnectsAgainAfterTheDaemonRestarted) {
  const auto sink = MakeSyslogSink({.ident = "relayd", .path = path()});
  ASSERT_TRUE(sink->Emit(Level::kInfo, seconds(1), "one"));
  Quit();
  EXPECT_FALSE(sink->Emit(Level::kInfo, seconds(2), "two"));
  Listen();
  EXPECT_TRUE(sink->Emit(Level::kInfo, seconds(3), "three"));
  EXPECT_NE(Receive().find("three"), std::string::npos);
}

TEST_F(SyslogSinkTest, ReachesARestartedDaemonWithTheFirstLine) {
  const auto sink = MakeSyslogSink({.ident = "relayd", .path = path()});
  ASSERT_TRUE(sink->Emit(Level::kInfo, seconds(1), "one"));
  Quit();
  Listen();
  EXPECT_TRUE(sink->Emit(Level::kInfo, seconds(2), "two"));
  EXPECT_NE(Receive().find("two"), std::string::npos);
}

TEST_F(SyslogSinkTest, SendsADatagramForEachLine) {
  const auto sink = MakeSyslogSink({.ident = "relayd", .path = path()});
  const Lines lines(5, 20);
  EXPECT_EQ(sink->EmitAll(lines.entries), 0U);
  for (const std::string& line : lines.texts)
    EXPECT_TRUE(Receive().ends_with("]: " + line)) << line;
  Quit();
  Listen();
  EXPECT_EQ(sink->EmitAll(lines.entries), 0U) << "the daemon was restarted";
  EXPECT_TRUE(Receive().ends_with("]: " + lines.texts[0]));
  Quit();
  EXPECT_EQ(sink->EmitAll(Lines(70, 20).entries), 70U) << "nobody listens";
}

TEST_F(SyslogSinkTest, RefusesWhileNobodyListens) {
  Quit();
  const auto sink = MakeSyslogSink({.ident = "relayd", .path = path()});
  EXPECT_FALSE(sink->Emit(Level::kInfo, seconds(1), "lost"));
}

TEST_F(SyslogSinkTest, RefusesALineThatABlockedDaemonDoesNotTake) {
  const auto sink = MakeSyslogSink({.ident = "relayd", .path = path()});
  // Nobody reads: the socket's queue (net.unix.max_dgram_qlen, or its buffer) fills up.
  bool refused = false;
  for (int i = 0; i < 100'000 && !refused; ++i)
    refused = !sink->Emit(Level::kInfo, seconds(1), "x");
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace engine
