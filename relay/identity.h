// Who the daemon runs as: resolved at start, dropped to for good before anything is read from
// outside.
//
//   started as | --user           | result
//   root       | missing          | refused, the text names the remedy
//   root       | root (uid 0)     | refused
//   root       | USER[:GROUP]     | that user, its supplementary groups, GROUP or the user's own
//   group USER       | missing, or USER | USER as it is USER       | another user     | refused:
//   only root can do that
//
// "For good": real, effective and saved ids, no capability in any set, PR_SET_NO_NEW_PRIVS; proved
// by trying to get root back. Source: capabilities(7), credentials(7); Chen, Wagner, Dean, "Setuid
// demystified" (2002). It does no sandboxing. At start, one thread.
#ifndef MILLRACE_RELAY_IDENTITY_H_
#define MILLRACE_RELAY_IDENTITY_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "relay/config.h"

namespace relay {

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::string user_name;  // empty where the user database does not know the number
};

// A name of the user or group database, or a number.
absl::StatusOr<uid_t> ResolveUser(std::string_view name);
absl::StatusOr<gid_t> ResolveGroup(std::string_view name);

// The table above, for this process and `config`.
absl::StatusOr<Identity> ResolveIdentity(const Config& config);

// Becomes `identity` and gives up every way back. After an error the process must end.
absl::Status BecomeForGood(const Identity& identity);

}  // namespace relay

#endif  // MILLRACE_RELAY_IDENTITY_H_
