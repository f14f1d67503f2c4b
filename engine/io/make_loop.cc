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
#include "engine/io/uring_setup.h"

namespace engine {

std::optional<IoChoice> ParseIoChoice(std::string_view text) noexcept {
  if (text == "auto") return IoChoice::kAuto;
  if (text == "uring" || text == "io_uring") return IoChoice::kUring;
  if (text == "epoll") return IoChoice::kEpoll;
  return std::nullopt;
}

LoopChoice ProbeLoop(IoChoice wanted) {
  if (wanted == IoChoice::kEpoll) return {IoChoice::kEpoll, "epoll (as configured)"};
  const absl::Status probed = ProbeUring();
  if (probed.ok()) {
    return {IoChoice::kUring,
            wanted == IoChoice::kAuto ? "io_uring poll (probe passed)"
                                      : "io_uring poll (as configured)"};
  }
  if (wanted == IoChoice::kAuto)
    return {IoChoice::kEpoll, absl::StrCat("epoll (", probed.message(), ")")};
  return {IoChoice::kUring, absl::StrCat("io_uring is not to be had: ", probed.message())};
}

absl::StatusOr<std::unique_ptr<Loop>> MakeLoop(IoChoice choice, const LoopOptions& options) {
  if (choice == IoChoice::kAuto) choice = ProbeLoop(choice).picked;
  if (choice == IoChoice::kEpoll) return EpollLoop::Make(options);
  absl::StatusOr<std::unique_ptr<Loop>> loop = UringLoop::Make(options);
  if (loop.ok()) return loop;
  return absl::Status(loop.status().code(),
                      absl::StrCat(loop.status().message(), "; use --io=epoll or --io=auto"));
}

}  // namespace engine
