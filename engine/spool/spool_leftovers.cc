// See spool_leftovers.h.
#include "engine/spool/spool_leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/io/directory_removal.h"
#include "engine/io/disk.h"

namespace engine {
namespace {

constexpr RemovalLimits kLimits = {.depth_max = 60, .removals_max = 10'000'000};
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::string_view kForeignParts = "parts";

// Closes a descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::vector<std::string> NamesIn(int directory) {
  std::vector<std::string> names;
  const int copy = ::openat(directory, ".", kDirectoryFlags);
  DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr) {
    if (copy >= 0) ::close(copy);
    return names;
  }
  while (names.size() < kLeftoverEntriesMax) {
    const dirent* entry = ::readdir(stream);  // NOLINT(concurrency-mt-unsafe): our own stream
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  return names;
}

enum class Instance : std::uint8_t { kDead, kAlive, kUnknown };

// *error: why it is unknown. `lock`: its lock file, -1 with `lock_error`.
Instance StateOf(int instance, int lock, int lock_error, int* error) {
  struct stat status {};
  *error = ::fstat(instance, &status) == 0 ? 0 : errno;
  if (*error == 0 && status.st_uid != ::geteuid()) *error = EPERM;
  if (*error != 0) return Instance::kUnknown;
  if (lock < 0 && lock_error == ENOENT) return Instance::kDead;
  *error = lock_error;
  if (lock < 0) return Instance::kUnknown;
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return Instance::kDead;
  *error = errno;
  return errno == EWOULDBLOCK ? Instance::kAlive : Instance::kUnknown;
}

void NoteFailure(LeftoverCounts& counts, const std::string& name, int error) {
  if (counts.failures.size() >= kLeftoverFailuresMax) return;
  char text[128];
  counts.failures.push_back(name + ": " + ::strerror_r(error, text, sizeof text));
}

void SweepInstance(int work, const std::string& name, LeftoverCounts& counts) {
  const Descriptor instance(::openat(work, name.c_str(), kDirectoryFlags));
  if (instance.get() < 0) {
    NoteFailure(counts, name, errno);
    return;
  }
  constexpr int kLockFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  // Held until the removal is through.
  const Descriptor lock(::openat(instance.get(), kInstanceLockName, kLockFlags));
  const int lock_error = lock.get() < 0 ? errno : 0;
  int error = 0;
  switch (StateOf(instance.get(), lock.get(), lock_error, &error)) {
    case Instance::kAlive: ++counts.instances_alive; return;
    case Instance::kUnknown: NoteFailure(counts, name, error); return;
    case Instance::kDead: break;
  }
  error = RemoveInstance(work, name);
  if (error != 0) NoteFailure(counts, name, error);
  if (error == 0) ++counts.instances_removed;
}

bool OldAndOurs(const struct stat& status, dev_t device, std::chrono::seconds newest_allowed) {
  const auto changed = std::chrono::seconds(std::max(status.st_mtime, status.st_ctime));
  return status.st_uid == ::geteuid() && status.st_dev == device && changed <= newest_allowed;
}

// A crash of the former program, by all that can be seen (see the header).
bool IsForeignLeftover(int directory, dev_t device, std::chrono::seconds newest_allowed) {
  struct stat self {};
  if (::fstat(directory, &self) != 0 || !OldAndOurs(self, device, newest_allowed)) return false;
  bool message_there = false;
  for (const std::string& name : NamesIn(directory)) {
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    const bool message = name == Disk::kSlotFileName && S_ISREG(status.st_mode);
    const bool parts = name == kForeignParts && S_ISDIR(status.st_mode);
    if (!message && !parts) return false;
    if (!OldAndOurs(status, device, newest_allowed)) return false;
    message_there = message_there || message;
  }
  return message_there;
}

}  // namespace

bool IsForeignName(std::string_view name, std::string_view prefix) noexcept {
  if (prefix.empty() || name.size() <= prefix.size()) return false;
  if (name.substr(0, prefix.size()) != prefix) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

int RemoveInstance(int parent, const std::string& name) {
  const Descriptor directory(::openat(parent, name.c_str(), kDirectoryFlags));
  if (directory.get() < 0) return errno;
  const int error = RemoveContents(directory.get(), kInstanceLockName, kLimits);
  if (error != 0) return error;
  if (::unlinkat(directory.get(), kInstanceLockName, 0) != 0 && errno != ENOENT) return errno;
  return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 ? 0 : errno;
}

LeftoverCounts SweepLeftovers(int work, const LeftoverRules& rules, std::chrono::seconds now) {
  LeftoverCounts counts;
  struct stat work_status {};
  if (::fstat(work, &work_status) != 0) return counts;
  for (const std::string& name : NamesIn(work)) {
    if (name.compare(0, rules.instance_prefix.size(), rules.instance_prefix) == 0) {
      SweepInstance(work, name, counts);
      continue;
    }
    if (!IsForeignName(name, rules.foreign_prefix)) continue;
    const Descriptor directory(::openat(work, name.c_str(), kDirectoryFlags));
    if (directory.get() < 0) continue;  // a file or a link by that name: nobody's leftover
    if (!IsForeignLeftover(directory.get(), work_status.st_dev, now - rules.foreign_age)) {
      ++counts.foreign_left;
      continue;
    }
    const int error = RemoveInstance(work, name);
    if (error != 0) NoteFailure(counts, name, error);
    if (error == 0) ++counts.foreign_removed;
  }
  return counts;
}

}  // namespace engine
