// The contract suite over the real loops, on Unix and TCP sockets.
#include "tests/engine/loop_contract.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "engine/io/epoll_loop.h"
#include "engine/io/uring_loop.h"
#include "engine/io/uring_recv_loop.h"
#include "tests/engine/posix_world.h"

namespace engine {
namespace {

std::unique_ptr<LoopWorld> EpollOverUnix() {
  return std::make_unique<PosixWorld>(SocketKind::kUnix, &EpollLoop::Make);
}
std::unique_ptr<LoopWorld> EpollOverTcp() {
  return std::make_unique<PosixWorld>(SocketKind::kTcp, &EpollLoop::Make);
}
std::unique_ptr<LoopWorld> UringOverUnix() {
  return std::make_unique<PosixWorld>(SocketKind::kUnix, &UringLoop::Make);
}
std::unique_ptr<LoopWorld> UringOverTcp() {
  return std::make_unique<PosixWorld>(SocketKind::kTcp, &UringLoop::Make);
}
std::unique_ptr<LoopWorld> RecvOverUnix() {
  return std::make_unique<PosixWorld>(SocketKind::kUnix, &UringRecvLoop::Make);
}
std::unique_ptr<LoopWorld> RecvOverTcp() {
  return std::make_unique<PosixWorld>(SocketKind::kTcp, &UringRecvLoop::Make);
}

// Queues and buffers so few that they run out and overflow all the time; kBulk is acted on at once.
LoopOptions Scarce(LoopOptions options) {
  options.submissions = 4;
  options.completions = 8;
  options.buffers = 4;
  options.bulk_after_bytes = 0;
  return options;
}
absl::StatusOr<std::unique_ptr<Loop>> MakeScarceUring(const LoopOptions& options) {
  return UringLoop::Make(Scarce(options));
}
absl::StatusOr<std::unique_ptr<Loop>> MakeScarceRecv(const LoopOptions& options) {
  return UringRecvLoop::Make(Scarce(options));
}
std::unique_ptr<LoopWorld> ScarceUringOverUnix() {
  return std::make_unique<PosixWorld>(SocketKind::kUnix, &MakeScarceUring);
}
std::unique_ptr<LoopWorld> ScarceRecvOverUnix() {
  return std::make_unique<PosixWorld>(SocketKind::kUnix, &MakeScarceRecv);
}
std::unique_ptr<LoopWorld> ScarceRecvOverTcp() {
  return std::make_unique<PosixWorld>(SocketKind::kTcp, &MakeScarceRecv);
}

INSTANTIATE_TEST_SUITE_P(EpollUnix, LoopContractTest, testing::Values(&EpollOverUnix));
INSTANTIATE_TEST_SUITE_P(EpollTcp, LoopContractTest, testing::Values(&EpollOverTcp));
INSTANTIATE_TEST_SUITE_P(UringUnix, LoopContractTest, testing::Values(&UringOverUnix));
INSTANTIATE_TEST_SUITE_P(UringTcp, LoopContractTest, testing::Values(&UringOverTcp));
INSTANTIATE_TEST_SUITE_P(RecvUnix, LoopContractTest, testing::Values(&RecvOverUnix));
INSTANTIATE_TEST_SUITE_P(RecvTcp, LoopContractTest, testing::Values(&RecvOverTcp));
INSTANTIATE_TEST_SUITE_P(ScarceUring, LoopContractTest, testing::Values(&ScarceUringOverUnix));
INSTANTIATE_TEST_SUITE_P(ScarceRecvUnix, LoopContractTest, testing::Values(&ScarceRecvOverUnix));
INSTANTIATE_TEST_SUITE_P(ScarceRecvTcp, LoopContractTest, testing::Values(&ScarceRecvOverTcp));

}  // namespace
}  // namespace engine
