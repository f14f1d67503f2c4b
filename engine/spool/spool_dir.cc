// See spool_dir.h.
#include "engine/spool/spool_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace engine {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

bool IsPathCharacter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

std::string ErrorText(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

absl::Status Failed(const std::string& path, const char* doing, int error) {
  const std::string text =
      absl::StrCat("working directory ", path, ": ", doing, ": ", ErrorText(error));
  if (error == ENOENT) return absl::NotFoundError(absl::StrCat(text, "; create it first"));
  if (error == ENOTDIR) return absl::FailedPreconditionError(text);
  if (error == EACCES || error == EPERM || error == EROFS)
    return absl::PermissionDeniedError(
        absl::StrCat(text, "; it must be writable for uid ", ::geteuid()));
  return absl::InternalError(text);
}

absl::Status CheckForm(const std::string& path) {
  if (path.empty() || path.front() != '/')
    return absl::InvalidArgumentError(
        absl::StrCat("working directory \"", path, "\" is not absolute; give its full path"));
  if (path.size() > SpoolInstance::kPathMaxBytes)
    return absl::InvalidArgumentError(absl::StrCat(
        "working directory: its path is longer than ", SpoolInstance::kPathMaxBytes, " octets"));
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part == "." || part == "..")
      return absl::InvalidArgumentError(absl::StrCat(
          "working directory ", path, " contains \"", part, "\"; scanners refuse such paths"));
    if (!std::all_of(part.begin(), part.end(), IsPathCharacter))
      return absl::InvalidArgumentError(
          absl::StrCat("working directory ",
                       path,
                       ": scanners accept only letters, digits, and ",
                       "\"_\", \".\", \"-\" between the slashes; choose another path"));
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::Status CheckMode(int work, const std::string& path) {
  struct stat status {};
  if (::fstat(work, &status) != 0) return Failed(path, "cannot look at it", errno);
  if ((status.st_mode & 0007) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777U);
    return absl::FailedPreconditionError(
        absl::StrCat("working directory ",
                     path,
                     " is accessible to everybody (mode ",
                     mode,
                     "), and mail will lie in it; run: chmod o-rwx ",
                     path));
  }
  if (::faccessat(work, ".", W_OK | X_OK, AT_EACCESS) != 0)
    return Failed(path, "cannot write in it", errno);
  return absl::OkStatus();
}

// "/a//b/" -> "/a/b": what readers are told is put together from it.
std::string WithoutSpareSlashes(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  }
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

absl::Status LockWork(int work, const std::string& path) {
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 50'000'000};
  for (int i = 0; i < SpoolInstance::kLockTriesMax; ++i) {
    if (::flock(work, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
    if (errno != EWOULDBLOCK && errno != EINTR) return Failed(path, "cannot lock it", errno);
    ::nanosleep(&kPause, nullptr);  // tidy: allowed, at start
  }
  return absl::UnavailableError(absl::StrCat(
      "working directory ", path, " is locked by another process; see: fuser -v ", path));
}

void ReportFileSystem(int work, SpoolDirReport& report) {
  struct statfs status {};
  if (::fstatfs(work, &status) != 0) {
    report.reuse_reason = absl::StrCat("its file system is unknown: ", ErrorText(errno));
    return;
  }
  const auto magic = static_cast<std::uint64_t>(static_cast<unsigned long>(status.f_type));
  report.reuse_allowed = FileSystemAllowsReuse(magic & 0xffffffffU, &report.file_system);
  if (!report.reuse_allowed)
    report.reuse_reason =
        absl::StrCat("the spool is on ", report.file_system, ", not on tmpfs, ext4, xfs or btrfs");
}

void ReportLeftovers(SpoolDirReport& report) {
  for (const std::string& failure : report.leftovers.failures)
    report.warnings.push_back(absl::StrCat("leftover not removed: ", failure));
  if (report.leftovers.foreign_left > 0)
    report.warnings.push_back(
        absl::StrCat(report.leftovers.foreign_left,
                     " directories look like leftovers of another program, but "
                     "are young, not ours, or hold other files: not removed"));
}

}  // namespace

