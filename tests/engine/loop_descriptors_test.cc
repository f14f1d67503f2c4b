// Descriptors that a loop holds beyond its sockets (those made ahead, closes that wait for the
// turn's end): bounded, and none stays behind.
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/io/make_loop.h"
#include "engine/io/posix_disk.h"
#include "engine/io/uring_loop.h"
#include "engine/net/listener.h"
#include "tests/engine/recorder.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class LoopDescriptorsTest : public testing::TestWithParam<IoChoice> {
 protected:
  LoopDescriptorsTest() : disk_(*PosixDisk::Open({.root = dir_.path()})) {}

  std::unique_ptr<Loop> Make() {
    auto loop = MakeLoop(GetParam(), {.disk = disk_.get(), .file_thread_disk = disk_.get()});
    ENGINE_CHECK(loop.ok());
    return *std::move(loop);
  }

  TempDir dir_;
  std::unique_ptr<PosixDisk> disk_;
};

TEST_P(LoopDescriptorsTest, ConnectionsLeaveNoneBehind) {
  const Address at = *ParseAddress("unix:" + (dir_ / "socket"));
  auto listener = Listener::Open(at, {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const std::size_t before = OpenDescriptors();
  std::unique_ptr<Loop> loop = Make();
  loop->RunTurn(Time::zero());
  const std::size_t idle = OpenDescriptors();
  for (int burst = 0; burst < 20; ++burst) {
    std::vector<SocketId> ids(10);
    Recorder owner;
    for (SocketId& id : ids)
      ASSERT_EQ(loop->Connect(at, owner, &id).error, 0);
    loop->RunTurn(Time::zero());
    for (const SocketId& id : ids) {
      loop->Close(id);
      const int accepted = ::accept(listener->fd(), nullptr, nullptr);
      ASSERT_GE(accepted, 0);
      ::close(accepted);
    }
    loop->RunTurn(Time::zero());
    EXPECT_LE(OpenDescriptors(), idle + UringLoop::kSpareSocketsMax);
  }
  loop.reset();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_P(LoopDescriptorsTest, FoldersThatWereLookedIntoAreClosedWithTheTurn) {
  std::unique_ptr<Loop> loop = Make();
  disk_->CloseFoldersBy(loop.get());
  const int file = static_cast<int>(disk_->MakeSlot("s1").value);
  loop->RunTurn(Time::zero());
  const std::size_t before = OpenDescriptors();
  for (unsigned look = 0; look < 5 * UringLoop::kClosesMax; ++look) {
    EXPECT_EQ(disk_->CleanSlot("s1", file).error, 0);
    EXPECT_LE(OpenDescriptors(), before + UringLoop::kClosesMax);
  }
  loop->RunTurn(Time::zero());
  EXPECT_EQ(OpenDescriptors(), before);
  disk_->CloseFoldersBy(nullptr);
  loop.reset();
  EXPECT_EQ(disk_->CleanSlot("s1", file).error, 0);
  ::close(file);
}

INSTANTIATE_TEST_SUITE_P(Sources,
                         LoopDescriptorsTest,
                         testing::Values(IoChoice::kUring, IoChoice::kUringRecv, IoChoice::kEpoll));

}  // namespace
}  // namespace engine
