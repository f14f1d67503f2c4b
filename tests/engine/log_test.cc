// The asynchronous log: what arrives, in which order, and that a sink which blocks or refuses costs
// lines and nothing else.
#include "engine/base/log.h"

#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"

namespace engine {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What a test's sink has seen; shared with the sink because a blocked writer outlives its Log.
struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lines;
  bool blocked = false;  // Emit waits while this is set
  bool inside = false;   // Emit waits right now
  bool refusing = false;
  bool sink_gone = false;

  void Set(bool Seen::*flag, bool value) {
    const std::lock_guard lock(mutex);
    this->*flag = value;
    changed.notify_all();
  }
  void WaitFor(bool Seen::*flag) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return this->*flag; });
  }
  std::vector<std::string> Lines() {
    const std::lock_guard lock(mutex);
    return lines;
  }
};

class TestSink final : public LogSink {
 public:
  explicit TestSink(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  ~TestSink() override { seen_->Set(&Seen::sink_gone, true); }
  TestSink(const TestSink&) = delete;
  TestSink& operator=(const TestSink&) = delete;

  bool Emit(Level level, Time, std::string_view line) noexcept override {
    std::unique_lock lock(seen_->mutex);
    seen_->inside = true;
    seen_->changed.notify_all();
    seen_->changed.wait(lock, [&] { return !seen_->blocked; });
    seen_->inside = false;
    if (seen_->refusing) return false;
    seen_->lines.push_back(std::string(LevelName(level)) + " " + std::string(line));
    seen_->changed.notify_all();
    return true;
  }

 private:
  std::shared_ptr<Seen> seen_;
};

struct LogTest : testing::Test {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  std::unique_ptr<Log> log = std::make_unique<Log>(std::make_unique<TestSink>(seen));
};

TEST_F(LogTest, WritesStraightToTheSinkBeforeStart) {
  log->Write(Level::kError, "cannot open");
  EXPECT_EQ(seen->Lines(), std::vector<std::string>{"error cannot open"});
}

TEST_F(LogTest, KeepsTheOrderOfOneThread) {
  ASSERT_TRUE(log->Start());
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    const std::string line = "line " + std::to_string(i);
    expected.push_back("info " + line);
    log->Write(Level::kInfo, line);
  }
  EXPECT_TRUE(log->Stop(hours(1)));
  EXPECT_EQ(seen->Lines(), expected);
  EXPECT_EQ(log->dropped(), 0U);
}

TEST_F(LogTest, WritesStraightToTheSinkAfterStop) {
  ASSERT_TRUE(log->Start());
  ASSERT_TRUE(log->Stop(hours(1)));
  log->Write(Level::kNotice, "bye");
  EXPECT_EQ(seen->Lines(), std::vector<std::string>{"notice bye"});
}

TEST_F(LogTest, DropsAndCountsWhenTheSinkBlocksAndTellsLater) {
  seen->Set(&Seen::blocked, true);
  ASSERT_TRUE(log->Start());
  log->Write(Level::kInfo, "first");
  seen->WaitFor(&Seen::inside);  // "first" is at the sink; its cell is still taken
  for (std::size_t i = 0; i < Log::kLineCount - 1 + 7; ++i)
    log->Write(Level::kInfo, "more");
  EXPECT_EQ(log->dropped(), 7U);
  seen->Set(&Seen::blocked, false);
  EXPECT_TRUE(log->Stop(hours(1)));
  const std::vector<std::string> lines = seen->Lines();
  ASSERT_EQ(lines.size(), Log::kLineCount + 1);
  EXPECT_EQ(lines.back(), "warning log lines dropped lines=7");
}

TEST_F(LogTest, CountsWhatTheSinkRefusesAndTellsOnceItWorks) {
  seen->Set(&Seen::refusing, true);
  log->Write(Level::kInfo, "lost");
  seen->Set(&Seen::refusing, false);
  ASSERT_TRUE(log->Start());
  log->Write(Level::kInfo, "kept");
  EXPECT_TRUE(log->Stop(hours(1)));
  EXPECT_EQ(seen->Lines(),
            (std::vector<std::string>{"info kept", "warning log lines dropped lines=1"}));
}

