// The thread: accept, look who it is, read, answer.
#include "relay/control_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "relay/control_answer.h"

namespace relay {
namespace {

bool MayAsk(int client) noexcept {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(int listener,
                                                                    const SnapshotSource& source) {
  const int stop = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop < 0) {
    return absl::UnavailableError(
        absl::StrCat("could not make an eventfd: ", ::strerrordesc_np(errno)));
  }
  std::unique_ptr<ControlServer> server(new ControlServer(listener, stop, source));
  server->thread_ = std::thread([self = server.get()] { self->Run(); });
  return server;
}

ControlServer::~ControlServer() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = ::write(stop_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  ::close(stop_);
}

// Until `fd` is ready, the time is over, or the server is to end.
ControlServer::Ready ControlServer::Await(int fd, short events, engine::Time until) const noexcept {
  for (;;) {
    int wait_ms = -1;
    if (until != engine::kNever) {
      const engine::Time left = until - engine::MonotonicNow();
      if (left <= engine::Time::zero()) return Ready::kNo;
      wait_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }
    std::array<pollfd, 2> wanted = {{{stop_, POLLIN, 0}, {fd, events, 0}}};
    const int ready = ::poll(wanted.data(), wanted.size(), wait_ms);
    if (ready < 0 && errno != EINTR) return Ready::kNo;
    if (ready <= 0) continue;
    if (wanted[0].revents != 0) return Ready::kNo;
    return Ready::kYes;
  }
}

void ControlServer::Run() noexcept {
  ::pthread_setname_np(::pthread_self(), "control");
  while (Await(listener_, POLLIN, engine::kNever) == Ready::kYes) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
      Serve(client);
      ::close(client);
    } else if (errno == EMFILE || errno == ENFILE) {
      // The client stays in the backlog, and the socket ready: not to be asked without a pause.
      Await(stop_, POLLIN, engine::MonotonicNow() + kClientWithin);
    }
  }
}

void ControlServer::Serve(int client) noexcept {
  const std::string answer = AnswerTo(client);
  if (!answer.empty()) WriteAnswer(client, answer);
}

// Empty: nobody is there who would read it.
std::string ControlServer::AnswerTo(int client) noexcept {
  if (!MayAsk(client)) return ControlError("only root and the daemon's own user may ask");
  std::string command;
  if (!ReadCommand(client, &command)) {
    return command.empty() ? std::string()
                           : ControlError("no whole line came: a command, then a newline");
  }
  Snapshot now = source_.TakeSnapshot();
  if (const std::size_t shown = ClientsAsked(command); shown != 0)
    now.clients = source_.TakeClients(shown);
  return ControlAnswer(command, now);
}

// A line. False: what there was of it, too long or never ended.
bool ControlServer::ReadCommand(int client, std::string* command) noexcept {
  const engine::Time until = engine::MonotonicNow() + kClientWithin;
  std::array<char, kCommandBytesMax> buffer{};
  while (command->size() < kCommandBytesMax) {
    const ssize_t got = ::recv(client, buffer.data(), kCommandBytesMax - command->size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (Await(client, POLLIN, until) == Ready::kNo) return false;
      continue;
    }
    if (got <= 0) return false;
    command->append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t end = command->find('\n');
    if (end == std::string::npos) continue;
    command->resize(end);
    if (command->ends_with('\r')) command->pop_back();
    return true;
  }
  return false;
}

void ControlServer::WriteAnswer(int client, std::string_view answer) noexcept {
  const engine::Time until = engine::MonotonicNow() + kClientWithin;
  while (!answer.empty()) {
    const ssize_t sent = ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      answer.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EINTR) {
      if (Await(client, POLLOUT, until) == Ready::kNo) return;
    } else {
      return;
    }
  }
}

}  // namespace relay
