// Reading /proc: every file is small and read in one piece; what cannot be parsed is left as it
// was.
#include "tools/replay/process_sampler.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/absl_text.h"

namespace replay {
namespace {

constexpr std::size_t kFileBytesMax = 8192;
constexpr std::uint64_t kMicroseconds = 1'000'000;

// Fields of /proc/PID/stat, counted from the state, which follows the name.
enum StatField : std::size_t {
  kState = 0,
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreadCount = 17,
  kStartTicks = 19,
  kResidentPages = 21,
  kStatFields = 22,
};

std::optional<std::string> ReadSmallFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::string text(kFileBytesMax, '\0');
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  if (size <= 0) return std::nullopt;  // ESRCH: it has just ended
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::uint64_t Number(absl::string_view text) {
  std::uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

// The number after "\nNAME:" in a status file.
std::uint64_t StatusNumber(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(absl::StrCat("\n", engine::ToAbsl(name), ":"));
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = text.substr(at + name.size() + 2);
  return Number(engine::ToAbsl(rest.substr(0, rest.find('\n'))));
}

// Entries of a folder but those that begin with a dot, at most `count_max`.
std::optional<std::vector<std::string>> Entries(const std::string& folder, std::size_t count_max) {
  struct Closer {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Closer> directory(::opendir(folder.c_str()));
  if (directory == nullptr) return std::nullopt;
  std::vector<std::string> names;
  // One stream, one thread.
  while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
    if (entry->d_name[0] != '.' && names.size() < count_max) names.emplace_back(entry->d_name);
  }
  return names;
}

bool IsProcFilesystem(const std::string& folder) {
  struct statfs about {};
  return ::statfs(folder.c_str(), &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
}

std::uint64_t TicksToMicroseconds(std::uint64_t ticks) {
  const auto per_second = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  return ticks * (kMicroseconds / per_second);
}

}  // namespace

ProcessSampler::ProcessSampler(pid_t pid, const std::string& proc)
    : pid_(pid), folder_(absl::StrCat(proc, "/", pid)), real_proc_(IsProcFilesystem(proc)) {
  clockid_t clock{};
  if (real_proc_ && ::clock_getcpuclockid(pid, &clock) == 0) clock_ = clock;
}

absl::StatusOr<ProcessSampler> ProcessSampler::Open(pid_t pid, const std::string& proc) {
  ProcessSampler sampler(pid, proc);
  sampler.sample_.running = true;
  if (!sampler.Sample().running) {
    return absl::NotFoundError(
        absl::StrCat("process ", pid, " does not run: give --pid the number of the daemon"));
  }
  return sampler;
}

const ProcessSample& ProcessSampler::Sample() {
  if (!sample_.running) return sample_;
  if (!ReadStat()) {
    sample_.running = false;
    return sample_;
  }
  ReadCpuClock();
  ReadSwitches();
  ReadDescriptors();
  return sample_;
}

// "PID (NAME) STATE ...": the name may hold spaces and parentheses, so the last ")" counts.
bool ProcessSampler::ReadStat() {
  const std::optional<std::string> text = ReadSmallFile(folder_ + "/stat");
  if (!text) return false;
  const std::size_t open = text->find('(');
  const std::size_t close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return false;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(*text).substr(close + 1), ' ', absl::SkipEmpty());
  if (fields.size() < kStatFields) return false;
  const char state = fields[kState][0];
  const std::uint64_t start_ticks = Number(fields[kStartTicks]);
  const bool another = looks_ > 0 && start_ticks != start_ticks_;
  if (another || state == 'Z' || state == 'X') return false;
  ++looks_;
  start_ticks_ = start_ticks;
  name_ = text->substr(open + 1, close - open - 1);
  sample_.cpu_user_us = TicksToMicroseconds(Number(fields[kUserTicks]));
  sample_.cpu_system_us = TicksToMicroseconds(Number(fields[kSystemTicks]));
  sample_.cpu_us = sample_.cpu_user_us + sample_.cpu_system_us;
  sample_.threads = static_cast<std::uint32_t>(Number(fields[kThreadCount]));
  const auto page_bytes = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_PAGESIZE)));
  sample_.rss_bytes = Number(fields[kResidentPages]) * page_bytes;
  return true;
}

void ProcessSampler::ReadCpuClock() {
  timespec used{};
  if (!clock_ || ::clock_gettime(*clock_, &used) != 0) return;
  sample_.cpu_us = static_cast<std::uint64_t>(used.tv_sec) * kMicroseconds +
                   static_cast<std::uint64_t>(used.tv_nsec) / 1000;
}

// The totals only grow: a thread that ends takes its counters along, what was seen of it stays.
void ProcessSampler::ReadSwitches() {
  const auto threads = Entries(folder_ + "/task", kThreadsMax);
  if (!threads) return;
  for (const std::string& thread : *threads) {
    const auto text = ReadSmallFile(absl::StrCat(folder_, "/task/", thread, "/status"));
    if (!text) continue;
    Switches& seen = switches_[static_cast<pid_t>(Number(thread))];
    const std::uint64_t voluntary = StatusNumber(*text, "voluntary_ctxt_switches");
    const std::uint64_t involuntary = StatusNumber(*text, "nonvoluntary_ctxt_switches");
    sample_.voluntary_switches += voluntary - std::min(seen.voluntary, voluntary);
    sample_.involuntary_switches += involuntary - std::min(seen.involuntary, involuntary);
    seen = {.voluntary = voluntary, .involuntary = involuntary, .look = looks_};
  }
  std::erase_if(switches_, [this](const auto& each) { return each.second.look != looks_; });
}

void ProcessSampler::ReadDescriptors() {
  const std::string folder = folder_ + "/fd";
  struct stat about {};
  if (real_proc_ && ::stat(folder.c_str(), &about) == 0 && about.st_size > 0) {
    sample_.descriptors = static_cast<std::uint32_t>(about.st_size);
    return;
  }
  const auto entries = Entries(folder, UINT32_MAX);
  if (entries) sample_.descriptors = static_cast<std::uint32_t>(entries->size());
}

}  // namespace replay
