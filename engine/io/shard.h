// One thread, its loop and its disk; and the group of them that makes up a daemon.
//
//   ShardGroup::Start:  every thread makes its disk and loop -> all made? -> OnStart in each
//                       one failed: all are taken down again, Start answers its reason
//   running:            accepted here -> Placement -> here | fd by mail -> OnAccepted there
//                       one of them watches the listeners: AcceptTurn, moved by mail or taken
//   ShardGroup::Stop:   OnStop in each, loops left -> all left? -> loops freed, threads joined
//
// Nobody posts to a loop that is not made yet, or freed already: both changes are made by all
// together. Hand-over mails are kHandOversMax per shard; with none free the connection stays.
//
// An app belongs to its caller, is used by its shard's thread alone, and outlives the group.
#ifndef MILLRACE_ENGINE_IO_SHARD_H_
#define MILLRACE_ENGINE_IO_SHARD_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/strong_id.h"
#include "engine/io/accept_turn.h"
#include "engine/io/make_loop.h"
#include "engine/io/placement.h"
#include "engine/io/posix_disk.h"
#include "engine/io/stall_monitor.h"

namespace engine {

class Shard;
class ShardGroup;

class ShardApp {
 public:
  // In the shard's thread, once its loop and those of all others are there.
  virtual void OnStart(Shard& shard) noexcept = 0;
  // A connection for this shard, accepted here or elsewhere; `listener` as given to Shard::Listen.
  // It is counted: call Shard::OnConnectionEnd once when it is over.
  virtual void OnAccepted(int fd, std::uint32_t listener) noexcept = 0;
  // The last call: close what is open. Timers and sockets are silent afterwards.
  virtual void OnStop() noexcept = 0;

 protected:
  ~ShardApp() = default;
};

struct ShardOptions {
  IoChoice io = IoChoice::kEpoll;  // as ProbeLoop picked it
  DiskOptions disk;
  std::uint32_t sockets_max = 65'536;
  StallGovernor* stalls = nullptr;        // told how long asynchronous file work takes
  StallMonitor* stall_monitor = nullptr;  // watches the file calls. Both outlive the group.
  BoundedHistogram* turns = nullptr;      // of the microseconds of each turn; outlives the group
  int cpu = -1;  // pinned to it; -1: not pinned. What the kernel refuses is ignored.
};

class Shard {
 public:
  static constexpr std::size_t kListenersMax = Acceptor::kListenersMax;
  static constexpr std::size_t kHandOversMax = 64;

  Shard(ShardGroup& group, ShardId id, ShardApp& app, ShardOptions options) noexcept;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  ShardId id() const noexcept { return id_; }
  ShardGroup& group() noexcept { return group_; }
  // The shard's own thread, but for Post(), which is any thread's while the group runs.
  Loop& loop() noexcept { return *loop_; }
  PosixDisk& disk() noexcept { return *disk_; }

  // In the shard's thread: accepts on `fd` under the number `listener` (below kListenersMax), while
  // it has the turn. Shards that listen at all listen to the same descriptors: what only some know
  // of is accepted only while one of these has the turn.
  void Listen(int fd, std::uint32_t listener) noexcept;
  void StopListening(int fd) noexcept;
  void OnConnectionEnd() noexcept;

 private:
  friend class ShardGroup;
  enum class Phase : std::uint8_t { kMaking, kMade, kFailed, kRunning, kLeft, kFree };

  struct Listening {
    Shard* shard = nullptr;
    std::uint32_t listener = 0;
    int fd = -1;  // -1: none
  };
  // On the way to another shard, and empty on the way back.
  struct HandOver : Mail {
    Shard* from = nullptr;
    Shard* to = nullptr;
    int fd = -1;  // -1: the turn alone
    std::uint32_t listener = 0;
    bool turn = false;  // the turn to accept goes along
    bool in_use = false;
  };
  struct LookTimer : Timer {
    Shard* shard = nullptr;
  };

  void Run() noexcept;  // the thread
  absl::Status Make();
  void Enter(Phase phase) noexcept;
  Phase AwaitNot(Phase phase) const noexcept;
  void Place(int fd, std::uint32_t listener) noexcept;
  HandOver* FreeHandOver() noexcept;
  void Send(HandOver& hand_over, ShardId target) noexcept;
  static void Arrive(Mail& mail) noexcept;
  void Watch() noexcept;
  void WatchOne(Listening& listening) noexcept;
  void EndWatch() noexcept;
  void AfterTurn() noexcept;
  void Look(Time now) noexcept;

  ShardGroup& group_;
  ShardId id_;
  ShardApp& app_;
  ShardOptions options_;
  std::atomic<Phase> phase_{Phase::kMaking};
  absl::Status status_;  // why kFailed
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<PosixDisk> file_thread_disk_;  // the same root, for the loop's file thread
  std::unique_ptr<PosixDisk> heavy_file_disk_;   // and for the one that does heavy work
  std::unique_ptr<Loop> loop_;
  std::array<Listening, kListenersMax> listenings_{};
  std::uint32_t listening_ = 0;  // how many
  bool watching_ = false;        // the loop has them
  bool passing_ = false;         // the turn is on its way
  LookTimer look_;
  Time seen_at_work_{};  // at the last look: AcceptTurn::AtWork()
  std::array<HandOver, kHandOversMax> hand_overs_{};
  Mail stop_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class ShardGroup {
 public:
  // One shard per app, numbered from 0. options.size() == apps.size().
  ShardGroup(std::span<ShardApp* const> apps, std::span<const ShardOptions> options);
  ~ShardGroup();  // stops
  ShardGroup(const ShardGroup&) = delete;
  ShardGroup& operator=(const ShardGroup&) = delete;

  // From one thread, once. After BlockSignals().
  absl::Status Start();
  // Ends all shards and waits for them; OnStop is called in each. Later calls do nothing.
  void Stop() noexcept;

  Shard& shard(ShardId id) noexcept { return *shards_[id.value]; }
  std::uint32_t size() const noexcept { return placement_.shards(); }
  Placement& placement() noexcept { return placement_; }
  AcceptTurn& accept_turn() noexcept { return accept_turn_; }

 private:
  Placement placement_;
  AcceptTurn accept_turn_{placement_};
  std::vector<std::unique_ptr<Shard>> shards_;
  bool running_ = false;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_SHARD_H_
