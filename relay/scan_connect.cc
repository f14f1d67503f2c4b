// A scan up to its connection: the slot, the scanner with room, the connect; and the way to another
// scanner.
#include <algorithm>
#include <cerrno>

#include "engine/base/check.h"
#include "engine/net/address.h"
#include "relay/scan_job.h"
#include "relay/shard_app.h"

namespace relay {
namespace {

using engine::SpoolFate;
using engine::Time;

constexpr Time kConnectTimeout = std::chrono::seconds(10);     // TCP; a Unix connect is immediate
constexpr Time kBusyRetryMin = std::chrono::milliseconds(1);   // doubled at each try ...
constexpr Time kBusyRetryMax = std::chrono::milliseconds(50);  // ... up to this

// A connect that fails for want of something of ours says nothing about the scanner.
bool IsOurShortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
         error == EADDRNOTAVAIL;
}

}  // namespace

void ScanJob::Start(const ScanTerms& terms) noexcept {
  terms_ = terms;
  times_.started = shard_.loop().now();
  // The owner hears nothing inside Start(): what goes wrong is told by the timer.
  if (group_->slots().TryAcquire()) {
    OnGranted();
  } else {
    WaitForSlot();
  }
}

void ScanJob::WaitForSlot() noexcept {
  static_cast<engine::QueuePlace&>(ticket_) = owner_->PlaceInQueue();
  switch (group_->slots().AcquireOrWait(ticket_)) {
    case engine::SlotAnswer::kTaken: OnGranted(); return;  // since the try
    case engine::SlotAnswer::kWaits:
      Enter(State::kWaiting);
      shard_.loop().Set(timer_, std::min(terms_.wait_until, terms_.answer_by));
      return;
    case engine::SlotAnswer::kFull:
      shard_.counters().Add(Count::kQueueFull);
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
    group_->slots().Release(shard_.loop().now());
    return;
  }
  ENGINE_CHECK(state_ == State::kWaiting);
  has_scanner_slot_ = true;
  times_.granted = shard_.loop().now();
  Choose();
}

void ScanJob::OnTicketGone() noexcept {
  ENGINE_CHECK(state_ == State::kLeaving);
  shard_.FreeJob(*this);
}

// With a slot in hand, and without a scanner.
void ScanJob::Choose() noexcept {
  while (group_->PickFor(shard_.Moment(), failed_ | asked_, &picked_) ==
         ScannerGroup::Pick::kPicked) {
    if (picked_.probe) shard_.NoteProbe(*group_, picked_.index);
    if (Connect()) return;
  }
  if (!group_->AnyLive(failed_ | refused_)) {
    Doom(NobodyToWaitFor());
  } else if (asked_ == 0 && failed_ == 0) {
    Requeue();
  } else {
    Pause();
  }
}

// Where failed scans have taken a scanner out, nobody knows that it was not the mail: what such a
// message is told must not be what a sender who kills scanners would like. And who drains the last
// scanner, or takes a group away by a reload, has not asked for its mail to pass.
Refusal ScanJob::NobodyToWaitFor() const noexcept {
  if (group_->retired()) return InternalRefusal("scanner group taken away");
  if (!group_->AnyInUse()) return InternalRefusal("all scanners drain");
  const bool unreachable = problem_.failure == FailureClass::kUnreachable;
  if (unreachable && group_->AnyOpenByFailures())
    return ScanFailedRefusal("no scanner in service: scans have failed");
  return problem_;
}

// False: this one does not take it now, and another one may be asked.
bool ScanJob::Connect() noexcept {
  const engine::Address& address = group_->address(picked_.index);
  times_.scanner = address.text;
  const engine::IoResult result = shard_.loop().Connect(address, *this, &socket_);
  if (result.ok()) {
    Enter(State::kConnecting);
    shard_.loop().Set(timer_, std::min(shard_.loop().now() + kConnectTimeout, terms_.answer_by));
    return true;
  }
  socket_ = {};
  return NotConnected(result.error);
}

// As Connect(). The slot stays in hand.
bool ScanJob::NotConnected(int error) noexcept {
  const bool ours = IsOurShortage(error);
  const bool busy = error == EAGAIN;
  if (busy) shard_.counters().Add(Count::kScannerBusy);
  if (!busy) shard_.NoteScannerError(times_.scanner, "connect", error);
  const ScanOutcome refused = ours ? ScanOutcome::kUndecided : ScanOutcome::kRefused;
  Judge(busy ? ScanOutcome::kBusy : refused);
  const bool first = asked_ == 0;
  asked_ |= PickedMask();
  if (!busy) refused_ |= PickedMask();
  group_->GiveButKeepSlot(shard_.Moment(), &picked_);
  if (ours) {
    Doom(InternalRefusal("no descriptor for the scanner"));
    return true;
  }
  // One full backlog among them makes it overload, which a flooder can cause.
  if (!retried_ && busy) problem_ = OverloadRefusal("scanner backlog full");
  if (!retried_ && !busy && first) problem_ = UnreachableRefusal("scanner refused the connection");
  return false;
}

