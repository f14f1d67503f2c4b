// Makes the io_uring of a loop, and finds out whether this kernel lets us have one that works.
//
//   OpenRing:   SINGLE_ISSUER | DEFER_TASKRUN | SUBMIT_ALL | CLAMP | CQSIZE     (Linux 6.1 and
//   later)
//               features NODROP, EXT_ARG, NATIVE_WORKERS, CQE_SKIP, FAST_POLL; workers bounded
//   ProbeUring: OpenRing, the opcodes that the loop uses, and a self-test: multishot POLL on a
//               socket pair, its cancel, and a WRITEV; for the receiving source multishot RECV into
//               a buffer ring: two buffers, ENOBUFS, buffers given back, its cancel
//
// Behaviour is probed, not a version. Any refusal has a text that names its likely cause: the
// sysctl kernel.io_uring_disabled, a seccomp filter, an old kernel, memory.
//
// Sources: io_uring_setup(2), io_uring_register(2); Documentation/admin-guide/sysctl/kernel.rst
// (io_uring_disabled). A ring belongs to the thread that made it (DEFER_TASKRUN).
#ifndef MILLRACE_ENGINE_IO_URING_SETUP_H_
#define MILLRACE_ENGINE_IO_URING_SETUP_H_

#include <cstdint>

#include <liburing.h>

#include "absl/status/status.h"

namespace engine {

// Sets up `ring`; close it with io_uring_queue_exit. kUnavailable: the reason.
absl::Status OpenRing(io_uring* ring, unsigned submissions, unsigned completions);

// What is asked of the kernel: the loop that polls, or the one that receives as well.
enum class UringUse : std::uint8_t { kPoll, kReceive };

// Ok: a ring made here works. kUnavailable: the reason. Leaves nothing behind. Any thread.
absl::Status ProbeUring(UringUse use);

// Does multishot RECV tell of an end of stream that came together with octets? Linux 6.18 does not,
// on Unix sockets: it has no second look where it knows that no octet is left. Any thread.
bool ReceiveTellsEnd();

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_URING_SETUP_H_