TEST_F(LogTest, CarriesWhatCameWhileItGathered) {
  ASSERT_TRUE(log->Start());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i)
      log->Write(i == 50 ? Level::kError : Level::kInfo, "line");
    // No Stop(), no further line: what is there arrives by itself.
    std::unique_lock lock(seen->mutex);
    const auto expected = static_cast<std::size_t>(100 * (round + 1));
    seen->changed.wait(lock, [&] { return seen->lines.size() == expected; });
  }
  EXPECT_EQ(log->dropped(), 0U);
}

TEST_F(LogTest, StopGivesUpOnABlockedSinkAndLaterLinesAreCounted) {
  seen->Set(&Seen::blocked, true);
  ASSERT_TRUE(log->Start());
  log->Write(Level::kInfo, "stuck");
  seen->WaitFor(&Seen::inside);
  EXPECT_FALSE(log->Stop(milliseconds(1)));
  log->Write(Level::kInfo, "after");
  EXPECT_EQ(log->dropped(), 1U);
  log.reset();  // the writer thread outlives it and frees what they shared
  seen->Set(&Seen::blocked, false);
  seen->WaitFor(&Seen::sink_gone);
}

TEST_F(LogTest, LosesNothingUncountedUnderManyThreads) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kPerThread = 3000;
  ASSERT_TRUE(log->Start());
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kPerThread; ++i) {
        LogLine line("event");
        log->Write(Level::kInfo, line.Field("thread", t).Field("i", i));
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_TRUE(log->Stop(hours(1)));
  std::size_t arrived = 0;
  std::vector<long> last(kThreads, -1);
  for (const std::string& line : seen->Lines()) {
    const std::size_t thread_at = line.find("thread=");
    const std::size_t i_at = line.find(" i=");
    if (thread_at == std::string::npos || i_at == std::string::npos) continue;
    const std::size_t thread = std::strtoul(line.c_str() + thread_at + 7, nullptr, 10);
    const long i = std::strtol(line.c_str() + i_at + 3, nullptr, 10);
    ASSERT_LT(thread, last.size());
    ++arrived;
    EXPECT_GT(i, last[thread]);  // each thread's lines keep their order
    last[thread] = i;
  }
  EXPECT_EQ(arrived + log->dropped(), kThreads * kPerThread);
}

