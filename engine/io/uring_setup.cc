// See the header.
#include "engine/io/uring_setup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include <liburing.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/errno_name.h"
#include "engine/io/buffer_ring.h"

namespace engine {
namespace {

constexpr unsigned kFeatures = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG |
                               IORING_FEAT_NATIVE_WORKERS | IORING_FEAT_CQE_SKIP |
                               IORING_FEAT_FAST_POLL;
constexpr unsigned kWorkersBounded = 2;    // file writes of a stalling disk
constexpr unsigned kWorkersUnbounded = 1;  // nothing of ours needs one
constexpr long kTestWaitSeconds = 2;
constexpr unsigned kTestEntries = 16;

// What the sysctl says, or 0 where there is none (before Linux 6.6).
int DisabledBySysctl() {
  const int file = ::open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char digit = '0';
  const ssize_t got = ::read(file, &digit, 1);
  ::close(file);
  return got == 1 && digit >= '0' && digit <= '9' ? digit - '0' : 0;
}

std::string LikelyCause(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      if (const int disabled = DisabledBySysctl(); disabled != 0)
        return absl::StrCat("the sysctl kernel.io_uring_disabled is ", disabled);
      return "a seccomp filter refuses it (container, or SystemCallFilter= of the unit)";
    case ENOSYS: return "the kernel has no io_uring, or a seccomp filter hides it";
    case EINVAL: return "the kernel is older than 6.1";
    case ENOMEM: return "no memory for the ring (RLIMIT_MEMLOCK, memory limit of the unit)";
    case EMFILE:
    case ENFILE: return "descriptors have run out";
    default: return "see io_uring_setup(2)";
  }
}

absl::Status Refused(const char* call, int error) {
  return absl::UnavailableError(absl::StrCat(
      call, ": ", ErrnoText(error), " (", ErrnoName(error), "): ", LikelyCause(error)));
}

absl::Status Unfit(const char* what) {
  return absl::UnavailableError(absl::StrCat("io_uring self-test: ", what));
}

absl::Status CheckOpcodes(io_uring* ring) {
  io_uring_probe* probe = ::io_uring_get_probe_ring(ring);
  if (probe == nullptr) return Unfit("no opcode probe");
  const char* missing = nullptr;
  const std::array<std::pair<int, const char*>, 6> needed = {
      {{IORING_OP_POLL_ADD, "POLL_ADD"},
       {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
       {IORING_OP_CLOSE, "CLOSE"},
       {IORING_OP_RECV, "RECV"},
       {IORING_OP_SOCKET, "SOCKET"},
       {IORING_OP_WRITEV, "WRITEV"}}};
  for (const auto& [opcode, name] : needed) {
    if (::io_uring_opcode_supported(probe, opcode) == 0) missing = name;
  }
  ::io_uring_free_probe(probe);
  return missing == nullptr ? absl::OkStatus() : Unfit(absl::StrCat("no opcode ", missing).c_str());
}

// Submits and waits for the completion that `name` names; others are dropped.
bool Await(io_uring* ring, std::uint64_t name, int* result, unsigned* flags) {
  for (;;) {
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec limit{kTestWaitSeconds, 0};
    ::io_uring_submit_and_wait_timeout(ring, &cqe, 1, &limit, nullptr);
    if (::io_uring_peek_cqe(ring, &cqe) != 0) return false;
    const bool found = cqe->user_data == name;
    *result = cqe->res;
    *flags = cqe->flags;
    ::io_uring_cqe_seen(ring, cqe);
    if (found) return true;
  }
}

absl::Status TestPoll(io_uring* ring, int near, int far) {
  constexpr std::uint64_t kPoll = 1;
  constexpr std::uint64_t kCancel = 2;
  io_uring_sqe* sqe = ::io_uring_get_sqe(ring);
  ::io_uring_prep_poll_multishot(sqe, near, POLLIN | POLLRDHUP);
  sqe->user_data = kPoll;
  int result = 0;
  unsigned flags = 0;
  for (int i = 0; i < 2; ++i) {
    if (::write(far, "x", 1) != 1 || !Await(ring, kPoll, &result, &flags) ||
        (result & POLLIN) == 0 || (flags & IORING_CQE_F_MORE) == 0)
      return Unfit("multishot POLL does not report");
    char byte = 0;
    if (::read(near, &byte, 1) != 1) return Unfit("the polled socket has no byte");
  }
  sqe = ::io_uring_get_sqe(ring);
  ::io_uring_prep_cancel64(sqe, kPoll, 0);
  sqe->user_data = kCancel;
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  if (!Await(ring, kPoll, &result, &flags) || result != -ECANCELED ||
      (flags & IORING_CQE_F_MORE) != 0)
    return Unfit("a cancelled POLL does not end");
  return absl::OkStatus();
}

// True: RECV has told of one octet, which is `expected`, in a buffer; the buffer is kept.
bool ReceivesOctet(io_uring* ring, BufferRing& buffers, std::uint64_t name, char expected) {
  int result = 0;
  unsigned flags = 0;
  if (!Await(ring, name, &result, &flags) || result != 1) return false;
  if ((flags & IORING_CQE_F_BUFFER) == 0 || (flags & IORING_CQE_F_MORE) == 0) return false;
  const std::uint32_t buffer = flags >> IORING_CQE_BUFFER_SHIFT;
  if (buffer >= buffers.count()) return false;
  buffers.Taken(buffer, 1);
  return static_cast<char>(buffers.BytesOf(buffer)[0]) == expected;
}

absl::Status TestReceive(io_uring* ring, int near, int far) {
  constexpr std::uint64_t kReceive = 4;
  constexpr std::uint64_t kAgain = 5;
  BufferRing buffers;
  if (const int error = buffers.Open(ring, 2); error != 0)
    return Refused("io_uring_register (buffer ring)", error);
  int result = 0;
  unsigned flags = 0;
  PrepareReceive(::io_uring_get_sqe(ring), near, kReceive);
  for (const char octet : {'a', 'b'}) {
    if (::write(far, &octet, 1) != 1 || !ReceivesOctet(ring, buffers, kReceive, octet))
      return Unfit("multishot RECV does not report");
  }
  if (::write(far, "c", 1) != 1 || !Await(ring, kReceive, &result, &flags) || result != -ENOBUFS ||
      (flags & IORING_CQE_F_MORE) != 0)
    return Unfit("RECV without buffers does not end");
  buffers.Give(0);
  buffers.Give(1);
  PrepareReceive(::io_uring_get_sqe(ring), near, kAgain);
  if (!ReceivesOctet(ring, buffers, kAgain, 'c')) return Unfit("RECV has lost an octet");
  io_uring_sqe* sqe = ::io_uring_get_sqe(ring);
  ::io_uring_prep_cancel64(sqe, kAgain, 0);
  sqe->user_data = 0;
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  if (!Await(ring, kAgain, &result, &flags) || result != -ECANCELED ||
      (flags & IORING_CQE_F_MORE) != 0)
    return Unfit("a cancelled RECV does not end");
  return absl::OkStatus();
}

// Octet and end are both there before RECV runs: armed since before or only now. What comes later
// has a wake-up of its own.
bool TestEnd(io_uring* ring, int near, int far, bool armed_before) {
  constexpr std::uint64_t kReceive = 6;
  BufferRing buffers;
  if (buffers.Open(ring, 2) != 0) return false;
  PrepareReceive(::io_uring_get_sqe(ring), near, kReceive);
  if (armed_before) ::io_uring_submit_and_get_events(ring);
  if (::write(far, "x", 1) != 1 || ::shutdown(far, SHUT_WR) != 0 ||
      !ReceivesOctet(ring, buffers, kReceive, 'x'))
    return false;
  io_uring_cqe* cqe = nullptr;
  ::io_uring_submit_and_get_events(ring);
  return ::io_uring_peek_cqe(ring, &cqe) == 0 && cqe->user_data == kReceive && cqe->res == 0;
}

absl::Status TestWrite(io_uring* ring) {
  const int file = ::memfd_create("io_uring self-test", MFD_CLOEXEC);
  if (file < 0) return Refused("memfd_create", errno);
  char text[] = "test";
  const iovec part{text, 4};
  io_uring_sqe* sqe = ::io_uring_get_sqe(ring);
  ::io_uring_prep_writev(sqe, file, &part, 1, 0);
  sqe->user_data = 3;
  int result = 0;
  unsigned flags = 0;
  const bool done = Await(ring, 3, &result, &flags);
  ::close(file);
  return done && result == 4 ? absl::OkStatus() : Unfit("WRITEV does not write");
}

}  // namespace

absl::Status OpenRing(io_uring* ring, unsigned submissions, unsigned completions) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
  params.cq_entries = completions;
  if (const int error = ::io_uring_queue_init_params(submissions, ring, &params); error != 0)
    return Refused("io_uring_setup", -error);
  absl::Status status;
  if ((params.features & kFeatures) != kFeatures) status = Unfit("the kernel lacks features");
  unsigned workers[2] = {kWorkersBounded, kWorkersUnbounded};
  if (status.ok()) {
    if (const int error = ::io_uring_register_iowq_max_workers(ring, workers); error < 0)
      status = Refused("io_uring_register", -error);
  }
  if (!status.ok()) ::io_uring_queue_exit(ring);
  return status;
}

