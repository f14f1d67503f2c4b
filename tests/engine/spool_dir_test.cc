// The working directory at start, on real file systems: what is refused, what is swept, what never.
#include "engine/spool/spool_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using testing::Test;

class SpoolDirTest : public Test {
 protected:
  SpoolDirOptions Options() {
    SpoolDirOptions options;
    options.working_directory = work_.path();
    options.leftovers.instance_prefix = "inst-";
    options.leftovers.foreign_prefix = "af";
    options.shards = 2;
    return options;
  }
  absl::StatusOr<SpoolInstance> Prepare(const SpoolDirOptions& options) {
    return SpoolInstance::Prepare(options, &report_);
  }
  static bool Contains(const absl::Status& status, const std::string& text) {
    return std::string(status.message()).find(text) != std::string::npos;
  }
  static void Write(const std::string& path, const std::string& text = "x") {
    std::ofstream(path) << text;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(work_.path()))
      names.push_back(entry.path().filename());
    return names;
  }
  // Sweeps as if `later` had passed since everything here was made.
  LeftoverCounts SweepLater(std::chrono::seconds later) {
    const int work = ::open(work_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    LeftoverCounts counts =
        SweepLeftovers(work, Options().leftovers, std::chrono::seconds(::time(nullptr)) + later);
    ::close(work);
    return counts;
  }

  TempDir work_;
  SpoolDirReport report_;
};

TEST_F(SpoolDirTest, MakesARootForEachShard) {
  auto instance = Prepare(Options());
  ASSERT_TRUE(instance.ok()) << instance.status();
  EXPECT_EQ(instance->path().find(work_.path() + "/inst-"), 0U);
  EXPECT_EQ(instance->ShardRoot(1), instance->path() + "/1");
  for (const std::string& path :
       {instance->path(), instance->ShardRoot(0), instance->ShardRoot(1)}) {
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_mode & 07777U, 0750U) << path;
  }
  EXPECT_TRUE(instance->Remove().ok());
  EXPECT_TRUE(Names().empty());
}

TEST_F(SpoolDirTest, TakesAPathWithSpareSlashes) {
  SpoolDirOptions options = Options();
  options.working_directory = "/" + work_.path() + "//";
  auto instance = Prepare(options);
  ASSERT_TRUE(instance.ok()) << instance.status();
  EXPECT_EQ(instance->path().find(work_.path() + "/inst-"), 0U);
}

TEST_F(SpoolDirTest, RefusesADirectoryOpenToEverybody) {
  for (const mode_t mode : {0755U, 0701U, 0702U, 01777U}) {
    ASSERT_EQ(::chmod(work_.path().c_str(), mode), 0);
    auto instance = Prepare(Options());
    EXPECT_EQ(instance.status().code(), absl::StatusCode::kFailedPrecondition) << mode;
    EXPECT_TRUE(Contains(instance.status(), "chmod o-rwx " + work_.path())) << instance.status();
  }
  ASSERT_EQ(::chmod(work_.path().c_str(), 0770), 0);
  EXPECT_TRUE(Prepare(Options()).ok());
}

TEST_F(SpoolDirTest, RefusesPathsThatReadersWouldRefuse) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not absolute"},
      {"relative/path", "not absolute"},
      {work_.path() + "/a b", "only letters, digits"},
      {work_.path() + "/ä", "only letters, digits"},
      {work_.path() + "/a:b", "only letters, digits"},
      {work_.path() + "/../x", "\"..\""},
      {work_.path() + "/./x", "\".\""},
      {"/" + std::string(SpoolInstance::kPathMaxBytes, 'a'), "longer than"}};
  for (const auto& [path, text] : cases) {
    SpoolDirOptions options = Options();
    options.working_directory = path;
    auto instance = Prepare(options);
    EXPECT_EQ(instance.status().code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_TRUE(Contains(instance.status(), text)) << instance.status();
  }
}

