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

constexpr std::size_t kReplyBlockBytes = 4096;  // first block of a split reply

}  // namespace

ScanJob::ScanJob(ShardApp& shard,
                 ScanOwner& owner,
                 ScannerGroup& group,
                 engine::SpoolSlot& slot,
                 const ScanRequest& request) noexcept
    : shard_(shard),
      owner_(&owner),
      group_(&group),
      slot_(&slot),
      request_(request.block),
      request_bytes_(request.bytes),
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
  static constexpr std::array<std::string_view, 9> kNames = {"waiting",
                                                             "turned away",
                                                             "connecting",
                                                             "busy",
                                                             "copying",
                                                             "sending",
                                                             "reply",
                                                             "orphan",
                                                             "leaving"};
  state_ = state;
  TraceScan(shard_,
            kNames[static_cast<std::size_t>(state)],
            slot_ != nullptr ? slot_->name() : std::string_view());
}

void ScanJob::OnTimer(Time now) noexcept {
  switch (state_) {
    case State::kWaiting: Fail(OverloadRefusal("no scanner slot in time")); return;
    case State::kTurnedAway: Fail(OverloadRefusal("queue full")); return;
    case State::kBusy: OnBusyTimer(now); return;
    case State::kCopying: CopyOn(); return;
    case State::kConnecting: {
      const Refusal refusal = TimedOut(UnreachableRefusal("connect to the scanner timed out"), now);
      Judge(TimedOutAt(ScanOutcome::kNotTaken, now));
      if (!GoesElsewhere(refusal)) Fail(refusal);
      return;
    }
    case State::kSending:
      Judge(TimedOutAt(ScanOutcome::kNotTaken, now));
      Fail(TimedOut(UnreachableRefusal("scanner did not take the request in time"), now));
      return;
    case State::kReply:
      Judge(TimedOutAt(ScanOutcome::kTimeout, now));
      Fail(TimedOut(ScanFailedRefusal("scan timed out"), now));
      return;
    case State::kOrphan:
      shard_.counters().Add(Count::kOrphansExpired);
      Judge(ScanOutcome::kTimeout);
      End(SpoolFate::kDoubt);
      return;
    case State::kLeaving: return;
  }
}

void ScanJob::Judge(ScanOutcome outcome) noexcept {
  const Time scan_time = times_.sent != Time{} ? shard_.loop().now() - times_.sent : Time{};
  shard_.JudgeScanner(*group_, &picked_, outcome, scan_time);
}

bool ScanJob::MostlyWaited(Time now) const noexcept {
  const Time turn_came = times_.sent != Time{} ? times_.sent : times_.granted;
  return turn_came - times_.started > now - turn_came;
}

// A scan that the answer's deadline ends says nothing about the scanner when most of the time went
// into the wait for it: that is overload, which -P must not pass, as a flooder can cause it.
Refusal ScanJob::TimedOut(const Refusal& refusal, Time now) const noexcept {
  if (now < terms_.answer_by || !MostlyWaited(now)) return refusal;
  return OverloadRefusal("waited too long for a scanner");
}

ScanOutcome ScanJob::TimedOutAt(ScanOutcome outcome, Time now) const noexcept {
  return now < terms_.answer_by || !MostlyWaited(now) ? outcome : ScanOutcome::kUndecided;
}

