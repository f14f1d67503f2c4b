// Options as users write them, the texts that they get, and files.
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tools/command_line/files.h"
#include "tools/command_line/option_table.h"
#include "tools/command_line/program.h"

namespace command_line {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Forward : std::uint8_t { kAuto, kCopy };

struct Options {
  std::string out{};
  std::vector<std::string> listen{};
  std::vector<std::string> paths{};
  std::uint32_t sessions = 1;
  std::uint64_t buffer = 64 * engine::kKiB;
  engine::Time drain = seconds(10);
  double share = 0;
  mode_t mode = 0660;
  Forward forward = Forward::kAuto;
  bool verbose = false;
  std::string custom{};
};

OptionTable TableOf(Options* options) {
  OptionTable table({.name = "tool",
                     .synopsis = {"--out FILE", "--info FILE"},
                     .purpose = "Does a thing.",
                     .ending = "Exit status: 0 done."});
  table.Heading("What");
  table.Text("--out FILE", &options->out, "where to");
  table.Texts("--listen SOCKET", &options->listen, "where; may be repeated");
  table.Number("--sessions N", &options->sessions, {.min = 1, .max = 100}, "at a time");
  table.Size("--buffer SIZE", &options->buffer, {.min = 4096, .max = 1 << 30}, "held back");
  table.Duration("--drain TIME", &options->drain, "how long");
  table.Fraction("--share F", &options->share, "of all");
  table.Mode("--socket-mode MODE", &options->mode, "rights");
  table.Choice<Forward>("--forward HOW",
                        &options->forward,
                        {{"auto", Forward::kAuto}, {"copy", Forward::kCopy}},
                        "how octets go on");
  table.Flag("-v, --verbose", &options->verbose, "more");
  table.Custom(
      "--custom X",
      [options](const std::string& value) {
        options->custom = value;
        return value == "bad" ? absl::NotFoundError("bad was not found") : absl::OkStatus();
      },
      "special");
  table.HelpAndVersion();
  return table;
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  Options options;
  return std::string(TableOf(&options).Parse(arguments).message());
}

TEST(OptionTableTest, ReadsEveryKindInBothSpellings) {
  Options options;
  OptionTable table = TableOf(&options);
  table.Positional("PATH", &options.paths, "more");
  const std::vector<std::string> arguments = {"--out=a=b",
                                              "--listen",
                                              "/x",
                                              "--listen=/y",
                                              "--sessions",
                                              "7",
                                              "--buffer=1M",
                                              "--drain=1500ms",
                                              "p1",
                                              "--share",
                                              "0.25",
                                              "--socket-mode=0600",
                                              "--forward=copy",
                                              "-v",
                                              "--custom",
                                              "c",
                                              "-",
                                              "--",
                                              "--not-an-option"};
  ASSERT_TRUE(table.Parse(arguments).ok());
  EXPECT_EQ(options.out, "a=b");
  EXPECT_EQ(options.listen, (std::vector<std::string>{"/x", "/y"}));
  EXPECT_EQ(options.sessions, 7U);
  EXPECT_EQ(options.buffer, engine::kMiB);
  EXPECT_EQ(options.drain, milliseconds(1500));
  EXPECT_EQ(options.share, 0.25);
  EXPECT_EQ(options.mode, 0600U);
  EXPECT_EQ(options.forward, Forward::kCopy);
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(options.custom, "c");
  EXPECT_EQ(options.paths, (std::vector<std::string>{"p1", "-", "--not-an-option"}));
  EXPECT_TRUE(table.Given("--out"));
  EXPECT_FALSE(table.Given("--help"));
}

TEST(OptionTableTest, ErrorsNameTheOptionAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf({"--sessions=0"}), "--sessions \"0\": expected a number from 1 to 100");
  EXPECT_EQ(ErrorOf({"--sessions", "1x"}), "--sessions \"1x\": expected a number from 1 to 100");
  EXPECT_EQ(ErrorOf({"--drain=soon"}),
            "--drain \"soon\": expected a time such as 250ms, 10s, 2m or 1h");
  EXPECT_EQ(ErrorOf({"--buffer=1"}),
            "--buffer \"1\": expected a size in octets such as 64K or 10M, 4K to 1G");
  EXPECT_EQ(ErrorOf({"--share=1.5"}), "--share \"1.5\": expected a number from 0 to 1");
  EXPECT_EQ(ErrorOf({"--socket-mode=9"}),
            "--socket-mode \"9\": expected an octal mode such as 0660");
  EXPECT_EQ(ErrorOf({"--forward=tee"}), "--forward \"tee\": expected one of auto, copy");
  EXPECT_EQ(ErrorOf({"--out="}), "--out \"\": expected a value that is not empty");
  EXPECT_EQ(ErrorOf({"--out"}), "--out needs a value: FILE");
  EXPECT_EQ(ErrorOf({"--out", "--listen=/x"}),
            "--out needs a value (FILE), and is followed by --listen");
  EXPECT_EQ(ErrorOf({"--verbose=1"}), "--verbose takes no value");
  EXPECT_EQ(ErrorOf({"stray"}), "\"stray\": expected an option that begins with --");
  EXPECT_EQ(ErrorOf({"--custom=bad"}), "bad was not found");
  EXPECT_EQ(ErrorOf({"--drain=a\x1b[2J"}),
            "--drain \"a?[2J\": expected a time such as 250ms, 10s, 2m or 1h");
  EXPECT_EQ(ErrorOf({std::string(kArgumentBytesMax + 1, 'a')}),
            "argument 1 is longer than 65536 octets");
}

