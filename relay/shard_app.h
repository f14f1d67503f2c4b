// One shard's worth of the relay: its slabs, its spool, its sessions and scans.
//
//   Adopt(fd) -> RelaySession --end of message--> ScanJob -> verdict -> RelaySession
//                     |                              |
//                  Message (arena, spool slot) ------'
//
// Everything here belongs to the shard's thread. It knows its loop, disk and clock only through
// their seams, so that the simulation runs it unchanged. Limits: Settings; over them new work is
// refused politely.
#ifndef MILLRACE_RELAY_SHARD_APP_H_
#define MILLRACE_RELAY_SHARD_APP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/block_pool.h"
#include "engine/base/log.h"
#include "engine/base/scratch.h"
#include "engine/base/slab.h"
#include "engine/io/loop.h"
#include "engine/io/pipe_pool.h"
#include "engine/io/stall_governor.h"
#include "engine/spool/spool.h"
#include "engine/spool/spool_work.h"
#include "engine/spool/spool_writer.h"
#include "relay/counts.h"
#include "relay/message.h"
#include "relay/relay_session.h"
#include "relay/scan_job.h"
#include "relay/scanner_groups.h"
#include "relay/scanner_probe.h"
#include "relay/settings.h"
#include "relay/shard_meters.h"

namespace relay {

// Wall-clock time, seconds since 1970: for the Received field alone. Virtual in the simulation.
using WallClock = std::int64_t (*)() noexcept;

// Who runs the shard. Called in the shard's thread.
class ShardHost {
 public:
  virtual void OnSessionEnded() noexcept = 0;
  // Stop() has been carried out. The shard may be destroyed once this call has returned.
  virtual void OnDone() noexcept = 0;

 protected:
  ~ShardHost() = default;
};

// What the shard lives in; all of it outlives the shard.
struct ShardParts {
  const Settings& settings;  // the generation to begin with
  engine::Loop& loop;
  ScannerGroups& scanners;  // shared by all shards
  SharedCounts& shared;
  const engine::StallGovernor& governor;  // says when the spool's work is asynchronous
  ShardHost& host;
  engine::Log& log;
  WallClock wall_clock;
  std::uint32_t shard = 0;            // its number, for log lines
  engine::PipePool* pipes = nullptr;  // for bodies; nullptr: none are spliced
  std::uint64_t seed = 1;             // of chance: which scanner, how long a back-off
};

class ShardApp {
 public:
  static constexpr std::size_t kOutBytes = 64 * engine::kKiB;
  // Sessions beyond the limit that may be told 421; more are closed at once.
  static constexpr std::uint32_t kRefusingSessionsMax = 32;

  explicit ShardApp(const ShardParts& parts) noexcept;
  // Stop() must have been carried out: done() is true.
  ~ShardApp();
  ShardApp(const ShardApp&) = delete;
  ShardApp& operator=(const ShardApp&) = delete;

  // A connected, non-blocking descriptor, which is ours from here on. `listener`: by which it came,
  // its index in Settings::listeners.
  void Adopt(int fd, std::uint32_t listener_index) noexcept;

  // A new generation of settings. Sessions take it when their next message begins; what a shard
  // was made with (sizes of its tables, its spool) is the same in all generations.
  void Take(const Settings& next) noexcept;
  // What `listener` has become; nullptr: nothing else, or it is no more.
  const ListenerSettings* NewerOf(const ListenerSettings& listener) const noexcept;

  // Ends politely: sessions go on until their message in work is answered, at most until
  // `deadline`; then what is left gets 451, everything is closed and the spool removed. Idle
  // sessions are closed when nothing is in work any more. The caller has stopped listening.
  void Stop(engine::Time deadline) noexcept;
  bool stopping() const noexcept { return stopping_; }
  bool done() const noexcept { return done_; }

  const Settings& settings() const noexcept { return *settings_; }
  const Config& config() const noexcept { return settings_->config; }
  engine::Loop& loop() noexcept { return parts_.loop; }
  const engine::HashSecret& hash_secret() const noexcept { return parts_.shared.secret; }
  ScannerGroups& scanners() noexcept { return parts_.scanners; }
  std::uint32_t number() const noexcept { return parts_.shard; }
  // Now, with 64 new random bits.
  ScannerMoment Moment() noexcept;
  engine::BlockPool& blocks() noexcept { return blocks_; }
  engine::Spool& spool() noexcept { return spool_; }
  engine::SpoolWriter& writer() noexcept { return writer_; }
  ShardCounters& counters() noexcept { return counters_; }
  void CountRefusal(const Refusal& refusal, const ListenerSettings& listener) noexcept;
  void CountFor(const ListenerSettings& listener, ListenerCount count) noexcept {
    meters_.listeners[listener.index].counts.Add(count);
  }
  const ShardCounters& counters() const noexcept { return counters_; }
  ShardMeters& meters() noexcept { return meters_; }
  const ShardMeters& meters() const noexcept { return meters_; }
  std::uint32_t sessions() const noexcept { return sessions_.in_use(); }
  std::uint32_t messages() const noexcept { return messages_.in_use(); }
  std::uint32_t scans() const noexcept { return jobs_.in_use(); }

  // nullptr: the slab is full.
  Message* MakeMessage() noexcept;
  void FreeMessage(Message& message) noexcept;
  ScanJob* MakeJob(ScanOwner& owner,
                   ScannerGroup& group,
                   engine::SpoolSlot& slot,
                   const ScanRequest& request) noexcept;
  void FreeJob(ScanJob& job) noexcept;
  void FreeSession(RelaySession& session) noexcept;

