// Reads off the scanner's socket who shares the spool with us.
#include "relay/spool_sharing.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

bool IsMember(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace

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
  // In a set-group-id directory files get its group, but only members may hand the bit down.
  const bool inherits = (directory.st_mode & S_ISGID) != 0;
  const gid_t files_group = inherits ? directory.st_gid : ::getegid();
  if (files_group != socket.st_gid || !IsMember(files_group)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "amavisd runs as another user (its socket ",
        scanner.text,
        " is of user ",
        socket.st_uid,
        ", group ",
        socket.st_gid,
        ") and could not read our files in ",
        working_directory,
        ": run as amavisd's user (--user=USER), or with its group (--user=USER:GROUP)"));
  }
  sharing.send_tempdir = false;
  // The bit only where it is needed: hardened units forbid to set it.
  if (inherits) sharing.directory_mode = 02750;
  sharing.file_mode = 0660;
  sharing.note =
      absl::StrCat("amavisd runs as another user (",
                   socket.st_uid,
                   "): it is told the file alone and makes a "
                   "directory of its own; its $TEMPBASE must be on the same file system as ",
                   working_directory);
  return sharing;
}

absl::StatusOr<SpoolSharing> ShareSpool(const std::vector<engine::Address>& scanners,
                                        const std::string& working_directory) {
  SpoolSharing sharing;
  for (const engine::Address& scanner : scanners) {
    absl::StatusOr<SpoolSharing> one = ShareSpool(scanner, working_directory);
    if (!one.ok()) return one.status();
    if (!one->send_tempdir) sharing = *std::move(one);
  }
  return sharing;
}

}  // namespace relay
