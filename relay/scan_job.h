// One message on its way through a scanner: slot, scanner, connection, request, reply, and what is
// left of it when nobody waits any more.
//
//            granted, scanner    connected          sent whole           reply whole
//            with room found
//  kWaiting -----------> kConnecting -----> kSending ---------> kReply -------------> End
//     |   ^                |   ^              |                   |  |
//     |   | limit became   v   | another, or  | connection lost   |  | Abandon, deadline
//     |   '-----smaller- kBusy | try again    |                   |  v
//     | Abandon, deadline  |   '--kCopying<---' EOF without octet-'  kOrphan --reply, close,
//     End v                v deadline                                          limit--> End
//  kLeaving --gone--> freed          Abandon, deadline, error: End
//
// - A slot is the group's (relay/scanner_group.h); which scanner it is used at is decided when it
//   has been granted. kBusy: a slot in hand, and no scanner that takes the connect. A full backlog
//   (EAGAIN, which poll never reports) is "busy", a refused connect is not: either way the others
//   of the group are asked at once. Nobody was told anything by a connect, so these do not count
//   as tries; pauses of 1 to 50 ms and the wait's end bound them.
// - A message goes on to another scanner once at most: where its request was not sent whole, or the
//   scanner closed without an octet of a reply and does not deliver by itself; never after a
//   timeout. If anything was sent, the other one gets a copy of the message in a slot of its own
//   (kCopying), and both slots are retired: two scanners never unpack in one directory.
// - amavisd does not notice a client that has gone. Once a request is with it whole, the scanner
//   slot and the spool slot stay taken until it has replied or closed, or for orphan_limit:
//   otherwise -m would be a fiction exactly under overload.
// - kTurnedAway: the queue for slots is full, in total or for this key; the failure is due.
// - One connection per request, never reused.
// - The owner hears exactly one of OnScanReply and OnScanFailed, unless it called Abandon() first.
// The reply is bounded by ampdp::BlockLimits. One shard; the record lives in the shard's slab and
// frees itself. What happens up to the connection is in scan_connect.cc.
#ifndef MILLRACE_RELAY_SCAN_JOB_H_
#define MILLRACE_RELAY_SCAN_JOB_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "ampdp/reply_reader.h"
#include "engine/io/loop.h"
#include "engine/quota/slot_pool.h"
#include "engine/spool/spool.h"
#include "relay/client_quota.h"
#include "relay/failure.h"
#include "relay/scanner_group.h"

namespace relay {

class ShardApp;

// When the job passed each station; zero: not reached.
struct ScanTimes {
  engine::Time started{};
  engine::Time granted{};
  engine::Time sent{};
  engine::Time ended{};
  std::string_view scanner{};  // the one that was asked last; lives as long as the process
};

// What a whole reply has come to.
struct ScanReplyRead {
  engine::SpoolFate fate = engine::SpoolFate::kDoubt;  // of the message's file
  bool broken = false;                                 // it says nothing that can be used
};

// Who waits for the scan. The first two calls come at most once, and none inside Start().
class ScanOwner {
 public:
  // The scanner's whole reply (to be parsed in place), of a request that it had whole.
  virtual ScanReplyRead OnScanReply(std::span<char> whole, const ScanTimes& times) noexcept = 0;
  virtual void OnScanFailed(const Refusal& refusal, const ScanTimes& times) noexcept = 0;
  // Another scanner is to have the message, which now is in `copy`: the request for it, a block of
  // the shard's pool. Empty: no room for one.
  virtual engine::Bytes OnScanRetry(engine::SpoolSlot& copy, std::size_t* bytes) noexcept = 0;
  // Where to wait for a scanner slot. Asked inside Start(), where one has to.
  virtual engine::QueuePlace PlaceInQueue() noexcept = 0;

