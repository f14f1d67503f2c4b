// The live display: what its lines say, how it draws, and that it leaves nothing behind.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/replay_report_runs.h"
#include "tools/replay/live_display.h"
#include "tools/replay/live_lines.h"

namespace replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kWide = 120;

std::unique_ptr<RunResults> HalfDone() {
  auto results = std::make_unique<RunResults>();
  results->description.planned = 200;
  results->elapsed = seconds(30);
  results->finished = 100;
  results->in_flight = 3;
  results->sessions_opened = 7;
  results->sessions_finished = 2;
  results->end_of_message.Record(2500);
  results->series.push_back({.length = seconds(2), .finished = 9});
  return results;
}

TEST(LiveLinesTest, SayHowFarItIs) {
  const auto results = HalfDone();
  const std::vector<std::string> lines = LiveLines(*results, kWide);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0],
            "[###############...............]  50 %  100 of 200 messages  30 s, 30 s left");
  EXPECT_EQ(lines[1], "rate 4/s, mean 3/s   in flight 3   sessions 5");
  EXPECT_EQ(lines[2], "end of message   p50 2.50 ms   p90 2.50 ms   p99 2.50 ms   max 2.50 ms");
  EXPECT_EQ(lines[3], "transaction      p50 0 us   p90 0 us   p99 0 us   max 0 us");
}

TEST(LiveLinesTest, SayHowLongWhenNobodyKnowsTheEnd) {
  const auto results = HalfDone();
  results->description.planned = 0;
  EXPECT_EQ(LiveLines(*results, kWide)[0], "100 messages  30 s");
  results->description.planned_duration = seconds(120);
  EXPECT_EQ(LiveLines(*results, kWide)[0],
            "[#######.......................]  25 %  100 messages  30 s, 90 s left");
}

TEST(LiveLinesTest, ShowTheMostFrequentErrorsAndNothingThatMovesTheCursor) {
  const auto results = HalfDone();
  results->errors = {{"a", 1}, {"b", 40}, {"\x1b[2J\xc3\xa9", 30}, {"d", 20}};
  results->errors_count = 91;
  EXPECT_EQ(LiveLines(*results, kWide)[4], "errors 91: b (40), \\x1b[2J?? (30), d (20), ...");
}

TEST(LiveLinesTest, ShowTheDaemon) {
  const auto results = HalfDone();
  results->process = ProcessUse{.pid = 12, .name = "millrace"};
  EXPECT_EQ(LiveLines(*results, kWide)[4], "millrace (12)");
  results->series.back().process = PointProcess{.running = true,
                                                .cpu_us = 500'000,
                                                .rss_bytes = 3 * engine::kMiB,
                                                .threads = 2,
                                                .descriptors = 80};
  EXPECT_EQ(LiveLines(*results, kWide)[4],
            "millrace (12): CPU 25 % of a core   memory 3.0 MiB   descriptors 80   threads 2");
  results->process->ended = true;
  EXPECT_EQ(LiveLines(*results, kWide)[4], "millrace (12) has ended");
}

TEST(LiveLinesTest, AreNeverWiderThanTheTerminal) {
  const auto run = MakeRun({.seconds = 5});
  for (std::size_t width = 1; width < 200; ++width) {
    for (const std::string& line : LiveLines(*run, width))
      ASSERT_LE(line.size(), width);
  }
}

TEST(LiveLinesTest, OneLineHasAll) {
  EXPECT_EQ(LiveLine(*HalfDone()),
            "30 s, 100 of 200 messages, 4/s, end of message p50 2.50 ms p99 2.50 ms max 2.50 ms, "
            "in flight 3, errors 0");
}

