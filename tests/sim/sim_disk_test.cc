// The simulated disk answers as the seam promises, and notices what must not happen.
#include "tests/sim/sim_disk.h"

#include <cerrno>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/sim/sim_world.h"

namespace sim {
namespace {

class SimDiskTest : public testing::Test {
 protected:
  IoResult Write(int file, std::string_view text, std::uint64_t at) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return disk_.WriteV(file, {&piece, 1}, at);
  }
  int Make(const char* name) { return static_cast<int>(disk_.MakeSlot(name).value); }

  SimWorld world_{1};
  SimDisk disk_{world_, "/spool"};
};

TEST_F(SimDiskTest, ShowsWhatIsWrittenByAbsolutePath) {
  const int file = Make("s1");
  EXPECT_EQ(Write(file, "hello", 0).value, 5);
  EXPECT_EQ(Write(file, "p!", 3).value, 2);
  EXPECT_EQ(world_.files().ReadFile("/spool/s1/email.txt"), "help!");
  EXPECT_TRUE(disk_.Truncate(file, 3).ok());
  EXPECT_EQ(world_.files().ReadFile("/spool/s1/email.txt"), "hel");
  EXPECT_EQ(disk_.MakeSlot("s1").error, EEXIST);
}

TEST_F(SimDiskTest, AnswersTheLook) {
  const int file = Make("s1");
  Write(file, "12345", 0);
  EXPECT_TRUE(disk_.CleanSlot("s1", file).ok());
  EXPECT_EQ(disk_.CleanSlot("s1", file).value, 5);
  SimFilePtr reader = world_.files().Hold("/spool/s1/email.txt");
  EXPECT_EQ(disk_.CleanSlot("s1", file).error, EBUSY);
  SimFiles::LetGo(reader);
  world_.files().Link("/spool/s1/email.txt", "/elsewhere");
  EXPECT_EQ(disk_.CleanSlot("s1", file).error, EMLINK);
  world_.files().Remove("/elsewhere");
  world_.files().WriteFile("/spool/s1/other", "");
  EXPECT_TRUE(disk_.CleanSlot("s1", file).ok());
  EXPECT_EQ(world_.files().List("/spool/s1").size(), 1U);
  world_.files().Remove("/spool/s1/email.txt");
  EXPECT_EQ(disk_.CleanSlot("s1", file).error, ESTALE);
}

TEST_F(SimDiskTest, RunsFull) {
  world_.files().bytes_max = 10;
  const int file = Make("s1");
  EXPECT_EQ(Write(file, "12345678", 0).value, 8);
  EXPECT_EQ(Write(file, "90abc", 8).value, 2);
  EXPECT_EQ(Write(file, "abc", 10).error, ENOSPC);
  EXPECT_EQ(Write(file, "overwrite", 0).value, 9);
  world_.files().inodes_max = world_.files().inodes_used() + 1;
  EXPECT_EQ(disk_.MakeSlot("s2").error, ENOSPC);
}

TEST_F(SimDiskTest, FindsEveryFaultThatIsPlanned) {
  disk_.FailNext(DiskCall::kMakeSlot, EMFILE);
  EXPECT_EQ(disk_.MakeSlot("s1").error, EMFILE);
  const int file = Make("s1");
  world_.faults().disk_full = 1'000'000;
  EXPECT_EQ(Write(file, "x", 0).error, ENOSPC);
  world_.faults().disk_full = 0;
  world_.faults().disk_error = 1'000'000;
  EXPECT_EQ(disk_.Truncate(file, 0).error, EIO);
  EXPECT_TRUE(disk_.CloseFile(file, true).ok());
}

TEST_F(SimDiskTest, ReportsAClosedFile) {
  const int file = Make("s1");
  EXPECT_TRUE(disk_.RemoveSlot("s1", file).ok());
  EXPECT_EQ(disk_.open_files(), 0U);
  EXPECT_TRUE(world_.broken().empty());
  EXPECT_EQ(Write(file, "x", 0).error, EBADF);
  ASSERT_EQ(world_.broken().size(), 1U);
  EXPECT_NE(world_.broken()[0].find("not open"), std::string::npos);
}

TEST_F(SimDiskTest, ReportsAWriteIntoAReadersFile) {
  const int file = Make("s1");
  EXPECT_EQ(Write(file, "one", 0).value, 3);
  SimFilePtr reader = world_.files().Hold("/spool/s1/email.txt");
  Write(file, "two", 0);
  EXPECT_EQ(world_.broken().size(), 1U);
}

TEST_F(SimDiskTest, KeepsANamelessFileForItsReader) {
  const int file = Make("s1");
  Write(file, "one", 0);
  SimFilePtr reader = world_.files().Hold("/spool/s1/email.txt");
  EXPECT_TRUE(disk_.RemoveSlot("s1", file).ok());
  EXPECT_EQ(world_.files().ReadFile("/spool/s1/email.txt"), std::nullopt);
  EXPECT_EQ(reader->content, "one");
}

}  // namespace
}  // namespace sim
