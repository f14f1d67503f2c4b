// Makes a listening socket from an Address, at start and at reload only.
//
// Unix sockets: nobody can connect before owner, group and mode are as asked, because listen(2)
// comes last: until then connect(2) is refused, whatever the file's rights say.
//
//   look    a socket at the name: connect to it. Refused: stale, removed. Anything else, still so
//           after release_ms: somebody has it, left alone (kAlreadyExists). What is no socket is
//           left alone (kFailedPrecondition).
//   bind    the mode is set on the socket before (fchmod) and the umask is 0 for this one call, so
//           the file is born with it; no chmod(2) by name, which would follow a planted link
//   own     owner and group through an O_PATH|O_NOFOLLOW descriptor that was seen to be a socket
//   listen
//
// The umask belongs to the whole process: a file that another thread makes in that instant gets the
// mode that it asked for. Two processes that find the same stale socket at once are kept apart by
// the caller (pid file): here, the look is repeated on device and inode before the removal.
//
// A process that was killed holds its address a little longer than it lives: an io_uring keeps
// every socket that it polls until the kernel's work queue has taken the ring apart, after wait(2)
// has told of the death. Hence release_ms, for Unix sockets and for TCP.
//
// TCP: SO_REUSEADDR, TCP_NODELAY (inherited by what is accepted); inet6 also IPV6_V6ONLY, so that
// inet and inet6 on one port stand side by side.
//
// Source: unix(7), "Pathname socket ownership and permissions"; Linux net/unix/af_unix.c
// unix_bind_bsd() (mode), unix_stream_connect() (ECONNREFUSED unless TCP_LISTEN).
#ifndef MILLRACE_ENGINE_NET_LISTENER_H_
#define MILLRACE_ENGINE_NET_LISTENER_H_

#include <sys/types.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/net/address.h"

namespace engine {

inline constexpr int kBacklogDefault = 4096;  // the kernel cuts it to net.core.somaxconn

struct ListenOptions {
  mode_t mode = 0660;            // of a Unix socket's file
  std::optional<uid_t> owner{};  // of a Unix socket's file; unset: as the kernel made it
  std::optional<gid_t> group{};
  int backlog = kBacklogDefault;
  int release_ms = 2000;  // how long an address in use is looked at again, 0 to 60,000
};

// A listening descriptor (O_NONBLOCK, close-on-exec) and, for a Unix socket, its file. Move-only;
// any one thread.
class Listener {
 public:
  Listener() noexcept = default;
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  // Closes the descriptor. The socket file stays: call Unlink() first where it should go.
  ~Listener();

  // Errors name the address, the errno and what to do next. kAlreadyExists: a running process
  // listens there; kFailedPrecondition: the name is taken by something that is no socket;
  // kPermissionDenied, kNotFound (no such folder), kUnavailable: as the kernel says.
  static absl::StatusOr<Listener> Open(const Address& address, const ListenOptions& options);

  // Takes over a descriptor that already listens (socket activation, hand-over) and makes it
  // non-blocking. Its socket file, if any, is somebody else's: Unlink() does nothing.
  // kInvalidArgument: not a listening stream socket; the descriptor stays the caller's then.
  static absl::StatusOr<Listener> Inherit(int fd);

  int fd() const noexcept { return fd_; }  // -1: none
  const Address& address() const noexcept { return address_; }

  // Gives a socket that listens another backlog and, where it has made its file, another mode.
  absl::Status Adjust(mode_t mode, int backlog);

  // Removes the socket file if it is still the one made here (device and inode).
  void Unlink() noexcept;

 private:
  absl::Status OpenUnix(const ListenOptions& options);
  absl::Status RemoveStale(int release_ms);
  absl::Status Own(const ListenOptions& options);
  absl::Status OpenInet(int release_ms);
  absl::Status MakeSocket();
  absl::Status Failed(const char* call, int error) const;
  void CloseFd() noexcept;

  int fd_ = -1;
  Address address_;
  bool made_file_ = false;  // device_ and inode_ name the socket file that was made here
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_NET_LISTENER_H_
