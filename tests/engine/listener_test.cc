// Listener: rights before reachability, stale and living sockets, removal of our own file alone.
#include "engine/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engine/base/absl_text.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

Address UnixAt(const std::string& path) {
  absl::StatusOr<Address> address = ParseAddress("unix:" + path);
  EXPECT_TRUE(address.ok()) << address.status();
  return *address;
}

int ConnectError(const Address& to) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int error = ::connect(fd, to.raw(), to.length) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

bool Exists(const std::string& path) {
  struct stat seen {};
  return ::lstat(path.c_str(), &seen) == 0;
}

struct stat StatOf(const std::string& path) {
  struct stat seen {};
  EXPECT_EQ(::lstat(path.c_str(), &seen), 0);
  return seen;
}

bool Says(const absl::Status& status, const char* part) {
  return ToStd(status.message()).find(part) != std::string_view::npos;
}

TEST(ListenerTest, ListensWithTheModeAskedForWhateverTheUmask) {
  const TempDir dir;
  const mode_t mask = ::umask(0077);
  for (const mode_t mode : {mode_t{0600}, mode_t{0660}, mode_t{0666}}) {
    absl::StatusOr<Listener> listener = Listener::Open(UnixAt(dir / "s"), {.mode = mode});
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(StatOf(dir / "s").st_mode & 07777, mode);
    EXPECT_TRUE(S_ISSOCK(StatOf(dir / "s").st_mode));
    EXPECT_EQ(ConnectError(UnixAt(dir / "s")), 0);
    EXPECT_NE(::fcntl(listener->fd(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(listener->fd(), F_GETFD) & FD_CLOEXEC, 0);
    listener->Unlink();
    EXPECT_FALSE(Exists(dir / "s"));
  }
  EXPECT_EQ(::umask(mask), mode_t{0077});
}

TEST(ListenerTest, SetsGroupAndOwner) {
  const TempDir dir;
  // Without privileges only our own ids can be given; as root, others.
  const uid_t owner = ::getuid() == 0 ? 12345 : ::getuid();
  const gid_t group = ::getuid() == 0 ? 23456 : ::getgid();
  absl::StatusOr<Listener> listener =
      Listener::Open(UnixAt(dir / "s"), {.owner = owner, .group = group});
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(StatOf(dir / "s").st_uid, owner);
  EXPECT_EQ(StatOf(dir / "s").st_gid, group);
}

TEST(ListenerTest, ReplacesAStaleSocket) {
  const TempDir dir;
  { ASSERT_TRUE(Listener::Open(UnixAt(dir / "s"), {}).ok()); }
  ASSERT_TRUE(Exists(dir / "s"));
  ASSERT_EQ(ConnectError(UnixAt(dir / "s")), ECONNREFUSED);
  absl::StatusOr<Listener> again = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ConnectError(UnixAt(dir / "s")), 0);
}

TEST(ListenerTest, LeavesASocketThatSomebodyListensOn) {
  const TempDir dir;
  absl::StatusOr<Listener> first = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(first.ok());
  const ino_t inode = StatOf(dir / "s").st_ino;
  const absl::Status second = Listener::Open(UnixAt(dir / "s"), {.release_ms = 20}).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Says(second, "already in use by a running process")) << second;
  EXPECT_TRUE(Says(second, (dir / "s").c_str())) << second;
  EXPECT_EQ(StatOf(dir / "s").st_ino, inode);
}

TEST(ListenerTest, LeavesASocketWhoseBacklogIsFull) {
  const TempDir dir;
  absl::StatusOr<Listener> first = Listener::Open(UnixAt(dir / "s"), {.backlog = 1});
  ASSERT_TRUE(first.ok());
  int held[3];
  int error = 0;
  for (int& fd : held) {
    fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const Address to = UnixAt(dir / "s");
    error = ::connect(fd, to.raw(), to.length) == 0 ? 0 : errno;
  }
  EXPECT_EQ(error, EAGAIN);
  EXPECT_EQ(Listener::Open(UnixAt(dir / "s"), {.release_ms = 20}).status().code(),
            absl::StatusCode::kAlreadyExists);
  for (const int fd : held)
    ::close(fd);
}

