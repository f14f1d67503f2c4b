// Chooses and makes the loop of a shard.
//
//   auto:       io_uring poll where the probe passes, else epoll, with the reason
//   uring:      io_uring poll or an error        uring-recv: io_uring recv or an error
//   epoll:      epoll
//
// Probe once at start (ProbeLoop: one log line, a metric); then each shard makes its loop of the
// kind that was picked, in its own thread.
#ifndef MILLRACE_ENGINE_IO_MAKE_LOOP_H_
#define MILLRACE_ENGINE_IO_MAKE_LOOP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/io/direct_loop.h"
#include "engine/io/loop.h"

namespace engine {

enum class IoChoice : std::uint8_t { kAuto, kUring, kUringRecv, kEpoll };

// "auto", "uring" (also "io_uring"), "uring-recv", "epoll"; nullopt: none of these.
std::optional<IoChoice> ParseIoChoice(std::string_view text) noexcept;

struct LoopChoice {
  IoChoice picked = IoChoice::kEpoll;  // never kAuto
  std::string text;                    // "epoll (io_uring_setup: ... )": for one log line
};

// Any thread. A forced kind of io_uring is answered also where the probe fails: the text then says
// so, and MakeLoop will not make one.
LoopChoice ProbeLoop(IoChoice wanted);

// In the thread that will run the loop. kAuto probes. Errors have the reason and the next step.
absl::StatusOr<std::unique_ptr<Loop>> MakeLoop(IoChoice choice, const LoopOptions& options);

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_MAKE_LOOP_H_