// A limit has become smaller since the slot was granted. Back to the queue, at our age.
void ScanJob::Requeue() noexcept {
  has_scanner_slot_ = false;
  static_cast<engine::QueuePlace&>(ticket_) = owner_->PlaceInQueue();
  Enter(State::kWaiting);
  shard_.loop().Set(timer_, std::min(terms_.wait_until, terms_.answer_by));
  group_->slots().WaitAgain(ticket_, times_.started);
}

void ScanJob::Pause() noexcept {
  const Time pause = std::min(kBusyRetryMin * (1U << std::min(busy_tries_, 16U)), kBusyRetryMax);
  ++busy_tries_;
  Enter(State::kBusy);
  shard_.loop().Set(timer_, shard_.loop().now() + pause);
}

void ScanJob::Doom(const Refusal& refusal) noexcept {
  problem_ = refusal;
  doomed_ = true;
  Enter(State::kBusy);
  shard_.loop().Set(timer_, shard_.loop().now());
}

void ScanJob::OnBusyTimer(Time now) noexcept {
  if (doomed_ || now >= terms_.answer_by || now >= terms_.wait_until) {
    Fail(problem_);
    return;
  }
  asked_ = 0;
  refused_ = 0;
  Choose();
}

void ScanJob::LeaveQueue() noexcept {
  Enter(State::kLeaving);
  shard_.loop().Cancel(timer_);
  GiveSlotBack(SpoolFate::kUnread);
  shard_.blocks().Give(request_);
  request_ = {};
  group_->slots().Cancel(ticket_);
}

// The scanner has been judged. False: the message has had its chance, or there is no other scanner;
// nothing has changed.
bool ScanJob::GoesElsewhere(const Refusal& refusal) noexcept {
  const ScannerGroup::Mask failed = failed_ | PickedMask();
  const Time now = shard_.loop().now();
  if (owner_ == nullptr || retried_ || shard_.stopping() || now >= terms_.answer_by) return false;
  if (!group_->AnyLive(failed)) return false;
  const bool copies = request_sent_ > 0;
  if (copies) {
    // While the disk stalls a copy would hold the shard up.
    if (shard_.spool().async()) return false;
    Refusal why;
    if (shard_.TakeSlot(nullptr, &copy_, &why) != SlotTaken::kNow) return false;
  }
  group_->Count(shard_.number(), picked_, ScannerCount::kRetries);
  CloseSocket();
  group_->GiveButKeepSlot(shard_.Moment(), &picked_);
  retried_ = true;
  failed_ = failed;
  problem_ = refusal;
  asked_ = refused_ = 0;
  busy_tries_ = 0;
  terms_.wait_until = terms_.answer_by;
  if (copies) {
    Enter(State::kCopying);
    shard_.loop().Set(timer_, now);
  } else {
    Choose();
  }
  return true;
}

void ScanJob::CopyOn() noexcept {
  engine::Spool& spool = shard_.spool();
  const bool goes_on = !spool.async() && shard_.loop().now() < terms_.answer_by;
  if (!goes_on || spool.CopyMore(*slot_, *copy_, kCopyBytesPerTurn) != 0) {
    Fail(problem_);
  } else if (copy_->length() < slot_->length()) {
    shard_.loop().Set(timer_, shard_.loop().now());
  } else {
    Copied();
  }
}

void ScanJob::Copied() noexcept {
  std::size_t bytes = 0;
  engine::Bytes request;
  if (shard_.spool().Seal(*copy_) == 0) request = owner_->OnScanRetry(*copy_, &bytes);
  if (request.empty()) {
    Fail(problem_);
    return;
  }
  shard_.GiveSlotBack(*slot_, SpoolFate::kDoubt);
  slot_ = copy_;
  copy_ = nullptr;
  copied_ = true;
  shard_.blocks().Give(request_);
  request_ = request;
  request_bytes_ = bytes;
  request_sent_ = 0;
  times_.sent = {};
  reader_.Reset();
  Choose();
}

}  // namespace relay
