// File operations in flight, by number: the kernel and the helper thread are given no pointer to
// what belongs to the shard's pool.
//
// Limit: kFileOpsMax at once. The shard's pool of operations is smaller; more is a bug of ours.
#ifndef MILLRACE_ENGINE_IO_FILE_OPS_H_
#define MILLRACE_ENGINE_IO_FILE_OPS_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/base/check.h"
#include "engine/io/loop.h"

namespace engine {

class FileOps {
 public:
  static constexpr std::uint32_t kFileOpsMax = 256;

  FileOps() noexcept {
    for (std::uint32_t i = 0; i < kFileOpsMax; ++i)
      free_[i] = i;
  }
  FileOps(const FileOps&) = delete;
  FileOps& operator=(const FileOps&) = delete;

  std::uint32_t Add(FileOp& op) noexcept {
    ENGINE_CHECK(op.done != nullptr);
    ENGINE_CHECK(in_flight_ < kFileOpsMax);
    const std::uint32_t index = free_[in_flight_++];
    ops_[index] = &op;
    return index;
  }
  FileOp& At(std::uint32_t index) noexcept {
    ENGINE_CHECK(index < kFileOpsMax && ops_[index] != nullptr);
    return *ops_[index];
  }
  // Frees the number without a word: the loop is going away.
  void Forget(std::uint32_t index) noexcept {
    ENGINE_CHECK(in_flight_ > 0);
    ops_[index] = nullptr;
    free_[--in_flight_] = index;
  }
  // Frees the number, then tells `done`, which may submit again.
  void Finish(std::uint32_t index, IoResult result) noexcept {
    FileOp& op = At(index);
    Forget(index);
    op.result = result;
    op.done(op);
  }
  std::uint32_t in_flight() const noexcept { return in_flight_; }

 private:
  std::array<FileOp*, kFileOpsMax> ops_{};
  std::array<std::uint32_t, kFileOpsMax> free_{};  // those from in_flight_ on are free
  std::uint32_t in_flight_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FILE_OPS_H_
