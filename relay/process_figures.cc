// getrusage(2), getrlimit(2) and proc(5).
#include "relay/process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace relay {
namespace {

engine::Time TimeOf(const timeval& value) noexcept {
  return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
}

// "size resident shared ...", in pages.
std::uint64_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  std::array<char, 128> text{};
  const std::size_t read = std::fread(text.data(), 1, text.size() - 1, file);
  std::fclose(file);
  const std::string_view line(text.data(), read);
  const std::size_t begin = line.find(' ') + 1;
  std::uint64_t pages = 0;
  std::from_chars(line.data() + begin, line.data() + line.size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Since Linux 6.2 the folder's size is their number; before, they are counted one by one.
std::uint64_t OpenDescriptors() {
  struct stat status {};
  if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
    return static_cast<std::uint64_t>(status.st_size);
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t entries = 0;
  while (::readdir(folder) != nullptr)  // NOLINT(concurrency-mt-unsafe): nobody else has it
    ++entries;
  ::closedir(folder);
  constexpr std::uint64_t kNotOurs = 3;  // "." and "..", and the folder itself
  return entries > kNotOurs ? entries - kNotOurs : 0;
}

}  // namespace

ProcessFigures ReadProcessFigures() {
  ProcessFigures figures;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    figures.cpu = TimeOf(usage.ru_utime) + TimeOf(usage.ru_stime);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.descriptors_max = limit.rlim_cur;
  figures.resident_bytes = ResidentBytes();
  figures.open_descriptors = OpenDescriptors();
  return figures;
}

}  // namespace relay