TEST_F(LogTest, CutsALongLine) {
  log->Write(Level::kInfo, std::string(10'000, 'x'));
  EXPECT_EQ(seen->Lines().at(0).size(), std::strlen("info ") + LogLine::kBytesMax);
}

TEST_F(LogTest, DebugsUpToItsLevelOnly) {
  EXPECT_FALSE(log->Debugs(1));
  log->set_debug_level(3);
  EXPECT_TRUE(log->Debugs(3));
  EXPECT_FALSE(log->Debugs(4));
}

// The second line comes while the first is with the sink, or its writer gathers.
TEST(LogDeathTest, CarriesWhatWasWrittenBeforeACheckFailed) {
  const auto fail = [] {
    Log log(MakeStreamSink(STDERR_FILENO));
    ENGINE_CHECK(log.Start());
    for (int i = 0; i < 200; ++i)
      log.Write(Level::kInfo, "on the way");
    log.Write(Level::kInfo, "last words");
    ENGINE_CHECK(1 + 1 == 3);
  };
  EXPECT_DEATH(fail(), "info: last words\n.* error: .*check failed: 1 \\+ 1 == 3");
}

TEST(LogLineTest, JoinsWordsAndFieldsWithSpaces) {
  LogLine line("message");
  line.Field("qid", "4XyZ").Field("n", 3).Field("off", -7).Field("big", UINT64_MAX);
  line.Field("last", true);
  EXPECT_EQ(line.view(), "message qid=4XyZ n=3 off=-7 big=18446744073709551615 last=yes");
}

TEST(LogLineTest, QuotesAndEscapesWhatIsNotPlain) {
  struct Case {
    std::string_view value;
    std::string_view shown;
  };
  const Case cases[] = {
      {"", "v=\"\""},
      {"a b", "v=\"a b\""},
      {"a=b", "v=\"a=b\""},
      {"a\"b\\c", "v=\"a\\\"b\\\\c\""},
      {"a\r\n\tb", "v=\"a\\r\\n\\tb\""},
      {std::string_view("\0\x1b[0m\x7f", 6), "v=\"\\x00\\x1b[0m\\x7f\""},
      {"jörg@example.com", "v=jörg@example.com"},
      {"\xC2\x9B", "v=\\xc2\\x9b"},                // C1 control
      {"\xFF\xFE", "v=\\xff\\xfe"},                // no UTF-8
      {"\xE2\x82", "v=\\xe2\\x82"},                // cut off
      {"\xE0\x80\xAF", "v=\\xe0\\x80\\xaf"},       // overlong
      {"\xED\xA0\x80", "v=\\xed\\xa0\\x80"},       // surrogate
      {"\xF0\x9F\x93\xA7", "v=\xF0\x9F\x93\xA7"},  // four octets
      {"\xF4\x90\x80\x80", "v=\\xf4\\x90\\x80\\x80"},
  };
  for (const Case& c : cases) {
    LogLine line;
    EXPECT_EQ(line.Field("v", c.value).view(), c.shown);
  }
}

TEST(LogLineTest, ShowsEveryOctetOnOneLine) {
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    LogLine line;
    line.Field("v", std::string_view(&c, 1));
    for (const char shown : line.view()) {
      EXPECT_TRUE(shown >= ' ' && shown < 0x7F) << octet;
    }
  }
}

TEST(LogLineTest, ShowsDurationsInMilliseconds) {
  LogLine line;
  line.Milliseconds("a", std::chrono::microseconds(12'345)).Milliseconds("b", seconds(-1));
  EXPECT_EQ(line.view(), "a=12.3 b=0.0");
}

TEST(LogLineTest, NamesErrnos) {
  LogLine line;
  line.Errno("error", ECONNREFUSED).Errno("odd", 99'999);
  EXPECT_EQ(line.view(), "error=ECONNREFUSED odd=99999");
}

TEST(LogLineTest, CutsWithAMarkAtEveryLength) {
  for (std::size_t length = LogLine::kBytesMax - 40; length < LogLine::kBytesMax + 40; ++length) {
    LogLine line("event");
    line.Field("v", std::string(length, 'x')).Field("w", 1);
    ASSERT_LE(line.view().size(), LogLine::kBytesMax);
    EXPECT_EQ(line.cut(), line.view().ends_with("...")) << length;
    EXPECT_EQ(line.cut(), length + std::strlen("event v= w=1") > LogLine::kBytesMax - 3) << length;
  }
}

TEST(LogLineTest, NeverCutsInsideAnEscape) {
  for (std::size_t length = LogLine::kBytesMax - 20; length < LogLine::kBytesMax; ++length) {
    LogLine line;
    line.Field("v", std::string(length, 'x') + "\x01\x01\x01\x01\x01\x01");
    ASSERT_TRUE(line.cut());
    const std::string_view view = line.view().substr(0, line.view().size() - 3);
    const std::size_t last = view.rfind('\\');
    EXPECT_TRUE(last == std::string_view::npos || view.size() - last == 4) << length;
  }
}

TEST(LogLimiterTest, AdmitsSomePerIntervalAndCountsTheRest) {
  LogLimiter limiter(2, seconds(60));
  EXPECT_EQ(limiter.Admit(seconds(1000)), 0U);
  EXPECT_EQ(limiter.Admit(seconds(1001)), 0U);
  EXPECT_EQ(limiter.Admit(seconds(1002)), std::nullopt);
  EXPECT_EQ(limiter.Admit(seconds(1059)), std::nullopt);
  EXPECT_EQ(limiter.Admit(seconds(1060)), 2U);
  EXPECT_EQ(limiter.Admit(seconds(1061)), 0U);
  EXPECT_EQ(limiter.Admit(seconds(1062)), std::nullopt);
}

}  // namespace
}  // namespace engine