// A terminal of 60 columns and 10 rows; what is drawn is read from its other end.
class LiveDisplayTest : public testing::Test {
 protected:
  LiveDisplayTest() {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT_GE(master_, 0);
    EXPECT_EQ(::grantpt(master_), 0);
    EXPECT_EQ(::unlockpt(master_), 0);
    char name[64] = {};
    EXPECT_EQ(::ptsname_r(master_, name, sizeof name), 0);
    terminal_ = ::open(name, O_RDWR | O_NOCTTY);
    EXPECT_GE(terminal_, 0);
    Resize(60, 10);
  }
  ~LiveDisplayTest() override {
    ::close(terminal_);
    ::close(master_);
  }
  void Resize(unsigned short columns, unsigned short rows) const {
    const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::ioctl(master_, TIOCSWINSZ, &size), 0);
  }
  // All that was written so far.
  std::string Drawn() const {
    std::string text;
    pollfd question{.fd = master_, .events = POLLIN, .revents = 0};
    while (::poll(&question, 1, 0) == 1 && (question.revents & POLLIN) != 0) {
      char buffer[4096];
      const ssize_t size = ::read(master_, buffer, sizeof buffer);
      if (size <= 0) break;
      text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
  }
  LiveDisplay::Output Screen() const {
    return {.style = LiveDisplay::Style::kScreen, .fd = terminal_};
  }

  int master_ = -1;
  int terminal_ = -1;
};

TEST_F(LiveDisplayTest, DrawsOverItsLinesAndErasesThemAtTheEnd) {
  const auto results = HalfDone();
  LiveDisplay display(Screen());
  display.Update(*results, seconds(100));
  EXPECT_EQ(Drawn(), "");  // nothing has happened yet
  display.Update(*results, seconds(100) + kRedraw);
  const std::string first = Drawn();
  EXPECT_EQ(first.substr(0, 11), "[#####.....") << first;
  EXPECT_EQ(first.find("\x1b[4F"), std::string::npos);
  display.Update(*results, seconds(100) + kRedraw + milliseconds(1));
  EXPECT_EQ(Drawn(), "");  // not again so soon
  display.Update(*results, seconds(102));
  EXPECT_EQ(Drawn(), "\x1b[4F" + first);
  display.End();
  EXPECT_EQ(Drawn(), "\x1b[4F\x1b[J");
  display.End();
  EXPECT_EQ(Drawn(), "");
}

TEST_F(LiveDisplayTest, FollowsTheTerminalsSize) {
  const auto results = HalfDone();
  LiveDisplay display(Screen());
  display.Update(*results, seconds(1));
  Resize(30, 3);
  display.Update(*results, seconds(2));
  EXPECT_EQ(Drawn(),
            "[#####.....]  50 %  100 of 20\x1b[K\r\n"
            "rate 4/s, mean 3/s   in fligh\x1b[K\r\n");
}

TEST_F(LiveDisplayTest, NeverWaitsForAStoppedTerminal) {
  const auto results = HalfDone();
  LiveDisplay display(Screen());
  display.Update(*results, seconds(1));
  ASSERT_EQ(::ioctl(terminal_, TCXONC, TCOOFF), 0);
  display.Update(*results, seconds(2));
  ASSERT_EQ(::ioctl(terminal_, TCXONC, TCOON), 0);
  EXPECT_EQ(Drawn(), "");
  display.Update(*results, seconds(3));
  EXPECT_NE(Drawn(), "");
}

TEST_F(LiveDisplayTest, LogsALineNowAndThenWhereThereIsNoTerminal) {
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  const auto results = HalfDone();
  {
    LiveDisplay display({.style = LiveDisplay::Style::kLines, .fd = ends[1]});
    for (int second = 1; second <= 25; ++second)
      display.Update(*results, seconds(second));
  }
  ::close(ends[1]);
  char buffer[4096];
  const ssize_t size = ::read(ends[0], buffer, sizeof buffer);
  ::close(ends[0]);
  const std::string line = "millrace-replay: " + LiveLine(*results) + "\n";
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(size)), line + line);
}

TEST_F(LiveDisplayTest, SaysNothingWhenQuiet) {
  EXPECT_EQ(LiveDisplay::Choose(true).style, LiveDisplay::Style::kOff);
  LiveDisplay display({});
  display.Update(*HalfDone(), seconds(1));
  display.Update(*HalfDone(), seconds(100));
  display.End();
}

}  // namespace
}  // namespace replay
