// Prepares the working directory at start: checks it, sweeps what dead instances left, makes this
// instance's own directory in it.
//
//   work/                      the operator's; refused when others than owner and group may enter
//   it
//     <prefix>Ab12xY/          this instance, with its lock file (spool_leftovers.h)
//       0/ 1/ ...              one root per shard, for a Disk
//
// Readers check the paths that they are given, so these must be absolute, without "." or "..", of
// [A-Za-z0-9_.-] between the slashes. Nothing of what is made here contains a text from outside.
// Slots may be reused only where a look can trust the file system: tmpfs, ext4, xfs, btrfs. On
// anything else (network file systems: another host may cache what it has read) reuse is off, with
// the reason as text.
//
// Set-up time only, before the shards run: it blocks. Errors name the directory and what to do
// next. It does not change modes or owners of what the operator made.
#ifndef MILLRACE_ENGINE_SPOOL_SPOOL_DIR_H_
#define MILLRACE_ENGINE_SPOOL_SPOOL_DIR_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/spool/spool_leftovers.h"

namespace engine {

struct SpoolDirOptions {
  std::string working_directory;
  LeftoverRules leftovers;            // instance_prefix: required, of [A-Za-z0-9_.-]
  std::string discouraged_text = {};  // a warning when the path contains it; empty: none
  mode_t directory_mode = 0750;
  unsigned shards = 1;
};

struct SpoolDirReport {
  bool reuse_allowed = false;
  std::string file_system;   // "ext4", "nfs", "0x12345678"
  std::string reuse_reason;  // why not, for the log; empty when allowed
  std::vector<std::string> warnings;
  LeftoverCounts leftovers;
};

// This process's directory, locked as long as the object lives. Move-only. The lock belongs to the
// open file: a fork that keeps the descriptor keeps the instance alive.
class SpoolInstance {
 public:
  static constexpr std::size_t kPathMaxBytes = 1024;
  static constexpr int kLockTriesMax = 100;  // 50 ms apart: another instance starts or sweeps

  // kInvalidArgument: the path's form; kNotFound; kFailedPrecondition: open to everybody, not a
  // directory; kPermissionDenied; kUnavailable: another process keeps the directory locked;
  // kInternal: the rest.
  static absl::StatusOr<SpoolInstance> Prepare(const SpoolDirOptions& options,
                                               SpoolDirReport* report);

  SpoolInstance(SpoolInstance&& other) noexcept;
  SpoolInstance& operator=(SpoolInstance&& other) noexcept;
  SpoolInstance(const SpoolInstance&) = delete;
  SpoolInstance& operator=(const SpoolInstance&) = delete;
  // Gives up the lock; what is still there is a dead instance's from then on.
  ~SpoolInstance();

  const std::string& path() const noexcept { return path_; }  // absolute, no slash at its end
  std::string ShardRoot(unsigned shard) const { return path_ + "/" + std::to_string(shard); }

  // At shutdown, after the spools were closed: removes the directory with all that is left in it.
  absl::Status Remove();

 private:
  SpoolInstance() noexcept = default;
  absl::Status Make(int work, const SpoolDirOptions& options, const std::string& base);

  std::string path_;
  int lock_ = -1;
};

// The checks alone (for a configuration check): form of the path, existence, mode, rights.
absl::Status CheckWorkingDirectory(const std::string& path);

// Does reuse of slots work on the file system with this magic number (statfs f_type)? The name of
// the file system goes to *name.
bool FileSystemAllowsReuse(std::uint64_t magic, std::string* name);

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_SPOOL_DIR_H_
