// System calls behind ScannerHost.
#include "tools/scanner/posix_host.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "engine/base/errno_name.h"
#include "tools/scanner/message_scan.h"

namespace scanner {
namespace {

int OpenToRead(const std::string& path) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Reads from the start until `content` is full or the file ends; cuts `content` to what came.
bool ReadAll(int fd, std::string* content) {
  std::size_t have = 0;
  while (have < content->size()) {
    const ssize_t got = ::read(fd, content->data() + have, content->size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  content->resize(have);
  return true;
}

}  // namespace

bool PosixHost::ReadFile(std::string_view path, std::string* content, std::string* reason) {
  const std::string name(path);
  const int fd = OpenToRead(name);
  if (fd < 0) {
    // amavisd's words (AMPDP.pm); ELOOP is how the kernel says that it is a symbolic link.
    *reason = errno == ENOENT ? absl::StrCat("File ", name, " does not exist")
              : errno == ELOOP
                  ? absl::StrCat("File ", name, " is not a plain file")
                  : absl::StrCat(
                        "File ", name, " inaccessible: ", engine::ToAbsl(engine::ErrnoName(errno)));
    return false;
  }
  struct stat status {};
  bool good = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
              static_cast<std::size_t>(status.st_size) <= kMessageBytesMax;
  if (!good) {
    *reason = absl::StrCat("File ", name, " is not a plain file");
  } else {
    content->resize(static_cast<std::size_t>(status.st_size));
    good = ReadAll(fd, content);
    if (!good) *reason = absl::StrCat("Can't read file ", name);
  }
  ::close(fd);
  return good;
}

int PosixHost::HoldOpen(std::string_view path) {
  return OpenToRead(std::string(path));
}

void PosixHost::Release(int handle) {
  ::close(handle);
}

void PosixHost::Reset(int fd) {
  // Dissolving the association of a TCP socket that lingers for 0 s sends a reset at once; a Unix
  // socket refuses, and then simply ends.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  [[maybe_unused]] const int refused = ::connect(fd, &nobody, sizeof(nobody));
}

void PosixHost::OnLateRead(const ampdp::Request& request, std::string_view content) {
  const Findings findings = MessageScan().Run(content);
  std::string subject = findings.subject.value_or("");
  subject.resize(std::min(subject.find('\n'), subject.size()));
  Log(absl::StrCat("late_read queue_id=",
                   engine::ToAbsl(request.queue_id),
                   " file=",
                   engine::ToAbsl(request.mail_file),
                   " bytes=",
                   content.size(),
                   " subject=",
                   subject));
}

void PosixHost::Log(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

}  // namespace scanner
