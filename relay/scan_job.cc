// The states of a scan: see the diagram in the header.
#include "relay/scan_job.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/base/check.h"
#include "engine/net/address.h"
#include "relay/shard_app.h"
#include "relay/trace.h"

namespace relay {
namespace {

using engine::SpoolFate;
using engine::Time;

constexpr Time kConnectTimeout = std::chrono::seconds(10);     // TCP; a Unix connect is immediate
constexpr Time kBusyRetryMin = std::chrono::milliseconds(1);   // doubled at each try ...
constexpr Time kBusyRetryMax = std::chrono::milliseconds(50);  // ... up to this
constexpr std::size_t kReplyBlockBytes = 4096;                 // first block of a split reply

// A connect that fails for want of something of ours says nothing about the scanner.
bool IsOurShortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
         error == EADDRNOTAVAIL;
}

}  // namespace

ScanJob::ScanJob(ShardApp& shard,
                 ScanOwner& owner,
                 engine::SpoolSlot& slot,
                 engine::Bytes request,
                 std::size_t request_bytes) noexcept
    : shard_(shard),
      owner_(&owner),
      slot_(&slot),
      request_(request),
      request_bytes_(request_bytes),
      ticket_(
          shard.loop(),
          {[](engine::Ticket& t) noexcept { static_cast<JobTicket&>(t).job->OnGranted(); },
           [](engine::Ticket& t) noexcept { static_cast<JobTicket&>(t).job->OnKeyFull(); },
           [](engine::Ticket& t) noexcept { static_cast<JobTicket&>(t).job->OnTicketGone(); }}) {
  ticket_.job = this;
  timer_.job = this;
  timer_.fire = [](engine::Timer& t, Time now) noexcept {
    static_cast<JobTimer&>(t).job->OnTimer(now);
  };
}

ScanJob::~ScanJob() {
  ENGINE_CHECK(slot_ == nullptr);
  ENGINE_CHECK(!has_scanner_slot_);
}

void ScanJob::Enter(State state) noexcept {
  static constexpr std::array<std::string_view, 8> kNames = {
      "waiting", "turned away", "connecting", "busy", "sending", "reply", "orphan", "leaving"};
  state_ = state;
  TraceScan(shard_,
            kNames[static_cast<std::size_t>(state)],
            slot_ != nullptr ? slot_->name() : std::string_view());
}

void ScanJob::Start(const ScanDeadlines& deadlines) noexcept {
  deadlines_ = deadlines;
  times_.started = shard_.loop().now();
  if (!shard_.scanner_slots().TryAcquire()) {
    WaitForSlot();
    return;
  }
  has_scanner_slot_ = true;
  // The owner hears nothing inside Start(): a refused connect is told by the timer.
  times_.granted = times_.started;
  Connect();
}

void ScanJob::WaitForSlot() noexcept {
  static_cast<engine::QueuePlace&>(ticket_) = owner_->PlaceInQueue();
  switch (shard_.scanner_slots().AcquireOrWait(ticket_)) {
    case engine::SlotAnswer::kTaken:  // since the try
      has_scanner_slot_ = true;
      times_.granted = times_.started;
      Connect();
      return;
    case engine::SlotAnswer::kWaits:
      Enter(State::kWaiting);
      shard_.loop().Set(timer_, std::min(deadlines_.wait_until, deadlines_.answer_by));
      return;
    case engine::SlotAnswer::kFull:
      shard_.counters().Add(Count::kQueueFull);
      // The owner hears nothing inside Start().
      Enter(State::kTurnedAway);
      shard_.loop().Set(timer_, times_.started);
      return;
  }
}

void ScanJob::OnKeyFull() noexcept {
  shard_.counters().Add(Count::kQueueKeyFull);
  if (state_ == State::kLeaving) return;  // `gone` is still to come
  ENGINE_CHECK(state_ == State::kWaiting);
  Enter(State::kTurnedAway);
  Fail(OverloadRefusal("too many of its kind wait"));
}

void ScanJob::OnGranted() noexcept {
  if (state_ == State::kLeaving) {
    // The grant crossed our Cancel(); `gone` is still to come.
    shard_.scanner_slots().Release(shard_.loop().now());
    return;
  }
  ENGINE_CHECK(state_ == State::kWaiting);
  has_scanner_slot_ = true;
  times_.granted = shard_.loop().now();
  Connect();
}

void ScanJob::OnTicketGone() noexcept {
  ENGINE_CHECK(state_ == State::kLeaving);
  shard_.FreeJob(*this);
}

void ScanJob::Connect() noexcept {
  const Time now = shard_.loop().now();
  const engine::IoResult result = shard_.loop().Connect(shard_.scanner().address, *this, &socket_);
  if (result.ok()) {
    Enter(State::kConnecting);
    shard_.loop().Set(timer_, std::min(now + kConnectTimeout, deadlines_.answer_by));
    return;
  }
  socket_ = {};
  Enter(State::kBusy);
  if (result.error == EAGAIN) {
    const Time pause = std::min(kBusyRetryMin * (1U << std::min(busy_tries_, 16U)), kBusyRetryMax);
    ++busy_tries_;
    shard_.counters().Add(Count::kScannerBusy);
    shard_.loop().Set(timer_, now + pause);
    return;
  }
  shard_.NoteScannerError("connect", result.error);
  busy_tries_ = 0;
  connect_error_ = result.error;
  deadlines_.answer_by = now;  // told by the timer, in the next turn
  shard_.loop().Set(timer_, now);
}