TEST(OptionTableTest, SuggestsTheNearestName) {
  EXPECT_EQ(ErrorOf({"--lisen=/x"}), "unknown option --lisen: did you mean --listen?");
  EXPECT_EQ(ErrorOf({"--fowrard=copy"}), "unknown option --fowrard: did you mean --forward?");
  EXPECT_EQ(ErrorOf({"--sess=3"}), "unknown option --sess: did you mean --sessions?");
  EXPECT_EQ(ErrorOf({"--bogus"}), "unknown option --bogus");
  EXPECT_EQ(ErrorOf({"-x"}), "unknown option -x");
}

TEST(OptionTableTest, UsageShowsArgumentsMeaningsAndDefaults) {
  Options options;
  const std::string usage = TableOf(&options).Usage();
  EXPECT_EQ(usage,
            "usage: tool --out FILE\n"
            "       tool --info FILE\n"
            "Does a thing.\n"
            "\n"
            "\n"
            "What:\n"
            "  --out FILE          where to\n"
            "  --listen SOCKET     where; may be repeated\n"
            "  --sessions N        at a time (default 1)\n"
            "  --buffer SIZE       held back (default 64K)\n"
            "  --drain TIME        how long (default 10s)\n"
            "  --share F           of all\n"
            "  --socket-mode MODE  rights (default 0660)\n"
            "  --forward HOW       how octets go on (default auto)\n"
            "  -v, --verbose       more\n"
            "  --custom X          special\n"
            "  -h, --help          this text\n"
            "  -V, --version       the version\n"
            "\n"
            "Exit status: 0 done.\n");
}

TEST(ValuesTest, ReadsWhatItWrites) {
  EXPECT_EQ(*ReadDuration("1h"), std::chrono::hours(1));
  EXPECT_EQ(*ReadDuration("1d"), std::chrono::hours(24));
  EXPECT_EQ(*ReadDuration("0.5s"), milliseconds(500));
  EXPECT_EQ(*ReadDuration("2"), seconds(2));
  EXPECT_EQ(DurationText(seconds(120)), "2m");
  EXPECT_EQ(DurationText(milliseconds(1500)), "1500ms");
  EXPECT_EQ(DurationText({}), "0s");
  EXPECT_EQ(*ReadSize("3G", {.min = 0, .max = UINT64_MAX}), 3ULL << 30);
  EXPECT_EQ(SizeText(3ULL << 30), "3G");
  EXPECT_EQ(SizeText(1025), "1025");
  EXPECT_EQ(*ReadReal("-2.5", -3, 0), -2.5);
}

