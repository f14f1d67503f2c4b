// Sockets that never block; the request is parsed only where something is to be left beside it.
#include "bench/micro/replying_scanner.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "ampdp/request_reader.h"
#include "engine/base/arena.h"
#include "engine/base/block_pool.h"
#include "engine/base/check.h"

namespace bench {
namespace {

void LeaveParts(std::string& request) {
  engine::BlockPool pool(16 * engine::kMiB);
  engine::Arena arena(pool, 8 * engine::kMiB);
  ampdp::ReceivedRequest received;
  ENGINE_CHECK(ampdp::ParseRequest(request, arena, &received).ok());
  const std::string parts = std::string(received.facts.tempdir) + "/parts";
  std::error_code error;
  ENGINE_CHECK(std::filesystem::create_directory(parts, error));
  std::ofstream(parts + "/p001") << "a part";
}

}  // namespace

ReplyingScanner::ReplyingScanner(const engine::Address& at, std::string reply)
    : reply_(std::move(reply)) {
  absl::StatusOr<engine::Listener> listener = engine::Listener::Open(at, {});
  ENGINE_CHECK(listener.ok());
  listener_ = *std::move(listener);
}

ReplyingScanner::~ReplyingScanner() {
  for (const Connection& connection : connections_)
    ::close(connection.fd);
}

void ReplyingScanner::StopListening() {
  listener_ = engine::Listener();
}

bool ReplyingScanner::Pump() {
  bool moved = false;
  for (;;) {
    const int fd = listener_.fd() < 0
                       ? -1
                       : ::accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    moved = true;
    connections_.push_back({.fd = fd, .request = {}, .answered = false});
  }
  std::erase_if(connections_, [&](Connection& connection) {
    if (Serve(connection, &moved)) return false;
    ::close(connection.fd);
    return moved = true;
  });
  return moved;
}

bool ReplyingScanner::Serve(Connection& connection, bool* moved) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return false;
    *moved = true;
    connection.request.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (connection.answered || !connection.request.ends_with("\n\n")) return true;
  connection.answered = true;
  if (leaves_parts_) LeaveParts(connection.request);
  const ssize_t sent = ::send(connection.fd, reply_.data(), reply_.size(), MSG_NOSIGNAL);
  ENGINE_CHECK(sent < 0 || static_cast<std::size_t>(sent) == reply_.size());
  return sent >= 0;
}

}  // namespace bench
