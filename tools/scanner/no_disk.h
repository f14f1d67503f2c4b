// A disk for loops that never touch files through their loop: every call fails.
//
// millrace-scanner reads messages by name (posix_host.h), millrace-replay has none.
#ifndef MILLRACE_TOOLS_SCANNER_NO_DISK_H_
#define MILLRACE_TOOLS_SCANNER_NO_DISK_H_

#include <cerrno>

#include "engine/io/disk.h"

namespace scanner {

class NoDisk final : public engine::Disk {
 public:
  engine::IoResult MakeSlot(std::string_view) noexcept override { return kFailed; }
  engine::IoResult WriteV(int, std::span<const iovec>, std::uint64_t) noexcept override {
    return kFailed;
  }
  engine::IoResult SpliceFrom(engine::Pipe&, int, std::uint64_t, std::size_t) noexcept override {
    return kFailed;
  }
  engine::IoResult Truncate(int, std::uint64_t) noexcept override { return kFailed; }
  engine::IoResult CleanSlot(std::string_view, int) noexcept override { return kFailed; }
  engine::IoResult RemoveSlot(std::string_view, int) noexcept override { return kFailed; }
  engine::IoResult CloseFile(int, bool) noexcept override { return kFailed; }
  engine::IoResult CopyFrom(std::string_view, int, int, engine::FileRange) noexcept override {
    return kFailed;
  }
  engine::IoResult FreeSpace(std::uint64_t*, std::uint64_t*) noexcept override { return kFailed; }
  engine::Time Blocked() const noexcept override { return {}; }
  std::string_view root() const noexcept override { return "/"; }

 private:
  static constexpr engine::IoResult kFailed{.error = ENOSYS};
};

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_NO_DISK_H_
