// User database look-ups and the privilege drop: see the header for the rules.
#include "relay/identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

constexpr std::size_t kDatabaseTextMax = 256 * 1024;  // one group's members, at worst

std::optional<std::uint32_t> Number(std::string_view text) {
  std::uint32_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  // The highest number means "leave as is" in chown(2) and setresuid(2).
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || number == UINT32_MAX) {
    return std::nullopt;
  }
  return number;
}

struct User {
  uid_t user;
  gid_t group;
  std::string name;
};

std::optional<User> Found(const passwd* entry) {
  if (entry == nullptr) return std::nullopt;
  return User{entry->pw_uid, entry->pw_gid, entry->pw_name};
}

std::optional<User> UserByName(const std::string& name) {
  std::vector<char> text(kDatabaseTextMax);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  return Found(found);
}

std::optional<User> UserByNumber(uid_t number) {
  std::vector<char> text(kDatabaseTextMax);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(number, &entry, text.data(), text.size(), &found);
  return Found(found);
}

absl::StatusOr<User> FindUser(std::string_view name) {
  if (const auto user = UserByName(std::string(name))) return *user;
  if (const auto number = Number(name)) {
    if (const auto user = UserByNumber(*number)) return *user;
    return User{*number, static_cast<gid_t>(*number), ""};
  }
  return absl::NotFoundError(absl::StrCat("no such user: ", std::string(name)));
}

absl::Status Failed(const char* call) {
  return absl::PermissionDeniedError(
      absl::StrCat("cannot drop privileges: ", call, ": ", ::strerrordesc_np(errno)));
}

absl::Status DropCapabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return Failed("PR_CAP_AMBIENT_CLEAR_ALL");
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return Failed("capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("PR_SET_NO_NEW_PRIVS");
  return absl::OkStatus();
}

// Trusts nothing that was answered before.
absl::Status ProveDropped(const Identity& identity) {
  std::array<uid_t, 3> users{};
  std::array<gid_t, 3> groups{};
  if (::getresuid(&users[0], &users[1], &users[2]) != 0) return Failed("getresuid");
  if (::getresgid(&groups[0], &groups[1], &groups[2]) != 0) return Failed("getresgid");
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (users[i] != identity.user || groups[i] != identity.group) {
      return absl::PermissionDeniedError("cannot drop privileges: an old user or group id is left");
    }
  }
  if (::setresuid(0, 0, 0) == 0 || ::setresgid(identity.group, 0, 0) == 0) {
    return absl::PermissionDeniedError("cannot drop privileges: root can be had back");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uid_t> ResolveUser(std::string_view name) {
  const absl::StatusOr<User> user = FindUser(name);
  if (!user.ok()) return user.status();
  return user->user;
}

absl::StatusOr<gid_t> ResolveGroup(std::string_view name) {
  std::vector<char> text(kDatabaseTextMax);
  group entry{};
  group* found = nullptr;
  ::getgrnam_r(std::string(name).c_str(), &entry, text.data(), text.size(), &found);
  if (found != nullptr) return found->gr_gid;
  if (const auto number = Number(name)) return static_cast<gid_t>(*number);
  return absl::NotFoundError(absl::StrCat("no such group: ", std::string(name)));
}

absl::StatusOr<Identity> ResolveIdentity(const Config& config) {
  const uid_t now = ::geteuid();
  if (config.program.user.empty()) {
    if (now == 0) {
      return absl::PermissionDeniedError(
          "refusing to run as root: give --user=USER, the user that amavisd runs as "
          "(such as --user=amavis), or start as that user");
    }
    const auto user = UserByNumber(now);
    return Identity{now, ::getegid(), user ? user->name : ""};
  }
  const absl::StatusOr<User> user = FindUser(config.program.user);
  if (!user.ok()) return user.status();
  Identity identity{user->user, user->group, user->name};
  if (!config.program.group.empty()) {
    const absl::StatusOr<gid_t> group = ResolveGroup(config.program.group);
    if (!group.ok()) return group.status();
    identity.group = *group;
  }
  if (identity.user == 0) {
    return absl::PermissionDeniedError(
        "refusing to run as root: --user must name another user, the one that amavisd runs as");
  }
  if (now == 0) return identity;
  if (now != identity.user || ::getegid() != identity.group) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot become ",
                     config.program.user,
                     ": started as user ",
                     now,
                     ", and only root can change users; start as root, or leave --user out"));
  }
  return identity;
}

absl::Status BecomeForGood(const Identity& identity) {
  if (::geteuid() == 0) {
    // Without an entry in the user database there are no supplementary groups to have.
    const int groups = identity.user_name.empty()
                           ? ::setgroups(1, &identity.group)
                           : ::initgroups(identity.user_name.c_str(), identity.group);
    if (groups != 0) return Failed("initgroups");
    if (::setresgid(identity.group, identity.group, identity.group) != 0) {
      return Failed("setresgid");
    }
    if (::setresuid(identity.user, identity.user, identity.user) != 0) return Failed("setresuid");
  }
  if (absl::Status status = DropCapabilities(); !status.ok()) return status;
  return ProveDropped(identity);
}

}  // namespace relay