namespace {

bool TestEnds() {
  bool tells = true;
  for (const bool armed_before : {false, true}) {
    io_uring ring{};
    int ends[2] = {-1, -1};
    if (!tells || !OpenRing(&ring, kTestEntries, kTestEntries * 2).ok()) return false;
    tells = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0 &&
            TestEnd(&ring, ends[0], ends[1], armed_before);
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
    ::io_uring_queue_exit(&ring);
  }
  return tells;
}

}  // namespace

// The kernel's answer does not change: asked once, however many loops are made.
bool ReceiveTellsEnd() {
  static const bool kTells = TestEnds();
  return kTells;
}

absl::Status ProbeUring(UringUse use) {
  io_uring ring{};
  absl::Status status = OpenRing(&ring, kTestEntries, kTestEntries * 2);
  if (!status.ok()) return status;
  status = CheckOpcodes(&ring);
  int ends[2] = {-1, -1};
  if (status.ok() &&
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    status = Refused("socketpair", errno);
  if (status.ok()) status = TestPoll(&ring, ends[0], ends[1]);
  if (status.ok()) status = TestWrite(&ring);
  if (status.ok() && use == UringUse::kReceive) status = TestReceive(&ring, ends[0], ends[1]);
  if (ends[0] >= 0) {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ::io_uring_queue_exit(&ring);
  return status;
}

}  // namespace engine
