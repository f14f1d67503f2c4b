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

class Removal {
 public:
  Removal(int top, std::string_view keep, RemovalLimits limits) noexcept
      : keep_(keep), limits_(limits) {
    ENGINE_CHECK(limits.depth_max < kDepthRoom);
    stack_[0] = top;
  }

  int Run() noexcept {
    struct stat top {};
    if (::fstat(stack_[0], &top) != 0) return errno;
    device_ = top.st_dev;
    int error = 0;
    for (;;) {
      error = EmptyOne();
      if (error != 0) break;
      if (descended_) continue;
      if (depth_ == 0) break;
      ::close(stack_[depth_--]);  // its parent, read again, removes it
    }
    while (depth_ > 0)
      ::close(stack_[depth_--]);
    return error;
  }

 private:
  // Removes what can be removed; stops where a directory has to be emptied first (descended_).
  int EmptyOne() noexcept {
    descended_ = false;
    int error = 0;
    if (::lseek(stack_[depth_], 0, SEEK_SET) != 0) return errno;
    const int read_error = ForEachEntry(stack_[depth_], [&](const dirent64& entry) {
      if (depth_ == 0 && keep_ == entry.d_name) return true;
      error = RemoveOne(entry.d_name);
      return error == 0 && !descended_;
    });
    return error != 0 ? error : read_error;
  }

  int RemoveOne(const char* name) noexcept {
    if (++removals_ > limits_.removals_max) return E2BIG;
    const int directory = stack_[depth_];
    if (::unlinkat(directory, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR) return errno;
    if (::unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY) return errno;
    return Descend(name);
  }

  int Descend(const char* name) noexcept {
    if (depth_ >= limits_.depth_max) return ELOOP;
    const int child =
        ::openat(stack_[depth_], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0) return errno;
    struct stat seen {};
    int error = ::fstat(child, &seen) == 0 ? 0 : errno;
    if (error == 0 && seen.st_dev != device_) error = EXDEV;
    if (error != 0) {
      ::close(child);
      return error;
    }
    stack_[++depth_] = child;
    descended_ = true;
    return 0;
  }

  std::string_view keep_;
  RemovalLimits limits_;
  dev_t device_ = 0;
  std::array<int, kDepthRoom> stack_{};
  std::size_t depth_ = 0;
  std::uint32_t removals_ = 0;
  bool descended_ = false;
};

}  // namespace

int RemoveContents(int directory, std::string_view keep, RemovalLimits limits) noexcept {
  return Removal(directory, keep, limits).Run();
}

DirectoryLook LookInto(int directory, std::string_view name) noexcept {
  DirectoryLook look;
  look.error = ForEachEntry(directory, [&](const dirent64& entry) {
    if (name == entry.d_name) {
      look.name_there = true;
      look.inode = entry.d_ino;
    } else {
      look.others = true;
    }
    return !look.others;
  });
  return look;
}

}  // namespace engine