TEST_F(SpoolDirTest, SaysWhatIsWrongWithAMissingDirectory) {
  SpoolDirOptions options = Options();
  options.working_directory = work_ / "none";
  EXPECT_EQ(Prepare(options).status().code(), absl::StatusCode::kNotFound);
  Write(work_ / "file");
  options.working_directory = work_ / "file";
  EXPECT_EQ(Prepare(options).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SpoolDirTest, WarnsOfTheDiscouragedText) {
  SpoolDirOptions options = Options();
  options.discouraged_text = "odd-";
  ASSERT_EQ(::mkdir((work_ / "odd-name").c_str(), 0700), 0);
  options.working_directory = work_ / "odd-name";
  auto instance = Prepare(options);
  ASSERT_TRUE(instance.ok());
  ASSERT_EQ(report_.warnings.size(), 1U);
  EXPECT_NE(report_.warnings[0].find("\"odd-\""), std::string::npos);
}

TEST_F(SpoolDirTest, SweepsWhatADeadInstanceLeft) {
  {
    auto dead = Prepare(Options());
    ASSERT_TRUE(dead.ok());
    ASSERT_EQ(::mkdir((dead->ShardRoot(0) + "/s00000").c_str(), 0750), 0);
    Write(dead->ShardRoot(0) + "/s00000/email.txt", "old mail");
  }
  ASSERT_EQ(Names().size(), 1U);
  auto instance = Prepare(Options());
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(report_.leftovers.instances_removed, 1U);
  ASSERT_EQ(Names().size(), 1U);
  EXPECT_EQ(work_ / Names()[0], instance->path());
}

TEST_F(SpoolDirTest, NeverTouchesALiveInstance) {
  auto live = Prepare(Options());
  ASSERT_TRUE(live.ok());
  Write(live->ShardRoot(0) + "/content");
  auto other = Prepare(Options());
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(report_.leftovers.instances_alive, 1U);
  EXPECT_EQ(report_.leftovers.instances_removed, 0U);
  EXPECT_TRUE(fs::exists(live->ShardRoot(0) + "/content"));
  SpoolInstance moved = std::move(*live);  // the lock moves with it
  auto third = Prepare(Options());
  EXPECT_EQ(report_.leftovers.instances_alive, 2U);
  EXPECT_TRUE(fs::exists(moved.ShardRoot(0) + "/content"));
}

TEST_F(SpoolDirTest, SweepsAnInstanceWhoseRemovalWasInterrupted) {
  ASSERT_EQ(::mkdir((work_ / "inst-Half00").c_str(), 0700), 0);  // its lock file is gone already
  auto instance = Prepare(Options());
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(report_.leftovers.instances_removed, 1U);
}

TEST_F(SpoolDirTest, FollowsNoLinkThatLooksLikeAnInstance) {
  TempDir elsewhere;
  Write(elsewhere / "precious");
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), (work_ / "inst-Link00").c_str()), 0);
  auto instance = Prepare(Options());
  ASSERT_TRUE(instance.ok());
  EXPECT_TRUE(fs::exists(elsewhere / "precious"));
  EXPECT_EQ(report_.warnings.size(), 1U);
}

TEST_F(SpoolDirTest, RemovesOldLeftoversOfTheFormerProgram) {
  fs::create_directories(work_ / "af4TqXyz");
  Write(work_ / "af4TqXyz/email.txt");
  fs::create_directories(work_ / "afWithParts/parts/deep");
  Write(work_ / "afWithParts/email.txt");
  Write(work_ / "afWithParts/parts/deep/p001");
  EXPECT_EQ(SweepLater(std::chrono::hours(23)).foreign_removed, 0U);
  EXPECT_EQ(SweepLater(std::chrono::hours(25)).foreign_removed, 2U);
  EXPECT_TRUE(Names().empty());
}

TEST_F(SpoolDirTest, LeavesWhatOnlyLooksLikeALeftover) {
  fs::create_directories(work_ / "afEmpty");  // no message file
  fs::create_directories(work_ / "afOther");
  Write(work_ / "afOther/email.txt");
  Write(work_ / "afOther/notes");  // something else in it
  fs::create_directories(work_ / "afDirectory/email.txt");
  fs::create_directories(work_ / "afLink");
  Write(work_ / "target");
  ASSERT_EQ(::symlink("../target", (work_ / "afLink/email.txt").c_str()), 0);
  fs::create_directories(work_ / "afPartsFile");
  Write(work_ / "afPartsFile/email.txt");
  Write(work_ / "afPartsFile/parts");
  fs::create_directories(work_ / "af-with.dots");  // not a name of theirs
  Write(work_ / "af-with.dots/email.txt");
  fs::create_directories(work_ / "af");
  Write(work_ / "af/email.txt");
  Write(work_ / "afFile");
  const std::size_t before = Names().size();
  const LeftoverCounts counts = SweepLater(std::chrono::hours(25));
  EXPECT_EQ(counts.foreign_removed, 0U);
  EXPECT_EQ(counts.foreign_left, 5U);
  EXPECT_EQ(Names().size(), before);
}

TEST_F(SpoolDirTest, LooksForNoOtherLeftoversWithoutAPrefix) {
  fs::create_directories(work_ / "af4TqXyz");
  Write(work_ / "af4TqXyz/email.txt");
  SpoolDirOptions options = Options();
  options.leftovers.foreign_prefix.clear();
  options.leftovers.foreign_age = std::chrono::seconds(-10);
  ASSERT_TRUE(Prepare(options).ok());
  EXPECT_TRUE(fs::exists(work_ / "af4TqXyz"));
}

TEST(FileSystemTest, AllowsReuseOnlyWhereTheLookCanTrustIt) {
  std::string name;
  for (const std::uint64_t magic : {0x01021994U, 0xEF53U, 0x58465342U, 0x9123683EU})
    EXPECT_TRUE(FileSystemAllowsReuse(magic, &name)) << name;
  for (const std::uint64_t magic : {0x6969U, 0x794c7630U, 0x65735546U})
    EXPECT_FALSE(FileSystemAllowsReuse(magic, &name)) << name;
  EXPECT_FALSE(FileSystemAllowsReuse(0x12345678U, &name));
  EXPECT_EQ(name, "0x12345678");
}

}  // namespace
}  // namespace engine
