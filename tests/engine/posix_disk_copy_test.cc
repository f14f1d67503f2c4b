// PosixDisk copies a slot's file into another one, on tmpfs and on the disk.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/io/posix_disk.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

class PosixDiskCopyTest : public testing::TestWithParam<const char*> {
 protected:
  PosixDiskCopyTest() : dir_(GetParam()) {
    absl::StatusOr<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open({.root = dir_.path()});
    ENGINE_CHECK(disk.ok());
    disk_ = *std::move(disk);
    file_ = static_cast<int>(disk_->MakeSlot("s1").value);
    ENGINE_CHECK(file_ >= 0);
  }
  ~PosixDiskCopyTest() override { ::close(file_); }

  std::string Email() const { return (dir_ / "s1") + "/email.txt"; }
  void Write(std::string_view text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    ASSERT_EQ(disk_->WriteV(file_, {&part, 1}, 0).value, static_cast<std::int64_t>(text.size()));
  }
  static std::string Read(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir dir_;
  std::unique_ptr<PosixDisk> disk_;
  int file_ = -1;
};

INSTANTIATE_TEST_SUITE_P(Disk, PosixDiskCopyTest, testing::Values("/var/tmp"));
INSTANTIATE_TEST_SUITE_P(Tmpfs, PosixDiskCopyTest, testing::Values("/dev/shm"));

TEST_P(PosixDiskCopyTest, CopiesASlotsFilePieceByPieceHeldOpenOrByName) {
  std::string content(300'000, 'x');
  for (std::size_t i = 0; i < content.size(); ++i)
    content[i] = static_cast<char>('a' + i % 23);
  Write(content);
  for (const int from : {file_, -1}) {
    const std::string name = from < 0 ? "s2" : "s3";
    const int to = static_cast<int>(disk_->MakeSlot(name).value);
    std::uint64_t at = 0;
    for (;;) {
      const IoResult copied = disk_->CopyFrom("s1", from, to, {.at = at, .bytes = 100'001});
      ASSERT_EQ(copied.error, 0);
      if (copied.value == 0) break;
      at += static_cast<std::uint64_t>(copied.value);
    }
    EXPECT_EQ(Read((dir_ / name) + "/email.txt"), content);
    EXPECT_EQ(disk_->CleanSlot(name, to).error, 0);
    ::close(to);
  }
  EXPECT_EQ(disk_->CleanSlot("s1", file_).error, 0);  // nobody has it open
}

TEST_P(PosixDiskCopyTest, CopiesNothingThatIsNotItsFile) {
  const int to = static_cast<int>(disk_->MakeSlot("s2").value);
  EXPECT_EQ(disk_->CopyFrom("s9", -1, to, {.at = 0, .bytes = 10}).error, ENOENT);
  fs::remove(Email());
  fs::create_symlink("/etc/passwd", Email());
  EXPECT_EQ(disk_->CopyFrom("s1", -1, to, {.at = 0, .bytes = 10}).error, ELOOP);
  ::close(to);
}

}  // namespace
}  // namespace engine