void ScanJob::OnTimer(Time now) noexcept {
  switch (state_) {
    case State::kWaiting: Fail(OverloadRefusal("no scanner slot in time")); return;
    case State::kTurnedAway: Fail(OverloadRefusal("queue full")); return;
    case State::kBusy:
      if (busy_tries_ == 0) {
        Fail(IsOurShortage(connect_error_) ? InternalRefusal("no descriptor for the scanner")
                                           : UnreachableRefusal("scanner refused the connection"));
      } else if (now >= deadlines_.answer_by || now >= deadlines_.wait_until) {
        Fail(OverloadRefusal("scanner backlog full"));
      } else {
        Connect();
      }
      return;
    case State::kConnecting:
      Fail(TimedOut(UnreachableRefusal("connect to the scanner timed out"), now));
      return;
    case State::kSending:
      Fail(TimedOut(UnreachableRefusal("scanner did not take the request in time"), now));
      return;
    case State::kReply: Fail(TimedOut(ScanFailedRefusal("scan timed out"), now)); return;
    case State::kOrphan:
      shard_.counters().Add(Count::kOrphansExpired);
      End(SpoolFate::kDoubt);
      return;
    case State::kLeaving: return;
  }
}

// A scan that the answer's deadline ends says nothing about the scanner when most of the time went
// into the wait for it: that is overload, which -P must not pass, as a flooder can cause it.
Refusal ScanJob::TimedOut(const Refusal& refusal, Time now) const noexcept {
  if (now < deadlines_.answer_by) return refusal;
  const Time turn_came = times_.sent != Time{} ? times_.sent : times_.granted;
  const bool mostly_waited = turn_came - times_.started > now - turn_came;
  return mostly_waited ? OverloadRefusal("waited too long for a scanner") : refusal;
}

void ScanJob::OnWritable(engine::SocketId) noexcept {
  if (state_ == State::kConnecting) {
    Enter(State::kSending);
    shard_.loop().Set(
        timer_, std::min(shard_.loop().now() + deadlines_.scan_timeout, deadlines_.answer_by));
  }
  if (state_ == State::kSending) SendRequest();
}

void ScanJob::SendRequest() noexcept {
  const iovec piece{request_.data() + request_sent_, request_bytes_ - request_sent_};
  const engine::IoResult result = shard_.loop().Send(socket_, {&piece, 1});
  if (!result.ok() && result.error != EAGAIN) return;  // OnGone follows
  request_sent_ += result.ok() ? static_cast<std::size_t>(result.value) : 0;
  if (request_sent_ == request_bytes_) SentWhole();
}

void ScanJob::SentWhole() noexcept {
  shard_.blocks().Give(request_);
  request_ = {};
  Enter(State::kReply);
  times_.sent = shard_.loop().now();
  shard_.loop().Set(timer_, std::min(times_.sent + deadlines_.scan_timeout, deadlines_.answer_by));
}

void ScanJob::OnBytes(engine::SocketId, engine::Bytes bytes) noexcept {
  if (state_ == State::kSending) {
    // A reply before its request: whatever it is, it is not about this message.
    Fail(UnreachableRefusal("scanner spoke before the request"));
    return;
  }
  if (!Collect(bytes)) {
    NoMemory();
    return;
  }
  switch (reader_.Scan(reply_)) {
    case ampdp::BlockStatus::kNeedMore: return;
    case ampdp::BlockStatus::kComplete: Complete(); return;
    case ampdp::BlockStatus::kBlockTooLong:
    case ampdp::BlockStatus::kLineTooLong:
    case ampdp::BlockStatus::kTooManyAttributes:
      shard_.NoteBrokenReply(ampdp::BlockStatusText(reader_.status()));
      Fail(ScanFailedRefusal("broken reply"));
      return;
  }
}

// The usual reply comes whole: then it stays in the loop's scratch, where Complete() has it parsed.
// Else it is kept in a block that doubles.
bool ScanJob::Collect(engine::Bytes bytes) noexcept {
  if (reply_.empty()) {
    reply_ = {reinterpret_cast<char*>(bytes.data()), bytes.size()};
    return true;
  }
  const std::size_t total = reply_.size() + bytes.size();
  if (total > reply_block_.size()) {
    const engine::Bytes bigger = shard_.blocks().Take(std::max(total, kReplyBlockBytes));
    if (bigger.empty()) return false;
    std::memcpy(bigger.data(), reply_.data(), reply_.size());
    shard_.blocks().Give(reply_block_);
    reply_block_ = bigger;
  }
  std::memcpy(reply_block_.data() + reply_.size(), bytes.data(), bytes.size());
  reply_ = {reinterpret_cast<char*>(reply_block_.data()), total};
  return true;
}

