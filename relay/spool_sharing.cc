// Reads off the scanner's socket who shares the spool with us.
#include "relay/spool_sharing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace relay {

absl::StatusOr<SpoolSharing> ShareSpool(const engine::Address& scanner,
                                        const std::string& working_directory) {
  SpoolSharing sharing;
  struct stat socket {};
  if (!scanner.is_unix() || ::stat(std::string(scanner.path()).c_str(), &socket) != 0 ||
      socket.st_uid == 0 || socket.st_uid == ::geteuid()) {
    return sharing;
  }
  struct stat directory {};
  if (::stat(working_directory.c_str(), &directory) != 0) {
    return absl::NotFoundError(absl::StrCat("cannot look at ", working_directory));
  }
  const bool inherits = (directory.st_mode & S_ISGID) != 0;
  const gid_t files_group = inherits ? directory.st_gid : ::getegid();
  if (files_group != socket.st_gid) {
    return absl::FailedPreconditionError(
        absl::StrCat("amavisd runs as another user (its socket ",
                     scanner.text,
                     " is of user ",
                     socket.st_uid,
                     ", group ",
                     socket.st_gid,
                     "), and files in ",
                     working_directory,
                     " get group ",
                     files_group,
                     ", which it may not read: run as amavisd's user (--user), or: chgrp ",
                     socket.st_gid,
                     " ",
                     working_directory,
                     " && chmod 2750 ",
                     working_directory));
  }
  sharing.send_tempdir = false;
  sharing.directory_mode = 02750;
  sharing.file_mode = 0660;
  sharing.note =
      absl::StrCat("amavisd runs as another user (",
                   socket.st_uid,
                   "): it is told the file alone and makes a "
                   "directory of its own; its $TEMPBASE must be on the same file system as ",
                   working_directory);
  return sharing;
}

}  // namespace relay
