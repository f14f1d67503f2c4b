// One message on its way through a scanner: slot, connection, request, reply, and what is left of
// it when nobody waits any more.
//
//            granted                connected          sent whole           reply whole
//  kWaiting ---------> kConnecting -----------> kSending ---------> kReply -------------> End
//     |                  |   ^                     |                  |
//     |                  v   | retry               |                  | Abandon, deadline
//     |                 kBusy (backlog full)       |                  v
//     | Abandon, deadline                          |               kOrphan --reply, close, limit-->
//     End v                                            v
//  kLeaving --gone--> freed          Abandon, deadline, error: End
//
// - amavisd does not notice a client that has gone. Once a request is with it whole, the scanner
//   slot and the spool slot stay taken until it has replied or closed, or for orphan_limit:
//   otherwise -m would be a fiction exactly under overload.
// - kTurnedAway: the queue for slots is full, in total or for this key; the failure is due.
// - One connection per request, never reused. A full backlog (EAGAIN, which poll never reports) is
//   "busy": tried again until the wait is over.
// - The owner hears exactly one of OnScanReply and OnScanFailed, unless it called Abandon() first.
// The reply is bounded by ampdp::BlockLimits. One shard; the record lives in the shard's slab and
// frees itself.
#ifndef MILLRACE_RELAY_SCAN_JOB_H_
#define MILLRACE_RELAY_SCAN_JOB_H_

#include <cstdint>
#include <span>

#include "ampdp/reply_reader.h"
#include "engine/io/loop.h"
#include "engine/quota/slot_pool.h"
#include "engine/spool/spool.h"
#include "relay/client_quota.h"
#include "relay/failure.h"

namespace relay {

class ShardApp;

// When the job passed each station; zero: not reached.
struct ScanTimes {
  engine::Time started{};
  engine::Time granted{};
  engine::Time sent{};
  engine::Time ended{};
};

// Who waits for the scan. Both calls come at most once, and never inside Start().
class ScanOwner {
 public:
  // The scanner's whole reply (to be parsed in place), of a request that it had whole. Answers what
  // the reply means for the message's file.
  virtual engine::SpoolFate OnScanReply(std::span<char> whole, const ScanTimes& times) noexcept = 0;
  virtual void OnScanFailed(const Refusal& refusal, const ScanTimes& times) noexcept = 0;
  // Where to wait for a scanner slot. Asked inside Start(), where one has to.
  virtual engine::QueuePlace PlaceInQueue() noexcept = 0;

 protected:
  ~ScanOwner() = default;
};

struct ScanDeadlines {
  engine::Time wait_until{};    // for a scanner slot
  engine::Time answer_by{};     // whatever happens
  engine::Time scan_timeout{};  // a length: for the whole reply, from the request on
  engine::Time orphan_limit{};  // a length, from the request on
};

class ScanJob final : public engine::SocketEvents {
 public:
  enum class State : std::uint8_t {
    kWaiting,
    kTurnedAway,
    kConnecting,
    kBusy,
    kSending,
    kReply,
    kOrphan,
    kLeaving,
  };

  // Takes over `slot` (sealed) and `request` (a block of the shard's pool; `request_bytes` of it).
  ScanJob(ShardApp& shard,
          ScanOwner& owner,
          engine::SpoolSlot& slot,
          engine::Bytes request,
          std::size_t request_bytes) noexcept;
  ~ScanJob();
  ScanJob(const ScanJob&) = delete;
  ScanJob& operator=(const ScanJob&) = delete;

  void Start(const ScanDeadlines& deadlines) noexcept;

  // The owner is no longer interested. The job may free itself in this call.
  void Abandon() noexcept;

  // Shutdown: ends now whatever the scanner is doing; the owner must have been answered or have
  // abandoned before. Frees the job unless it is kLeaving (its ticket is still out).
  void Kill() noexcept;

  // What the message holds of quotas, until the scan has ended: given back as the job is freed.
  void Keep(const MessageHold& hold) noexcept { hold_ = hold; }
  MessageHold& hold() noexcept { return hold_; }

  State state() const noexcept { return state_; }

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId id) noexcept override;
  engine::Drained OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept override;
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int error) noexcept override;

 private:
  struct JobTimer : engine::Timer {
    ScanJob* job = nullptr;
  };
  struct JobTicket : engine::Ticket {
    using Ticket::Ticket;
    ScanJob* job = nullptr;
  };

  void Enter(State state) noexcept;  // the only writer of state_
  void OnGranted() noexcept;
  void OnKeyFull() noexcept;
  void OnTicketGone() noexcept;
  void OnTimer(engine::Time now) noexcept;
  void Connect() noexcept;
  void SendRequest() noexcept;
  void SentWhole() noexcept;
  bool Collect(engine::Bytes bytes) noexcept;
  void Complete() noexcept;
  void TellFailure(const Refusal& refusal) noexcept;
  void NoMemory() noexcept;
  Refusal TimedOut(const Refusal& refusal, engine::Time now) const noexcept;
  // Tells the owner (if there is one) and goes on as an orphan or ends.
  void Fail(const Refusal& refusal) noexcept;
  void BecomeOrphan() noexcept;
  void LeaveQueue() noexcept;
  void WaitForSlot() noexcept;
  // Closes, releases, gives everything back, frees the record.
  void End(engine::SpoolFate fate) noexcept;
  void GiveSlotBack(engine::SpoolFate fate) noexcept;

  ShardApp& shard_;
  ScanOwner* owner_;
  engine::SpoolSlot* slot_;
  engine::Bytes request_;  // until sent whole
  std::size_t request_bytes_;
  std::size_t request_sent_ = 0;
  engine::Bytes reply_block_;  // only when the reply comes in several pieces
  std::span<char> reply_;      // what has come: in reply_block_, or in the loop's scratch
  ampdp::ReplyReader reader_;
  engine::SocketId socket_{};
  JobTimer timer_;
  JobTicket ticket_;
  ScanDeadlines deadlines_;
  ScanTimes times_;
  MessageHold hold_;
  std::uint32_t busy_tries_ = 0;
  int connect_error_ = 0;
  bool has_scanner_slot_ = false;
  State state_ = State::kWaiting;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCAN_JOB_H_