TEST(ValuesTest, RefusesWhatIsNone) {
  for (const char* wrong : {"", "s", "-1", "nan", "inf", "1e9", "1 s", "0x10", "1w"})
    EXPECT_FALSE(ReadDuration(wrong).ok()) << wrong;
  for (const char* wrong : {"", "K", "-1K", "1KK", "1k", "99999999999999999999", "99999999999G"})
    EXPECT_FALSE(ReadSize(wrong, {.min = 0, .max = UINT64_MAX}).ok()) << wrong;
  for (const char* wrong : {"", "+1", " 1", "1 ", "18446744073709551616"})
    EXPECT_FALSE(ReadNumber(wrong, {.min = 0, .max = UINT64_MAX}).ok()) << wrong;
  for (const char* wrong : {"", "nan", "inf", "1e300", "0.5x"})
    EXPECT_FALSE(ReadFraction(wrong).ok()) << wrong;
}

class FilesTest : public testing::Test {
 protected:
  FilesTest() : path_(testing::TempDir() + "command_line_file") { std::remove(path_.c_str()); }
  ~FilesTest() override { std::remove(path_.c_str()); }
  std::string path_;
};

TEST_F(FilesTest, WritesPrivatelyAndReadsBack) {
  ASSERT_TRUE(WriteFile(path_, std::string(200'000, 'x'), false).ok());
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_EQ(ReadFile(path_, 200'000)->size(), 200'000U);
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(path_, 199'999).status()));
}

TEST_F(FilesTest, ReplacesOnlyWhenTold) {
  ASSERT_TRUE(WriteFile(path_, "one", false).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(WriteFile(path_, "two", false)));
  EXPECT_EQ(*ReadFile(path_, 10), "one");
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  ASSERT_TRUE(WriteFile(path_, "2", true).ok());
  EXPECT_EQ(*ReadFile(path_, 10), "2");
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U) << "a new file, with rights of its own";
}

TEST_F(FilesTest, ToldBeforeItIsWritten) {
  EXPECT_TRUE(CheckWritable(path_).ok());
  EXPECT_TRUE(CheckWritable("-").ok());
  EXPECT_TRUE(CheckWritable("/dev/null").ok());
  EXPECT_TRUE(absl::IsNotFound(ReadFile(path_, 10).status())) << "nothing was made";
  EXPECT_TRUE(absl::IsNotFound(CheckWritable(path_ + "/below")));
  EXPECT_FALSE(CheckWritable("/").ok());
}

TEST_F(FilesTest, NamesWhatFails) {
  EXPECT_EQ(ReadFile(path_, 10).status().message(),
            path_ + ": cannot be read: No such file or directory");
  EXPECT_TRUE(absl::IsNotFound(WriteFile(path_ + "/below", "x", true)));
  const absl::Status full = WriteFile("/dev/full", "x", true);
  EXPECT_EQ(full.message(), "/dev/full: cannot be written: No space left on device");
}

TEST(ProgramTest, SignalsAreFlags) {
  CatchSignal(SIGUSR1);
  EXPECT_FALSE(SignalTaken(SIGUSR1));
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_TRUE(SignalTaken(SIGUSR1));
  EXPECT_FALSE(SignalTaken(SIGUSR1));
  CatchSignals();
  EXPECT_FALSE(StopAsked());
  ASSERT_EQ(::raise(SIGTERM), 0);
  ASSERT_EQ(::raise(SIGINT), 0);
  EXPECT_EQ(StopsAsked(), 2);
}

}  // namespace
}  // namespace command_line
