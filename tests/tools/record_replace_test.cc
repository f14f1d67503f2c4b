// --force replaces a trace by one that is whole, and by no other: until then the old one stays.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/tools/record_scratch.h"
#include "tools/command_line/files.h"
#include "tools/record/actions.h"
#include "tools/record/out_trace.h"

namespace record {
namespace {

constexpr const char* kMessage = "From: <a@lab.test>\nTo: <b@lab.test>\n\nhello\n";
constexpr std::size_t kReadMax = 1 * engine::kMiB;

class RecordReplaceTest : public testing::Test {
 protected:
  RecordReplaceTest() {
    GenerateToTrace(scratch_, "old", {.messages = 3});
    old_ = Octets(scratch_.Path("old"));
    options_.out = scratch_.Path("old");
    options_.force = true;
  }

  static std::string Octets(const std::string& path) {
    return command_line::ReadFile(path, kReadMax).value_or("");
  }
  bool OldIsThere() const { return Octets(scratch_.Path("old")) == old_; }
  // Nothing else is left behind.
  std::size_t Files() const {
    const std::filesystem::directory_iterator all(scratch_.Path(""));
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  RecordScratch scratch_;
  std::string old_;
  RecordOptions options_;
};

TEST_F(RecordReplaceTest, AnImportTakesTheOldOnesPlace) {
  scratch_.Write("a.eml", kMessage);
  options_.import.paths = {scratch_.Path("a.eml")};
  EXPECT_EQ(RunImport(options_, nullptr), 0);
  EXPECT_EQ(ReadTrace(options_.out).messages.size(), 1U);
  EXPECT_EQ(Files(), 2U);
}

TEST_F(RecordReplaceTest, AnImportOfNothingLeavesTheOldOne) {
  options_.import.paths = {scratch_.Path("missing.eml")};
  EXPECT_EQ(RunImport(options_, nullptr), 66);
  EXPECT_TRUE(OldIsThere());
  options_.import.paths = {scratch_.Path("old")};
  options_.import.envelope_file = scratch_.Path("missing.csv");
  EXPECT_EQ(RunImport(options_, nullptr), 66);
  EXPECT_TRUE(OldIsThere());
  EXPECT_EQ(Files(), 1U);
}

TEST_F(RecordReplaceTest, ACopyOfSomethingElseLeavesTheOldOne) {
  scratch_.Write("text", "no trace");
  options_.in = scratch_.Path("text");
  EXPECT_EQ(RunCopy(options_, nullptr), 66);
  EXPECT_TRUE(OldIsThere());
  options_.in = scratch_.Path("missing");
  EXPECT_EQ(RunCopy(options_, nullptr), 66);
  EXPECT_TRUE(OldIsThere());
}

TEST_F(RecordReplaceTest, ACutTraceOfWhichNothingCanBeReadLeavesTheOldOne) {
  GenerateToTrace(scratch_, "new", {.messages = 2});
  const std::string whole = Octets(scratch_.Path("new"));
  // The head and the meta record alone, then something torn.
  scratch_.Write("cut", whole.substr(0, 200));
  options_.in = scratch_.Path("cut");
  const int status = RunCopy(options_, nullptr);
  EXPECT_EQ(status, 66);
  EXPECT_TRUE(OldIsThere());
  EXPECT_EQ(Files(), 3U);
}

TEST_F(RecordReplaceTest, ACopyTakesTheOldOnesPlace) {
  GenerateToTrace(scratch_, "new", {.messages = 2});
  options_.in = scratch_.Path("new");
  EXPECT_EQ(RunCopy(options_, nullptr), 0);
  EXPECT_EQ(ReadTrace(options_.out).messages.size(), 2U);
  EXPECT_EQ(Files(), 2U);
}

TEST_F(RecordReplaceTest, MadeUpTrafficTakesTheOldOnesPlace) {
  options_.generate.messages = 5;
  EXPECT_EQ(RunGenerate(options_, nullptr), 0);
  EXPECT_EQ(ReadTrace(options_.out).messages.size(), 5U);
}

TEST_F(RecordReplaceTest, WithoutForceTheOldOneIsAnError) {
  options_.force = false;
  options_.generate.messages = 5;
  EXPECT_EQ(RunGenerate(options_, nullptr), 73);
  EXPECT_TRUE(OldIsThere());
}

TEST_F(RecordReplaceTest, ALinkIsReplacedAndNotWhatItNames) {
  std::filesystem::create_symlink(scratch_.Path("old"), scratch_.Path("link"));
  options_.out = scratch_.Path("link");
  options_.generate.messages = 5;
  EXPECT_EQ(RunGenerate(options_, nullptr), 0);
  EXPECT_TRUE(OldIsThere());
  EXPECT_FALSE(std::filesystem::is_symlink(scratch_.Path("link")));
}

TEST_F(RecordReplaceTest, AFolderIsNotReplaced) {
  options_.out = scratch_.Path("folder");
  std::filesystem::create_directory(options_.out);
  EXPECT_EQ(OutTrace::Open(options_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace record
