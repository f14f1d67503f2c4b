// The contract suite over the real loops, on Unix and TCP sockets.
#include "tests/engine/loop_contract.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "engine/io/epoll_loop.h"
#include "engine/io/uring_loop.h"
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

INSTANTIATE_TEST_SUITE_P(EpollUnix, LoopContractTest, testing::Values(&EpollOverUnix));
INSTANTIATE_TEST_SUITE_P(EpollTcp, LoopContractTest, testing::Values(&EpollOverTcp));
INSTANTIATE_TEST_SUITE_P(UringUnix, LoopContractTest, testing::Values(&UringOverUnix));
INSTANTIATE_TEST_SUITE_P(UringTcp, LoopContractTest, testing::Values(&UringOverTcp));

}  // namespace
}  // namespace engine
