// One shard of the relay, turned by hand, with real peers in the same thread: whole messages whose
// heap allocations and CPU time can be told from those of the peers.
//
//   MailServer x n --Unix socket--> Turn(): Loop::RunTurn --Unix socket--> ReplyingScanner
//   (MtaSession)                    ShardApp, a real loop                  (a reply as it is)
//   not counted                     counted                                not counted
//
// Counted are the shard's turns, and whatever other threads of the process do at any time (the
// log's). The spool is on tmpfs where there is /dev/shm. One thread runs all, so that a run is the
// same under a profiler; what a message waits for comes at the next turn. Limits: a play that has
// not ended after kPlayMax is a failed check, as is anything that cannot be set up. Not here:
// several shards, and the hand-over between them.
#ifndef MILLRACE_BENCH_MICRO_RELAY_DRIVER_H_
#define MILLRACE_BENCH_MICRO_RELAY_DRIVER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/log.h"
#include "engine/io/make_loop.h"
#include "engine/io/posix_disk.h"
#include "engine/io/stall_governor.h"
#include "engine/net/listener.h"
#include "engine/quota/slot_pool.h"
#include "milter/mta_session.h"
#include "relay/settings.h"
#include "relay/shard_app.h"

namespace bench {

class ReplyingScanner;

struct RelayOptions {
  engine::IoChoice io = engine::IoChoice::kEpoll;
  relay::Config config;
  std::uint32_t scanner_slots = relay::ScannerSpec::kLimitMax;
  std::uint32_t sessions_max = 64;
  std::uint64_t spool_bytes_free_min = 0;
  bool scanner_listens = true;
  bool scanner_leaves_parts = false;  // a folder with a file in it, beside email.txt
  std::string scanner_reply;          // to every request, to its empty line
};

// What came of the messages and sessions of all plays so far.
struct Tally {
  std::array<std::uint64_t, 5> outcomes{};  // by milter::Outcome
  std::uint64_t sessions_refused = 0;       // told so at CONNECT
};

class RelayDriver {
 public:
  static constexpr engine::Time kPlayMax = std::chrono::seconds(60);

  // In the thread that will play: the loop is made here.
  explicit RelayDriver(const RelayOptions& options);
  ~RelayDriver();  // stops the shard in order
  RelayDriver(const RelayDriver&) = delete;
  RelayDriver& operator=(const RelayDriver&) = delete;

  // `sessions` mail servers at once play `script`, each on a new connection. Returns when all are
  // through and the shard has nothing in work.
  void Play(const milter::MtaScript& script, std::uint32_t sessions);

  const Tally& tally() const noexcept { return tally_; }
  std::uint64_t allocations() const noexcept;                   // since the last StartCounting()
  engine::Time cpu_time() const noexcept { return cpu_time_; }  // the shard's thread, likewise
  engine::Loop& loop() noexcept { return *loop_; }
  void StartCounting() noexcept;

 private:
  class MailServer;
  struct QuietHost final : relay::ShardHost {
    void OnSessionEnded() noexcept override {}
    void OnDone() noexcept override {}
  };

  void Turn(engine::Time sleep_at_most) noexcept;
  bool Quiet() const noexcept;
  void Note(const MailServer& server) noexcept;

  std::string root_;
  engine::Address milter_address_;
  relay::Settings settings_;
  std::unique_ptr<relay::ScannerGroups> scanners_;
  engine::StallGovernor governor_;
  relay::SharedCounts shared_;
  QuietHost host_;
  std::shared_ptr<std::atomic<bool>> log_emitted_;
  engine::Log log_;
  engine::Listener listener_;
  std::unique_ptr<ReplyingScanner> scanner_;
  std::unique_ptr<engine::PosixDisk> disk_;
  std::unique_ptr<engine::PosixDisk> file_thread_disk_;
  std::unique_ptr<engine::Loop> loop_;
  std::unique_ptr<relay::ShardApp> shard_;
  Tally tally_;
  std::uint64_t turns_allocations_ = 0;
  std::uint64_t others_before_ = 0;
  engine::Time cpu_time_{};
};

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_RELAY_DRIVER_H_
