// How amavisd gets at the spool: as the same user that we are (the usual case), or as another.
//
//   scanner socket          tempdir in the request   directories   email.txt
//   ours, root's, unknown   sent                     0750          0640
//   another user's          left out                 0750 (2750)   0660, in the scanner's group
//
// As another user amavisd could not unpack into our directory, and we could not remove what it made
// there; so it is told the file alone and makes a directory of its own. It hard-links email.txt
// into that in ordinary cases, which the kernel (fs.protected_hardlinks) allows for files of others
// only when they are writable: hence 0660. Source: amavisd 2.13 as measured, In/AMPDP.pm. Who
// amavisd is, is read off the owner of its Unix socket. A socket that is not there yet, or TCP,
// tells nothing: the same user is assumed. What this cannot see is whether amavisd's $TEMPBASE is
// on the same file system as the spool, which hard links need: the text for the log says so.
#ifndef MILLRACE_RELAY_SPOOL_SHARING_H_
#define MILLRACE_RELAY_SPOOL_SHARING_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/net/address.h"

namespace relay {

struct SpoolSharing {
  bool send_tempdir = true;
  mode_t directory_mode = 0750;
  mode_t file_mode = 0640;
  std::string note;  // for the log; empty in the usual case
};

// At start, once the daemon is who it will be. kFailedPrecondition: amavisd is another user, and
// files below `working_directory` would not get its group, or we are not in it; the text names the
// remedy.
absl::StatusOr<SpoolSharing> ShareSpool(const engine::Address& scanner,
                                        const std::string& working_directory);

// What suits all scanners: where one of them is another user, all are told the file alone.
absl::StatusOr<SpoolSharing> ShareSpool(const std::vector<engine::Address>& scanners,
                                        const std::string& working_directory);

}  // namespace relay

#endif  // MILLRACE_RELAY_SPOOL_SHARING_H_
