// The disk of one simulated shard: engine::Disk over SimFiles, with faults.
//
// Faults come from two sources: FailNext() for a test that wants one at a certain place, and the
// world's fault plan by chance. A stalled call takes virtual time, and its shard with it (Stall()
// by plan, SimFaults::disk_stall by chance). Invariants, reported to the world as broken: a file
// number used after it was closed, a slot made or removed under a wrong name, a write into a file
// that somebody outside holds open for reading. (That last one is the spool's promise: a file in
// the hands of a reader is never written again.)
#ifndef MILLRACE_TESTS_SIM_SIM_DISK_H_
#define MILLRACE_TESTS_SIM_SIM_DISK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/io/disk.h"
#include "engine/io/file_op.h"
#include "engine/io/pipe.h"
#include "engine/io/pipe_pool.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_stalls.h"

namespace sim {

using engine::IoResult;
using engine::Time;

class SimWorld;
class SimLoop;

// A pipe of the simulated world: a byte queue.
class SimPipe final : public engine::Pipe {
 public:
  // `pieces_max`: splices that it takes before it is full, whatever their size.
  explicit SimPipe(std::size_t capacity = kCapacityBytes,
                   std::size_t pieces_max = SIZE_MAX) noexcept
      : capacity_(capacity), pieces_max_(pieces_max) {}
  std::size_t bytes() const noexcept override { return content_.size(); }
  std::size_t capacity() const noexcept override { return capacity_; }
  bool full() const noexcept override {
    return content_.size() >= capacity_ || (pieces_ >= pieces_max_ && !content_.empty());
  }
  std::string& content() noexcept { return content_; }
  void AddPiece(std::string_view piece) {
    pieces_ = content_.empty() ? 1 : pieces_ + 1;
    content_.append(piece);
  }
  IoResult Read(engine::Bytes to) noexcept override;
  IoResult TeeTo(engine::Pipe& to, std::size_t max) noexcept override;

 private:
  std::string content_;
  std::size_t capacity_;
  std::size_t pieces_max_;
  std::size_t pieces_ = 0;
};

// Pipes of random sizes, small ones among them; refused by SimFaults::pipe_refused.
class SimPipePool final : public engine::PipePool {
 public:
  explicit SimPipePool(SimWorld& world) noexcept : world_(&world) {}

 private:
  engine::Pipe* Make(std::size_t i) noexcept override;
  void Drop(std::size_t i) noexcept override { pipes_[i].reset(); }

  SimWorld* world_;
  std::array<std::optional<SimPipe>, kPipesMax> pipes_;
};

enum class DiskCall : std::uint8_t {
  kMakeSlot,
  kWriteV,
  kSpliceFrom,
  kTruncate,
  kCleanSlot,
  kRemoveSlot,
  kCloseFile,
  kFreeSpace,
  kCopyFrom,
};
inline constexpr std::size_t kDiskCallCount = 9;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, and never deleted by its base
class SimDisk final : public engine::Disk {
 public:
  // `loop`: whose time a stall takes; nullptr for a disk that is tested by itself.
  SimDisk(SimWorld& world, std::string root, SimLoop* loop = nullptr);
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // The next `times` calls of that kind answer `error`.
  void FailNext(DiskCall call, int error, int times = 1);
  // No write takes more than this at once.
  void SetWriteMax(std::size_t bytes) { write_max_ = bytes; }
  std::uint64_t calls(DiskCall call) const { return calls_[static_cast<std::size_t>(call)]; }
  std::size_t open_files() const { return open_.size(); }
  // A file outside any slot, for FileOps; its content by number.
  int MakeFile();
  std::string FileContent(int file) const;

  // From `from` until `until` each call takes `each` more; kNever: it waits for `until` (frozen).
  void Stall(Time from, Time until, Time each = engine::kNever) { stalls_.Add(from, until, each); }
  // Frozen from now on, until Thaw(): FileOps wait; a call in the shard is an error of the test.
  void Freeze();
  void Thaw();
  std::uint64_t calls_in_shard() const { return calls_in_shard_; }
  // How long a call that begins at `at` would be held up.
  Time HeldUp(Time at) const noexcept { return stalls_.HeldUp(at); }
  bool FrozenAt(Time at) const noexcept { return stalls_.FrozenAt(at); }
  bool FrozenForEver(Time at) const noexcept { return stalls_.FrozenForEver(at); }

  // The work of a FileOp: takes none of the shard's time, and is never held up (SimLoop did that).
  IoResult PerformAside(engine::FileOp& op) noexcept;

  IoResult MakeSlot(std::string_view name) noexcept override;
  IoResult WriteV(int file, std::span<const iovec> data, std::uint64_t at) noexcept override;
  IoResult SpliceFrom(engine::Pipe& pipe,
                      int file,
                      std::uint64_t at,
                      std::size_t bytes) noexcept override;
  IoResult Truncate(int file, std::uint64_t bytes) noexcept override;
  IoResult CleanSlot(std::string_view slot, int file) noexcept override;
  IoResult RemoveSlot(std::string_view slot, int file) noexcept override;
  IoResult CloseFile(int file, bool sync) noexcept override;
  IoResult CopyFrom(std::string_view from_slot,
                    int from_file,
                    int to_file,
                    engine::FileRange range) noexcept override;
  IoResult FreeSpace(std::uint64_t* bytes, std::uint64_t* inodes) noexcept override;
  Time Blocked() const noexcept override { return blocked_; }
  std::string_view root() const noexcept override { return root_; }

 private:
  struct Planned {
    int error = 0;
    int times = 0;
  };

  // Counts and charges the call; 0, or the error that it is to answer.
  int Begin(DiskCall call) noexcept;
  int ByChance(DiskCall call) noexcept;
  SimFile* Opened(int file, const char* call) noexcept;
  std::string PathOf(std::string_view slot) const { return root_ + "/" + std::string(slot); }
  std::size_t Fitting(const SimFile& file, std::uint64_t at, std::size_t bytes) noexcept;
  std::size_t Put(SimFile& file, std::string_view data, std::uint64_t at) noexcept;

  SimWorld* world_;
  SimLoop* loop_;
  std::string root_;
  std::map<int, SimFilePtr> open_;
  std::array<Planned, kDiskCallCount> planned_{};
  std::array<std::uint64_t, kDiskCallCount> calls_{};
  SimStallPlan stalls_;
  std::uint64_t calls_in_shard_ = 0;
  std::size_t write_max_ = SIZE_MAX;
  std::optional<bool> splices_;  // drawn at the first splice
  Time blocked_{};
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_DISK_H_
