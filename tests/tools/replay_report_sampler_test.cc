// Reading a process's figures: from a made-up /proc, and from the real one.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/engine/temp_dir.h"
#include "tools/replay/process_sampler.h"
#include "tools/replay/results.h"

namespace replay {
namespace {

// A /proc with one process, number 4711.
class FakeProc {
 public:
  FakeProc() {
    std::filesystem::create_directories(folder() + "/task");
    std::filesystem::create_directories(folder() + "/fd");
  }
  std::string root() const { return directory_.path(); }
  std::string folder() const { return directory_ / "4711"; }

  // Ticks are of 10 ms on every Linux that is built today.
  void Stat(int user_ticks, int system_ticks, int start_ticks = 900, char state = 'S') const {
    Write("stat",
          absl::StrCat("4711 (a) b (c) ",
                       std::string(1, state),
                       " 1 1 1 0 -1 4194304 1 2 3 4 ",
                       user_ticks,
                       " ",
                       system_ticks,
                       " 0 0 20 0 3 0 ",
                       start_ticks,
                       " 1000000 25 18446744073709551615\n"));
  }
  void Thread(int number, int voluntary, int involuntary) const {
    const std::string name = absl::StrCat("task/", number);
    std::filesystem::create_directories(folder() + "/" + name);
    Write(name + "/status",
          absl::StrCat("Name:\tx\nvoluntary_ctxt_switches:\t",
                       voluntary,
                       "\nnonvoluntary_ctxt_switches:\t",
                       involuntary,
                       "\n"));
  }
  void RemoveThread(int number) const {
    std::filesystem::remove_all(absl::StrCat(folder(), "/task/", number));
  }
  void Descriptor(int number) const { Write(absl::StrCat("fd/", number), "x"); }
  void End() const { std::filesystem::remove_all(folder()); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder() + "/" + name) << text;
  }

 private:
  engine::TempDir directory_;
};

class ProcessSamplerTest : public testing::Test {
 protected:
  ProcessSamplerTest() {
    proc_.Stat(100, 50);
    proc_.Thread(4711, 10, 1);
    proc_.Thread(4712, 20, 2);
    proc_.Descriptor(0);
    proc_.Descriptor(1);
  }
  FakeProc proc_;
};

TEST_F(ProcessSamplerTest, ReadsAllFigures) {
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok()) << sampler.status();
  const ProcessSample& sample = sampler->last();
  EXPECT_TRUE(sample.running);
  EXPECT_EQ(sampler->name(), "a) b (c");
  EXPECT_EQ(sample.cpu_user_us, 1'000'000U);
  EXPECT_EQ(sample.cpu_system_us, 500'000U);
  EXPECT_EQ(sample.cpu_us, 1'500'000U);
  EXPECT_EQ(sample.rss_bytes, 25U * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(sample.threads, 3U);
  EXPECT_EQ(sample.voluntary_switches, 30U);
  EXPECT_EQ(sample.involuntary_switches, 3U);
  EXPECT_EQ(sample.descriptors, 2U);
}

TEST_F(ProcessSamplerTest, SwitchesOfThreadsThatEndedStayCounted) {
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok());
  proc_.RemoveThread(4712);
  proc_.Thread(4711, 15, 1);
  proc_.Thread(4713, 100, 0);
  const ProcessSample& sample = sampler->Sample();
  EXPECT_EQ(sample.voluntary_switches, 30U + 5U + 100U);
  EXPECT_EQ(sample.involuntary_switches, 3U);
}

TEST_F(ProcessSamplerTest, KeepsTheLastFiguresWhenTheProcessEnds) {
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok());
  proc_.End();
  EXPECT_FALSE(sampler->Sample().running);
  EXPECT_EQ(sampler->last().cpu_us, 1'500'000U);
  proc_.Write("stat", "");  // whatever comes there later
  EXPECT_FALSE(sampler->Sample().running);
}

TEST_F(ProcessSamplerTest, NoticesThatTheNumberBelongsToAnother) {
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok());
  proc_.Stat(1, 1, 901);
  EXPECT_FALSE(sampler->Sample().running);
  EXPECT_EQ(sampler->last().cpu_us, 1'500'000U);
}

