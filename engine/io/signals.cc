// A signalfd answers whole records; it is adopted in kDirect, as it is no socket.
#include "engine/io/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/errno_name.h"

namespace engine {
namespace {

sigset_t OurSignals() noexcept {
  sigset_t set{};
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
    sigaddset(&set, signal);
  return set;
}

}  // namespace

void BlockSignals() noexcept {
  const sigset_t set = OurSignals();
  ENGINE_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  ENGINE_CHECK(::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  ENGINE_CHECK(::signal(SIGIO, SIG_IGN) != SIG_ERR);
}

void UnblockSignals() noexcept {
  const sigset_t set = OurSignals();
  ENGINE_CHECK(::pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

int WaitForSignal(Time at_most) noexcept {
  const sigset_t set = OurSignals();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const timespec limit{static_cast<time_t>(seconds.count()),
                       static_cast<long>((at_most - seconds).count())};
  const int signal = ::sigtimedwait(&set, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

SignalWatch::~SignalWatch() {
  Stop();
}

absl::Status SignalWatch::Start() {
  ENGINE_CHECK(id_.generation == 0);
  const sigset_t set = OurSignals();
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("signalfd: ", ErrnoText(errno), "; raise LimitNOFILE"));
  }
  id_ = loop_.Adopt(fd, *this, ReadMode::kDirect);
  if (id_.generation == 0)
    return absl::ResourceExhaustedError("signalfd: the loop's socket table is full");
  return absl::OkStatus();
}

void SignalWatch::Stop() noexcept {
  loop_.Close(std::exchange(id_, SocketId{}));
}

Drained SignalWatch::OnDirect(SocketId id, DirectSocket& socket) noexcept {
  signalfd_siginfo info{};
  const IoResult got = socket.Recv(std::as_writable_bytes(std::span(&info, 1)));
  if (got.value != static_cast<std::int64_t>(sizeof info)) return Drained::kYes;
  on_signal_(context_, static_cast<int>(info.ssi_signo));
  // The callback may have stopped the watch; the loop sees that by the id.
  return id == id_ ? Drained::kNo : Drained::kYes;
}

}  // namespace engine
