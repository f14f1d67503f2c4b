// The file system of a simulated world: directories and files in memory, seen by absolute path.
//
// Shared by the disks of all shards and by whoever plays the reader of their files: it reads a
// file, leaves parts in a directory, keeps a hard link, holds a file open, replaces it. A file
// without a name lives as long as somebody has it open, as in a real one. Limits: `bytes_max`,
// `inodes_max` (ENOSPC above). No permissions, no symbolic links.
#ifndef MILLRACE_TESTS_SIM_SIM_FILES_H_
#define MILLRACE_TESTS_SIM_SIM_FILES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

struct SimFile {
  std::string content;
  int links = 0;
  int held = 0;      // opened by others than the disk
  bool ours = true;  // owner and mode as the disk made it
};
using SimFilePtr = std::shared_ptr<SimFile>;

class SimFiles {
 public:
  static constexpr std::uint64_t kBytesUnlimited = std::uint64_t{1} << 40U;
  std::uint64_t bytes_max = kBytesUnlimited;
  std::uint64_t inodes_max = 1'000'000;

  // By path; false where the kernel would answer an error.
  bool MakeDir(const std::string& path);  // its parent must exist, except for the first of a tree
  bool WriteFile(const std::string& path,
                 std::string_view content);  // makes or overwrites in place
  std::optional<std::string> ReadFile(const std::string& path) const;
  bool Link(const std::string& from, const std::string& to);
  bool Remove(const std::string& path);      // a file
  bool RemoveTree(const std::string& path);  // a directory with all below it
  // Names directly below a directory, in order.
  std::vector<std::string> List(const std::string& path) const;
  bool Exists(const std::string& path) const { return entries_.count(path) != 0; }

  // Holds a file open, as a reader does; the holder reads what is in it now.
  SimFilePtr Hold(const std::string& path);
  static void LetGo(const SimFilePtr& file) { --file->held; }

  // The file itself; nullptr: none, or a directory.
  SimFilePtr Find(const std::string& path) const;
  SimFilePtr MakeFile(const std::string& path);  // nullptr: exists already

  // The paths of named files whose content has `marker` in it.
  std::vector<std::string> FilesWith(std::string_view marker) const;

  std::uint64_t bytes_used() const;
  std::uint64_t inodes_used() const { return entries_.size(); }

 private:
  // Directory: no file.
  std::map<std::string, SimFilePtr> entries_;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_FILES_H_
