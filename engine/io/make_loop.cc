// The order is fixed; the probe filters it.
#include "engine/io/make_loop.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "engine/io/epoll_loop.h"
#include "engine/io/uring_loop.h"
#include "engine/io/uring_recv_loop.h"
#include "engine/io/uring_setup.h"

namespace engine {

std::optional<IoChoice> ParseIoChoice(std::string_view text) noexcept {
  if (text == "auto") return IoChoice::kAuto;
  if (text == "uring" || text == "io_uring") return IoChoice::kUring;
  if (text == "uring-recv") return IoChoice::kUringRecv;
  if (text == "epoll") return IoChoice::kEpoll;
  return std::nullopt;
}

LoopChoice ProbeLoop(IoChoice wanted) {
  if (wanted == IoChoice::kEpoll) return {IoChoice::kEpoll, "epoll (as configured)"};
  const bool receives = wanted == IoChoice::kUringRecv;
  const absl::Status probed = ProbeUring(receives ? UringUse::kReceive : UringUse::kPoll);
  if (wanted == IoChoice::kAuto) {
    if (probed.ok()) return {IoChoice::kUring, "io_uring poll (probe passed)"};
    return {IoChoice::kEpoll, absl::StrCat("epoll (", probed.message(), ")")};
  }
  if (!probed.ok()) return {wanted, absl::StrCat("io_uring is not to be had: ", probed.message())};
  return {wanted, receives ? "io_uring recv (as configured)" : "io_uring poll (as configured)"};
}

absl::StatusOr<std::unique_ptr<Loop>> MakeLoop(IoChoice choice, const LoopOptions& options) {
  if (choice == IoChoice::kAuto) choice = ProbeLoop(choice).picked;
  if (choice == IoChoice::kEpoll) return EpollLoop::Make(options);
  absl::StatusOr<std::unique_ptr<Loop>> loop =
      choice == IoChoice::kUringRecv ? UringRecvLoop::Make(options) : UringLoop::Make(options);
  if (loop.ok()) return loop;
  return absl::Status(loop.status().code(),
                      absl::StrCat(loop.status().message(), "; use --io=epoll or --io=auto"));
}

}  // namespace engine