TEST(ListenerTest, LeavesWhatIsNoSocket) {
  const TempDir dir;
  std::ofstream(dir / "s") << "kept";
  const absl::Status status = Listener::Open(UnixAt(dir / "s"), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_TRUE(S_ISREG(StatOf(dir / "s").st_mode));
  ASSERT_EQ(::symlink("/nonexistent", (dir / "link").c_str()), 0);
  EXPECT_EQ(Listener::Open(UnixAt(dir / "link"), {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ListenerTest, NamesAMissingFolder) {
  const TempDir dir;
  const absl::Status status = Listener::Open(UnixAt(dir / "no/s"), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Says(status, "ENOENT")) << status;
  EXPECT_TRUE(Says(status, "make the folder first")) << status;
}

TEST(ListenerTest, UnlinksOnlyItsOwnFile) {
  const TempDir dir;
  absl::StatusOr<Listener> listener = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(listener.ok());
  ASSERT_EQ(::rename((dir / "s").c_str(), (dir / "moved").c_str()), 0);
  absl::StatusOr<Listener> other = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(other.ok());
  listener->Unlink();
  EXPECT_TRUE(Exists(dir / "s"));
  other->Unlink();
  EXPECT_FALSE(Exists(dir / "s"));
  EXPECT_TRUE(Exists(dir / "moved"));
}

TEST(ListenerTest, KeepsTheFileWhenMovedAndClosesItsDescriptorOnce) {
  const TempDir dir;
  absl::StatusOr<Listener> opened = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(opened.ok());
  const int fd = opened->fd();
  {
    Listener moved = std::move(*opened);
    EXPECT_EQ(moved.fd(), fd);
    EXPECT_EQ(opened->fd(), -1);  // NOLINT(bugprone-use-after-move): the promise under test
    opened->Unlink();
    EXPECT_TRUE(Exists(dir / "s"));
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
  EXPECT_TRUE(Exists(dir / "s"));
}

// Port 0 is no text form; the test asks the kernel for a free port through the raw address.
Address FreePort(const char* text) {
  Address address = *ParseAddress(text);
  if (address.family() == AF_INET) {
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = 0;
  } else {
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = 0;
  }
  return address;
}

Address Bound(int fd, Address address) {
  address.length = sizeof address.storage;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length), 0);
  return address;
}

TEST(ListenerTest, ListensOnTcpAndRefusesAPortInUse) {
  absl::StatusOr<Listener> listener = Listener::Open(FreePort("inet:1@127.0.0.1"), {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const Address bound = Bound(listener->fd(), listener->address());
  EXPECT_EQ(ConnectError(bound), 0);
  int on = 0;
  socklen_t length = sizeof on;
  ::getsockopt(listener->fd(), SOL_SOCKET, SO_REUSEADDR, &on, &length);
  EXPECT_EQ(on, 1);
  const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(far, bound.raw(), bound.length), 0);
  int accepted = ::accept4(listener->fd(), nullptr, nullptr, SOCK_CLOEXEC);  // the one before
  ::close(accepted);
  accepted = ::accept4(listener->fd(), nullptr, nullptr, SOCK_CLOEXEC);
  on = 0;
  ::getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, &length);
  EXPECT_EQ(on, 1);
  ::close(accepted);
  ::close(far);
  const absl::Status second = Listener::Open(bound, {.release_ms = 20}).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Says(second, "EADDRINUSE")) << second;
}

constexpr int kPatientMs = 60'000;

// What a killed process' io_uring does to its sockets: they are closed after its end was told.
TEST(ListenerTest, WaitsForADyingPredecessorToLetGoOfASocket) {
  const TempDir dir;
  absl::StatusOr<Listener> first = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(first.ok());
  std::thread kernel([dying = *std::move(first)]() mutable {
    pollfd asked{.fd = dying.fd(), .events = POLLIN, .revents = 0};
    ::poll(&asked, 1, kPatientMs);
    Listener() = std::move(dying);
  });
  absl::StatusOr<Listener> second = Listener::Open(UnixAt(dir / "s"), {.release_ms = kPatientMs});
  kernel.join();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(ConnectError(UnixAt(dir / "s")), 0);
}

TEST(ListenerTest, WaitsForADyingPredecessorToLetGoOfAPort) {
  absl::StatusOr<Listener> first = Listener::Open(FreePort("inet:1@127.0.0.1"), {});
  ASSERT_TRUE(first.ok());
  const Address bound = Bound(first->fd(), first->address());
  std::thread kernel([dying = *std::move(first)]() mutable { Listener() = std::move(dying); });
  absl::StatusOr<Listener> second = Listener::Open(bound, {.release_ms = kPatientMs});
  kernel.join();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(ConnectError(bound), 0);
}

TEST(ListenerTest, KeepsInet6ToItself) {
  absl::StatusOr<Listener> listener = Listener::Open(FreePort("inet6:1@::1"), {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  int on = 0;
  socklen_t length = sizeof on;
  ::getsockopt(listener->fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, &length);
  EXPECT_EQ(on, 1);
  EXPECT_EQ(ConnectError(Bound(listener->fd(), listener->address())), 0);
}

TEST(ListenerTest, InheritsAListeningSocketOnly) {
  const TempDir dir;
  absl::StatusOr<Listener> listener = Listener::Open(UnixAt(dir / "s"), {});
  ASSERT_TRUE(listener.ok());
  const int copy = ::dup(listener->fd());
  absl::StatusOr<Listener> inherited = Listener::Inherit(copy);
  ASSERT_TRUE(inherited.ok()) << inherited.status();
  EXPECT_EQ(inherited->fd(), copy);
  EXPECT_EQ(inherited->address().path(), dir / "s");
  inherited->Unlink();
  EXPECT_TRUE(Exists(dir / "s"));
  const int plain = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(Listener::Inherit(plain).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(::fcntl(plain, F_GETFD), -1);
  ::close(plain);
}

}  // namespace
}  // namespace engine
