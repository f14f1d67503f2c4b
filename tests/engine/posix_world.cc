// Far ends are non-blocking sockets of the test itself.
#include "tests/engine/posix_world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "engine/base/check.h"

namespace engine {
namespace {

constexpr int kStream = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr rlim_t kDescriptorsWanted = 16'384;

Address BoundAddress(int fd, Address address) {
  address.length = sizeof address.storage;
  ENGINE_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) ==
               0);
  return address;
}

int ListenOnLoopback() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ENGINE_CHECK(::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  ENGINE_CHECK(::listen(listener, 1) == 0);
  return listener;
}

// A connected TCP pair over loopback. All pairs have one listener: a port for each would stay taken
// as long as TIME_WAIT lasts, and a few runs of the suite need more ports than there are.
std::array<int, 2> TcpPair() {
  static const int listener = ListenOnLoopback();
  static const Address at = BoundAddress(listener, {});
  const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ENGINE_CHECK(::connect(far, at.raw(), at.length) == 0);
  const int near = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  ENGINE_CHECK(near >= 0);
  ENGINE_CHECK(::fcntl(far, F_SETFL, O_NONBLOCK) == 0);
  return {near, far};
}

std::array<int, 2> UnixPair() {
  int ends[2] = {-1, -1};
  ENGINE_CHECK(::socketpair(AF_UNIX, kStream, 0, ends) == 0);
  return {ends[0], ends[1]};
}

}  // namespace

PosixWorld::PosixWorld(SocketKind kind, Maker maker) : kind_(kind) {
  std::signal(SIGPIPE, SIG_IGN);  // as BlockSignals() does
  ENGINE_CHECK(::getrlimit(RLIMIT_NOFILE, &limit_) == 0);
  limit_.rlim_cur = std::max(limit_.rlim_cur, std::min(limit_.rlim_max, kDescriptorsWanted));
  ENGINE_CHECK(::setrlimit(RLIMIT_NOFILE, &limit_) == 0);
  absl::StatusOr<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open({.root = dir_.path()});
  ENGINE_CHECK(disk.ok());
  disk_ = *std::move(disk);
  disk = PosixDisk::Open({.root = dir_.path()});
  ENGINE_CHECK(disk.ok());
  file_thread_disk_ = *std::move(disk);
  disk = PosixDisk::Open({.root = dir_.path()});
  ENGINE_CHECK(disk.ok());
  heavy_file_disk_ = *std::move(disk);
  absl::StatusOr<std::unique_ptr<Loop>> loop = maker({.disk = disk_.get(),
                                                      .file_thread_disk = file_thread_disk_.get(),
                                                      .heavy_file_disk = heavy_file_disk_.get(),
                                                      .sockets_max = 8192});
  EXPECT_TRUE(loop.ok()) << loop.status();
  ENGINE_CHECK(loop.ok());
  loop_ = *std::move(loop);
}

PosixWorld::~PosixWorld() {
  loop_.reset();
  for (const int fd : fars_) {
    if (fd >= 0) ::close(fd);
  }
  for (const int fd : files_)
    ::close(fd);
  ENGINE_CHECK(::setrlimit(RLIMIT_NOFILE, &limit_) == 0);
}

FarEnd PosixWorld::Keep(int fd) {
  ENGINE_CHECK(fd >= 0);
  fars_.push_back(fd);
  return {static_cast<int>(fars_.size()) - 1};
}

SocketId PosixWorld::AdoptPair(SocketEvents& owner, ReadMode mode, FarEnd* far) {
  const std::array<int, 2> ends = kind_ == SocketKind::kUnix ? UnixPair() : TcpPair();
  *far = Keep(ends[1]);
  return loop_->Adopt(ends[0], owner, mode);
}