TEST_F(ProcessSamplerTest, AZombieHasEnded) {
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok());
  proc_.Stat(100, 50, 900, 'Z');
  EXPECT_FALSE(sampler->Sample().running);
}

TEST_F(ProcessSamplerTest, OddFilesAreNoProcess) {
  for (const char* text : {"", "4711", "4711 (x", "4711 x) S 1", "4711 (x) S 1 2 3", ")(", "\n"}) {
    proc_.Write("stat", text);
    EXPECT_FALSE(ProcessSampler::Open(4711, proc_.root()).ok()) << text;
  }
}

TEST_F(ProcessSamplerTest, WithoutTheRightDescriptorsAreUnknown) {
  std::filesystem::remove_all(proc_.folder() + "/fd");
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok());
  EXPECT_FALSE(sampler->last().descriptors.has_value());
}

TEST_F(ProcessSamplerTest, NamesTheProcessThatIsNotThere) {
  const auto sampler = ProcessSampler::Open(99, proc_.root());
  EXPECT_TRUE(absl::IsNotFound(sampler.status()));
  EXPECT_NE(sampler.status().message().find("99"), absl::string_view::npos);
}

TEST(ProcessSamplerRealTest, SeesItself) {
  auto sampler = ProcessSampler::Open(::getpid());
  ASSERT_TRUE(sampler.ok()) << sampler.status();
  const std::uint64_t before = sampler->last().cpu_us;
  const std::uint32_t descriptors = sampler->last().descriptors.value_or(0);
  const int copy = ::dup(0);
  volatile std::uint64_t sum = 0;
  while (sampler->Sample().cpu_us == before)
    sum = sum + 1;
  EXPECT_TRUE(sampler->last().running);
  EXPECT_GT(sampler->last().rss_bytes, 100'000U);
  EXPECT_GE(sampler->last().threads, 1U);
  EXPECT_EQ(sampler->last().descriptors, descriptors + 1);
  ::close(copy);
}

TEST(ProcessSamplerRealTest, SurvivesTheEndOfAChild) {
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char octet = 0;
    ::close(ends[1]);
    ::_exit(static_cast<int>(::read(ends[0], &octet, 1)));
  }
  auto sampler = ProcessSampler::Open(child);
  ASSERT_TRUE(sampler.ok()) << sampler.status();
  EXPECT_TRUE(sampler->Sample().running);
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(sampler->Sample().running);
  EXPECT_TRUE(absl::IsNotFound(ProcessSampler::Open(child).status()));
}

TEST_F(ProcessSamplerTest, TheRecorderHasDifferencesPerPointAndTheWhole) {
  auto sampler = ProcessSampler::Open(4711, proc_.root());
  ASSERT_TRUE(sampler.ok());
  const auto recorder =
      std::make_unique<ResultsRecorder>(RunDescription{}, engine::Time{}, &*sampler);
  proc_.Stat(110, 70);
  proc_.Thread(4711, 12, 1);
  recorder->Tick(std::chrono::seconds(1));
  proc_.Stat(115, 70);
  proc_.Descriptor(2);
  recorder->Tick(std::chrono::seconds(2));
  proc_.End();
  recorder->Finish(std::chrono::seconds(3));
  const RunResults& results = recorder->results();
  ASSERT_EQ(results.series.size(), 3U);
  ASSERT_TRUE(results.series[0].process.has_value());
  EXPECT_EQ(results.series[0].process->cpu_user_us, 100'000U);
  EXPECT_EQ(results.series[0].process->cpu_system_us, 200'000U);
  EXPECT_EQ(results.series[0].process->voluntary_switches, 2U);
  EXPECT_EQ(results.series[1].process->cpu_us, 50'000U);
  EXPECT_EQ(results.series[1].process->descriptors, 3U);
  EXPECT_FALSE(results.series[2].process->running);
  EXPECT_EQ(results.series[2].process->cpu_us, 0U);
  ASSERT_TRUE(results.process.has_value());
  EXPECT_TRUE(results.process->ended);
  EXPECT_EQ(results.process->pid, 4711);
  EXPECT_EQ(results.process->total.cpu_us, 350'000U);
  EXPECT_EQ(results.process->total.descriptors, 3U);
}

}  // namespace
}  // namespace replay