void ScanJob::OnTurnEnd(engine::SocketId) noexcept {
  // What is not whole yet must leave the loop's scratch.
  if (reply_.empty() || !reply_block_.empty()) return;
  const engine::Bytes block = shard_.blocks().Take(std::max(reply_.size(), kReplyBlockBytes));
  if (block.empty()) {
    NoMemory();
    return;
  }
  std::memcpy(block.data(), reply_.data(), reply_.size());
  reply_block_ = block;
  reply_ = {reinterpret_cast<char*>(block.data()), reply_.size()};
}

void ScanJob::Complete() noexcept {
  times_.ended = shard_.loop().now();
  if (owner_ == nullptr) {
    shard_.counters().Add(Count::kOrphansReplied);
    End(SpoolFate::kDoubt);
    return;
  }
  ScanOwner* owner = owner_;
  owner_ = nullptr;
  End(owner->OnScanReply(reply_, times_));
}

engine::Drained ScanJob::OnDirect(engine::SocketId, engine::DirectSocket&) noexcept {
  ENGINE_CHECK(false);  // never asked for
  return engine::Drained::kYes;
}

void ScanJob::OnGone(engine::SocketId, int error) noexcept {
  shard_.NoteScannerError(state_ == State::kConnecting ? "connect" : "connection", error);
  const bool had_it_whole = state_ == State::kReply || state_ == State::kOrphan;
  shard_.loop().Close(socket_);
  socket_ = {};
  TellFailure(had_it_whole ? ScanFailedRefusal("scanner closed without a whole reply")
                           : UnreachableRefusal("scanner connection failed"));
  End(SpoolFate::kDoubt);
}

void ScanJob::TellFailure(const Refusal& refusal) noexcept {
  times_.ended = shard_.loop().now();
  if (owner_ == nullptr) return;
  ScanOwner* owner = owner_;
  owner_ = nullptr;
  owner->OnScanFailed(refusal, times_);
}

void ScanJob::Fail(const Refusal& refusal) noexcept {
  TellFailure(refusal);
  Abandon();
}

// The end of the reply can no longer be found, so there is no orphan to wait for.
void ScanJob::NoMemory() noexcept {
  TellFailure(InternalRefusal("memory for the scanner's reply"));
  End(SpoolFate::kDoubt);
}

void ScanJob::Abandon() noexcept {
  owner_ = nullptr;
  switch (state_) {
    case State::kWaiting: LeaveQueue(); return;
    case State::kTurnedAway:
    case State::kConnecting:
    case State::kBusy: End(SpoolFate::kUnread); return;
    case State::kSending: End(SpoolFate::kDoubt); return;
    case State::kReply:
      // A reply that is whole but broken, or too long, has no more to come.
      if (reader_.status() != ampdp::BlockStatus::kNeedMore) {
        End(SpoolFate::kDoubt);
      } else {
        BecomeOrphan();
      }
      return;
    case State::kOrphan:
      if (reader_.status() != ampdp::BlockStatus::kNeedMore) End(SpoolFate::kDoubt);
      return;
    case State::kLeaving: return;
  }
}

void ScanJob::BecomeOrphan() noexcept {
  Enter(State::kOrphan);
  shard_.counters().Add(Count::kOrphansBegun);
  shard_.scanner_slots().CountOrphan(+1);
  shard_.loop().Set(timer_, times_.sent + deadlines_.orphan_limit);
}

void ScanJob::LeaveQueue() noexcept {
  Enter(State::kLeaving);
  shard_.loop().Cancel(timer_);
  GiveSlotBack(SpoolFate::kUnread);
  shard_.blocks().Give(request_);
  request_ = {};
  shard_.scanner_slots().Cancel(ticket_);
}

void ScanJob::Kill() noexcept {
  owner_ = nullptr;
  switch (state_) {
    case State::kWaiting: LeaveQueue(); return;
    case State::kLeaving: return;
    case State::kTurnedAway:
    case State::kConnecting:
    case State::kBusy:
    case State::kSending:
    case State::kReply:
    case State::kOrphan: End(SpoolFate::kDoubt); return;
  }
}

void ScanJob::GiveSlotBack(SpoolFate fate) noexcept {
  shard_.GiveSlotBack(*slot_, fate);
  slot_ = nullptr;
}

void ScanJob::End(SpoolFate fate) noexcept {
  shard_.loop().Cancel(timer_);
  if (socket_.generation != 0) shard_.loop().Close(socket_);
  if (has_scanner_slot_) {
    has_scanner_slot_ = false;
    const Time now = shard_.loop().now();
    if (state_ == State::kOrphan) shard_.scanner_slots().CountOrphan(-1);
    // How long an orphan takes says nothing about a scan.
    const Time held = state_ == State::kOrphan ? Time{} : now - times_.granted;
    shard_.scanner_slots().Release(now, held);
  }
  GiveSlotBack(fate);
  shard_.blocks().Give(request_);
  shard_.blocks().Give(reply_block_);
  if (state_ == State::kOrphan) shard_.counters().Add(Count::kOrphansEnded);
  shard_.FreeJob(*this);
}

}  // namespace relay