std::size_t PosixWorld::FarWrite(FarEnd far, std::string_view data) {
  const ssize_t sent =
      ::send(DescriptorOf(far), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

std::string PosixWorld::FarRead(FarEnd far, std::size_t bytes_max) {
  std::string text(bytes_max, '\0');
  const ssize_t got = ::recv(DescriptorOf(far), text.data(), text.size(), MSG_DONTWAIT);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

bool PosixWorld::FarSeesEnd(FarEnd far) {
  char byte = 0;
  const ssize_t got = ::recv(DescriptorOf(far), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

void PosixWorld::FarShutdown(FarEnd far) {
  ::shutdown(DescriptorOf(far), SHUT_WR);
}

void PosixWorld::FarClose(FarEnd far) {
  ::close(std::exchange(fars_[static_cast<std::size_t>(far.number)], -1));
}

void PosixWorld::FarReset(FarEnd far) {
  // TCP: by option. Unix: closing with something unread resets the other end.
  const linger at_once{1, 0};
  if (kind_ == SocketKind::kTcp)
    ::setsockopt(DescriptorOf(far), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  FarClose(far);
}

PosixWorld::Place& PosixWorld::AddPlace(int backlog) {
  Address address;
  if (kind_ == SocketKind::kUnix) {
    address = *ParseAddress("unix:" + (dir_ / ("l" + std::to_string(names_++))));
  } else {
    address = *ParseAddress("inet:1@127.0.0.1");
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = 0;
  }
  ListenOptions options;
  options.backlog = backlog;
  absl::StatusOr<Listener> listener = Listener::Open(address, options);
  EXPECT_TRUE(listener.ok()) << listener.status();
  ENGINE_CHECK(listener.ok());
  const Address bound = BoundAddress(listener->fd(), address);
  places_.push_back(std::make_unique<Place>(Place{*std::move(listener), bound}));
  return *places_.back();
}

int PosixWorld::MakeListener(int backlog) {
  return AddPlace(backlog).listener.fd();
}

bool PosixWorld::FarConnect(int listener, FarEnd* far) {
  for (const auto& place : places_) {
    if (place->listener.fd() != listener) continue;
    const int fd = ::socket(place->address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, place->address.raw(), place->address.length) != 0) {
      ::close(fd);
      return false;
    }
    ENGINE_CHECK(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    *far = Keep(fd);
    return true;
  }
  return false;
}

void PosixWorld::CloseListener(int listener) {
  std::erase_if(places_, [&](const auto& place) { return place->listener.fd() == listener; });
}

SocketId PosixWorld::AdoptAccepted(int fd, SocketEvents& owner) {
  return loop_->Adopt(fd, owner, ReadMode::kSmall);
}

void PosixWorld::CloseAccepted(int fd) {
  ::close(fd);
}

Address PosixWorld::FarListen() {
  return AddPlace(2).address;
}

bool PosixWorld::FarAccept(const Address& at, FarEnd* far) {
  for (const auto& place : places_) {
    if (place->address.length != at.length ||
        !std::equal(reinterpret_cast<const char*>(at.raw()),
                    reinterpret_cast<const char*>(at.raw()) + at.length,
                    reinterpret_cast<const char*>(place->address.raw())))
      continue;
    const int fd = ::accept4(place->listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return false;
    *far = Keep(fd);
    return true;
  }
  return false;
}

Address PosixWorld::Nowhere() {
  Address gone = AddPlace(1).address;
  places_.pop_back();  // a socket file without a listener, or a port that is free again
  return gone;
}

void PosixWorld::RunOutOfDescriptors(bool on) {
  rlimit limit = limit_;
  if (on) limit.rlim_cur = 3;
  ENGINE_CHECK(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int PosixWorld::MakeFile() {
  const std::string name = dir_ / ("f" + std::to_string(names_++));
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ENGINE_CHECK(fd >= 0);
  files_.push_back(fd);
  return fd;
}

std::string PosixWorld::FileContent(int file) {
  std::string text(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)), '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  EXPECT_EQ(got, static_cast<ssize_t>(text.size()));
  return text;
}

}  // namespace engine
