// The pid file: who may hold it, and what is left alone.
#include "relay/pid_file.h"

#include <gtest/gtest.h>

#include "tests/relay/startup_fixture.h"

namespace relay {
namespace {

struct PidFileTest : StartupTest {
  Identity Me() const { return Identity{::geteuid(), ::getegid(), ""}; }
};

TEST_F(PidFileTest, ReplacesAStaleNumber) {
  std::ofstream(config_.program.pid_file) << "123456789012\n";
  absl::StatusOr<PidFile> file = PidFile::Open(config_.program.pid_file, Me());
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->Write().ok());
  EXPECT_EQ(ReadFile(config_.program.pid_file), std::to_string(::getpid()) + "\n");
  file->Remove();
  EXPECT_FALSE(std::filesystem::exists(config_.program.pid_file));
}

TEST_F(PidFileTest, IsReadableByAllWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  absl::StatusOr<PidFile> file = PidFile::Open(config_.program.pid_file, Me());
  ::umask(before);
  ASSERT_TRUE(file.ok());
  struct stat status {};
  ASSERT_EQ(::lstat(config_.program.pid_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
}

TEST_F(PidFileTest, LeavesAFileAloneThatReplacedIt) {
  absl::StatusOr<PidFile> file = PidFile::Open(config_.program.pid_file, Me());
  ASSERT_TRUE(file.ok());
  std::filesystem::rename(config_.program.pid_file, folder_ + "/run/moved");
  std::ofstream(config_.program.pid_file) << "another's";
  file->Remove();
  EXPECT_EQ(ReadFile(config_.program.pid_file), "another's");
}

TEST_F(PidFileTest, RefusesLinksAndThingsThatAreNoFiles) {
  const std::string victim = folder_ + "/victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, config_.program.pid_file);
  EXPECT_FALSE(PidFile::Open(config_.program.pid_file, Me()).ok());
  std::filesystem::remove(config_.program.pid_file);

  std::filesystem::create_hard_link(victim, config_.program.pid_file);
  EXPECT_TRUE(absl::IsFailedPrecondition(PidFile::Open(config_.program.pid_file, Me()).status()));
  std::filesystem::remove(config_.program.pid_file);

  ASSERT_EQ(::mkfifo(config_.program.pid_file.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(PidFile::Open(config_.program.pid_file, Me()).status()));
  std::filesystem::remove(config_.program.pid_file);

  ASSERT_EQ(::mkdir(config_.program.pid_file.c_str(), 0700), 0);
  EXPECT_FALSE(PidFile::Open(config_.program.pid_file, Me()).ok());
  EXPECT_EQ(ReadFile(victim), "precious");
}

TEST_F(PidFileTest, EmptiesTheFileWhereTheFolderForbidsRemoval) {
  // As a daemon started by root whose pid file lies directly below a folder of root's.
  const std::string path = folder_ + "/spool/pid";
  std::ofstream(path) << "";
  if (IsRoot()) {
    ASSERT_EQ(::chown(path.c_str(), kUser, kGroup), 0);
    ASSERT_EQ(::chown((folder_ + "/spool").c_str(), 0, kUser), 0);
  }
  ASSERT_EQ(::chmod((folder_ + "/spool").c_str(), 0550), 0);
  EXPECT_EQ(InChild(user_,
                    [&] {
                      absl::StatusOr<PidFile> file = PidFile::Open(path, Me());
                      if (!file.ok()) return std::string(file.status().message());
                      if (!file->Write().ok()) return std::string("write");
                      std::string before = ReadFile(path).empty() ? "empty" : "pid";
                      file->Remove();
                      return before;
                    }),
            "pid");
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(ReadFile(path), "");
  ASSERT_EQ(::chmod((folder_ + "/spool").c_str(), 0750), 0);
}

TEST_F(PidFileTest, DoesNothingWithoutAFile) {
  PidFile none;
  EXPECT_TRUE(none.Write().ok());
  none.Remove();
}

}  // namespace
}  // namespace relay
