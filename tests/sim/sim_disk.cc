// See sim_disk.h.
#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_world.h"

namespace sim {

engine::Pipe* SimPipePool::Make(std::size_t i) noexcept {
  SimRandom& random = world_->random();
  if (random.Chance(world_->faults().pipe_refused)) return nullptr;
  const std::size_t large = engine::Pipe::kCapacityBytes;
  const bool small = random.Below(2) == 0;
  return &pipes_[i].emplace(small ? static_cast<std::size_t>(random.Between(1, 10'000)) : large,
                            static_cast<std::size_t>(random.Between(1, 256)));
}

SimDisk::SimDisk(SimWorld& world, std::string root, SimLoop* loop)
    : world_(&world), loop_(loop), root_(std::move(root)) {
  world_->files().MakeDir(root_);
}

void SimDisk::FailNext(DiskCall call, int error, int times) {
  planned_[static_cast<std::size_t>(call)] = {error, times};
}

int SimDisk::Begin(DiskCall call) noexcept {
  const auto i = static_cast<std::size_t>(call);
  ++calls_[i];
  blocked_ = world_->random().Between(std::chrono::nanoseconds(500), std::chrono::microseconds(5));
  if (world_->random().Chance(world_->faults().disk_stall))
    blocked_ = world_->random().Between(Time{}, world_->faults().stall_max);
  if (loop_ != nullptr) {
    const Time begins = loop_->LocalNow();
    ++calls_in_shard_;
    if (stalls_.FrozenForEver(begins)) {
      world_->Broken("a call in the shard of a frozen disk");
      Thaw();
    }
    blocked_ += HeldUp(begins);
    loop_->Spend(blocked_);
    if (SimStallMonitor* monitor = world_->stall_monitor()) monitor->OnFileCall(begins, blocked_);
  }
  int error = 0;
  if (planned_[i].times > 0) {
    --planned_[i].times;
    error = planned_[i].error;
  } else {
    error = ByChance(call);
  }
  world_->Note("disk", i, static_cast<std::uint64_t>(error));
  return error;
}

void SimDisk::Freeze() {
  stalls_.Add(world_->now(), engine::kNever, engine::kNever);
}

void SimDisk::Thaw() {
  stalls_.EndAll(world_->now());
  if (loop_ != nullptr) loop_->Thawed();
}

int SimDisk::ByChance(DiskCall call) noexcept {
  const SimFaults& faults = world_->faults();
  if (call == DiskCall::kCloseFile) return 0;
  if (world_->random().Chance(faults.disk_error)) return EIO;
  const bool takes_space = call == DiskCall::kMakeSlot || call == DiskCall::kWriteV ||
                           call == DiskCall::kSpliceFrom || call == DiskCall::kCopyFrom;
  return takes_space && world_->random().Chance(faults.disk_full) ? ENOSPC : 0;
}

SimFile* SimDisk::Opened(int file, const char* call) noexcept {
  const auto at = open_.find(file);
  if (at != open_.end()) return at->second.get();
  world_->Broken(std::string(call) + " on file " + std::to_string(file) + ", which is not open");
  return nullptr;
}

int SimDisk::MakeFile() {
  const int number = world_->NewNumber();
  open_[number] = std::make_shared<SimFile>();
  return number;
}

std::string SimDisk::FileContent(int file) const {
  const auto at = open_.find(file);
  return at == open_.end() ? std::string() : at->second->content;
}

IoResult SimDisk::MakeSlot(std::string_view name) noexcept {
  if (const int error = Begin(DiskCall::kMakeSlot); error != 0) return {0, error};
  SimFiles& files = world_->files();
  if (name.empty() || name.find('/') != std::string_view::npos)
    world_->Broken("a slot is made as \"" + std::string(name) + "\"");
  if (files.inodes_used() + 2 > files.inodes_max) return {0, ENOSPC};
  const std::string path = PathOf(name);
  if (!files.MakeDir(path)) return {0, EEXIST};
  const int number = world_->NewNumber();
  open_[number] = files.MakeFile(path + "/" + std::string(kSlotFileName));
  return {number, 0};
}

std::size_t SimDisk::Put(SimFile& file, std::string_view data, std::uint64_t at) noexcept {
  if (file.held > 0) world_->Broken("a file is written that a reader has open");
  const std::size_t end = static_cast<std::size_t>(at) + data.size();
  if (file.content.size() < end) file.content.resize(end);
  std::copy(data.begin(), data.end(), file.content.begin() + static_cast<std::ptrdiff_t>(at));
  return data.size();
}

// How many of `bytes` at `at` there is room for.
std::size_t SimDisk::Fitting(const SimFile& file, std::uint64_t at, std::size_t bytes) noexcept {
  SimFiles& files = world_->files();
  // Adding up all files for each write would be slow; most worlds have room without end.
  if (files.bytes_max == SimFiles::kBytesUnlimited) return bytes;
  const std::uint64_t used = files.bytes_used();
  const std::uint64_t room = files.bytes_max > used ? files.bytes_max - used : 0;
  const std::uint64_t fits = file.content.size() + room;
  return fits <= at ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(bytes, fits - at));
}

IoResult SimDisk::WriteV(int file, std::span<const iovec> data, std::uint64_t at) noexcept {
  SimFile* opened = Opened(file, "write");
  if (const int error = Begin(DiskCall::kWriteV); error != 0) return {0, error};
  if (opened == nullptr) return {0, EBADF};
  std::string all;
  for (const iovec& piece : data)
    all.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  std::size_t take = std::min(all.size(), write_max_);
  if (take > 1 && world_->random().Chance(world_->faults().short_write))
    take = static_cast<std::size_t>(world_->random().Between(1, take));
  const std::size_t fits = Fitting(*opened, at, take);
  if (fits == 0 && take > 0) return {0, ENOSPC};
  take = fits;
  return {static_cast<std::int64_t>(Put(*opened, std::string_view(all).substr(0, take), at)), 0};
}

IoResult SimDisk::PerformAside(engine::FileOp& op) noexcept {
  SimLoop* const loop = std::exchange(loop_, nullptr);
  const IoResult result = engine::Perform(*this, op);
  loop_ = loop;
  return result;
}

IoResult SimDisk::SpliceFrom(engine::Pipe& pipe,
                             int file,
                             std::uint64_t at,
                             std::size_t bytes) noexcept {
  SimFile* opened = Opened(file, "splice");
  if (const int error = Begin(DiskCall::kSpliceFrom); error != 0) return {0, error};
  if (opened == nullptr) return {0, EBADF};
  if (!splices_) splices_ = !world_->random().Chance(world_->faults().no_splice);
  if (!*splices_) return {0, EINVAL};
  std::string& content = static_cast<SimPipe&>(pipe).content();
  std::size_t take = std::min({bytes, content.size(), write_max_});
  if (take > 1 && world_->random().Chance(world_->faults().short_write))
    take = static_cast<std::size_t>(world_->random().Between(1, take));
  const std::size_t fits = Fitting(*opened, at, take);
  if (fits == 0 && take > 0) return {0, ENOSPC};
  take = fits;
  Put(*opened, std::string_view(content).substr(0, take), at);
  content.erase(0, take);
  return {static_cast<std::int64_t>(take), 0};
}

IoResult SimDisk::Truncate(int file, std::uint64_t bytes) noexcept {
  SimFile* opened = Opened(file, "truncate");
  if (const int error = Begin(DiskCall::kTruncate); error != 0) return {0, error};
  if (opened == nullptr) return {0, EBADF};
  if (opened->held > 0 && opened->content.size() != bytes)
    world_->Broken("a file is truncated that a reader has open");
  opened->content.resize(static_cast<std::size_t>(bytes));
  return {};
}

IoResult SimDisk::CleanSlot(std::string_view slot, int file) noexcept {
  SimFile* opened = Opened(file, "look");
  if (const int error = Begin(DiskCall::kCleanSlot); error != 0) return {0, error};
  if (opened == nullptr) return {0, EBADF};
  SimFiles& files = world_->files();
  const std::string path = PathOf(slot);
  for (const std::string& name : files.List(path)) {
    if (name == kSlotFileName) continue;
    std::string entry = path;
    entry.append("/").append(name);
    if (!files.Remove(entry)) files.RemoveTree(entry);
  }
  if (files.Find(path + "/" + std::string(kSlotFileName)).get() != opened) return {0, ESTALE};
  if (opened->links != 1) return {0, EMLINK};
  if (!opened->ours) return {0, EPERM};
  if (opened->held > 0) return {0, EBUSY};
  return {static_cast<std::int64_t>(opened->content.size()), 0};
}

IoResult SimDisk::RemoveSlot(std::string_view slot, int file) noexcept {
  const int error = Begin(DiskCall::kRemoveSlot);
  if (file >= 0 && Opened(file, "remove") != nullptr) open_.erase(file);
  if (error != 0) return {0, error};
  return {0, world_->files().RemoveTree(PathOf(slot)) ? 0 : ENOENT};
}

IoResult SimDisk::CloseFile(int file, bool) noexcept {
  const int error = Begin(DiskCall::kCloseFile);
  if (Opened(file, "close") != nullptr) open_.erase(file);
  return {0, error};
}

IoResult SimDisk::CopyFrom(std::string_view from_slot,
                           int from_file,
                           int to_file,
                           engine::FileRange range) noexcept {
  SimFile* to = Opened(to_file, "copy");
  if (const int error = Begin(DiskCall::kCopyFrom); error != 0) return {0, error};
  const SimFilePtr named =
      world_->files().Find(PathOf(from_slot) + "/" + std::string(kSlotFileName));
  const SimFile* from = from_file >= 0 ? Opened(from_file, "copy") : named.get();
  if (from == nullptr || to == nullptr) return {0, from == nullptr ? ENOENT : EBADF};
  if (range.at >= from->content.size()) return {0, 0};
  const std::string piece = from->content.substr(static_cast<std::size_t>(range.at), range.bytes);
  std::size_t take = piece.size();
  if (take > 1 && world_->random().Chance(world_->faults().short_write))
    take = static_cast<std::size_t>(world_->random().Between(1, take));
  take = Fitting(*to, range.at, take);
  if (take == 0) return {0, ENOSPC};
  return {static_cast<std::int64_t>(Put(*to, std::string_view(piece).substr(0, take), range.at)),
          0};
}

IoResult SimDisk::FreeSpace(std::uint64_t* bytes, std::uint64_t* inodes) noexcept {
  if (const int error = Begin(DiskCall::kFreeSpace); error != 0) return {0, error};
  SimFiles& files = world_->files();
  const std::uint64_t used = files.bytes_used();
  *bytes = files.bytes_max > used ? files.bytes_max - used : 0;
  *inodes = files.inodes_max > files.inodes_used() ? files.inodes_max - files.inodes_used() : 0;
  return {};
}

}  // namespace sim
