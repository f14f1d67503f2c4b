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

// What a directory holds: an entry called as one that is to stay, others, both.
struct DirectoryLook {
  int error = 0;
  std::uint64_t inode = 0;  // of the entry that is to stay, as the directory says (d_ino)
  bool name_there = false;
  bool others = false;   // after all else was removed: something has come back
  bool removed = false;  // something was
};

// RemoveContents of a directory that was opened just now, and what it holds then: where something
// was removed, by reading it once more.
DirectoryLook EmptyAndLook(int directory, std::string_view keep, RemovalLimits limits) noexcept;

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_DIRECTORY_REMOVAL_H_