  // A spool slot for one message, counted against messages_max. kNow: *slot. kLater: `waiter`,
  // which is counted too, is told; with kNone it has the slot, else SlotRefused() follows.
  // kRefused: *why says so. `waiter` may be nullptr: then never kLater.
  SlotTaken TakeSlot(engine::SpoolWaiter* waiter, engine::SpoolSlot** slot, Refusal* why) noexcept;
  Refusal SlotRefused(engine::SpoolRefusal why) noexcept;
  void CancelSlotWait(engine::SpoolWaiter& waiter) noexcept;
  void GiveSlotBack(engine::SpoolSlot& slot, engine::SpoolFate fate) noexcept;

  // shard_quota.cc: limits per listener, client and network. What is refused is counted, and logged
  // at CONNECT; kNone: *hold has what was taken. A new session is asked to await its answer there.
  bool AwaitsConnect() const noexcept;
  QuotaLimit AdmitSession(const milter::Client& client, SessionHold* hold) noexcept;
  QuotaLimit AdmitMessage(const ListenerSettings& listener,
                          const SessionHold& session,
                          MessageHold* hold) noexcept;
  void CountQuota(QuotaLimit limit) noexcept;
  void LeaveClients(SessionHold& hold) noexcept;  // CONNECT is over, the session is not
  void GiveBack(SessionHold& hold) noexcept;
  void GiveBack(MessageHold& hold) noexcept;
  // Content of messages in work on all shards, up to SpoolConfig::bytes_used_max; `bytes` is the
  // message's whole. False: too much, and this message's is no longer counted.
  bool CountSpoolBytes(MessageHold& hold, std::uint64_t bytes) noexcept;
  bool HasSpoolRoom(std::uint64_t bytes) const noexcept;  // for a message of so many
  void ForgetSpoolBytes(MessageHold& hold) noexcept;

  // Whether bodies may be moved by splice(2) here; from which octet on, the listener says.
  bool splices() const noexcept { return splices_; }
  // An empty pipe for one body; nullptr: none to be had, counted, and the body is written.
  engine::Pipe* TakePipe() noexcept;
  // The spool's file system cannot: told once, and no body is spliced from here on.
  void EndSplicing(int error) noexcept;
  void GivePipe(engine::Pipe& pipe) noexcept { parts_.pipes->Give(pipe); }

  // The replies of one turn of one session; written by OnTurnEnd.
  engine::Bytes out() noexcept { return out_; }

  // RFC 5322 date of now, in local time: cached for a second.
  std::string_view DateText() noexcept;

  bool Debugs(int level) const noexcept { return parts_.log.Debugs(level); }
  void Write(engine::Level level, const engine::LogLine& line) noexcept {
    parts_.log.Write(level, line);
  }
  // A line that begins with the shard's number.
  engine::LogLine Line(std::string_view event) const noexcept;
  // Rate-limited warnings.
  void NoteScannerError(std::string_view scanner, std::string_view what, int error) noexcept;
  void NoteBrokenReply(std::string_view scanner, std::string_view what) noexcept;
  // A message is the probe of a half-open breaker.
  void NoteProbe(const ScannerGroup& group, std::uint8_t index) noexcept;
  // Tells the group what a request has come to, and the log what that does to the breaker.
  void JudgeScanner(ScannerGroup& group,
                    PickedScanner* picked,
                    ScanOutcome outcome,
                    engine::Time scan_time) noexcept;

 private:
  struct AppTimer : engine::Timer {
    ShardApp* app = nullptr;
  };
  // The owner of a connection that is closed at once.
  struct Nobody final : engine::SocketEvents {
    void OnBytes(engine::SocketId, engine::Bytes) noexcept override {}
    void OnTurnEnd(engine::SocketId) noexcept override {}
    engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
      return engine::Drained::kYes;
    }
    void OnWritable(engine::SocketId) noexcept override {}
    void OnGone(engine::SocketId, int) noexcept override {}
  };

  void NoteAcceptPauses() noexcept;
  void PublishGauges() noexcept;
  void NoteRefusedSession(std::uint32_t listener_max, bool is_told) noexcept;
  bool TakeListener(const ListenerSettings& listener, SessionHold* hold) noexcept;
  void NoteTableFull() noexcept;
  void NoteBreaker(const ScannerGroup& group,
                   std::uint8_t index,
                   const ScannerHealth::Change& change) noexcept;
  void TickScanners() noexcept;
  void OnTick(engine::Time now) noexcept;
  void EndWhenIdle(engine::Time now) noexcept;
  void CloseEverything(engine::Time now) noexcept;

  ShardParts parts_;
  const Settings* settings_;  // the newest generation that has come
  engine::BlockPool blocks_;
  engine::SpoolWork spool_work_;
  engine::Spool spool_;
  engine::SpoolWriter writer_;
  engine::Slab<RelaySession> sessions_;
  engine::Slab<Message> messages_;
  engine::Slab<ScanJob> jobs_;
  ShardCounters counters_;
  ShardMeters meters_;
  AppTimer tick_;
  Nobody nobody_;
  engine::LogLimiter scanner_errors_;
  engine::LogLimiter broken_replies_;
  engine::LogLimiter refused_sessions_;
  engine::LogLimiter accept_warnings_;
  engine::LogLimiter refused_clients_;
  engine::LogLimiter table_full_;
  std::uint64_t accept_pauses_ = 0;
  bool splices_;
  bool pipe_refusal_told_ = false;
  std::uint64_t chance_;
  std::optional<ScannerProbes> probes_;  // shard 0 alone
  engine::Time stop_deadline_{};
  bool stopping_ = false;
  bool spool_closed_ = false;
  bool left_behind_told_ = false;
  bool done_ = false;
  std::int64_t date_second_ = -1;
  std::size_t date_bytes_ = 0;
  engine::Scratch<char, 64> date_;
  engine::Scratch<std::byte, kOutBytes> out_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SHARD_APP_H_