void ScanJob::OnWritable(engine::SocketId) noexcept {
  if (state_ == State::kConnecting) {
    Enter(State::kSending);
    const Time at_most = shard_.loop().now() + group_->scan_timeout(picked_.index);
    shard_.loop().Set(timer_, std::min(at_most, terms_.answer_by));
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
  group_->Count(shard_.number(), picked_, ScannerCount::kRequests);
  const Time at_most = times_.sent + group_->scan_timeout(picked_.index);
  shard_.loop().Set(timer_, std::min(at_most, terms_.answer_by));
}

void ScanJob::OnBytes(engine::SocketId, engine::Bytes bytes) noexcept {
  if (state_ == State::kSending) {
    // A reply before its request: whatever it is, it is not about this message.
    Judge(ScanOutcome::kBrokenReply);
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
      shard_.NoteBrokenReply(times_.scanner, ampdp::BlockStatusText(reader_.status()));
      Judge(ScanOutcome::kBrokenReply);
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
    Judge(ScanOutcome::kReply);
    End(SpoolFate::kDoubt);
    return;
  }
  ScanOwner* owner = owner_;
  owner_ = nullptr;
  const ScanReplyRead read = owner->OnScanReply(reply_, times_);
  Judge(read.broken ? ScanOutcome::kBrokenReply : ScanOutcome::kReply);
  End(read.fate);
}

engine::Drained ScanJob::OnDirect(engine::SocketId, engine::DirectSocket&) noexcept {
  ENGINE_CHECK(false);  // never asked for
  return engine::Drained::kYes;
}

void ScanJob::OnGone(engine::SocketId, int error) noexcept {
  CloseSocket();
  if (state_ == State::kConnecting) {
    if (!NotConnected(error)) Choose();
    return;
  }
  shard_.NoteScannerError(times_.scanner, "connection", error);
  const bool had_it_whole = state_ == State::kReply || state_ == State::kOrphan;
  const Refusal refusal = had_it_whole ? ScanFailedRefusal("scanner closed without a whole reply")
                                       : UnreachableRefusal("scanner connection failed");
  const ScanOutcome late = reply_.empty() ? ScanOutcome::kBrokeOff : ScanOutcome::kHalfReply;
  Judge(had_it_whole ? late : ScanOutcome::kNotTaken);
  const bool may_repeat = !had_it_whole || (reply_.empty() && terms_.delivery_is_ours);
  if (may_repeat && GoesElsewhere(refusal)) return;
  TellFailure(refusal);
  End(SpoolFate::kDoubt);
}

void ScanJob::CloseSocket() noexcept {
  if (socket_.generation != 0) shard_.loop().Close(socket_);
  socket_ = {};
}

void ScanJob::TellFailure(const Refusal& refusal) noexcept {
  times_.ended = shard_.loop().now();
  if (owner_ == nullptr) return;
  ScanOwner* owner = owner_;
  owner_ = nullptr;
  // A message that may have broken a scanner stays one, whatever the next one says.
  const bool suspect = retried_ && problem_.failure == FailureClass::kScanFailed &&
                       refusal.failure != FailureClass::kPassing;
  owner->OnScanFailed(suspect ? problem_ : refusal, times_);
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
    case State::kCopying:
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
  group_->slots().CountOrphan(+1);
  shard_.loop().Set(timer_, times_.sent + group_->orphan_limit(picked_.index));
}

void ScanJob::Kill() noexcept {
  owner_ = nullptr;
  switch (state_) {
    case State::kWaiting: LeaveQueue(); return;
    case State::kLeaving: return;
    case State::kTurnedAway:
    case State::kConnecting:
    case State::kBusy:
    case State::kCopying:
    case State::kSending:
    case State::kReply:
    case State::kOrphan: End(SpoolFate::kDoubt); return;
  }
}

// A copy, and what it was copied from, were in the hands of two scanners: never used again.
void ScanJob::GiveSlotBack(SpoolFate fate) noexcept {
  if (copy_ != nullptr) shard_.GiveSlotBack(*copy_, SpoolFate::kUnread);
  copy_ = nullptr;
  shard_.GiveSlotBack(*slot_, copied_ ? SpoolFate::kDoubt : fate);
  slot_ = nullptr;
}

void ScanJob::End(SpoolFate fate) noexcept {
  shard_.loop().Cancel(timer_);
  CloseSocket();
  if (has_scanner_slot_) {
    has_scanner_slot_ = false;
    if (state_ == State::kOrphan) group_->slots().CountOrphan(-1);
    // Neither an orphan nor what never came to a scanner says how long a scan takes.
    const bool counts = state_ != State::kOrphan && times_.sent != Time{};
    const Time held = counts ? shard_.loop().now() - times_.granted : Time{};
    if (picked_.any()) {
      group_->Give(shard_.Moment(), &picked_, held);
    } else {
      group_->slots().Release(shard_.loop().now(), held);
    }
  }
  GiveSlotBack(fate);
  shard_.blocks().Give(request_);
  shard_.blocks().Give(reply_block_);
  if (state_ == State::kOrphan) shard_.counters().Add(Count::kOrphansEnded);
  shard_.FreeJob(*this);
}

}  // namespace relay
