// Empties a directory tree by descriptors; the walk behind PosixDisk::CleanSlot and RemoveSlot.
//
// Iterative: a stack of open directories. A directory that cannot be removed as it is (not empty)
// is opened and emptied first; its parent is then read again from its start, so no names are kept.
#ifndef MILLRACE_ENGINE_IO_DIRECTORY_REMOVAL_H_
#define MILLRACE_ENGINE_IO_DIRECTORY_REMOVAL_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace engine {

struct RemovalLimits {
  std::size_t depth_max = 0;       // levels below `directory`; at most 64
  std::uint32_t removals_max = 0;  // entries
};

// Removes all in `directory` (stays open, the caller's) but an entry called `keep` at its top (may
// be empty: nothing is kept). Answers 0 or an errno: ELOOP too deep, E2BIG too many, EXDEV another
// device.
int RemoveContents(int directory, std::string_view keep, RemovalLimits limits) noexcept;

// What is in a directory from where it is read next (its start, when just opened): an entry called
// `name`, others, both. Reads no further than the first other one.
struct DirectoryLook {
  int error = 0;
  std::uint64_t inode = 0;  // of the entry called `name`, as the directory says (d_ino)
  bool name_there = false;
  bool others = false;
};
DirectoryLook LookInto(int directory, std::string_view name) noexcept;

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_DIRECTORY_REMOVAL_H_