 protected:
  ~ScanOwner() = default;
};

// What is sent: the first `bytes` of a block of the shard's pool.
struct ScanRequest {
  engine::Bytes block;
  std::size_t bytes = 0;
};

struct ScanTerms {
  engine::Time wait_until{};  // for a scanner slot, and a scanner that takes the connect
  engine::Time answer_by{};   // whatever happens
  // The scanner does not deliver: a message that was with it may go to another one.
  bool delivery_is_ours = true;
};

class ScanJob final : public engine::SocketEvents {
 public:
  enum class State : std::uint8_t {
    kWaiting,
    kTurnedAway,
    kConnecting,
    kBusy,
    kCopying,
    kSending,
    kReply,
    kOrphan,
    kLeaving,
  };

  // Of a copy for another scanner, per turn.
  static constexpr std::size_t kCopyBytesPerTurn = engine::kMiB;

  // Takes over `slot` (sealed) and the request's block.
  ScanJob(ShardApp& shard,
          ScanOwner& owner,
          ScannerGroup& group,
          engine::SpoolSlot& slot,
          const ScanRequest& request) noexcept;
  ~ScanJob();
  ScanJob(const ScanJob&) = delete;
  ScanJob& operator=(const ScanJob&) = delete;

  void Start(const ScanTerms& terms) noexcept;

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
  void OnTimer(engine::Time now) noexcept;

  // scan_connect.cc: slot, scanner, connection, another scanner.
  void WaitForSlot() noexcept;
  void OnGranted() noexcept;
  void OnKeyFull() noexcept;
  void OnTicketGone() noexcept;
  void Choose() noexcept;
  bool Connect() noexcept;
  bool NotConnected(int error) noexcept;
  void Requeue() noexcept;
  void Pause() noexcept;
  Refusal NobodyToWaitFor() const noexcept;
  void Doom(const Refusal& refusal) noexcept;
  void OnBusyTimer(engine::Time now) noexcept;
  void LeaveQueue() noexcept;
  bool GoesElsewhere(const Refusal& refusal) noexcept;
  void CopyOn() noexcept;
  void Copied() noexcept;
  ScannerGroup::Mask PickedMask() const noexcept { return ScannerGroup::MaskOf(picked_.index); }

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
  // What the scanner has made of the request, for its health.
  void Judge(ScanOutcome outcome) noexcept;
  ScanOutcome TimedOutAt(ScanOutcome outcome, engine::Time now) const noexcept;
  bool MostlyWaited(engine::Time now) const noexcept;
  // Closes, releases, gives everything back, frees the record.
  void End(engine::SpoolFate fate) noexcept;
  void GiveSlotBack(engine::SpoolFate fate) noexcept;
  void CloseSocket() noexcept;

  ShardApp& shard_;
  ScanOwner* owner_;
  ScannerGroup* group_;
  engine::SpoolSlot* slot_;
  engine::SpoolSlot* copy_ = nullptr;  // kCopying
  engine::Bytes request_;              // until sent whole
  std::size_t request_bytes_;
  std::size_t request_sent_ = 0;
  engine::Bytes reply_block_;  // only when the reply comes in several pieces
  std::span<char> reply_;      // what has come: in reply_block_, or in the loop's scratch
  ampdp::ReplyReader reader_;
  engine::SocketId socket_{};
  JobTimer timer_;
  JobTicket ticket_;
  ScanTerms terms_;
  ScanTimes times_;
  MessageHold hold_;
  PickedScanner picked_;            // with has_scanner_slot_: where it is used
  ScannerGroup::Mask failed_ = 0;   // scanners that this message is not for any more
  ScannerGroup::Mask asked_ = 0;    // ... that did not take the connect, since the last pause
  ScannerGroup::Mask refused_ = 0;  // ... of those: nobody listened
  // What to tell if it ends in kBusy; after a retry: what the first scanner has come to.
  Refusal problem_ = UnreachableRefusal("no scanner in service");
  std::uint32_t busy_tries_ = 0;
  bool has_scanner_slot_ = false;
  bool doomed_ = false;   // kBusy: told by the timer, in the next turn
  bool retried_ = false;  // its one chance with another scanner is used up
  bool copied_ = false;   // slot_ is a copy
  State state_ = State::kWaiting;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCAN_JOB_H_
