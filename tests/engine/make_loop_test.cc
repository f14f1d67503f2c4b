// The choice of the loop, where io_uring works and where it is refused (by a seccomp filter that a
// child process puts on itself).
#include "engine/io/make_loop.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/io/posix_disk.h"
#include "engine/io/uring_setup.h"
#include "tests/engine/recorder.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

std::unique_ptr<PosixDisk> DiskAt(const TempDir& dir) {
  auto disk = PosixDisk::Open({.root = dir.path()});
  ENGINE_CHECK(disk.ok());
  return *std::move(disk);
}

TEST(MakeLoopTest, ParsesTheNames) {
  EXPECT_EQ(ParseIoChoice("auto"), IoChoice::kAuto);
  EXPECT_EQ(ParseIoChoice("uring"), IoChoice::kUring);
  EXPECT_EQ(ParseIoChoice("io_uring"), IoChoice::kUring);
  EXPECT_EQ(ParseIoChoice("uring-recv"), IoChoice::kUringRecv);
  EXPECT_EQ(ParseIoChoice("epoll"), IoChoice::kEpoll);
  EXPECT_EQ(ParseIoChoice(""), std::nullopt);
  EXPECT_EQ(ParseIoChoice("EPOLL"), std::nullopt);
}

TEST(MakeLoopTest, MakesWhatIsAskedFor) {
  const TempDir dir;
  const std::unique_ptr<PosixDisk> disk = DiskAt(dir);
  const LoopOptions options = {.disk = disk.get(), .sockets_max = 4};
  EXPECT_EQ(ProbeLoop(IoChoice::kEpoll).picked, IoChoice::kEpoll);
  EXPECT_EQ((*MakeLoop(IoChoice::kEpoll, options))->source_name(), std::string_view("epoll"));
  for (const IoChoice wanted : {IoChoice::kAuto, IoChoice::kUring, IoChoice::kUringRecv}) {
    const LoopChoice picked = ProbeLoop(wanted);
    EXPECT_NE(picked.picked, IoChoice::kAuto);
    auto loop = MakeLoop(picked.picked, options);
    ASSERT_TRUE(loop.ok()) << loop.status();
    EXPECT_EQ(picked.text.find((*loop)->source_name()), 0U) << picked.text;
  }
}

TEST(MakeLoopTest, AnswersNoSocketWhenTheTableIsFull) {
  const TempDir dir;
  const std::unique_ptr<PosixDisk> disk = DiskAt(dir);
  auto loop = MakeLoop(IoChoice::kAuto, {.disk = disk.get(), .sockets_max = 2});
  ASSERT_TRUE(loop.ok());
  Recorder owner;
  std::vector<SocketId> ids;
  std::vector<int> others;
  for (int i = 0; i < 3; ++i) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    ids.push_back((*loop)->Adopt(ends[0], owner, ReadMode::kSmall));
    others.push_back(ends[1]);
  }
  EXPECT_NE(ids[1].generation, 0U);
  EXPECT_EQ(ids[2].generation, 0U);
  char byte = 0;
  EXPECT_EQ(::read(others[2], &byte, 1), 0) << "the descriptor was closed";
  for (const int fd : others)
    ::close(fd);
}

// Makes io_uring_setup answer `error` from now on, in this process.
void Refuse(unsigned error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {static_cast<unsigned short>(std::size(program)), program};
  ENGINE_CHECK(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  ENGINE_CHECK(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

// Auto takes epoll and says `reason`, and uring is an error that says so too.
bool RefusedRight(std::string_view reason) {
  const TempDir dir;
  const std::unique_ptr<PosixDisk> disk = DiskAt(dir);
  const LoopOptions options = {.disk = disk.get(), .sockets_max = 4};
  const LoopChoice chosen = ProbeLoop(IoChoice::kAuto);
  const auto automatic = MakeLoop(IoChoice::kAuto, options);
  const auto forced = MakeLoop(IoChoice::kUring, options);
  const auto receiving = MakeLoop(IoChoice::kUringRecv, options);
  const bool right = chosen.picked == IoChoice::kEpoll &&
                     chosen.text.find(reason) != std::string::npos && automatic.ok() &&
                     (*automatic)->source_name() == std::string_view("epoll") && !forced.ok() &&
                     !receiving.ok() &&
                     std::string(forced.status().message()).find("--io=epoll") != std::string::npos;
  if (!right) std::fprintf(stderr, "%s\n", chosen.text.c_str());
  return right;
}

// In a child process.
[[noreturn]] void CheckRefused(unsigned error, std::string_view reason) {
  Refuse(error);
  const bool right = RefusedRight(reason);  // its folder is gone before the exit
  std::fflush(stderr);
  std::_Exit(right ? 0 : 1);
}

TEST(MakeLoopDeathTest, TakesEpollAndNamesTheCauseWhereIoUringIsRefused) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(CheckRefused(EPERM, "EPERM"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(CheckRefused(EPERM, "seccomp"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(CheckRefused(ENOSYS, "no io_uring"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(CheckRefused(EINVAL, "older than 6.1"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(CheckRefused(ENOMEM, "RLIMIT_MEMLOCK"), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace engine
