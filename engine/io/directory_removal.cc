// getdents64(2) into a stack buffer: no DIR object, no heap.
#include "engine/io/directory_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/base/check.h"

namespace engine {
namespace {

constexpr std::size_t kDepthRoom = 64;
constexpr std::size_t kEntriesBytes = 4096;

// Calls visit(entry) for each further entry but "." and ".." until it answers false. An errno or 0.
template <typename Visit>
int ForEachEntry(int directory, Visit&& visit) noexcept {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): the kernel fills it
  alignas(dirent64) std::array<char, kEntriesBytes> entries;
  for (;;) {
    const ssize_t got = ::getdents64(directory, entries.data(), entries.size());
    if (got < 0) return errno;
    if (got == 0) return 0;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name != "." && name != ".." && !visit(*entry)) return 0;
    }
  }
}

// Is the entry the one called `keep`? Writes to `look` what was seen.
bool Note(const dirent64& entry, std::string_view keep, DirectoryLook* look) noexcept {
  if (keep != entry.d_name) {
    look->others = true;
    return false;
  }
  look->name_there = true;
  look->inode = entry.d_ino;
  return true;
}

class Removal {
 public:
  // `fresh`: `top` was opened just now and nothing was read of it.
  Removal(int top, bool fresh, std::string_view keep, RemovalLimits limits) noexcept
      : keep_(keep), limits_(limits), fresh_(fresh) {
    ENGINE_CHECK(limits.depth_max < kDepthRoom);
    stack_[0] = top;
  }

  int Run() noexcept {
    int error = 0;
    for (;;) {
      error = EmptyOne();
      if (error != 0) break;
      if (descended_) continue;
      if (depth_ == 0) break;
      ::close(stack_[depth_--]);  // its parent, read again, removes it
      fresh_ = false;
    }
    while (depth_ > 0)
      ::close(stack_[depth_--]);
    return error;
  }

  // What the last reading of the top showed, before its removals.
  const DirectoryLook& top() const noexcept { return top_; }
  // Was a removal tried?
  bool any() const noexcept { return removals_ > 0; }

 private:
  // Removes what can be removed; stops where a directory has to be emptied first (descended_).
  int EmptyOne() noexcept {
    descended_ = false;
    if (!std::exchange(fresh_, false) && ::lseek(stack_[depth_], 0, SEEK_SET) != 0) return errno;
    if (depth_ == 0) top_ = {};
    int error = 0;
    const int read_error = ForEachEntry(stack_[depth_], [&](const dirent64& entry) {
      if (depth_ == 0 && Note(entry, keep_, &top_)) return true;
      error = RemoveOne(entry);
      return error == 0 && !descended_;
    });
    return error != 0 ? error : read_error;
  }

  int RemoveOne(const dirent64& entry) noexcept {
    if (++removals_ > limits_.removals_max) return E2BIG;
    const int directory = stack_[depth_];
    const char* const name = entry.d_name;
    if (entry.d_type != DT_DIR) {  // DT_UNKNOWN too
      if (::unlinkat(directory, name, 0) == 0 || errno == ENOENT) return 0;
      if (errno != EISDIR) return errno;
    }
    if (::unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY) return errno;
    return Descend(name);
  }

  int Descend(const char* name) noexcept {
    if (depth_ >= limits_.depth_max) return ELOOP;
    struct stat top {};
    if (::fstat(stack_[0], &top) != 0) return errno;
    const int child =
        ::openat(stack_[depth_], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0) return errno;
    struct stat seen {};
    int error = ::fstat(child, &seen) == 0 ? 0 : errno;
    if (error == 0 && seen.st_dev != top.st_dev) error = EXDEV;
    if (error != 0) {
      ::close(child);
      return error;
    }
    stack_[++depth_] = child;
    descended_ = true;
    fresh_ = true;
    return 0;
  }

  std::string_view keep_;
  RemovalLimits limits_;
  DirectoryLook top_;
  std::array<int, kDepthRoom> stack_{};
  std::size_t depth_ = 0;
  std::uint32_t removals_ = 0;
  bool fresh_;
  bool descended_ = false;
};

}  // namespace

int RemoveContents(int directory, std::string_view keep, RemovalLimits limits) noexcept {
  return Removal(directory, false, keep, limits).Run();
}

DirectoryLook EmptyAndLook(int directory, std::string_view keep, RemovalLimits limits) noexcept {
  Removal removal(directory, true, keep, limits);
  DirectoryLook look;
  look.error = removal.Run();
  if (look.error != 0) return look;
  look = removal.top();
  if (!removal.any()) return look;
  look = {.removed = true};
  if (::lseek(directory, 0, SEEK_SET) != 0) {
    look.error = errno;
    return look;
  }
  const int error = ForEachEntry(directory, [&](const dirent64& entry) {
    Note(entry, keep, &look);
    return !look.others;
  });
  look.error = error;
  return look;
}

}  // namespace engine