bool FileSystemAllowsReuse(std::uint64_t magic, std::string* name) {
  struct Known {
    std::uint64_t magic;
    const char* name;
    bool reuse;
  };
  // Source: statfs(2), <linux/magic.h>. ext2 and ext3 share ext4's number.
  static constexpr std::array<Known, 12> kKnown = {{{0x01021994, "tmpfs", true},
                                                    {0xEF53, "ext4", true},
                                                    {0x58465342, "xfs", true},
                                                    {0x9123683E, "btrfs", true},
                                                    {0x6969, "nfs", false},
                                                    {0x794c7630, "overlayfs", false},
                                                    {0x2fc12fc1, "zfs", false},
                                                    {0x65735546, "fuse", false},
                                                    {0xFF534D42, "cifs", false},
                                                    {0xFE534D42, "smb2", false},
                                                    {0x01021997, "9p", false},
                                                    {0x00c36400, "ceph", false}}};
  for (const Known& known : kKnown) {
    if (known.magic != magic) continue;
    *name = known.name;
    return known.reuse;
  }
  *name = absl::StrCat("0x", absl::Hex(magic));
  return false;
}

absl::Status CheckWorkingDirectory(const std::string& path) {
  if (absl::Status form = CheckForm(path); !form.ok()) return form;
  const int work = ::open(path.c_str(), kDirectoryFlags);
  if (work < 0) return Failed(path, "cannot open it", errno);
  absl::Status mode = CheckMode(work, path);
  ::close(work);
  return mode;
}

absl::StatusOr<SpoolInstance> SpoolInstance::Prepare(const SpoolDirOptions& options,
                                                     SpoolDirReport* report) {
  const std::string& prefix = options.leftovers.instance_prefix;
  ENGINE_CHECK(!prefix.empty());
  ENGINE_CHECK(std::all_of(prefix.begin(), prefix.end(), IsPathCharacter));
  *report = SpoolDirReport();
  const std::string path = WithoutSpareSlashes(options.working_directory);
  if (absl::Status checked = CheckWorkingDirectory(path); !checked.ok()) return checked;
  const int work = ::open(path.c_str(), kDirectoryFlags);
  if (work < 0) return Failed(path, "cannot open it", errno);

  SpoolInstance instance;
  absl::Status status = LockWork(work, path);
  if (status.ok()) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    report->leftovers = SweepLeftovers(
        work, options.leftovers, std::chrono::duration_cast<std::chrono::seconds>(now));
    status = instance.Make(work, options, path);
    ReportFileSystem(work, *report);
  }
  ::close(work);  // and with it its lock
  if (!status.ok()) return status;
  ReportLeftovers(*report);
  if (!options.discouraged_text.empty() &&
      instance.path_.find(options.discouraged_text) != std::string::npos)
    report->warnings.push_back(absl::StrCat("working directory ",
                                            path,
                                            " contains \"",
                                            options.discouraged_text,
                                            "\", which makes log ids ambiguous; better rename it"));
  return instance;
}

absl::Status SpoolInstance::Make(int work,
                                 const SpoolDirOptions& options,
                                 const std::string& base) {
  const std::string root = base == "/" ? "" : base;
  std::string name = absl::StrCat(root, "/", options.leftovers.instance_prefix, "XXXXXX");
  if (::mkdtemp(name.data()) == nullptr)
    return Failed(base, "cannot make a directory in it", errno);
  path_ = name;
  const std::string leaf = name.substr(root.size() + 1);
  constexpr int kLockFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  lock_ = ::open((path_ + "/" + kInstanceLockName).c_str(), kLockFlags, 0600);
  int error = lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0 ? errno : 0;
  for (unsigned i = 0; i < options.shards && error == 0; ++i) {
    const std::string shard = ShardRoot(i);
    // chmod, because the umask takes bits from mkdir's mode.
    if (::mkdir(shard.c_str(), 0700) != 0 || ::chmod(shard.c_str(), options.directory_mode) != 0)
      error = errno;
  }
  // Last: nobody else looks inside before all is there.
  if (error == 0 && ::chmod(path_.c_str(), options.directory_mode) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  RemoveInstance(work, leaf);
  return Failed(path_, "cannot make the instance's directories", error);
}

SpoolInstance::SpoolInstance(SpoolInstance&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

SpoolInstance& SpoolInstance::operator=(SpoolInstance&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

SpoolInstance::~SpoolInstance() {
  if (lock_ >= 0) ::close(lock_);
}

absl::Status SpoolInstance::Remove() {
  const std::size_t slash = path_.rfind('/');
  const std::string parent = path_.substr(0, slash);
  const int work = ::open(parent.empty() ? "/" : parent.c_str(), kDirectoryFlags);
  if (work < 0) return Failed(parent, "cannot open it", errno);
  const int error = RemoveInstance(work, path_.substr(slash + 1));
  ::close(work);
  if (error != 0) return Failed(path_, "cannot remove it", error);
  return absl::OkStatus();
}

}  // namespace engine
