// PosixDisk on tmpfs and on the disk: slots, writes, the look before reuse, removal.
#include "engine/io/posix_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/io/pipe.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

// The parameter is the folder that the test's own is made in.
class PosixDiskTest : public testing::TestWithParam<const char*> {
 protected:
  PosixDiskTest() : dir_(GetParam()) {
    absl::StatusOr<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open({.root = dir_.path()});
    ENGINE_CHECK(disk.ok());
    disk_ = *std::move(disk);
    file_ = static_cast<int>(disk_->MakeSlot("s1").value);
    ENGINE_CHECK(file_ >= 0);
  }
  ~PosixDiskTest() override {
    if (file_ >= 0) ::close(file_);
  }

  std::string Slot(const std::string& below = "") const { return (dir_ / "s1") + below; }
  std::string Email() const { return Slot("/email.txt"); }
  int Look() { return disk_->CleanSlot("s1", file_).error; }
  void Write(std::string_view text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    const IoResult wrote = disk_->WriteV(file_, {&part, 1}, 0);
    ASSERT_EQ(wrote.value, static_cast<std::int64_t>(text.size()));
  }
  static std::string Read(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir dir_;
  std::unique_ptr<PosixDisk> disk_;
  int file_ = -1;
};

INSTANTIATE_TEST_SUITE_P(Disk, PosixDiskTest, testing::Values("/var/tmp"));
INSTANTIATE_TEST_SUITE_P(Tmpfs, PosixDiskTest, testing::Values("/dev/shm"));

TEST_P(PosixDiskTest, MakesASlotWithItsModesWhateverTheUmask) {
  const mode_t mask = ::umask(0077);
  const IoResult made = disk_->MakeSlot("s2");
  ::umask(mask);
  ASSERT_TRUE(made.ok());
  struct stat seen {};
  ASSERT_EQ(::stat((dir_ / "s2").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, mode_t{0750});
  ASSERT_EQ(::fstat(static_cast<int>(made.value), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, mode_t{0640});
  EXPECT_NE(::fcntl(static_cast<int>(made.value), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(disk_->RemoveSlot("s2", static_cast<int>(made.value)).ok());
}

TEST_P(PosixDiskTest, RefusesASlotThatIsThere) {
  EXPECT_EQ(disk_->MakeSlot("s1").error, EEXIST);
  ASSERT_EQ(::symlink("/", (dir_ / "s3").c_str()), 0);
  EXPECT_EQ(disk_->MakeSlot("s3").error, EEXIST);
}

TEST_P(PosixDiskTest, WritesGatheredAndTruncates) {
  char one[] = "one ";
  char two[] = "two";
  const iovec parts[2] = {{one, 4}, {two, 3}};
  EXPECT_EQ(disk_->WriteV(file_, parts, 2).value, 7);
  EXPECT_EQ(Read(Email()), std::string("\0\0one two", 9));
  EXPECT_TRUE(disk_->Truncate(file_, 5).ok());
  EXPECT_EQ(Read(Email()), std::string("\0\0one", 5));
  EXPECT_GE(disk_->Blocked(), Time::zero());
  EXPECT_EQ(disk_->InCallSince(), Time::zero());
}

TEST_P(PosixDiskTest, AnswersTheErrorOfAWrite) {
  const iovec part{const_cast<char*>("x"), 1};
  EXPECT_EQ(disk_->WriteV(-1, {&part, 1}, 0).error, EBADF);
  EXPECT_EQ(disk_->Truncate(-1, 0).error, EBADF);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 100;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &low), 0);
  std::string text(200, 'x');
  const iovec all{text.data(), text.size()};
  const IoResult brief = disk_->WriteV(file_, {&all, 1}, 0);
  const IoResult none = disk_->WriteV(file_, {&all, 1}, 100);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(brief.value, 100) << "short, the caller loops";
  EXPECT_EQ(none.error, EFBIG);
}

TEST_P(PosixDiskTest, SplicesFromAPipe) {
  PosixPipe pipe;
  ASSERT_TRUE(pipe.ok());
  ASSERT_EQ(::write(pipe.write_end(), "from pipe", 9), 9);
  pipe.Added(9);
  EXPECT_EQ(disk_->SpliceFrom(pipe, file_, 3, 4).value, 4);
  EXPECT_EQ(disk_->SpliceFrom(pipe, file_, 7, 100).value, 5);
  EXPECT_EQ(pipe.bytes(), 0U);
  EXPECT_EQ(Read(Email()).substr(3), "from pipe");
}

TEST_P(PosixDiskTest, FindsAnUntouchedSlotGoodAgainAndAgain) {
  Write("text");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(Look(), 0);
  EXPECT_EQ(::fcntl(file_, F_GETLEASE), F_UNLCK);
  Write("more");
}

TEST_P(PosixDiskTest, SeesWhoHasTheFileOpen) {
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR}) {
    const int other = ::open(Email().c_str(), flags | O_CLOEXEC);
    ASSERT_GE(other, 0);
    EXPECT_EQ(Look(), EBUSY) << flags;
    ::close(other);
    EXPECT_EQ(Look(), 0);
  }
}

// A reader with our rights that is just about to close it: once nobody has it open, its size is
// final, and no other may be answered. (The next message of that length would not be cut.)
TEST_P(PosixDiskTest, TellsTheSizeThatTheLastReaderLeft) {
  constexpr int kRounds = 20'000;
  constexpr std::size_t kBytes = sizeof(std::atomic<int>);
  void* map = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  auto& turn = *new (map) std::atomic<int>(0);  // odd: the reader has the file open
  const std::string email = Email();
  const pid_t reader = ::fork();
  ASSERT_GE(reader, 0);
  if (reader == 0) {
    bool ok = true;
    for (int round = 0; round < kRounds; ++round) {
      const int own = ::open(email.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
      turn.store(2 * round + 1);
      ok = ::write(own, "x", 1) == 1 && ok;
      ::close(own);
      while (turn.load() == 2 * round + 1)
        ::sched_yield();
    }
    ::_exit(ok ? 0 : 1);
  }
  int wrong = 0;
  for (int round = 0; round < kRounds; ++round) {
    while (turn.load() != 2 * round + 1)
      ::sched_yield();
    IoResult seen{0, EBUSY};
    while (seen.error == EBUSY)
      seen = disk_->CleanSlot("s1", file_);
    EXPECT_EQ(seen.error, 0);
    wrong += seen.value != round + 1 ? 1 : 0;
    turn.store(2 * round + 2);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(wrong, 0);
  ::munmap(map, kBytes);
}

TEST_P(PosixDiskTest, SeesAHardLinkKeptElsewhere) {
  ASSERT_EQ(::link(Email().c_str(), (dir_ / "evidence").c_str()), 0);
  EXPECT_EQ(Look(), EMLINK);
  ASSERT_EQ(::unlink((dir_ / "evidence").c_str()), 0);
  EXPECT_EQ(Look(), 0);
}

TEST_P(PosixDiskTest, SeesAReplacedFile) {
  std::ofstream(Slot("/new")) << "other";
  ASSERT_EQ(::rename(Slot("/new").c_str(), Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE);
  ASSERT_EQ(::unlink(Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE);
  ASSERT_EQ(::symlink("/etc/passwd", Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE);
}

TEST_P(PosixDiskTest, SeesOtherModes) {
  ASSERT_EQ(::chmod(Email().c_str(), 0666), 0);
  EXPECT_EQ(Look(), EPERM);
  ASSERT_EQ(::chmod(Email().c_str(), 0640), 0);
  ASSERT_EQ(::chmod(Slot().c_str(), 0755), 0);
  EXPECT_EQ(Look(), EPERM);
  ASSERT_EQ(::chmod(Slot().c_str(), 0750), 0);
  EXPECT_EQ(Look(), 0);
}

TEST_P(PosixDiskTest, SeesOtherOwners) {
  if (::geteuid() != 0) return;  // only root can give a file away
  constexpr uid_t kOther = 65534;
  ASSERT_EQ(::chown(Email().c_str(), kOther, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(Look(), EPERM);
  ASSERT_EQ(::chown(Email().c_str(), 0, static_cast<gid_t>(-1)), 0);
  ASSERT_EQ(::chown(Slot().c_str(), kOther, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(Look(), EPERM);
  ASSERT_EQ(::chown(Slot().c_str(), 0, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(Look(), 0);
}

TEST_P(PosixDiskTest, SeesWhatElseHasItsName) {
  std::ofstream(dir_ / "outside") << "other";
  ASSERT_EQ(::unlink(Email().c_str()), 0);
  ASSERT_EQ(::symlink("../outside", Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE) << "a link to another file";
  ASSERT_EQ(::unlink(Email().c_str()), 0);
  ASSERT_EQ(::link((dir_ / "outside").c_str(), Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE) << "another file's hard link";
  ASSERT_EQ(::unlink(Email().c_str()), 0);
  fs::create_directory(Email());
  EXPECT_EQ(Look(), ESTALE) << "a directory";
  ASSERT_EQ(::rmdir(Email().c_str()), 0);
  ASSERT_EQ(::mkfifo(Email().c_str(), 0640), 0);
  EXPECT_EQ(Look(), ESTALE) << "a pipe";
}

TEST_P(PosixDiskTest, SeesThatItsFileIsALinkToItself) {
  ASSERT_EQ(::rename(Email().c_str(), (dir_ / "moved").c_str()), 0);
  ASSERT_EQ(::symlink("../moved", Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE) << "by a symbolic link it is the very file, but not by its name";
}

TEST_P(PosixDiskTest, SeesADirectoryThatTookTheSlotsPlace) {
  ASSERT_EQ(::rename(Slot().c_str(), (dir_ / "away").c_str()), 0);
  fs::create_directory(Slot());
  ASSERT_EQ(::chmod(Slot().c_str(), 0750), 0);
  EXPECT_EQ(Look(), ESTALE) << "empty";
  ASSERT_EQ(::link((dir_ / "away/email.txt").c_str(), Email().c_str()), 0);
  EXPECT_EQ(Look(), EMLINK) << "with the file in both";
}

TEST_P(PosixDiskTest, RemovesNothingInADirectoryOfAnotherDevice) {
  const TempDir elsewhere(GetParam() == std::string_view("/dev/shm") ? "/var/tmp" : "/dev/shm");
  std::ofstream(elsewhere / "file") << "on another device";
  const int other = ::open((elsewhere / "file").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(other, 0);
  std::ofstream(Slot("/part")) << "part";
  EXPECT_EQ(disk_->CleanSlot("s1", other).error, ESTALE);
  EXPECT_TRUE(fs::exists(Slot("/part")));
  ::close(other);
}

TEST_P(PosixDiskTest, LooksAtEverythingAgainAfterItRemovedSomething) {
  std::ofstream(Slot("/part")) << "part";
  ASSERT_EQ(::link(Email().c_str(), Slot("/p1").c_str()), 0);
  EXPECT_EQ(Look(), 0) << "the second link was in the slot";
  std::ofstream(Slot("/part")) << "part";
  ASSERT_EQ(::link(Email().c_str(), (dir_ / "evidence").c_str()), 0);
  EXPECT_EQ(Look(), EMLINK);
  ASSERT_EQ(::unlink((dir_ / "evidence").c_str()), 0);
  std::ofstream(Slot("/part")) << "part";
  const int reader = ::open(Email().c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(Look(), EBUSY);
  ::close(reader);
  std::ofstream(Slot("/part")) << "part";
  ASSERT_EQ(::unlink(Email().c_str()), 0);
  EXPECT_EQ(Look(), ESTALE);
  EXPECT_TRUE(fs::is_empty(Slot()));
}

TEST_P(PosixDiskTest, SeesThatTheSlotWasMovedAway) {
  ASSERT_EQ(::rename(Slot().c_str(), (dir_ / "away").c_str()), 0);
  EXPECT_EQ(Look(), ESTALE);
  EXPECT_TRUE(disk_->RemoveSlot("s1", -1).ok()) << "gone already";
}

TEST_P(PosixDiskTest, EmptiesToAnyDepthAndKeepsTheFile) {
  Write("kept");
  std::string deep = Slot("/parts");
  for (int i = 0; i < 20; ++i) {
    fs::create_directory(deep);
    for (int j = 0; j < 3; ++j)
      std::ofstream(deep + "/p" + std::to_string(j)) << "part";
    deep += "/d";
  }
  for (int i = 0; i < 500; ++i)
    std::ofstream(Slot("/parts/d/") + "a-long-name-so-that-one-read-is-not-enough-" +
                  std::to_string(i))
        << i;
  // amavisd hard-links the message into its parts.
  ASSERT_EQ(::link(Email().c_str(), Slot("/parts/p9").c_str()), 0);
  EXPECT_EQ(Look(), 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(Slot()), fs::directory_iterator()), 1);
  EXPECT_EQ(Read(Email()), "kept");
}

TEST_P(PosixDiskTest, RemovesLinksWithoutFollowingThem) {
  fs::create_directory(dir_ / "outside");
  std::ofstream(dir_ / "outside/precious") << "kept";
  fs::create_directory(Slot("/parts"));
  ASSERT_EQ(::symlink((dir_ / "outside").c_str(), Slot("/parts/link").c_str()), 0);
  ASSERT_EQ(::symlink("/nowhere", Slot("/dangling").c_str()), 0);
  ASSERT_EQ(::symlink("..", Slot("/up").c_str()), 0);
  EXPECT_EQ(Look(), 0);
  EXPECT_EQ(Read(dir_ / "outside/precious"), "kept");
}

TEST_P(PosixDiskTest, StopsAtItsDepthLimit) {
  std::string deep = Slot();
  for (std::size_t i = 0; i <= PosixDisk::kDepthMax; ++i) {
    deep += "/d";
    fs::create_directory(deep);
  }
  std::ofstream(deep + "/file") << "too deep";
  EXPECT_EQ(Look(), ELOOP);
  EXPECT_EQ(disk_->RemoveSlot("s1", -1).error, ELOOP);
  fs::remove_all(Slot("/d"));
  EXPECT_TRUE(disk_->RemoveSlot("s1", -1).ok());
}

TEST_P(PosixDiskTest, RefusesASlotThatIsALink) {
  fs::create_directory(dir_ / "outside");
  std::ofstream(dir_ / "outside/precious") << "kept";
  ASSERT_EQ(::symlink((dir_ / "outside").c_str(), (dir_ / "s9").c_str()), 0);
  EXPECT_NE(disk_->RemoveSlot("s9", -1).error, 0);
  EXPECT_NE(disk_->CleanSlot("s9", file_).error, 0);
  EXPECT_EQ(Read(dir_ / "outside/precious"), "kept");
}

TEST_P(PosixDiskTest, RemovesASlotWithAllThatIsInIt) {
  fs::create_directory(Slot("/parts"));
  std::ofstream(Slot("/parts/p1")) << "part";
  EXPECT_TRUE(disk_->RemoveSlot("s1", file_).ok());
  EXPECT_EQ(::fcntl(file_, F_GETFD), -1);
  file_ = -1;
  EXPECT_FALSE(fs::exists(Slot()));
}

TEST_P(PosixDiskTest, ClosesAFileWithAndWithoutSync) {
  const int second = ::dup(file_);
  EXPECT_TRUE(disk_->CloseFile(second, true).ok());
  EXPECT_EQ(::fcntl(second, F_GETFD), -1);
  EXPECT_TRUE(disk_->CloseFile(std::exchange(file_, -1), false).ok());
  EXPECT_EQ(disk_->CloseFile(-1, true).error, EBADF);
}

TEST_P(PosixDiskTest, KnowsTheSpaceThatIsFree) {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
  EXPECT_TRUE(disk_->FreeSpace(&bytes, &inodes).ok());
  EXPECT_GT(bytes, 0U);
  EXPECT_GT(inodes, 0U);
  EXPECT_EQ(disk_->root(), dir_.path());
}

TEST(PosixDiskOpenTest, NamesAFolderThatIsNotThere) {
  const absl::Status status = PosixDisk::Open({.root = "/nonexistent/spool"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find("/nonexistent/spool"), std::string::npos);
}

}  // namespace
}  // namespace engine
