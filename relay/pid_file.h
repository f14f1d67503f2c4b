// The pid file: a lock that keeps a second instance from starting, and our process id for start
// scripts.
//
//   Open (as root, before the drop): create or open, check, lock, give to the user     Write:
//   "4711\n"     Remove
//
// The lock is flock(2)'s: it goes with the open file through fork() and ends with the last process
// that holds it, so a crash leaves a stale number but no stale lock. The folder may belong to the
// unprivileged user, who could put a link there while we are root: links, other kinds of files,
// files with a second name, and files of a third user are refused. Remove() unlinks only if the
// name still leads to our file, and else leaves it alone; where the folder does not let us, the
// file is emptied instead.
#ifndef MILLRACE_RELAY_PID_FILE_H_
#define MILLRACE_RELAY_PID_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "relay/identity.h"

namespace relay {

class PidFile {
 public:
  PidFile() noexcept = default;  // none: Write and Remove do nothing
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();  // closes; the file stays

  // kAlreadyExists: a running instance holds it. Others name path and errno.
  static absl::StatusOr<PidFile> Open(const std::string& path, const Identity& owner);

  // Writes this process's id.
  absl::Status Write();

  void Remove() noexcept;

 private:
  PidFile(std::string path, int fd) noexcept : path_(std::move(path)), fd_(fd) {}
  bool IsAtItsPath() const noexcept;
  absl::Status Claim(const Identity& owner);
  absl::Status Failed(const char* what, int error) const;

  std::string path_;
  int fd_ = -1;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_PID_FILE_H_
